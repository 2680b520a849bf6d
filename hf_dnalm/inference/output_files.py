"""Write result files completely or not at all, and tables as TSV, CSV and Parquet."""

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
    """A table that is written part by part.

    Attributes:
        columns: name → type, in order.
        parts: the rows, a few thousand at a time; each part has one (rows,) array per column. Masked values of a
            numpy.ma array become empty cells, or null in Parquet.
    """

    columns: dict[str, pa.DataType]
    parts: Iterable[Sequence[np.ndarray]]


def output_extension(path: Path, extensions: Iterable[str]) -> str:
    """Return the extension of `path`, or raise an error if it cannot be written; call this before any work is done.

    Raises:
        ValueError: the extension is not one of `extensions`, or `path` is a folder.
        FileNotFoundError: the folder of `path` does not exist.
    """
    extensions = tuple(extensions)
    fitting = [extension for extension in extensions if path.name.lower().endswith(extension)]
    if not fitting:
        raise ValueError(f"cannot write {path}: the extension must be one of {', '.join(extensions)}.")
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; give the name of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; create it first.")
    return max(fitting, key=len)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path next to `path`; it is renamed to `path` at the end, and deleted after an error.

    The temporary name is unique to this process, so two writers never share one. Temporary files of killed processes
    on this machine are removed.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the message names it.
    """
    own = f".{path.name}.{socket.gethostname()}"
    partial = path.with_name(f"{own}.{os.getpid()}.{os.urandom(4).hex()}.part")
    for leftover in path.parent.glob(f"{glob.escape(own)}.*.part"):
        process = leftover.name.removeprefix(f"{own}.").partition(".")[0]
        if process.isdecimal() and not _runs(int(process)):
            leftover.unlink(missing_ok=True)
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if os.fspath(path) in str(error):
            raise
        raise OSError(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether a process with this id exists on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        return True
    return True


def write_table_file(table: Table, path: Path) -> None:
    """Write the table in the format of the extension, one of `TABLE_WRITERS`, completely or not at all.

    Numbers have as many digits as are needed to read back the same value of the column's type.

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
        # numpy prints the shortest digits that read back as the same number
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
    # no name or time in the header, so equal results give identical files
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
