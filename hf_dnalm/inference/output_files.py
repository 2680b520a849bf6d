"""Files of results, written whole or not at all, and tables in the formats that other programs read."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet


class Table(NamedTuple):
    """A table that is made part by part.

    Attributes:
        columns: name → type, in order.
        parts: the rows, some thousand at a time, each part one (rows,) array for each column. What a numpy.ma array
            masks is an empty cell, or null in Parquet.
    """

    columns: dict[str, pa.DataType]
    parts: Iterable[Sequence[np.ndarray]]


def output_extension(path: Path, extensions: Iterable[str]) -> str:
    """Which of the extensions `path` has, checked before any work is done.

    Raises:
        ValueError: none of them, or `path` is a folder.
        FileNotFoundError: the folder of `path` does not exist.
    """
    extensions = tuple(extensions)
    fitting = [extension for extension in extensions if path.name.lower().endswith(extension)]
    if not fitting:
        raise ValueError(f"cannot write {path}: the extension must be one of {', '.join(extensions)}")
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}")
    return max(fitting, key=len)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place next to `path` to write to; what is written there moves in when no error came, and is gone otherwise.

    The name of that place is this process's own, so two writers never share one. Those that killed processes of this
    machine left behind are removed.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the message names it.
    """
    own = f".{path.name}.{socket.gethostname()}"
    partial = path.with_name(f"{own}.{os.getpid()}.{os.urandom(4).hex()}.part")
    for left in path.parent.glob(f"{glob.escape(own)}.*.part"):
        process = left.name.removeprefix(f"{own}.").partition(".")[0]
        if process.isdecimal() and not _runs(int(process)):
            left.unlink(missing_ok=True)
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if os.fspath(path) in str(error):
            raise
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def write_table_file(table: Table, path: Path) -> None:
    """Write the table as the file that the extension names, one of `TABLE_WRITERS`, whole or not at all.

    Numbers are written with the digits that read back to the same number of the column's width.

    Raises:
        ValueError, FileNotFoundError: as `output_extension`.
    """
    write = TABLE_WRITERS[output_extension(path, TABLE_WRITERS)]
    with whole_file(path) as partial, open(partial, "wb") as file:
        write(table, file)


def write_text(table: Table, file: TextIO, *, delimiter: str = "\t") -> None:
    """The rows as text, with a header line."""
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(table.columns)
    for part in table.parts:
        # numpy prints the shortest digits that read back to the same number
        writer.writerows(zip(*(map(_texts, part)), strict=True))


def _texts(column: np.ndarray) -> list[str]:
    texts = np.ma.getdata(column).astype(str).astype(object)
    texts[np.ma.getmaskarray(column)] = ""
    return texts.tolist()


def _write_tsv(table: Table, file: BinaryIO | gzip.GzipFile) -> None:
    with io.TextIOWrapper(cast(BinaryIO, file), encoding="utf-8", newline="") as text:
        write_text(table, text)


def _write_csv(table: Table, file: BinaryIO) -> None:
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        write_text(table, text, delimiter=",")


def _write_tsv_gz(table: Table, file: BinaryIO) -> None:
    # no name and no time in the header: equal results are equal files
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
        _write_tsv(table, compressed)


def _write_parquet(table: Table, file: BinaryIO) -> None:
    schema = pa.schema(list(table.columns.items()))
    with pyarrow.parquet.ParquetWriter(file, schema, write_page_checksum=True) as writer:
        for part in table.parts:
            columns = [
                pa.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column), type=field.type)
                for column, field in zip(part, schema, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))


TABLE_WRITERS: dict[str, Callable[[Table, BinaryIO], None]] = {
    ".tsv": _write_tsv,
    ".tsv.gz": _write_tsv_gz,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
