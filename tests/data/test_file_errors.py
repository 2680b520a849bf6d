"""What a user's file must not hold: each refused with one line that names file, record and way out."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_dnalm.data import read_file
from hf_dnalm.tasks import Task
from tests.data.formats import (
    BINARY,
    EXONS,
    STRENGTH,
    TISSUES,
    TRACKS,
    WRITERS,
    Rows,
    bgzip,
    every_format,
    write_separated,
)

REFUSED_RECORDS = [
    ([("a", "ACGT", 0), ("b", "", 1)], r"record 2 \('b'\) has no sequence; fill it in or remove the record"),
    ([("a", "ACGT", 0), ("a", "ACGG", 1)], r"record 2 \('a'\) has the same name as record 1; names must differ"),
    ([("a", "ACGT", 0), ("b", "ACJT", 1)], r"record 2 \('b'\): letter 'J' at position 3 \(counted from 1\)"),
    ([("a", "ACUT", 0), ("b", "ACGT", 1)], r"record 1 \('a'\): letter 'U' at position 3 .*replace U with T"),
    ([("a", "AC-T", 0), ("b", "ACGT", 1)], r"record 1 \('a'\): letter '-' at position 3 .*remove the gaps"),
    ([("a", "AC T", 0), ("b", "ACGT", 1)], r"record 1 \('a'\): letter ' ' at position 3 .*remove the white space"),
    ([("a", "ACGT", 0), ("", "ACGT", 1)], r"record 2 has no name"),
    (
        [("a", "ACGT", 0), ("b", "ACGT", 2)],
        r"record 2 \('b'\): label '?2'? does not fit task 'binary' .*allowed are 'no', 'yes', or their index 0 to 1",
    ),
    ([("a", "ACGT", 0), ("b", "ACGT", "")], r"record 2 \('b'\): the label is missing"),
]


@every_format
@pytest.mark.parametrize(("rows", "message"), REFUSED_RECORDS)
def test_bad_records_are_refused_with_file_record_and_way_out(
    tmp_path: Path, kind: str, rows: Rows, message: str
) -> None:
    if kind == ".parquet":  # a Parquet column has one type
        rows = [(name, letters, str(label)) for name, letters, label in rows]
    path = tmp_path / f"bad{kind}"
    WRITERS[kind](path, rows)
    with pytest.raises(ValueError, match=message) as refused:
        read_file(path, task=BINARY)
    assert str(refused.value).startswith(f"{path}: record ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("task", "label", "message"),
    [
        (
            BINARY,
            "maybe",
            "label 'maybe' does not fit task 'binary' .single label classification.: allowed are 'no', 'yes'",
        ),
        (BINARY, 0.5, "label '0.5' does not fit"),
        (BINARY, -1, "label '-1' does not fit"),
        (STRENGTH, "high", "label 'high' does not fit task 'strength' .regression.: allowed are finite numbers"),
        (STRENGTH, "nan", r"the label is missing \('nan'\); task 'strength': allowed are finite"),
        (STRENGTH, "inf", r"the label is missing \('inf'\); task"),
        (TRACKS, "0;1", "2 labels, but task 'tracks' needs 3, one for each track"),
        (TRACKS, "0;1;2", "label '2' does not fit .*allowed are 0 and 1 for each track"),
        (TRACKS, "0;1;", "the label is missing"),
        (TISSUES, "0.5;1;2", "3 labels, but task 'tissues' needs 2, one for each target"),
        (TISSUES, "0.5;x", "label 'x' does not fit"),
        (EXONS, "0;1;1", "3 labels, but task 'exons' needs 4, one for each base"),
        (EXONS, "0127", "label '2' does not fit task 'exons'"),
    ],
)
def test_labels_that_do_not_fit_the_task_are_refused(tmp_path: Path, task: Task, label: object, message: str) -> None:
    path = tmp_path / "x.csv"
    write_separated(path, [("a", "ACGT", label)], ",")
    with pytest.raises(ValueError, match=rf"x\.csv: record 1 \('a'\): .*{message}"):
        read_file(path, task=task)


def test_a_flipped_number_in_parquet_is_refused_where_there_are_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"sequence": ["ACGT", "GGTA"], "label": [0.25, 0.75]})
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_statistics=False, write_page_checksum=True
    )
    assert read_file(path)["labels"][:] == [0.25, 0.75]
    content = path.read_bytes()
    path.write_bytes(content.replace(np.float64(0.75).tobytes(), np.float64(0.5).tobytes(), 1))
    with pytest.raises(ValueError, match=r"a.parquet: .*CRC"):
        read_file(path)


def test_nan_in_parquet_and_json_is_a_missing_label(tmp_path: Path) -> None:
    for kind in (".parquet", ".jsonl"):
        path = tmp_path / f"x{kind}"
        WRITERS[kind](path, [("a", "ACGT", 0.5), ("b", "ACGT", float("nan"))])
        with pytest.raises(ValueError, match=r"record 2 \('b'\): the label is missing"):
            read_file(path, task=STRENGTH)
    path = tmp_path / "null.jsonl"
    path.write_text('{"name": "a", "sequence": "ACGT", "labels": null}\n')
    with pytest.raises(ValueError, match=r"record 1 \('a'\): the label is missing"):
        read_file(path, task=STRENGTH)


def test_bits_and_ignored_bases_are_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    write_separated(path, [("a", "ACGT", "011")], ",")
    assert read_file(path, task=TRACKS)["labels"][:] == [[0, 1, 1]]
    write_separated(path, [("a", "ACGT", "-100;exon;1;0")], ",")
    assert read_file(path, task=EXONS)["labels"][:] == [[-100, 1, 1, 0]]
    write_separated(path, [("a", "ACGT", "0110")], ",")
    assert read_file(path, task=EXONS)["labels"][:] == [[0, 1, 1, 0]]


def test_numeric_class_names_are_names_not_indices(tmp_path: Path) -> None:
    clades = Task("clades", "single_label_classification", ("1", "2"), metric="mcc")
    path = tmp_path / "x.csv"
    write_separated(path, [("a", "ACGT", 1), ("b", "ACGT", "2.0")], ",")
    assert read_file(path, task=clades)["labels"][:] == [0, 1]
    padded = Task("padded", "single_label_classification", ("01", "02"), metric="mcc")
    write_separated(path, [("a", "ACGT", "02")], ",")
    assert read_file(path, task=padded)["labels"][:] == [1]
    write_separated(path, [("a", "ACGT", 0)], ",")
    with pytest.raises(ValueError, match=r"label '0' does not fit task 'clades' .*allowed are '1', '2'\.$"):
        read_file(path, task=clades)


FILES = {
    "no_header.fa": (b"ACGT\n>a\nACGT\n", "the first line does not start with '>', so this is not FASTA"),
    "empty.fa": (b"", "the file is empty"),
    "blank.fa": (b"\n\n", "the file has no records"),
    "empty.csv": (b"", "the file is empty"),
    "twice.csv": (b"sequence,label,sequence\nACGT,1,ACGT\n", "column 'sequence' occurs 2 times; rename or remove one"),
    "only_header.csv": (b"sequence,labels\n", "the file has no records"),
    "blank.jsonl": (b"\n\n", "the file has no records"),
    "ragged.csv": (b"sequence,labels\nACGT,1,2\n", "record 1 has 3 cells, the header has 2; quote cells"),
    "short.csv": (b"sequence,labels\nACGT,1\nACGT\n", "record 2 has 1 cells, the header has 2"),
    "quote.csv": (b'sequence,labels\nACGT,1\n"ACGT,1\n', r"record 2 \(line 3\) is not CSV: unexpected end of data"),
    "latin.csv": (b"sequence,labels\nACGT,1\nAC\xe9T,1\n", "record 2 is not UTF-8 text .*save it as UTF-8"),
    "broken.jsonl": (
        b'{"sequence": "ACGT"}\n\n{"sequence": "AC\n',
        r"record 2 \(line 3\) is not JSON: Invalid control",
    ),
    "list.jsonl": (b'{"sequence": "ACGT"}\n["ACGT"]\n', r"record 2 \(line 2\) is not a JSON object"),
    "key.jsonl": (
        b'{"sequence": "ACGT", "labels": 1}\n{"sequence": "ACGT"}\n',
        "record 2 has no 'labels'; it has sequence",
    ),
    "number.jsonl": (b'{"sequence": 5}\n', r"record 1 \('1'\): column 'sequence' holds 5, which is not text"),
    "null.jsonl": (b'{"sequence": null}\n', r"record 1 \('1'\) has no sequence"),
    "not.parquet": (b"sequence,labels\nACGT,1\n", "not a readable Parquet file"),
    "plain.fa.gz": (b">a\nACGT\n", "named as gzip, but the content is not gzip; rename it or compress it"),
    "cut.fa.gz": (
        gzip.compress(b">a\n" + b"ACGTTGCA" * 99)[:-12],
        "the gzip file is cut off; copy or download it again",
    ),
    "cut.csv.gz": (gzip.compress(b"sequence\n" + b"ACGTTGCA" * 99)[:-12], "the gzip file is cut off"),
    "cut_header.fa.gz": (gzip.compress(b">a\nACGT\n")[:5], "the gzip file is cut off"),
    "flipped.fa.gz": (
        gzip.compress(b">a\nACGT\n")[:-8] + bytes(8),
        "the gzip file is damaged .*copy or download it again",
    ),
    "cut.fa.bgz": (bgzip(b">a\n" + b"ACGT" * 99)[:-28], "the bgzip file is cut off .its end marker is missing"),
    "x.txt": (b"ACGT\n", r"unknown extension '.txt'; readable are \.fa, \.fasta"),
    "x": (b"ACGT\n", "unknown extension ''"),
    "x.gz": (b"ACGT\n", "unknown extension ''"),
    "some_labelled.fa": (b">a|1\nACGT\n>b\nACGT\n", r"record 2 \('b'\) has no label; write the header as '>b\|label'"),
    "late_label.fa": (
        b">a\nACGT\n>b|1\nACGT\n",
        r"record 2 \('b'\) has a label in its header, the records before it have none",
    ),
    "headless.fa": (b">a|1\nACGT\n> \nACGT\n", "record 2 has no name; write one after '>'"),
}


@pytest.mark.parametrize("name", FILES)
def test_broken_files_are_refused_with_one_line(tmp_path: Path, name: str) -> None:
    content, message = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as refused:
        read_file(path, task=BINARY)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.fa: no such file"):
        read_file(tmp_path / "gone.fa")
    with pytest.raises(FileNotFoundError, match=r"gone\.parquet: no such file"):
        read_file(tmp_path / "gone.parquet")
    (tmp_path / "folder.fa").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder\.fa is a folder; give a file"):
        read_file(tmp_path / "folder.fa")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"labels": "required"},
            "no column 'labels' for the labels; the columns are 'id', 'sequence', 'strength'. Name the right one with "
            "labels_column",
        ),
        ({"labels_column": "power"}, "no column 'power' for the labels; the columns are"),
        ({"labels_column": "strength,power"}, "no column 'power' for the labels"),
        ({"sequence_column": "seq"}, "no column 'seq' for the sequence; .*with sequence_column"),
        ({"name_column": "gene"}, "no column 'gene' for the name; .*with name_column"),
        ({"labels": "maybe"}, "labels must be 'required', 'optional' or 'none', not 'maybe'"),
    ],
)
def test_missing_columns_are_named_with_those_there(tmp_path: Path, arguments: dict, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,sequence,strength\na,ACGT,1.5\n")
    with pytest.raises(ValueError, match=message):
        read_file(path, **arguments)


def test_required_fasta_labels_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGT\n")
    with pytest.raises(ValueError, match=r"record 1 \('a'\) has no label; write the header as '>a\|label', or pass"):
        read_file(path, task=BINARY, labels="required")


def test_repeated_names_are_read_on_request(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGT\n>a\nACGG\n")
    assert read_file(path, unique_names=False)["name"][:] == ["a", "a"]
