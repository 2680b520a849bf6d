"""The task of a user's own file, told from its labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset

from hf_dnalm.data import infer_task, read_file
from tests.data.formats import WRITERS, every_format, write_jsonl, write_separated


@every_format
@pytest.mark.parametrize(
    ("labels", "problem_type", "label_names"),
    [
        ([0, 1, 0], "single_label_classification", ("0", "1")),
        ([3, 1, 10], "single_label_classification", ("1", "3", "10")),
        (["exon", "intron", "exon"], "single_label_classification", ("exon", "intron")),
        ([0.5, -1.0, 2.25], "regression", ("target",)),
        ([[0, 1, 1], [1, 0, 0], [0, 0, 0]], "multi_label_classification", ("track_0", "track_1", "track_2")),
        ([[0.5, 2.0], [1.0, 0.0], [3.0, 1.0]], "regression", ("target_0", "target_1")),
        (["0110", "1000", "0000"], "multi_label_classification", ("track_0", "track_1", "track_2", "track_3")),
    ],
)
def test_labels_of_a_file_tell_the_task(
    tmp_path: Path, kind: str, labels: list, problem_type: str, label_names: tuple[str, ...]
) -> None:
    path = tmp_path / f"own{kind}"
    WRITERS[kind](path, [(f"r{i}", "ACGT", label) for i, label in enumerate(labels)])
    task = infer_task(path, name="own")
    assert (task.problem_type, task.label_names, task.source) == (problem_type, label_names, f"own{kind}")
    dataset = read_file(path, task=task, labels="required")
    assert len(dataset["labels"]) == 3
    without_task = read_file(path, labels="required")
    assert without_task["labels"][:] == dataset["labels"][:]
    again = infer_task(without_task, name="own")
    assert (again.problem_type, again.label_names) == (problem_type, label_names)


def test_class_names_stand_in_the_feature_when_there_is_no_task(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\nACGT,promoter\nACGG,background\n")
    dataset = read_file(path)
    assert dataset.features["labels"] == ClassLabel(names=["background", "promoter"])
    assert dataset["labels"][:] == [1, 0]


def test_columns_of_numbers_are_targets_named_as_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sequence,leaf,root\nACGT,0.5,1\nACGG,0.1,2\n")
    task = infer_task(path, name="own", labels_column="leaf,root")
    assert (task.problem_type, task.label_names) == ("regression", ("leaf", "root"))
    path.write_text("sequence,leaf,root\nACGT,0,1\nACGG,1,1\n")
    assert infer_task(path, name="own", labels_column="leaf,root").problem_type == "multi_label_classification"


def test_many_whole_numbers_are_a_quantity() -> None:
    counts = Dataset.from_dict({"sequence": ["A"] * 60, "labels": list(range(60))})
    assert infer_task(counts, name="own").problem_type == "regression"
    assert infer_task(counts, name="own", problem_type="single_label_classification").num_labels == 60


def test_what_the_user_says_wins() -> None:
    dataset = Dataset.from_dict({"sequence": ["A", "C"], "labels": [0, 1]})
    task = infer_task(dataset, name="own", problem_type="regression", metric="spearman", label_names=["dose"])
    assert (task.problem_type, task.metric, task.label_names) == ("regression", "spearman", ("dose",))


def test_nucleotide_level_labels_give_one_class_for_each_base(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, [("a", "ACGT", [0, 1, 1, 2]), ("b", "AC", [2, -100])])
    task = infer_task(path, name="own", level="nucleotide")
    assert (task.level, task.label_names) == ("nucleotide", ("0", "1", "2"))
    assert read_file(path, task=task)["labels"][:] == [[0, 1, 1, 2], [2, -100]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "1"], r"1 different labels \('1'\) cannot be classes; a classifier needs 2 to 1,000"),
        (
            [f"gene{i}" for i in range(1001)],
            r"1,001 different labels \('gene0', 'gene1', 'gene10', …\) cannot be classes",
        ),
        (["0;1", "0;1;1"], r"records have different numbers of labels: \[2, 3\]"),
        (["0", ""], r"record 2: the label is missing\. Fill in the labels, or leave"),
        (["0.5", "nan"], "record 2: the label is missing"),
    ],
)
def test_labels_that_make_no_task_are_refused(tmp_path: Path, labels: list[str], message: str) -> None:
    path = tmp_path / "x.csv"
    write_separated(path, [(f"r{i}", "ACGT", label) for i, label in enumerate(labels)], ",")
    with pytest.raises(ValueError, match=rf"x\.csv: {message}"):
        infer_task(path, name="own")


def test_a_dataset_without_labels_has_no_task() -> None:
    with pytest.raises(ValueError, match="the dataset has no column 'labels'; it has sequence"):
        infer_task(Dataset.from_dict({"sequence": ["A"]}), name="own")


def test_real_tables_are_read_and_understood(shared: Path) -> None:
    tasks = shared / "data" / "tasks"
    promoters = tasks / "GUE" / "prom" / "prom_core_tata" / "train.csv.gz"
    task = infer_task(promoters, name="prom_core_tata")
    assert task.label_names == ("0", "1")
    assert len(read_file(promoters, task=task, labels="required")) == 4_904
    chromatin = tasks / "DNALLM" / "multilabel_classification" / "dev.csv"
    assert infer_task(chromatin, name="chromatin").num_labels == 19
    jsonl = tasks / "PGB_jsonl" / "promoter_strength.leaf.test.jsonl.gz"
    assert infer_task(jsonl, name="leaf").problem_type == "regression"


def test_labels_of_bins_are_read_as_those_of_sequences_would_be():
    from hf_dnalm.data.labels import task_from_labels

    def found(labels):
        task = task_from_labels(labels, name="x", source="x", level="bin", bin_bp=4)
        return task.problem_type, task.label_names, task.level, task.bin_bp

    assert found(["0.5;-100;1.5", "2;3"]) == ("regression", ("target",), "bin", 4)
    assert found(["0;1;-100", "1"]) == ("single_label_classification", ("0", "1"), "bin", 4)
    assert found(["0.5,1;2,3.5"]) == ("regression", ("target_0", "target_1"), "bin", 4)
    assert found([[[0, 1], [1, 1]], [[-100, -100]]]) == ("multi_label_classification", ("track_0", "track_1"), "bin", 4)
