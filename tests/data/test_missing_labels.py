"""A missing label never becomes a class, and what could be read in two ways is refused with its rows."""

from __future__ import annotations

import csv
import gzip
import json
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.data import infer_task, read_file
from hf_dnalm.data.label_kinds import MISSING_NUMBERS, NEVER_CLASSES
from hf_dnalm.tasks import Task

DROP = r"Fill in the labels, or leave these records out with missing_labels='drop' \(--missing-labels drop\)\."


def table(path: Path, labels: list) -> Path:
    """A CSV file with these labels, quoted where need be."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "sequence", "label"])
        writer.writerows([f"r{number}", "ACGT", label] for number, label in enumerate(labels, start=1))
    return path


@pytest.mark.parametrize("missing", [*MISSING_NUMBERS, "NA", "NaN", "NULL", "None", "#N/A", "-Inf"])
@pytest.mark.parametrize(
    ("labels", "problem_type", "names"),
    [
        (["0.51", "0.72", "1.5"], "regression", ("target",)),
        (["0", "1", "1"], "single_label_classification", ("0", "1")),
        (["0;1", "1;1", "0;0"], "multi_label_classification", ("track_0", "track_1")),
        (["0.5;1", "1;1.25", "0;0"], "regression", ("target_0", "target_1")),
    ],
)
def test_next_to_numbers_every_way_to_write_missing_is_refused_or_dropped(
    tmp_path, missing, labels, problem_type, names
):
    several = ";" in labels[0]
    path = table(tmp_path / "x.csv", [*labels, f"0;{missing}" if several and missing else missing])
    with pytest.raises(ValueError, match=rf"x\.csv: record 4: the label is missing.*\. {DROP}"):
        infer_task(path, name="own")
    with pytest.raises(ValueError, match=rf"x\.csv: record 4: the label is missing.*\. {DROP}"):
        read_file(path)
    task = infer_task(path, name="own", missing_labels="drop")
    assert (task.problem_type, task.label_names) == (problem_type, names)
    with pytest.raises(ValueError, match=rf"x\.csv: record 4 \('r4'\): the label is missing.*\. {DROP}"):
        read_file(path, task=task)
    for dataset in (read_file(path, task=task, missing_labels="drop"), read_file(path, missing_labels="drop")):
        assert dataset["name"][:] == ["r1", "r2", "r3"]
        assert dataset.info.description.startswith("1 of 4 records have no label and were left out (the first: 'r4': ")


@given(st.lists(st.floats(-9, 9).map("{:.3f}".format), min_size=3, max_size=20), st.data())
def test_numbers_with_missing_ones_between_are_never_classes(tmp_path_factory, numbers, data):
    places = data.draw(st.lists(st.integers(0, len(numbers)), min_size=1, max_size=5))
    labels = list(numbers)
    for place in places:
        labels.insert(place, data.draw(st.sampled_from(MISSING_NUMBERS)))
    path = table(tmp_path_factory.mktemp("own") / "x.csv", labels)
    with pytest.raises(ValueError, match="the label is missing"):
        infer_task(path, name="own")
    task = infer_task(path, name="own", missing_labels="drop")
    assert task.problem_type == "regression"
    assert read_file(path, task=task, missing_labels="drop")["labels"][:] == [float(number) for number in numbers]


@pytest.mark.parametrize("labels", [["NA", "EU", "EU"], ["None", "m6A", "m6A"], ["+", "-", "-"], ["exon", ".", "exon"]])
def test_among_words_a_word_stays_a_class(tmp_path, labels):
    task = infer_task(table(tmp_path / "x.csv", labels), name="own")
    assert task.label_names == tuple(sorted(set(labels)))
    assert f"{labels[1]}: " in task.description


@pytest.mark.parametrize("missing", [*NEVER_CLASSES, "NaN", "NULL", "#N/A"])
def test_what_programs_write_for_missing_is_no_class_among_words_either(tmp_path, missing):
    path = table(tmp_path / "x.csv", ["exon", "intron", missing])
    with pytest.raises(ValueError, match=rf"x\.csv: record 3: the label is missing.*\. {DROP}"):
        infer_task(path, name="own")
    assert infer_task(path, name="own", missing_labels="drop").label_names == ("exon", "intron")


def test_null_and_nan_of_parquet_and_jsonl_are_missing(tmp_path):
    columns = {"sequence": ["ACGT"] * 4, "label": pa.array([0.5, None, float("nan"), 2.0])}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    rows = [{"sequence": "ACGT", "label": label} for label in (0.5, None, [1, None], 2.0)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("x.parquet", "x.jsonl"):
        with pytest.raises(ValueError, match=r"record 2: the label is missing .*record 3: .*, and 1 more of 4"):
            infer_task(tmp_path / name, name="own")
        assert infer_task(tmp_path / name, name="own", missing_labels="drop").problem_type == "regression"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["0.51", "low", "0.72", "high"],
            r"x.csv: 2 labels are numbers and 2 are not \(record 2: 'low', record 4: 'high'\), so they could be",
        ),
        (["1", "2", "X", "1"], r"3 labels are numbers and 1 are not \(record 3: 'X'\).*--problem_type single_label"),
        (
            ["true", "false", "True"],
            r"x.csv: the labels 'True', 'true' differ in upper and lower case alone, and",
        ),
        (
            ["-0,22", "1,35", "0,10"],
            r"x.csv: labels such as '-0,22' look like numbers with decimal commas, and",
        ),
        (["1,892", "2,001"], r"labels such as '1,892' look like numbers with thousands separators, or decimal commas"),
        (["1,892,000", "2,001,111"], r"'1,892,000' look like .* and would be read as 3 labels each"),
        (["NA", "nan", ""], r"x.csv: record 2: the label is missing"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path, labels, message):
    path = table(tmp_path / "x.csv", labels)
    with pytest.raises(ValueError, match=message):
        infer_task(path, name="own")
    with pytest.raises(ValueError, match=message):
        read_file(path)


def test_what_the_user_says_settles_it(tmp_path):
    path = table(tmp_path / "x.csv", ["1", "2", "X"])
    task = infer_task(path, name="own", problem_type="single_label_classification")
    assert task.label_names == ("1", "2", "X")
    named = infer_task(table(tmp_path / "y.csv", ["0", "NA", "0"]), name="own", label_names=["0", "NA"])
    assert read_file(tmp_path / "y.csv", task=named)["labels"][:] == [0, 1, 0]
    lists = infer_task(table(tmp_path / "z.csv", ["1,22", "3,44"]), name="own", problem_type="regression")
    assert lists.label_names == ("target_0", "target_1")
    assert (
        infer_task(table(tmp_path / "t.csv", ["0,1", "1,0"]), name="own").problem_type == "multi_label_classification"
    )


def test_a_decimal_comma_in_a_file_for_a_known_task_says_what_it_looks_like(tmp_path):
    task = Task("strength", "regression", ("strength",), metric="r2")
    with pytest.raises(ValueError, match=r"label '-0,22' does not fit .*, with a decimal point in place of a comma"):
        read_file(table(tmp_path / "x.csv", ["-0,22"]), task=task)


def test_every_label_missing_is_refused_even_when_they_are_dropped(tmp_path):
    task = Task("strength", "regression", ("strength",), metric="r2")
    path = table(tmp_path / "x.csv", ["NA", "", "-"])
    with pytest.raises(ValueError, match="the label is missing, and so is every other label"):
        read_file(path, task=task, missing_labels="drop")
    with pytest.raises(ValueError, match=r"y\.csv: every label is missing\."):
        infer_task(table(tmp_path / "y.csv", ["nan", "", "null"]), name="own", missing_labels="drop")


def test_an_unknown_way_to_treat_missing_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"missing_labels is 'skip'; choose from error, drop\."):
        read_file(table(tmp_path / "x.csv", ["0", "1"]), missing_labels="skip")


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        (["0.5", "-2.9", "4.6"], "x.csv: label column 'label': regression, 1 target, 3 rows, -2.9 to 4.6; metric r2"),
        (
            ["no", "yes", "yes"],
            "label column 'label': single-label classification, 2 classes, 3 rows (no: 1, yes: 2); metric mcc",
        ),
        (["0;1", "1;1"], "label column 'label': multi-label classification, 2 tracks, 2 rows; metric auroc"),
    ],
)
def test_the_guessed_task_is_said_and_kept(tmp_path, caplog, labels, line):
    caplog.set_level("INFO")
    task = infer_task(table(tmp_path / "x.csv", labels), name="own", labels_column="label")
    assert line in caplog.text
    assert line.partition(": ")[2].rpartition(";")[0].partition("'label'")[2] in task.description


def test_a_dataset_is_asked_the_same_questions():
    data = Dataset.from_dict({"sequence": ["A"] * 3, "labels": ["0.5", "NA", "1.5"]})
    with pytest.raises(ValueError, match="own: record 2: the label is missing"):
        infer_task(data, name="own")


# text files


def test_two_readers_in_step_do_not_disturb_each_other_or_the_process(tmp_path):
    long = "ACGT" * 50_000  # more than csv lets a cell hold
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"name,sequence\nx,{long}\ny,{long}\nz,{long}\n")
    from hf_dnalm.data import stream_file

    limit = csv.field_size_limit()
    pairs = zip(stream_file(tmp_path / "a.csv"), stream_file(tmp_path / "b.csv"), strict=True)
    for one, other in pairs:
        assert one.sequence == other.sequence == long
        assert csv.field_size_limit() == limit
    left_open = stream_file(tmp_path / "a.csv")
    next(left_open)
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(("separator", "kind"), [(";", "csv"), ("\t", "csv"), (",", "tsv"), ("|", "csv")])
def test_another_separator_is_named(tmp_path, separator, kind):
    path = tmp_path / f"x.{kind}"
    path.write_text(separator.join(["sequence", "label"]) + "\n" + separator.join(["ACGT", "1"]) + "\n")
    with pytest.raises(ValueError, match=r"the columns seem to be separated by '.*'. Save the table with commas"):
        read_file(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.fa", ">a\nACGT\n"),
        ("x.csv", "name,sequence\na,ACGT\n"),
        ("x.tsv", "name\tsequence\na\tACGT\n"),
        ("x.jsonl", '{"name": "a", "sequence": "ACGT"}\n'),
    ],
)
def test_a_byte_order_mark_is_no_part_of_a_text_file(tmp_path, name, text, pack):
    path = tmp_path / (name if pack is bytes else f"{name}.gz")
    path.write_bytes(pack(("\ufeff" + text).encode()))
    dataset = read_file(path)
    assert (dataset["name"][:], dataset["sequence"][:]) == (["a"], ["ACGT"])


def test_a_header_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "x.fa").write_bytes(b">a\nACGT\n>caf\xe9\nACGT\n")
    with pytest.raises(ValueError, match=r"x.fa: record 2: the header is not UTF-8 text .*; save the file as UTF-8"):
        read_file(tmp_path / "x.fa")
    (tmp_path / "y.fa").write_bytes(">café|naïve\nACGT\n".encode())
    assert read_file(tmp_path / "y.fa")["name"][:] == ["café|naïve"]


@pytest.mark.parametrize("kind", ["fa", "csv", "jsonl", "parquet"])
def test_a_pipe_is_refused_at_once(tmp_path, kind):
    path = tmp_path / f"pipe.{kind}"
    os.mkfifo(path)
    caught: list[Exception] = []

    def read() -> None:
        try:
            read_file(path)
        except ValueError as error:
            caught.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(timeout=60)
    assert not reader.is_alive()
    assert "not a regular file but a pipe or device, which can be read only once; save it first" in str(caught[0])
