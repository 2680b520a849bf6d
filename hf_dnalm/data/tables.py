"""Read CSV, TSV, Parquet and JSONL one row at a time, and find the name, sequence and label columns."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow.parquet as pq

from hf_dnalm.compression import open_bytes
from hf_dnalm.damage import decoding
from hf_dnalm.data.records import Record

EXTENSIONS = (".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson")
_SEPARATORS = (".csv", ".tsv", ".tab")
_OTHER_SEPARATORS = (";", "\t", ",", "|")
_LABEL_NAMES = ("labels", "label")  # a file may use either; people and the Hub write both


class Columns(NamedTuple):
    """The column names of a table; `labels` is empty for an unlabelled table, `sequence2` is for pairs."""

    name: str | None
    sequence: str
    labels: tuple[str, ...]
    sequence2: str | None = None


def table_records(path: str | Path, kind: str, columns: Columns) -> Iterator[Record]:
    """The rows of a table in order. Without a name column, rows are named by number: "1", "2", ….

    Args:
        path: plain, gzip or bgzip (Parquet: plain).
        kind: one of `EXTENSIONS`.
        columns: from `find_columns`.

    Raises:
        ValueError: a row with too few or too many cells, broken quoting or JSON, a sequence that is not text, no rows.
    """
    number = 0
    for number, cells in enumerate(_rows(path, kind, _wanted(columns)), start=1):
        values = iter(cells)
        name = str(number) if columns.name is None else _text_name(next(values), path, number)
        letters = []
        for column in filter(None, (columns.sequence, columns.sequence2)):
            sequence = next(values)
            if not isinstance(sequence, str) and sequence is not None:
                raise ValueError(
                    f"{path}: record {number} ({name!r}): column {column!r} holds {sequence!r}, which is not text."
                )
            letters.append(sequence or "")
        labels = ["" if value is None else value for value in values]
        label = labels if len(labels) > 1 else labels[0] if labels else None
        yield Record(number, name, letters[0], label, letters[1] if len(letters) > 1 else None)
    if not number:
        raise ValueError(f"{path}: the file has no records; check that it is complete.")


def find_columns(
    path: str | Path,
    kind: str,
    *,
    sequence: str,
    labels: str | None,
    name: str,
    labels_required: bool,
    sequence2: str | None = None,
) -> Columns:
    """Match the requested columns with the columns of a table.

    Args:
        path, kind: as in `table_records`.
        sequence: required.
        labels: one column, or several joined by commas; "labels" also finds "label" and the other way round. None
            reads no labels. A column with any other name is required.
        name: "name" is optional; any other name is required.
        labels_required: whether the default label column is required.
        sequence2: column of the second sequences of pairs; required if it is given.

    Raises:
        ValueError: a column is missing (the message lists the existing ones) or occurs twice.
    """
    there = _header(path, kind)
    if not there:
        raise ValueError(f"{path}: the file has no records; check that it is complete.")

    def missing(what: str, column: str) -> ValueError:
        if len(there) == 1 and kind in _SEPARATORS and any(each in there[0] for each in _OTHER_SEPARATORS):
            found = next(each for each in _OTHER_SEPARATORS if each in there[0])
            return ValueError(
                f"{path}: the first line is one column, {there[0]!r}: the columns seem to be separated by {found!r}. "
                "Save the table with commas as .csv or with tabs as .tsv."
            )
        return ValueError(
            f"{path}: no column {column!r} for the {what}; the columns are {', '.join(map(repr, there))}. "
            f"Name the right one with {what}_column."
        )

    if sequence not in there:
        raise missing("sequence", sequence)
    if sequence2 is not None and sequence2 not in there:
        raise missing("sequence2", sequence2)
    if name not in there and name != "name":
        raise missing("name", name)
    found: list[str] = []
    for column in (labels or "").split(",") if labels else []:
        column = column.strip()
        other = _LABEL_NAMES[1 - _LABEL_NAMES.index(column)] if column in _LABEL_NAMES else column
        match = next((candidate for candidate in (column, other) if candidate in there), None)
        if match is not None:
            found.append(match)
        elif labels_required or column not in _LABEL_NAMES:
            raise missing("labels", column)
    columns = Columns(name if name in there else None, sequence, tuple(found), sequence2)
    twice = next((column for column in _wanted(columns) if there.count(column) > 1), None)
    if twice is not None:
        raise ValueError(f"{path}: column {twice!r} occurs {there.count(twice)} times; rename or remove one.")
    return columns


def _wanted(columns: Columns) -> list[str]:
    sequences = filter(None, (columns.name, columns.sequence, columns.sequence2))
    return [*sequences, *columns.labels]


def _text_name(value: object, path: str | Path, number: int) -> str:
    text = "" if value is None else str(value).strip()
    if not text:
        raise ValueError(f"{path}: record {number} has no name; fill it in or read without the name column.")
    return text


def _header(path: str | Path, kind: str) -> list[str]:
    """The table's column names; for JSONL the keys of its first line."""
    match kind:
        case ".parquet":
            with _parquet(path) as file:
                return file.schema_arrow.names
        case ".jsonl" | ".ndjson":
            with open_bytes(path) as handle:
                return list(next((row for _, row in _json_lines(handle, path)), {}))
        case ".csv" | ".tsv" | ".tab":
            with open_bytes(path) as handle:
                return [cell.strip() for cell in next(_csv_lines(handle, path, kind), [])]
        case _:
            raise ValueError(f"{path}: {kind!r} is not a table; tables are {', '.join(EXTENSIONS)}.")


