"""Labels of bins, and pairs of sequences: what files may say, and what becomes of it as tokens and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.data import SequenceCollator, encode_dataset, read_file
from hf_dnalm.data.encode import _kept_of_pair
from hf_dnalm.data.labels import LabelParser
from hf_dnalm.data.leakage import find_leaks
from hf_dnalm.tasks import Task
from tests.toys.dnabert2 import toy_tokenizer as separating_tokenizer
from tests.toys.nucleotide_transformer import toy_tokenizer

SIGNAL = Task("signal", "regression", ("a",), metric="r2", level="bin", bin_bp=4)
SIGNALS = Task("signals", "regression", ("a", "b"), metric="r2", level="bin", bin_bp=4)
TRACK = Task("track", "multi_label_classification", ("a",), metric="auroc", level="bin", bin_bp=4)
TRACKS = Task("tracks", "multi_label_classification", ("a", "b"), metric="auroc", level="bin", bin_bp=4)
CLASSES = Task("classes", "single_label_classification", ("no", "yes"), metric="mcc", level="bin", bin_bp=4)
PAIRS = Task("pairs", "single_label_classification", ("no", "yes"), metric="mcc", pair=True)


@pytest.mark.parametrize(
    ("task", "label", "expected"),
    [
        (SIGNAL, "0.5;-1;2", [0.5, -1.0, 2.0]),
        (SIGNAL, [0.5, -100, 2], [0.5, -100, 2.0]),
        (SIGNALS, "0.5,1;-100;2,3", [[0.5, 1.0], [-100, -100], [2.0, 3.0]]),
        (SIGNALS, [[0.5, 1], [2, 3], [-100, -100]], [[0.5, 1.0], [2.0, 3.0], [-100, -100]]),
        (TRACK, "0 1 -100", [[0], [1], [-100]]),
        (TRACK, "011", [[0], [1], [1]]),
        (TRACKS, "01;10;11", [[0, 1], [1, 0], [1, 1]]),
        (CLASSES, "yes;no;-100", [1, 0, -100]),
        (CLASSES, "010", [0, 1, 0]),
    ],
)
def test_labels_of_bins_are_read(task, label, expected):
    assert LabelParser(task)(label, length_bp=12, where="x") == expected


@pytest.mark.parametrize(
    ("task", "label", "length_bp", "message"),
    [
        (SIGNAL, "1;2", 12, "2 labels, but task 'signal' needs 3, one for each bin of 4 bp"),
        (SIGNAL, "1;2;3", 13, "13 bp are not whole bins of 4 bp, which task 'signal' needs"),
        (SIGNALS, "1,2;3;4,5", 12, "1 labels, but task 'signals' needs 2, one for each target"),
        (SIGNALS, "1,-100;2,3;4,5", 12, None),  # -100 is a label beside another one
        (TRACKS, "0,2;1,1;0,0", 12, "allowed are 0 and 1 for each track"),
        (SIGNAL, "1;nan;3", 12, "the label is missing"),
    ],
)
def test_labels_that_do_not_fit_the_bins_are_refused(task, label, length_bp, message):
    if message is None:
        assert LabelParser(task)(label, length_bp=length_bp, where="x")[0] == [1.0, -100.0]
        return
    with pytest.raises(ValueError, match=message):
        LabelParser(task)(label, length_bp=length_bp, where="x")


def test_a_file_of_bins_becomes_batches(tmp_path):
    (tmp_path / "bins.jsonl").write_text(
        '{"name": "a", "sequence": "ACGTACGTACGT", "labels": [[0.5, 1], [2, 3], [4, 5]]}\n'
        '{"name": "b", "sequence": "ACGTTTTT", "labels": [[6, 7], [-100, -100]]}\n'
    )
    dataset = read_file(tmp_path / "bins.jsonl", task=SIGNALS)
    assert dataset["labels"][1] == [[6.0, 7.0], [-100.0, -100.0]]
    encoded = encode_dataset(toy_tokenizer(), dataset, max_tokens=None, level="bin", bin_bp=4, reverse_complement=True)
    assert encoded["labels_reverse_complement"][0] == [[4, 5], [2, 3], [0.5, 1]]
    columns = ["input_ids", "bases_per_token", "labels"]
    batch = SequenceCollator(1, problem_type="regression", level="bin")(encoded.select_columns(columns).to_list())
    assert batch["labels"].dtype == torch.float32
    assert batch["labels"].tolist() == [[[0.5, 1], [2, 3], [4, 5]], [[6, 7], [-100, -100], [-100, -100]]]
    assert batch["bases_per_token"].sum(1).tolist() == [12, 8]


def test_bins_of_classes_and_of_one_track_are_padded_too():
    tokens = {"input_ids": [3, 4]}
    rows = [tokens | {"labels": [1, 0]}, tokens | {"labels": [1]}]
    batch = SequenceCollator(1, problem_type="single_label_classification", level="bin")(rows)
    assert batch["labels"].tolist() == [[1, 0], [1, -100]]
    rows = [tokens | {"labels": [[1], [0]]}, tokens | {"labels": [[1]]}]
    batch = SequenceCollator(1, problem_type="multi_label_classification", level="bin")(rows)
    assert batch["labels"].tolist() == [[[1], [0]], [[1], [-100]]]


def test_a_bin_that_was_cut_has_no_label():
    dataset = Dataset.from_dict({"sequence": ["ACGTACGTACGT"], "labels": [[1.0, 2.0, 3.0]]})
    options = {"level": "bin", "bin_bp": 4, "overflow": "truncate"}
    encoded = encode_dataset(toy_tokenizer(), dataset, max_tokens=3, **options)  # CLS and two 3-mers: 6 bp
    assert encoded["labels"][0] == [1.0, -100.0]
    with pytest.raises(ValueError, match="was truncated to 6 bp, inside a bin of 4 bp, so the bins of the other"):
        encode_dataset(toy_tokenizer(), dataset, max_tokens=3, reverse_complement=True, **options)


def test_bins_that_do_not_fill_the_sequence_are_refused():
    dataset = Dataset.from_dict({"sequence": ["ACGTACGTAC"], "labels": [[1.0, 2.0]]})
    with pytest.raises(ValueError, match=r"is 10 bp and has 2 labels; bins of 4 bp need 2\.5"):
        encode_dataset(toy_tokenizer(), dataset, max_tokens=None, level="bin", bin_bp=4)


# --- pairs ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair_file(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("sequence,sequence2,label\nacgtac,GGN,1\nTTTT,CCCCCCCC,0\n")
    return path


def test_a_file_of_pairs_is_read(pair_file):
    dataset = read_file(pair_file, task=PAIRS)
    assert dataset[:] == {
        "name": ["1", "2"],
        "sequence": ["ACGTAC", "TTTT"],
        "sequence2": ["GGN", "CCCCCCCC"],
        "labels": [1, 0],
    }
    assert read_file(pair_file, sequence2_column="sequence2")["sequence2"][:] == ["GGN", "CCCCCCCC"]
    assert "sequence2" not in read_file(pair_file).column_names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sequence,label\nACGT,1\n", "no column 'sequence2' for the sequence2; the columns are 'sequence', 'label'"),
        ("sequence,sequence2,label\nACGT,,1\n", r"record 1 \('1'\) has no second sequence"),
        ("sequence,sequence2,label\nACGT,AUG,1\n", r"record 1 \('1'\), second sequence: letter 'U' at position 2"),
    ],
)
def test_half_pairs_are_refused(pair_file, content, message):
    pair_file.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_file(pair_file, task=PAIRS)


def test_fasta_holds_no_pairs(tmp_path):
    (tmp_path / "pairs.fa").write_text(">a|1\nACGT\n")
    with pytest.raises(ValueError, match="FASTA holds one sequence a record; write pairs as a table"):
        read_file(tmp_path / "pairs.fa", task=PAIRS)


def test_pairs_become_the_tokens_of_the_tokenizer(pair_file):
    tokenizer = separating_tokenizer()
    dataset = read_file(pair_file, task=PAIRS)
    encoded = encode_dataset(tokenizer, dataset, max_tokens=None, reverse_complement=True)
    expected = tokenizer(dataset["sequence"][:], dataset["sequence2"][:])
    assert encoded["input_ids"][:] == expected["input_ids"]
    assert encoded["token_type_ids"][:] == expected["token_type_ids"]
    assert encoded["input_ids_reverse_complement"][0] == tokenizer("GTACGT", "NCC")["input_ids"]
    rows = encoded.select_columns(["input_ids", "token_type_ids", "labels"]).to_list()
    batch = SequenceCollator(3, problem_type="single_label_classification")(rows)
    assert batch["token_type_ids"].shape == batch["input_ids"].shape
    assert batch["token_type_ids"][:, 0].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 6}, r"pair '1' is 6 \+ 3 bp = 9 tokens; the model reads 6. Pass overflow='truncate'"),
        ({"max_tokens": 4, "overflow": "truncate"}, "special tokens leave no room for two sequences"),
        ({"max_tokens": None, "vocab_size": 7}, "but the model's vocabulary ends at 6"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(pair_file, options, message):
    with pytest.raises(ValueError, match=message):
        encode_dataset(separating_tokenizer(), read_file(pair_file, task=PAIRS), **options)


def test_a_pair_with_an_empty_half_is_refused():
    dataset = Dataset.from_dict({"sequence": ["ACGT"], "sequence2": [""]})
    with pytest.raises(ValueError, match="the second sequence of '1' is empty"):
        encode_dataset(separating_tokenizer(), dataset, max_tokens=None)


def test_pairs_need_a_separator(pair_file):
    with pytest.raises(
        ValueError, match="pairs of sequences need a separator between them, and KmerTokenizer has none"
    ):
        encode_dataset(toy_tokenizer(), read_file(pair_file, task=PAIRS), max_tokens=None)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(5, 40))
def test_the_longer_sequence_of_a_pair_loses_tokens_first(first: int, second: int, max_tokens: int) -> None:
    sequence_ids = [None, *[0] * first, None, *[1] * second, None]
    kept = _kept_of_pair(sequence_ids, max_tokens, "x")
    assert len(kept) == min(max_tokens, len(sequence_ids))
    left = [int(sum(sequence_ids[place] == number for place in kept)) for number in (0, 1)]
    for before, after, other in ((first, left[0], left[1]), (second, left[1], left[0])):
        assert after == before or after >= other - 1  # only the longer one was cut, until both were as long
    assert {0, first + 1, first + second + 2} <= set(kept)


def test_two_pairs_are_the_same_where_both_sequences_are():
    train = Dataset.from_dict({"sequence": ["AAC", "AAC"], "sequence2": ["GGT", "GGG"], "labels": [0, 1]})
    test = Dataset.from_dict({"sequence": ["AAC", "GTT"], "sequence2": ["TTT", "CCC"], "labels": [0, 1]})
    (leak,) = find_leaks({"train": train, "test": test})
    assert (leak.same, leak.reversed, leak.conflicting) == (0, 1, 0)


def test_numbers_of_bins_and_pairs_need_numpy_only():
    assert _kept_of_pair([None, 0, 0, None, 1, 1, 1, 1, None], 7, "x").tolist() == [0, 1, 2, 3, 4, 5, 8]
    assert isinstance(_kept_of_pair([None, 0, None, 1, None], 9, "x"), np.ndarray)
