"""Open a plain, gzip or bgzip file as bytes; a cut-off file is an error, never a shorter file."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_GZIP_MAGIC = b"\x1f\x8b"
# bgzip (SAM specification, section 4.1) writes gzip blocks with an extra field "BC" and ends with one empty block.
# A file cut between two blocks is valid gzip, so only this last block tells that nothing is missing.
_BGZIP_FIELD = slice(12, 14)
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@contextmanager
def open_bytes(path: str | Path) -> Iterator[BinaryIO]:
    """A binary handle on the decompressed content; gzip and bgzip are recognised by content, not by name.

    Errors while reading inside the `with` block that mean a broken archive become one line with the file's name.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
        ValueError: the file is empty, a pipe, ends in .gz but is not gzip, is cut off, or is damaged.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder; give a file.")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file.")
    if not os.path.isfile(path):
        raise ValueError(
            f"{path}: not a regular file but a pipe or device, which can be read only once; save it first."
        )
    with open(path, "rb") as plain:
        head = plain.read(18)
        if not head:
            raise ValueError(f"{path}: the file is empty.")
        compressed = head.startswith(_GZIP_MAGIC)
        if str(path).lower().endswith((".gz", ".bgz")) and not compressed:
            raise ValueError(f"{path}: named as gzip, but the content is not gzip; rename it or compress it.")
        if head[_BGZIP_FIELD] == b"BC" and compressed and not _ends_with(plain, _BGZIP_END):
            raise ValueError(f"{path}: the bgzip file is cut off (its end marker is missing); copy it again.")
        plain.seek(0)
        if not compressed:
            yield plain
            return
        with gzip.open(plain) as handle:
            try:
                yield cast(BinaryIO, handle)
            except EOFError:
                raise ValueError(f"{path}: the gzip file is cut off; copy or download it again.") from None
            except (gzip.BadGzipFile, zlib.error) as error:
                raise ValueError(f"{path}: the gzip file is damaged ({error}); copy or download it again.") from None


def _ends_with(handle: BinaryIO, tail: bytes) -> bool:
    size = handle.seek(0, os.SEEK_END)
    handle.seek(max(size - len(tail), 0))
    return handle.read() == tail
