"""Encoding: vectorised tokenizers, limits, both strands, and labels of single bases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from hf_dnalm.data import encode_dataset, encode_sequences
from hf_dnalm.sequence import reverse_complement
from tests.toys.nucleotide_transformer import toy_tokenizer

KMERS = toy_tokenizer()  # 3-mers, <cls> first; ids: <cls> 3, ACG 17, T 71, N 74


def single_letter_tokenizer(*, drops_n: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer without vectorised methods: one token for each base, [CLS] … [SEP]."""
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "A", "C", "G", "T", *([] if drops_n else ["N"])]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    splits = [pre_tokenizers.Split(Regex("N"), "removed")] if drops_n else []
    backend.pre_tokenizer = pre_tokenizers.Sequence([*splits, pre_tokenizers.Split(Regex("."), "isolated")])
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )


def rows(**columns: Any) -> Dataset:
    return Dataset.from_dict(columns)


def test_ids_are_those_of_the_tokenizer_on_the_normal_form() -> None:
    ids = encode_sequences(KMERS, ["ACGT", "acgR"], max_tokens=None)
    assert [row.tolist() for row in ids] == [[3, 17, 71], [3, 17, 74]]
    assert all(row.dtype == np.int64 for row in ids)


class OneByOne:
    """A tokenizer that has `encode_array` and fails if it is called."""

    all_special_ids = (3,)
    unk_token_id = 0
    is_fast = False

    def num_special_tokens_to_add(self) -> int:
        return 1

    def encode_array(self, sequence: str) -> np.ndarray:
        return KMERS.encode_array(sequence)


def test_a_vectorised_tokenizer_is_used_if_available(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the slow path was taken")

    expected = [KMERS(sequence).input_ids for sequence in ("ACGT", "N")]
    assert [row.tolist() for row in encode_sequences(OneByOne(), ["ACGT", "N"], max_tokens=9)] == expected  # type: ignore[arg-type]
    monkeypatch.setattr(type(KMERS), "__call__", refuse)
    assert [row.tolist() for row in encode_sequences(KMERS, ["ACGT", "N"], max_tokens=9)] == expected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("ACGTNRacgt", min_size=1, max_size=30), min_size=1, max_size=5), st.integers(2, 12))
def test_truncated_ids_are_the_first_of_the_whole(sequences: list[str], max_tokens: int) -> None:
    whole = encode_sequences(KMERS, sequences, max_tokens=None)
    cut = encode_sequences(KMERS, sequences, max_tokens=max_tokens, overflow="truncate")
    for ids, first in zip(whole, cut, strict=True):
        assert first.tolist() == ids[:max_tokens].tolist()


