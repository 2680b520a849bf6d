"""Splits: the same for ever, no row twice, equal sequences together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.data import cross_validation, split_by_chromosome, split_three, split_validation
from hf_dnalm.data.splits import SplitRule


def numbered(n: int, **columns: list) -> Dataset:
    return Dataset.from_dict({"row": list(range(n)), **columns})


def test_the_draw_of_a_seed_is_written_down() -> None:
    splits = split_validation(numbered(20), fraction=0.2, seed=7)
    assert splits["validation"]["row"][:] == [3, 4, 7, 15]
    assert split_validation(numbered(20), fraction=0.2, seed=8)["validation"]["row"][:] != [3, 4, 7, 15]


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 200), st.integers(0, 5), st.booleans())
def test_every_row_is_in_one_split_and_keeps_its_order(n: int, seed: int, stratify: bool) -> None:
    splits = split_three(numbered(n, labels=[i % 2 for i in range(n)]), seed=seed, stratify=stratify)
    assert list(splits) == ["train", "validation", "test"]
    parts = [split["row"][:] for split in splits.values()]
    assert sorted(itertools.chain(*parts)) == list(range(n))
    assert all(part == sorted(part) for part in parts)
    assert abs(len(parts[0]) - 0.8 * n) <= 2


def test_classes_keep_their_share_when_stratified() -> None:
    labels = [1] * 20 + [0] * 180
    splits = split_three(numbered(200, labels=labels), seed=3, stratify=True)
    assert [sum(split["labels"]) for split in splits.values()] == [16, 2, 2]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("ACGTN"), min_size=60, max_size=90), st.integers(0, 3))
def test_equal_sequences_stay_together(letters: list[str], seed: int) -> None:
    sequences = [letter * (1 + i % 7) for i, letter in enumerate(letters)]
    splits = split_validation(numbered(len(sequences), sequence=sequences), fraction=0.3, seed=seed)
    assert not set(splits["train"]["sequence"]) & set(splits["validation"]["sequence"])


def test_a_draw_writes_no_files_and_leaves_the_dataset_alone() -> None:
    data = numbered(20)
    splits = split_validation(data, seed=1)
    assert data["row"][:] == list(range(20))
    assert splits["train"].cache_files == []


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (numbered(20), {"fraction": 1.0}, r"fractions must lie between 0 and 1 and sum to 1, got \(0.0, 1.0\)"),
        (numbered(20), {"fraction": 0.0}, "fractions must lie between 0 and 1"),
        (numbered(3), {}, r"3 rows \(3 different sequences\) are too few for the fractions \(0.9, 0.1\)"),
        (numbered(50, sequence=["A"] * 50), {}, r"50 rows \(1 different sequences\) are too few"),
        (numbered(20, labels=[0.5] * 20), {"stratify": True}, "stratify=True needs a column 'labels' with one class"),
        (numbered(20, labels=[[0, 1]] * 20), {"stratify": True}, "stratify=True needs a column 'labels'"),
        (numbered(20), {"stratify": True}, "stratify=True needs a column 'labels'"),
    ],
)
def test_impossible_splits_are_refused(data: Dataset, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_validation(data, **options)


def test_three_fractions_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match=r"sum to 1, got \(0.5, 0.1, 0.1\)"):
        split_three(numbered(20), fractions=(0.5, 0.1, 0.1))


def test_the_callers_random_state_is_left_alone() -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    split_validation(numbered(20))
    assert (np.random.get_state()[1] == before).all()


# --- folds ----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 120), st.integers(3, 8), st.integers(0, 3), st.booleans(), st.booleans())
def test_every_row_is_held_out_in_exactly_one_fold(n: int, folds: int, seed: int, stratify: bool, own: bool) -> None:
    pool = numbered(n, labels=[i % 2 for i in range(n)])
    splits = {"train": pool} | ({"test": numbered(3, labels=[0, 1, 0])} if own else {})
    held_out = []
    for fold in range(folds):
        parts = cross_validation(splits, fold=fold, folds=folds, seed=seed, stratify=stratify)
        assert list(parts) == ["train", "validation", "test"]
        own_rows = [parts[name]["row"][:] for name in (["train", "validation"] if own else parts)]
        assert sorted(itertools.chain(*own_rows)) == list(range(n))
        assert abs(len(parts["validation"]) - n / folds) <= 2
        held_out += parts["validation" if own else "test"]["row"][:]
        if own:
            assert parts["test"] is splits["test"]
    assert sorted(held_out) == list(range(n))


def test_the_folds_of_a_seed_are_written_down() -> None:
    tests = [
        cross_validation({"train": numbered(9)}, fold=fold, folds=3, seed=7)["test"]["row"][:] for fold in range(3)
    ]
    assert tests == [[0, 2, 7], [3, 5, 8], [1, 4, 6]]
    assert cross_validation({"train": numbered(9)}, fold=2, folds=3, seed=7)["validation"]["row"][:] == tests[0]


def test_a_published_validation_split_is_part_of_the_folds() -> None:
    splits = {"train": numbered(6), "validation": numbered(4), "test": numbered(2)}
    parts = cross_validation(splits, fold=0, folds=5)
    assert (len(parts["train"]), len(parts["validation"]), len(parts["test"])) == (8, 2, 2)


def test_equal_sequences_are_in_one_fold() -> None:
    sequences = [f"{'ACGT' * (row // 3)}A" for row in range(30)]
    for fold in range(5):
        parts = cross_validation({"train": numbered(30, sequence=sequences)}, fold=fold, folds=5)
        apart = [set(part["sequence"]) for part in parts.values()]
        assert not any(one & other for one, other in itertools.combinations(apart, 2))


def test_folds_of_classes_each_have_their_share() -> None:
    labels = [1] * 20 + [0] * 180
    for fold in range(10):
        parts = cross_validation({"train": numbered(200, labels=labels)}, fold=fold, folds=10, stratify=True)
        assert sum(parts["test"]["labels"]) == 2


@pytest.mark.parametrize(
    ("splits", "fold", "folds", "message"),
    [
        (("train",), 5, 5, "fold is 5; with 5 folds it is 0 to 4"),
        (("train",), -1, 5, "fold is -1"),
        (("train",), 0, 2, "folds is 2; it must be at least 3, because there is no test split"),
        (("train", "test"), 0, 1, r"folds is 1; it must be at least 2\.$"),
        (("test",), 0, 3, "folds need a training split; there is only test"),
        (("train",), 0, 30, "too few for the fractions"),
    ],
)
def test_folds_that_cannot_be_are_refused(splits, fold, folds, message) -> None:
    with pytest.raises(ValueError, match=message):
        cross_validation({name: numbered(20) for name in splits}, fold=fold, folds=folds)


# --- chromosomes ----------------------------------------------------------------------------------------------------

PLACES = ["chr01:10-20_x", "chr2:10-20", "2:30-40", "chr10:5-9", "Chromosome10:11-15"]


def test_rows_are_split_by_the_chromosome_in_their_names() -> None:
    parts = split_by_chromosome({"train": numbered(5, name=PLACES)}, validation=["chr2"], test=["10"])
    assert {name: part["row"][:] for name, part in parts.items()} == {
        "train": [0],
        "validation": [1, 2],
        "test": [3, 4],
    }


def test_a_column_goes_before_names_and_a_test_split_stays() -> None:
    splits = {"train": numbered(2, name=PLACES[:2], chromosome=["X", "Y"]), "test": numbered(3, name=PLACES[:3])}
    parts = split_by_chromosome(splits, validation=["chrY"])
    assert parts["train"]["row"][:] == [0]
    assert parts["validation"]["row"][:] == [1]
    assert parts["test"] is splits["test"]


@pytest.mark.parametrize(
    ("names", "validation", "test", "message"),
    [
        (PLACES, ["chr7"], [], "no row is of chromosome 'chr7'; the chromosomes are 1, 10, 2"),
        (PLACES, ["chr2"], ["2"], "each in one split only"),
        (PLACES, [], ["2"], "needs chromosomes for validation"),
        (PLACES, ["1", "2"], ["10"], "every chromosome is held out"),
        (["AT3G62080", "chr2:1-2"], ["2"], [], r"row 1 \('AT3G62080'\) does not say which chromosome"),
    ],
)
def test_chromosomes_that_cannot_be_are_refused(names, validation, test, message) -> None:
    with pytest.raises(ValueError, match=message):
        split_by_chromosome({"train": numbered(len(names), name=names)}, validation=validation, test=test)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"folds": 5}, "go together"),
        ({"fold": 0}, "go together"),
        ({"folds": 5, "fold": 0, "validation_chromosomes": ("1",)}, "by fold or by chromosome"),
        ({"test_chromosomes": ("1",)}, "test_chromosomes needs validation_chromosomes too"),
    ],
)
def test_a_rule_says_one_whole_thing(rule, message) -> None:
    with pytest.raises(ValueError, match=message):
        SplitRule(**rule)


def test_no_rule_leaves_the_splits_as_they_are() -> None:
    splits = {"train": numbered(3)}
    assert not SplitRule()
    assert SplitRule().apply(splits, seed=0, stratify=False)["train"] is splits["train"]
