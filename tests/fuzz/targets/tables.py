"""Text files of sequences and labels: FASTA, CSV, TSV, JSONL, plain and gzip."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutations import BINARY, JSON, TEXT
from tests.fuzz.target import Target

_ROWS = [(f"seq{number}", "ACGTTGCANNacgt"[number % 5 :] * 3, number % 2) for number in range(12)]


def _write(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return write


def _separated(separator: str) -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in [("name", "sequence", "label"), *_ROWS])


def _write_gzip(folder: Path) -> Path:
    path = folder / "rows.csv.gz"
    path.write_bytes(gzip.compress(_separated(",").encode(), mtime=0))
    return path


def _read(path: Path) -> None:
    from hf_dnalm.data import infer_task, read_file

    task = infer_task(path, name="fuzz")
    read_file(path, task=task)


def _read_unlabelled(path: Path) -> None:
    from hf_dnalm.data import read_file

    read_file(path, labels="none")


_FASTA = "".join(f">{name} |{label}\n{letters[:20]}\n{letters[20:]}\n" for name, letters, label in _ROWS)
_JSONL = "".join(json.dumps({"name": n, "sequence": s, "label": y}) + "\n" for n, s, y in _ROWS)

TARGETS = [
    Target("fasta", _write("rows.fa", _FASTA), _read_unlabelled, TEXT),
    Target("csv", _write("rows.csv", _separated(",")), _read, TEXT),
    Target("tsv", _write("rows.tsv", _separated("\t")), _read, TEXT),
    Target("jsonl", _write("rows.jsonl", _JSONL), _read, (*TEXT, *JSON)),
    Target("gzip", _write_gzip, _read, BINARY),
]
