"""The same rows written in every format, and the tasks that label them; for the tests of this folder."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
