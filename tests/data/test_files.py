"""Reading a user's file: the same rules in every format, and one clear line for everything refused."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_dnalm.data import infer_task, read_file
from hf_dnalm.tasks import Task

BINARY = Task("binary", "single_label_classification", ("no", "yes"), metric="mcc")
TRACKS = Task("tracks", "multi_label_classification", ("leaf", "root", "stem"), metric="auroc")
STRENGTH = Task("strength", "regression", ("strength",), metric="r2")
TISSUES = Task("tissues", "regression", ("leaf", "root"), metric="r2")
EXONS = Task("exons", "single_label_classification", ("intron", "exon"), metric="mcc", level="nucleotide")

Rows = list[tuple[str, str, object]]


def write_fasta(path: Path, rows: Rows) -> None:
    joined = [
        (name, letters, "|".join(map(str, label if isinstance(label, list) else [label])))
        for name, letters, label in rows
    ]
    path.write_text("".join(f">{name}|{label}\n{letters}\n" for name, letters, label in joined))


def write_separated(path: Path, rows: Rows, separator: str) -> None:
    joined = [
        (name, letters, ";".join(map(str, label)) if isinstance(label, list) else str(label))
        for name, letters, label in rows
    ]
    path.write_text("\n".join(separator.join(cells) for cells in [("name", "sequence", "labels"), *joined]) + "\n")


def write_parquet(path: Path, rows: Rows) -> None:
    names, sequences, labels = zip(*rows, strict=True)
    pq.write_table(pa.table({"name": names, "sequence": sequences, "labels": labels}), path)


def write_jsonl(path: Path, rows: Rows) -> None:
    records = [{"name": name, "sequence": letters, "labels": label} for name, letters, label in rows]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


WRITERS: dict[str, Callable[[Path, Rows], None]] = {
    ".fa": write_fasta,
    ".csv": lambda path, rows: write_separated(path, rows, ","),
    ".tsv": lambda path, rows: write_separated(path, rows, "\t"),
    ".parquet": write_parquet,
    ".jsonl": write_jsonl,
}
every_format = pytest.mark.parametrize("kind", WRITERS)


def bgzip(content: bytes) -> bytes:
    """The content in bgzip blocks of 100 bytes and the empty block at the end (SAM specification, section 4.1)."""

    def block(part: bytes) -> bytes:
        squeeze = zlib.compressobj(wbits=-15)
        deflated = squeeze.compress(part) + squeeze.flush()
        extra = b"BC" + struct.pack("<HH", 2, len(deflated) + 25)
        header = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H", len(extra)) + extra
        return header + deflated + struct.pack("<II", zlib.crc32(part), len(part))

    end = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    return b"".join(block(content[i : i + 100]) for i in range(0, len(content), 100)) + end


# --- what is read ---------------------------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize(
    ("task", "labels", "type_"),
    [
        (BINARY, [0, 1], pa.int64()),
        (STRENGTH, [-0.5, 2.0], pa.float64()),
        (TRACKS, [[0, 1, 1], [0, 0, 0]], pa.list_(pa.int64())),
        (TISSUES, [[0.5, 1.0], [-1.0, 2.5]], pa.list_(pa.float64())),
        (EXONS, [[0, 1, 1, 0], [1, 1, 1, 1]], pa.list_(pa.int64())),
    ],
    ids=lambda value: value.name if isinstance(value, Task) else "",
)
def test_every_format_gives_the_same_dataset(
    tmp_path: Path, kind: str, task: Task, labels: list, type_: pa.DataType
) -> None:
    path = tmp_path / f"x{kind}"
    WRITERS[kind](path, [("a", "ACGT", labels[0]), ("b", "acrn", labels[1])])
    dataset = read_file(path, task=task)
    assert dataset[:] == {"name": ["a", "b"], "sequence": ["ACGT", "ACNN"], "labels": labels}
    assert dataset.features.arrow_schema.field("labels").type == type_
    assert dataset.cache_files == []


@every_format
def test_sequences_alone_are_read_on_request(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x{kind}"
    WRITERS[kind](path, [("a", "ACGT", "what"), ("b", "ACGG", "ever")])
    dataset = read_file(path, labels="none")
    assert dataset.column_names == ["name", "sequence"]
    assert dataset["sequence"][:] == ["ACGT", "ACGG"]


def test_wrapped_lines_crlf_blank_lines_and_trailing_space_are_layout(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_bytes(b"\r\n>chr1 the first\r\nACGT  \r\n\r\nacgt\r\n>chr2\tsecond\r\nNN")
    assert read_file(path)[:] == {"name": ["chr1", "chr2"], "sequence": ["ACGTACGT", "NN"]}


def test_a_pipe_in_a_plain_fasta_name_belongs_to_the_name(tmp_path: Path) -> None:
    path = tmp_path / "x.fna"
    path.write_text(">gi|9626243|ref|NC_001416.1| Enterobacteria phage lambda\nGGGCGGCGACCT\n")
    assert read_file(path)["name"][:] == ["gi|9626243|ref|NC_001416.1|"]


def test_a_task_reads_header_labels_only_where_headers_have_them(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\nACGT\n>b\nACGG\n")
    assert read_file(path, task=BINARY).column_names == ["name", "sequence"]


@pytest.mark.parametrize("compress", [gzip.compress, bgzip], ids=["gzip", "bgzip"])
@pytest.mark.parametrize("kind", [".fa", ".csv", ".tsv", ".jsonl"])
def test_gzip_and_bgzip_are_recognised_by_content(tmp_path: Path, kind: str, compress: Callable) -> None:
    plain = tmp_path / f"x{kind}"
    WRITERS[kind](plain, [(f"r{i}", "ACGT" * 20, i % 2) for i in range(20)])
    expected = read_file(plain, task=BINARY)[:]
    named = tmp_path / f"y{kind}.gz"
    named.write_bytes(compress(plain.read_bytes()))
    unnamed = tmp_path / f"z{kind}"
    unnamed.write_bytes(named.read_bytes())
    assert read_file(named, task=BINARY)[:] == expected
    assert read_file(unnamed, task=BINARY)[:] == expected


def test_rows_without_a_name_column_are_called_by_number(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("label,sequence\nyes,ACGT\nno,ACGG\n")
    assert read_file(path, task=BINARY)[:] == {"name": ["1", "2"], "sequence": ["ACGT", "ACGG"], "labels": [1, 0]}


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("id\tseq\tleaf\troot\n7\tACGT\t0.5\t1\n")
    dataset = read_file(
        path, task=TISSUES, sequence_column="seq", labels_column="leaf, root", name_column="id", labels="required"
    )
    assert dataset[:] == {"name": ["7"], "sequence": ["ACGT"], "labels": [[0.5, 1.0]]}


def test_spreadsheet_csv_with_byte_order_mark_and_quotes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbfsequence,label\r\n"ACGT",1\r\n\r\n" ACGG ",0\r\n')
    assert read_file(path, task=BINARY)[:]["labels"] == [1, 0]


def test_a_cell_may_hold_a_chromosome(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"sequence\n{'ACGT' * 50_000}\n")
    assert len(read_file(path)[0]["sequence"]) == 200_000


def test_reading_in_chunks_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.fa"
    write_fasta(path, [(f"r{i}", "ACGT" * (i + 1), i % 2) for i in range(50)])
    whole = read_file(path, task=BINARY)[:]
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_BP", 100)
    assert read_file(path, task=BINARY)[:] == whole
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_RECORDS", 1)
    assert read_file(path, task=BINARY)[:] == whole


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(st.text("ACGTNRYacgt", min_size=1), st.integers(0, 1)), min_size=1, max_size=8),
    data=st.data(),
)
def test_every_format_reads_what_any_rows_say(tmp_path: Path, rows: list[tuple[str, int]], data: st.DataObject) -> None:
    named: Rows = [(f"r{i}", letters, label) for i, (letters, label) in enumerate(rows)]
    kind = data.draw(st.sampled_from(sorted(WRITERS)))
    path = tmp_path / f"x{kind}"
    WRITERS[kind](path, named)
    dataset = read_file(path, task=BINARY, labels="required")
    assert dataset["labels"][:] == [label for _, label in rows]
    assert [len(sequence) for sequence in dataset["sequence"]] == [len(letters) for letters, _ in rows]


# --- what is refused ------------------------------------------------------------------------------------------------

REFUSED_RECORDS = [
    ([("a", "ACGT", 0), ("b", "", 1)], r"record 2 \('b'\) has no sequence; fill it in or remove the record"),
    ([("a", "ACGT", 0), ("a", "ACGG", 1)], r"record 2 \('a'\) has the same name as record 1; names must differ"),
    ([("a", "ACGT", 0), ("b", "ACJT", 1)], r"record 2 \('b'\): letter 'J' at position 3 \(counted from 1\)"),
    ([("a", "ACUT", 0), ("b", "ACGT", 1)], r"record 1 \('a'\): letter 'U' at position 3 .*replace U by T"),
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
        (STRENGTH, "nan", "the label is missing; task 'strength': allowed are finite numbers"),
        (STRENGTH, "inf", "label 'inf' does not fit"),
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
    write_separated(path, [("a", "ACGT", 0)], ",")
    with pytest.raises(ValueError, match=r"label '0' does not fit task 'clades' .*allowed are '1', '2'$"):
        read_file(path, task=clades)


FILES = {
    "no_header.fa": (b"ACGT\n>a\nACGT\n", "the first line does not start with '>', so this is not FASTA"),
    "empty.fa": (b"", "the file is empty"),
    "blank.fa": (b"\n\n", "the file holds no records"),
    "empty.csv": (b"", "the file is empty"),
    "only_header.csv": (b"sequence,labels\n", "the file holds no records"),
    "blank.jsonl": (b"\n\n", "the file holds no records"),
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


# --- the task of a user's own file ----------------------------------------------------------------------------------


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
        (["0", ""], "record 2: the label is missing; fill it in or remove the record"),
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


# --- real files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "records", "bases"),
    [
        ("genomes/human_hg19_chr17_part.fa", 1, 40_000),
        ("genomes/human_chrM_hg.fa", 3, 18_162),
        ("genomes/lambda_virus.fa", 1, 48_502),
        ("genomes/arabidopsis_chr5_last1Mb_softmasked.fa.gz", 8, 1_000_001),
        ("genomes/yeast_chrI_R64_hardmasked.fa.gz", 1, 230_218),
    ],
)
def test_real_genomes_are_read_whole(shared: Path, path: str, records: int, bases: int) -> None:
    dataset = read_file(shared / "data" / path)
    assert len(dataset) == records
    assert sum(map(len, dataset["sequence"])) == bases
    assert all(set(sequence) <= set("ACGTN") for sequence in dataset["sequence"])


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


def test_kmers_written_with_spaces_are_refused(shared: Path) -> None:
    with pytest.raises(ValueError, match=r"letter ' ' at position 7 .*remove the white space"):
        read_file(shared / "data" / "tasks" / "DNABERT_ft_6mer" / "dev.tsv")
