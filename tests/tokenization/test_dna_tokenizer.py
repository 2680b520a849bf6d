"""Genome mode: letters are read first, whatever the tokenizer does with them afterwards."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Split

from hf_dnalm.tokenization import DnaTokenizer, with_genome_mode

OWN = {
    "none": None,
    "one": Lowercase(),
    "two": Sequence([Replace("N", "A"), Lowercase()]),
}


def tokenizer_with(normalizer) -> DnaTokenizer:
    backend = Tokenizer(WordLevel({letter: i for i, letter in enumerate("?ACGTNacgtn")}, unk_token="?"))
    backend.normalizer = normalizer
    backend.pre_tokenizer = Split("", behavior="isolated")
    return DnaTokenizer(tokenizer_object=backend, unk_token="?")


@pytest.mark.parametrize("own", OWN)
def test_genome_mode_goes_on_and_off_and_leaves_the_rest_as_it_was(own):
    tokenizer = tokenizer_with(OWN[own])
    assert not tokenizer.genome_mode
    on = with_genome_mode(tokenizer)
    assert on.genome_mode
    assert with_genome_mode(on).genome_mode
    assert not tokenizer.genome_mode
    assert with_genome_mode(on).backend_tokenizer.to_str() == on.backend_tokenizer.to_str()
    off = with_genome_mode(on, False)
    assert not off.genome_mode
    for text in ("ACGTN", "acgtn", "aRn"):
        assert off.tokenize(text) == tokenizer.tokenize(text)


@pytest.mark.parametrize(("own", "tokens"), [("none", "ACNN"), ("one", "acnn"), ("two", "acaa")])
def test_letters_are_read_before_the_tokenizers_own_normalizer(own, tokens):
    assert "".join(with_genome_mode(tokenizer_with(OWN[own])).tokenize("aCRn")) == tokens


@pytest.mark.parametrize("own", OWN)
def test_a_saved_folder_keeps_genome_mode(own, tmp_path):
    with_genome_mode(tokenizer_with(OWN[own])).save_pretrained(tmp_path)
    again = DnaTokenizer.from_pretrained(tmp_path)
    assert again.genome_mode
    assert json.loads((tmp_path / "tokenizer.json").read_text())["normalizer"]["type"] == "Sequence"
