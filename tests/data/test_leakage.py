"""Leaks between splits: counted on both strands, noted in the task, dropped when asked."""

from __future__ import annotations

import logging

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.data.leakage import Leak, find_leaks, leaks_noted, without_leaks
from hf_dnalm.sequence import reverse_complement
from hf_dnalm.suites import load_benchmark
from hf_dnalm.tasks import Task

TASK = Task("mine", "single_label_classification", ("no", "yes"), metric="mcc", description="Is it?")


def split(*rows: tuple[str, int]) -> Dataset:
    return Dataset.from_dict({"sequence": [letters for letters, _ in rows], "labels": [label for _, label in rows]})


SPLITS = {
    "train": split(("AAC", 0), ("CCC", 1), ("AAC", 1), ("TTT", 0)),
    "validation": split(("CCC", 1), ("GGA", 0), ("CAC", 0)),
    "test": split(("GTT", 0), ("AAC", 0), ("TCC", 0), ("ACT", 0), ("CCC", 0)),
}


def test_what_is_shared_is_counted_for_each_pair_of_splits():
    assert find_leaks(SPLITS) == [
        Leak("validation", "train", same=1, reversed=0, conflicting=0, rows=3),
        # GTT is AAC on the other strand; AAC has both labels in train, CCC another one than in test.
        Leak("test", "train", same=2, reversed=1, conflicting=3, rows=5),
        Leak("test", "validation", same=1, reversed=1, conflicting=1, rows=5),
    ]


def test_splits_that_share_nothing_have_no_leaks():
    assert find_leaks({"train": split(("AAC", 0)), "test": split(("AAG", 0))}) == []
    assert find_leaks({"test": split(("AAC", 0), ("AAC", 1))}) == []


def test_labels_of_several_tracks_are_compared_too():
    train = Dataset.from_dict({"sequence": ["AAC", "CCA"], "labels": [[0, 1], [1, 1]]})
    test = Dataset.from_dict({"sequence": ["AAC", "CCA"], "labels": [[0, 1], [1, 0]]})
    assert find_leaks({"train": train, "test": test})[0].conflicting == 1


def test_sequences_without_labels_are_compared_as_well():
    unlabelled = Dataset.from_dict({"sequence": ["AAC"]})
    assert find_leaks({"train": unlabelled, "test": unlabelled}) == [Leak("test", "train", 1, 0, 0, 1)]


def test_dropping_leaves_the_later_split_whole():
    kept = without_leaks(SPLITS)
    assert kept["train"]["sequence"][:] == ["TTT"]
    assert kept["validation"]["sequence"][:] == ["CAC"]
    assert kept["test"][:] == SPLITS["test"][:]
    assert find_leaks(kept) == []


WORDS = st.lists(st.text("ACGT", min_size=1, max_size=3), min_size=1)


@given(WORDS, WORDS)
def test_nothing_leaks_after_dropping_and_nothing_else_is_lost(train, test):
    first, second = split(("N", 0), *((each, 0) for each in train)), split(*((each, 1) for each in test))
    kept = without_leaks({"train": first, "test": second})
    assert find_leaks(kept) == []
    seen = {*test, *map(reverse_complement, test)}
    assert kept["train"]["sequence"][:] == ["N", *(each for each in train if each not in seen)]


def test_a_split_that_would_be_empty_is_refused():
    both = {"train": split(("AAC", 0)), "test": split(("GTT", 0))}
    with pytest.raises(ValueError, match="every sequence of train is also in test; without them nothing is left"):
        without_leaks(both)


def test_leaks_stand_in_the_task_and_in_the_log(caplog):
    splits, task = leaks_noted(SPLITS, TASK.with_note("a subset"))
    note = "3 of 5 test sequences also stand in train, 1 of them as their reverse complement, 3 with another label"
    assert task.description.startswith("Is it? Here: a subset; 1 of 3 validation sequences also stand in train; ")
    assert note in task.description
    assert f"mine: {note}" in caplog.messages
    assert splits is SPLITS


def test_what_is_left_out_stands_in_the_task():
    smaller = {"train": SPLITS["train"], "test": SPLITS["test"]}
    splits, task = leaks_noted(smaller, TASK, deduplicate=True)
    assert task.description.endswith("; left out for that: 3 train rows.")
    assert splits["train"]["sequence"][:] == ["TTT"]


def test_a_clean_task_stays_as_it_is(caplog):
    with caplog.at_level(logging.WARNING):
        assert leaks_noted({"train": split(("AAC", 0))}, TASK)[1] is TASK
    assert caplog.messages == []


def test_real_leaks_are_those_that_were_counted_before(shared):
    gue = shared / "data" / "tasks" / "GUE"
    counts = {"prom_core_tata": 16, "prom_core_all": 43, "prom_300_tata": 6, "human_tf_2": 0}
    for name, count in counts.items():
        splits, _ = load_benchmark("gue", name, data_dir=gue)
        found = {leak.source: leak.same for leak in find_leaks(splits) if leak.split == "test"}
        assert found.get("train", 0) == count
    splits, task = load_benchmark("gue", "prom_core_tata", data_dir=gue, deduplicate=True)
    assert find_leaks(splits) == []
    assert len(splits["test"]) == 613
    assert "left out for that: 24 train rows, 2 validation rows" in task.description
