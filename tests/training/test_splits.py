"""Every row is in exactly one of three splits, and the report describes how they were made."""

from __future__ import annotations

import pytest
from datasets import Dataset

from hf_dnalm.tasks import Task
from hf_dnalm.training.splits import complete_splits

TASK = Task("mine", "single_label_classification", ("a", "b"), metric="mcc")
VALUE = Task("mine", "regression", ("a",), metric="r2")


def rows(start: int, count: int) -> Dataset:
    names = [str(index) for index in range(start, start + count)]
    return Dataset.from_dict(
        {"name": names, "sequence": [f"{int(name):b}".translate({48: "A", 49: "C"}) for name in names]}
        | {"labels": [index % 2 for index in range(count)]}
    )


TRAIN, VALIDATION, TEST = rows(1000, 100), rows(2000, 20), rows(3000, 30)


@pytest.mark.parametrize(
    ("given", "sizes", "how"),
    [
        ({"train": TRAIN, "validation": VALIDATION, "test": TEST}, (100, 20, 30), "validation as given; test as given"),
        ({"train": TRAIN, "test": TEST}, (90, 10, 30), "test as given; validation = 10% of train, drawn with seed 5"),
        ({"train": TRAIN, "validation": VALIDATION}, (80, 20, 20), "validation as given; test = 20% of train"),
        ({"train": TRAIN}, (80, 10, 10), "the train split, divided into 80 % train, 10 % validation and 10 % test"),
        ({"test": TRAIN}, (80, 10, 10), "the test split, divided into 80 % train"),
    ],
    ids=["all", "no validation", "no test", "one", "test alone"],
)
@pytest.mark.parametrize("task", [TASK, VALUE], ids=["classes", "values"])
def test_missing_splits_are_cut_by_seed(given, sizes, how, task):
    complete = complete_splits(given, task, seed=5)
    assert tuple(complete.splits) == ("train", "validation", "test")
    assert tuple(map(len, complete.splits.values())) == sizes
    assert how in complete.how
    names = [name for split in complete.splits.values() for name in split["name"]]
    assert sorted(names) == sorted(name for split in given.values() for name in split["name"])
    again = complete_splits(given, task, seed=5)
    assert [split["name"][:] for split in again.splits.values()] == [s["name"][:] for s in complete.splits.values()]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"validation": VALIDATION, "test": TEST}, "no training split .splits: validation, test."),
        ({}, "no training split .splits: none."),
        ({"train": TRAIN, "test": TEST.select([])}, "the test split is empty"),
    ],
)
def test_splits_that_cannot_be_completed_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        complete_splits(given, TASK, seed=0)
