import csv
import gzip

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.inference import Predictions, write_predictions, writers
from tests.inference.test_predictions import BASES, MULTI, REGRESSION, SINGLE

LOGITS = np.log(np.array([[1, 2, 1], [6, 1, 1]], np.float32))
CLASSES = Predictions(["b", "a"], LOGITS, SINGLE)
TRACKS = Predictions(["b", "a"], np.array([[0, 1000], [-1000, 0]], np.float32), MULTI)
VALUES = Predictions(["b", "a"], np.array([[0.1], [-2e-20]], np.float32), REGRESSION)
EXON, OUT = [0.0, np.log(3)], [0.0, 0.0]  # P(exon) = 0.75; a tie goes to the first class
PER_BASE = Predictions(["x", "y"], [np.array([OUT, EXON, EXON, OUT], np.float32), np.array([EXON], np.float32)], BASES)
EMPTY = Predictions([], np.zeros((0, 3), np.float32), SINGLE)


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (
            CLASSES,
            "name\tlabel\tprobability_neither\tprobability_donor\tprobability_acceptor\nb\tdonor\t0.25\t0.5\t0.25\n",
        ),
        (TRACKS, "name\tprobability_liver\tprobability_brain\nb\t0.5\t1.0\na\t0.0\t0.5\n"),
        (VALUES, "name\tvalue_strength\nb\t0.1\na\t-2e-20\n"),
        (EMPTY, "name\tlabel\tprobability_neither\tprobability_donor\tprobability_acceptor\n"),
        (
            PER_BASE,
            "name\tposition\tlabel\tprobability_out\tprobability_exon\nx\t0\tout\t0.5\t0.5\nx\t1\texon\t0.25\t0.75\n",
        ),
    ],
    ids=["classes", "tracks", "values", "empty", "per base"],
)
def test_a_tsv_has_one_row_per_answer_in_input_order(tmp_path, predictions, expected):
    write_predictions(predictions, tmp_path / "out.tsv")
    text = (tmp_path / "out.tsv").read_text()
    assert text.startswith(expected)
    write_predictions(predictions, tmp_path / "out.tsv.gz")
    assert gzip.decompress((tmp_path / "out.tsv.gz").read_bytes()).decode() == text
    write_predictions(predictions, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == text.replace("\t", ",")


@pytest.mark.parametrize("predictions", [CLASSES, TRACKS, VALUES, EMPTY, PER_BASE])
def test_parquet_holds_the_same_table(tmp_path, predictions):
    write_predictions(predictions, tmp_path / "out.tsv")
    write_predictions(predictions, tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    with open(tmp_path / "out.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [{name: str(value) for name, value in row.items()} for row in _float32(table.to_pylist())] == rows
    assert all(field.type == "float" for field in table.schema if field.name.startswith(("probability", "value")))


def _float32(rows):
    return [
        {key: np.float32(value) if isinstance(value, float) else value for key, value in row.items()} for row in rows
    ]


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_numbers_read_back_to_the_same_float32(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("numbers") / "out.tsv"
    values = np.array(numbers, dtype=np.float32)[:, None]
    write_predictions(Predictions([str(i) for i in range(len(values))], values, REGRESSION), path)
    with open(path, newline="") as file:
        written = [row["value_strength"] for row in csv.DictReader(file, delimiter="\t")]
    np.testing.assert_array_equal(np.array(written, dtype=np.float32), values[:, 0])


def test_bed_holds_runs_of_one_label(tmp_path):
    write_predictions(PER_BASE, tmp_path / "out.bed")
    assert (tmp_path / "out.bed").read_text().splitlines() == [
        "x\t0\t1\tout\t500",
        "x\t1\t3\texon\t750",
        "x\t3\t4\tout\t500",
        "y\t0\t1\texon\t750",
    ]


@given(st.lists(st.integers(0, 1), min_size=1, max_size=40))
def test_bed_runs_cover_every_base_once(tmp_path_factory, classes):
    path = tmp_path_factory.mktemp("runs") / "out.bed"
    logits = np.eye(2, dtype=np.float32)[classes]
    write_predictions(Predictions(["x"], [logits], BASES), path)
    covered: list[int] = []
    for line in path.read_text().splitlines():
        _, start, end, label, _ = line.split("\t")
        assert int(start) == len(covered)
        covered += [BASES.label_names.index(label)] * (int(end) - int(start))
    assert covered == classes


def test_long_tables_are_written_in_parts_without_a_seam(tmp_path, monkeypatch):
    write_predictions(PER_BASE, tmp_path / "whole.tsv")
    write_predictions(CLASSES, tmp_path / "whole_classes.tsv")
    monkeypatch.setattr(writers, "_ROWS_AT_A_TIME", 1)
    write_predictions(PER_BASE, tmp_path / "parts.tsv")
    write_predictions(CLASSES, tmp_path / "parts_classes.tsv")
    assert (tmp_path / "parts.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    assert (tmp_path / "parts_classes.tsv").read_bytes() == (tmp_path / "whole_classes.tsv").read_bytes()


def test_names_with_delimiters_are_quoted(tmp_path):
    write_predictions(Predictions(['a,"b"'], np.ones((1, 1), np.float32), REGRESSION), tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="") as file:
        assert next(csv.DictReader(file))["name"] == 'a,"b"'


def test_equal_predictions_make_equal_gzip_files(tmp_path):
    for name in ("one.tsv.gz", "two.tsv.gz"):
        write_predictions(CLASSES, tmp_path / name)
    assert (tmp_path / "one.tsv.gz").read_bytes() == (tmp_path / "two.tsv.gz").read_bytes()


@pytest.mark.parametrize("name", ["out.tsv", "out.parquet", "out.bed"])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, name):
    (tmp_path / name).write_text("old")
    broken = Predictions(["x"], [*PER_BASE.logits, np.zeros((1, 7), np.float32)], BASES)
    with pytest.raises((ValueError, IndexError)):
        write_predictions(broken, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


@pytest.mark.parametrize(
    ("predictions", "name", "error", "message"),
    [
        (CLASSES, "out.xlsx", ValueError, r"extension must be one of \.tsv, \.tsv\.gz, \.csv, \.parquet, \.bed"),
        (CLASSES, "out.bed", ValueError, r"out\.bed: BED holds a class for each base.*write \.tsv, \.csv or \.parquet"),
        (CLASSES, "absent/out.tsv", FileNotFoundError, r"there is no folder .*absent"),
    ],
)
def test_files_that_cannot_be_written_are_refused(tmp_path, predictions, name, error, message):
    with pytest.raises(error, match=message):
        write_predictions(predictions, tmp_path / name)


def test_bed_refuses_names_that_would_break_its_lines(tmp_path):
    predictions = Predictions(["a\tb"], [np.array([EXON], np.float32)], BASES)
    with pytest.raises(ValueError, match="has a tab or a line break, which BED cannot store; rename it"):
        write_predictions(predictions, tmp_path / "out.bed")