def _rows(path: str | Path, kind: str, wanted: Sequence[str]) -> Iterator[Sequence[object]]:
    """The cells of the wanted columns, row by row."""
    match kind:
        case ".parquet":
            with _parquet(path) as file:
                for batch in file.iter_batches(batch_size=1024, columns=list(wanted)):
                    columns = batch.to_pydict()
                    yield from zip(*(columns[column] for column in wanted), strict=True)
        case ".jsonl" | ".ndjson":
            with open_bytes(path) as handle:
                for number, row in _json_lines(handle, path):
                    absent = [column for column in wanted if column not in row]
                    if absent:
                        raise ValueError(f"{path}: record {number} has no {absent[0]!r}; it has {', '.join(row)}.")
                    yield [row[column] for column in wanted]
        case _:
            with open_bytes(path) as handle:
                lines = _csv_lines(handle, path, kind)
                header = [cell.strip() for cell in next(lines)]
                places = [header.index(column) for column in wanted]
                for number, cells in enumerate(lines, start=1):
                    if len(cells) != len(header):
                        raise ValueError(
                            f"{path}: record {number} has {len(cells)} cells, the header has {len(header)}; "
                            f"quote cells that hold the separator."
                        )
                    yield [cells[place] for place in places]


@contextmanager
def separated_rows(path: str | Path, *, separator: str = ",") -> Iterator[Iterator[list[str]]]:
    """The cells of a CSV or TSV file, row by row, a header included where there is one; plain or gzip.

    Raises:
        ValueError: as in `table_records`.
    """
    with open_bytes(path) as handle:
        yield _csv_lines(handle, path, ".csv" if separator == "," else ".tsv")


def _json_lines(handle: BinaryIO, path: str | Path) -> Iterator[tuple[int, dict]]:
    number = 0
    for line_number, line in enumerate(handle, start=1):
        if line_number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        number += 1
        try:
            row = json.loads(line)
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{path}: record {number} (line {line_number}) is not JSON: {reason}.") from None
        if not isinstance(row, dict):
            raise ValueError(f"{path}: record {number} (line {line_number}) is not a JSON object {{…}}.")
        yield number, row


def _csv_lines(handle: BinaryIO, path: str | Path, kind: str) -> Iterator[list[str]]:
    """Rows of cells, the header first; blank lines are dropped, and so is the byte order mark that Excel writes."""
    text = (line.removeprefix(codecs.BOM_UTF8).decode("utf-8") for line in handle)
    lines = csv.reader(text, delimiter="," if kind == ".csv" else "\t", strict=True)
    number = -1  # the header is record 0
    try:
        while (cells := _next_row(lines)) is not None:
            if cells:
                number += 1
                yield cells
    except csv.Error as error:
        raise ValueError(f"{path}: record {number + 1} (line {lines.line_num}) is not CSV: {error}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: record {number + 1} is not UTF-8 text ({error.reason}); save it as UTF-8.") from None


def _next_row(lines: Iterator[list[str]]) -> list[str] | None:
    """The next row, None at the end; a cell may hold a chromosome.

    Python's csv stops at 131,072 letters unless a limit of the whole process is moved. It is moved for this row alone,
    so that other readers of the process, also those that are read in step with this one, find their own.
    """
    before = csv.field_size_limit(2**31 - 1)
    try:
        return next(lines, None)
    finally:
        csv.field_size_limit(before)


@contextmanager
def _parquet(path: str | Path) -> Iterator[pq.ParquetFile]:
    with open_bytes(path):
        pass  # raises the usual error for a missing or an empty file
    with (
        decoding(path, remedy="It is not a readable Parquet file."),
        pq.ParquetFile(path, page_checksum_verification=True) as file,
    ):
        yield file