def test_truncation_keeps_the_closing_token_and_leaves_the_tokenizer_alone(tmp_path: Path) -> None:
    tokenizer = single_letter_tokenizer()
    tokenizer.save_pretrained(tmp_path / "before")
    ids = encode_sequences(tokenizer, ["ACGTAC", "AC"], max_tokens=5, overflow="truncate")
    assert [row.tolist() for row in ids] == [[1, 4, 5, 6, 2], [1, 4, 5, 2]]
    tokenizer.save_pretrained(tmp_path / "after")
    before, after = (json.loads((tmp_path / name / "tokenizer.json").read_text()) for name in ("before", "after"))
    assert before == after


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        (["A", "ACGT" * 300], {"max_tokens": 100}, "sequence '2' is 1,200 bp = 401 tokens; the model reads 100. Pass"),
        (["ACGT" * 300], {"max_tokens": 100, "names": ["chr1"]}, "'chr1' .* Pass overflow='truncate' or shorten it"),
        (["ACG", ""], {"max_tokens": 9}, "sequence '2' is empty; remove it"),
        (["AJG"], {"max_tokens": 9}, r"sequence '1': letter 'J' at position 2 \(counted from 1\)"),
        (["ACGN"], {"max_tokens": 9, "vocab_size": 74}, "'1' has token id 74, but the model's vocabulary ends at 73"),
        (["ACG"], {"max_tokens": 9, "overflow": "window"}, "overflow must be 'error' or 'truncate', not 'window'"),
        (["ACG"], {"max_tokens": 1}, "max_tokens is 1; special tokens leave no room for DNA"),
    ],
)  # fmt: skip
def test_sequences_that_cannot_be_encoded_are_refused(sequences: list[str], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_sequences(KMERS, sequences, **options)


def test_dataset_columns_are_ids_length_labels_and_index_in_order() -> None:
    encoded = encode_dataset(
        KMERS, rows(name=["a", "b", "c"], sequence=["ACG", "ACGT", "T"], labels=[1, 0, 1]), max_tokens=9
    )
    assert encoded[:] == {
        "input_ids": [[3, 17], [3, 17, 71], [3, 71]],
        "length": [2, 3, 2],
        "labels": [1, 0, 1],
        "index": [0, 1, 2],
    }
    assert encoded.cache_files == []


@pytest.mark.parametrize("labels", [[0.5, 1.5, 2.5], [[0, 1], [1, 1], [0, 0]], [[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]]])
def test_labels_pass_through_unchanged(labels: list) -> None:
    encoded = encode_dataset(KMERS, rows(sequence=["ACG", "A", "T"], labels=labels), max_tokens=9)
    assert encoded["labels"][:] == labels


def test_batches_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows(sequence=["ACGT" * (i + 1) for i in range(30)], labels=list(range(30)))
    whole = encode_dataset(KMERS, data, max_tokens=999, reverse_complement=True)
    monkeypatch.setattr("hf_dnalm.data.encode._BATCH_ROWS", 7)
    assert encode_dataset(KMERS, data, max_tokens=999, reverse_complement=True)[:] == whole[:]
    monkeypatch.setattr("hf_dnalm.data.encode._BATCH_BP", 1)
    assert encode_dataset(KMERS, data, max_tokens=999, reverse_complement=True)[:] == whole[:]
    with pytest.raises(ValueError, match="sequence '26' is 104 bp = 37 tokens"):
        encode_dataset(KMERS, data, max_tokens=35)
    assert encode_dataset(KMERS, data.select([4, 2]), max_tokens=999)["labels"][:] == [4, 2]


def test_an_empty_dataset_is_refused() -> None:
    with pytest.raises(ValueError, match="the dataset has no rows to encode"):
        encode_dataset(KMERS, rows(sequence=[]), max_tokens=9)


def test_the_other_strand_is_its_own_encoding() -> None:
    sequences = ["ACGTT", "AACCN"]
    encoded = encode_dataset(KMERS, rows(sequence=sequences), max_tokens=9, reverse_complement=True)
    expected = [KMERS(reverse_complement(sequence)).input_ids for sequence in sequences]
    assert encoded["input_ids_reverse_complement"][:] == expected


@pytest.mark.parametrize("tokenizer", [KMERS, single_letter_tokenizer()], ids=["kmer", "single letter"])
def test_the_other_strand_of_a_truncated_sequence_has_the_same_bases(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode_dataset(
        tokenizer, rows(sequence=["ACGTTGGGG"]), max_tokens=4, overflow="truncate", reverse_complement=True
    )
    kept = {len(KMERS): "ACGTTGGGG", len(single_letter_tokenizer()): "AC"}[len(tokenizer)]
    assert encoded["input_ids"][0] == tokenizer(kept).input_ids
    assert encoded["input_ids_reverse_complement"][0] == tokenizer(reverse_complement(kept)).input_ids


@settings(max_examples=25, deadline=None)
@given(st.text("ACGTN", min_size=1, max_size=40), st.integers(2, 20))
def test_labels_of_bases_follow_the_bases_on_both_strands(sequence: str, max_tokens: int) -> None:
    labels = list(range(len(sequence)))
    encoded = encode_dataset(
        KMERS,
        rows(sequence=[sequence], labels=[labels]),
        max_tokens=max_tokens,
        overflow="truncate",
        reverse_complement=True,
        level="nucleotide",
    )[0]
    kept = sum(encoded["bases_per_token"])
    assert len(encoded["bases_per_token"]) == len(encoded["input_ids"])
    assert encoded["labels"] == labels[:kept]
    other = encoded["labels_reverse_complement"]
    assert len(other) == sum(encoded["bases_per_token_reverse_complement"])
    assert other == labels[:kept][::-1][: len(other)]


def test_bases_per_token_of_any_fast_tokenizer_come_from_its_offsets() -> None:
    encoded = encode_dataset(
        single_letter_tokenizer(), rows(sequence=["ACG"], labels=[[1, 2, 3]]), max_tokens=9, level="nucleotide"
    )
    assert encoded["bases_per_token"][:] == [[0, 1, 1, 1, 0]]
    assert encoded["labels"][:] == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("tokenizer", "labels", "message"),
    [
        (KMERS, [0, 1], "sequence '1' is 3 bp and has 2 labels; a nucleotide-level task needs one label for each base"),
        (single_letter_tokenizer(drops_n=True), [0, 1, 1], "covers 2 of 3 bases with tokens; nucleotide-level tasks"),
        (OneByOne(), [0, 1, 1], "OneByOne cannot say which bases a token covers; use a fast tokenizer"),
    ],
)
def test_nucleotide_level_needs_every_base(tokenizer: Any, labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_dataset(tokenizer, rows(sequence=["ANC"], labels=[labels]), max_tokens=9, level="nucleotide")
