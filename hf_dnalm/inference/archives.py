"""Archives in the layout of webdataset: .tar.gz files whose members of one sample stand together, by a common stem."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def new_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """An archive to add members to, one after the other; it bears no time, so equal members give equal files."""
    with (
        open(path, "wb") as file,
        # Level 1: floats of a model hardly shrink, and the default level would take longer than many models do.
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=1) as compressed,
        tarfile.open(fileobj=compressed, mode="w|") as archive,
    ):
        yield archive


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def add_array(archive: tarfile.TarFile, name: str, array: np.ndarray) -> None:
    """Add an array as a .npy member."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    add_bytes(archive, name, content.getvalue())


class Rows:
    """Rows of float32 that come in blocks, to be added as arrays of so many rows each, without holding one whole.

    Args:
        blocks: the rows in order, each (some rows, width) float32.
        width: numbers in a row.
    """

    def __init__(self, blocks: Iterable[np.ndarray], width: int) -> None:
        self._blocks = iter(blocks)
        self._width = width
        self._held: deque[memoryview] = deque()

    def add_to(self, archive: tarfile.TarFile, name: str, count: int) -> None:
        """Add the next `count` rows as one .npy member, (1, count, width)."""
        header = io.BytesIO()
        description = {"descr": "<f4", "fortran_order": False, "shape": (1, count, self._width)}
        np.lib.format.write_array_header_1_0(header, description)
        self._held.appendleft(header.getbuffer())
        member = tarfile.TarInfo(name)
        member.size = len(header.getbuffer()) + 4 * count * self._width
        archive.addfile(member, self)  # type: ignore[arg-type]  # it asks for no more than `read`

    def read(self, size: int) -> bytes:
        """The next bytes, as of a file."""
        parts: list[memoryview] = []
        while size:
            if not self._held:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._held.append(memoryview(np.ascontiguousarray(block, dtype="<f4").tobytes()))
            first = self._held.popleft()
            parts.append(first[:size])
            if len(first) > size:
                self._held.appendleft(first[size:])
            size -= len(parts[-1])
        return b"".join(parts)
