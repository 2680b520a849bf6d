"""WebDataset archives: .tar.gz files in which the members of one sample are adjacent and share a stem."""

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
    """Open an archive for writing. It records no times, so equal members give identical files."""
    with (
        open(path, "wb") as file,
        # Level 1: a model's floats hardly compress, and the default level would take longer than many models.
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
    """Rows of float32 that arrive in blocks and are added as arrays, without holding a complete array in memory.

    Args:
        blocks: the rows in order, each block (rows, width) float32.
        width: numbers in a row.
    """

    def __init__(self, blocks: Iterable[np.ndarray], width: int) -> None:
        self._blocks = iter(blocks)
        self._width = width
        self._buffers: deque[memoryview] = deque()

    def add_to(self, archive: tarfile.TarFile, name: str, count: int) -> None:
        """Add the next `count` rows as one .npy member, (1, count, width)."""
        header = io.BytesIO()
        description = {"descr": "<f4", "fortran_order": False, "shape": (1, count, self._width)}
        np.lib.format.write_array_header_1_0(header, description)
        self._buffers.appendleft(header.getbuffer())
        member = tarfile.TarInfo(name)
        member.size = len(header.getbuffer()) + 4 * count * self._width
        archive.addfile(member, self)  # type: ignore[arg-type]  # it calls only `read`

    def read(self, size: int) -> bytes:
        """Return the next bytes, like a file's `read`."""
        parts: list[memoryview] = []
        while size:
            if not self._buffers:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._buffers.append(memoryview(np.ascontiguousarray(block, dtype="<f4").tobytes()))
            first = self._buffers.popleft()
            parts.append(first[:size])
            if len(first) > size:
                self._buffers.appendleft(first[size:])
            size -= len(parts[-1])
        return b"".join(parts)
