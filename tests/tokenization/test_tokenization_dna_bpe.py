"""DNA byte pairs: upstream's ids, the bases of each token, genome mode, and nothing cut or padded unasked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.auto import AutoTokenizer
from hf_dnalm.data import encode_sequences
from hf_dnalm.tokenization import DnaBpeTokenizer, is_dna_bpe
from tests.toys.dnabert2 import toy_backend, write_upstream


@pytest.fixture(scope="module", params=["DNABERT-2", "DNABERT-S"])
def folder(request, tmp_path_factory) -> Path:
    return write_upstream(tmp_path_factory.mktemp("upstream") / request.param, request.param)


@pytest.fixture(scope="module")
def tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def test_reference_ids(shared):
    folder = shared / "goldens" / "dnabert2"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = json.loads((folder / "tokenizer_golden.json").read_text())
    assert cases
    for name, case in cases.items():
        if name == "_meta":
            continue
        pair = case["text"] if isinstance(case["text"], list) else [case["text"]]
        encoding = tokenizer(*pair, return_special_tokens_mask=True)
        for key in {"input_ids", "token_type_ids", "special_tokens_mask"} & set(case):
            assert encoding[key] == case[key], case["text"]
        assert tokenizer.convert_ids_to_tokens(encoding.input_ids) == case.get("tokens", encoding.tokens())


def test_upstream_folders_give_our_fast_tokenizer_without_a_question(tokenizer, folder):
    assert type(tokenizer) is DnaBpeTokenizer
    assert tokenizer.is_fast
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (3, 4)
    assert tokenizer.model_max_length > 10**9
    assert tokenizer.name_or_path == str(folder)


def test_a_stored_length_does_not_leak(tokenizer, tmp_path):
    assert len(tokenizer("A" * 9000, verbose=False).input_ids) > 2000
    assert len(tokenizer("ACGT").input_ids) < 10
    assert (tokenizer.backend_tokenizer.truncation, tokenizer.backend_tokenizer.padding) == (None, None)
    tokenizer.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text())
    assert (saved["truncation"], saved["padding"]) == (None, None)
    assert "max_length" not in json.loads((tmp_path / "tokenizer_config.json").read_text())


@settings(max_examples=50, deadline=None)
@given(st.text("ACGTNacgtRU-. \n", max_size=40))
def test_ids_are_those_of_the_pipeline_and_of_a_stranger(text):
    backend = toy_backend()
    ours = DnaBpeTokenizer(tokenizer_object=backend, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
    assert ours(text).input_ids == backend.encode(text).ids


def test_saved_tokenizers_are_read_whole_by_us_and_by_transformers_alone(tokenizer, tmp_path):
    changed = AutoTokenizer.from_pretrained(tokenizer.name_or_path, genome_mode=True, padding_side="left")
    changed.save_pretrained(tmp_path)
    for again in (
        AutoTokenizer.from_pretrained(tmp_path),
        transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path),
    ):
        assert again.padding_side == "left"
        assert again("acgr", "AC").input_ids == changed("ACGN", "AC").input_ids
        assert again("ACG", "AC").token_type_ids[-1] == 1
    assert AutoTokenizer.from_pretrained(tmp_path).genome_mode
    assert not AutoTokenizer.from_pretrained(tmp_path, genome_mode=False).genome_mode


def test_bases_of_tokens_add_up_to_the_sequence(tokenizer):
    sequence = "AAAAGCTANNTTACGCG"
    ids = encode_sequences(tokenizer, [sequence], max_tokens=None)[0]
    bases = tokenizer.bases_per_token(ids)
    assert tokenizer.convert_ids_to_tokens(ids)[1:3] == ["AAAA", "GCTA"]
    assert bases.tolist()[:5] == [0, 4, 4, 1, 1]
    assert bases[-1] == 0
    assert bases.sum() == len(sequence)
    assert np.array_equal(tokenizer.bases_per_token(np.array([[3, 4]])), [[0, 0]])
    with pytest.raises(ValueError, match="id 99 is outside the vocabulary of 17 words"):
        tokenizer.bases_per_token([99])


def test_added_tokens_cover_no_bases(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bases_per_token([1])
    tokenizer.add_tokens(["<species>"])
    assert tokenizer.bases_per_token([len(tokenizer) - 1]).tolist() == [0]


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"model": {"type": "WordLevel", "vocab": {"A": 0}}}'])
def test_other_files_are_no_dna_byte_pairs(text):
    assert not is_dna_bpe(text)
