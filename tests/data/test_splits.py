"""Splits: the same for ever, no row twice, equal sequences together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.data import split_three, split_validation


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
