"""Splits and task from the arguments of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_dnalm.training import DataArguments, read_splits


def table(path: Path, rows: list[str], header: str = "name,sequence,labels") -> str:
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


@pytest.fixture
def train(tmp_path) -> str:
    return table(tmp_path / "train.csv", [f"row{row},{'ACGT' * 3}{'A' * row},{row % 2}" for row in range(12)])


def test_files_become_splits_of_one_task(train, tmp_path):
    test = table(tmp_path / "test.csv", ["one,GGGG,1", "other,CCCC,0"])
    splits, task = read_splits(DataArguments(train=train, test=test), seed=0)
    assert {name: len(split) for name, split in splits.items()} == {"train": 12, "test": 2}
    assert (task.name, task.problem_type, task.num_labels) == ("train.csv", "single_label_classification", 2)


def test_a_second_sequence_makes_a_task_of_pairs(tmp_path):
    rows = [f"row{row},ACGT{'A' * row},CC{'G' * row},{row % 2}" for row in range(6)]
    path = table(tmp_path / "pairs.csv", rows, "name,sequence,other,labels")
    splits, task = read_splits(DataArguments(train=path, sequence2_column="other"), seed=0)
    assert task.pair
    assert splits["train"]["sequence2"][1] == "CCG"


def test_dropped_records_are_noted_in_the_task(tmp_path):
    path = table(tmp_path / "train.csv", ["a,ACGT,0", "b,CCGT,1", "c,GGGG,"])
    splits, task = read_splits(DataArguments(train=path, missing_labels="drop"), seed=0)
    assert len(splits["train"]) == 2
    assert "train: " in task.description


def test_folds_split_the_rows_again(train):
    splits, task = read_splits(DataArguments(train=train, folds=3, fold=0), seed=0)
    assert sum(len(split) for split in splits.values()) == 12
    assert "fold 0 (counted from 0) of 3" in task.description


def test_a_task_without_its_suite_is_refused():
    with pytest.raises(ValueError, match="--task is 'emp_H3'; write SUITE/NAME"):
        read_splits(DataArguments(task="emp_H3"), seed=0)
