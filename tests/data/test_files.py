"""Reading a user's file: the same rules in every format."""

from __future__ import annotations

import csv
import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from datasets.table import MemoryMappedTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    write_fasta,
)


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
    before = csv.field_size_limit()
    assert len(read_file(path)[0]["sequence"]) == 200_000
    assert csv.field_size_limit() == before


def test_reading_in_chunks_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.fa"
    write_fasta(path, [(f"r{i}", "ACGT" * (i + 1), i % 2) for i in range(50)])
    whole = read_file(path, task=BINARY)[:]
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_BP", 100)
    assert read_file(path, task=BINARY)[:] == whole
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_RECORDS", 1)
    assert read_file(path, task=BINARY)[:] == whole


@pytest.mark.parametrize("records", [50, 47])
def test_large_data_lie_in_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: int) -> None:
    path = tmp_path / "x.fa"
    write_fasta(path, [(f"r{i}", "ACGT" * (i + 1), i % 2) for i in range(records)])
    whole = read_file(path, task=BINARY)
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_RECORDS", 5)
    monkeypatch.setattr("hf_dnalm.data.files._SPILL_BYTES", 1_500)
    spilled = read_file(path, task=BINARY)
    assert spilled[:] == whole[:]
    assert spilled.features == whole.features
    assert any(isinstance(block, MemoryMappedTable) for row in spilled.data.blocks for block in row)
    assert spilled.filter(lambda row: row["labels"] == 1)["name"][:] == whole["name"][1::2]
    assert pickle.loads(pickle.dumps(spilled))[:] == whole[:]


def test_labels_that_are_still_to_be_understood_are_kept_in_memory(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\n" + "ACGT,leaf\nACGTT,root\n" * 20)
    monkeypatch.setattr("hf_dnalm.data.files._CHUNK_RECORDS", 5)
    monkeypatch.setattr("hf_dnalm.data.files._SPILL_BYTES", 10)
    assert read_file(path)["labels"][:] == [0, 1] * 20


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


def test_kmers_written_with_spaces_are_refused(shared: Path) -> None:
    with pytest.raises(ValueError, match=r"letter ' ' at position 7 .*remove the white space"):
        read_file(shared / "data" / "tasks" / "DNABERT_ft_6mer" / "dev.tsv")
