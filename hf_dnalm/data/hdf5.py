"""Read HDF5 files safely: clear errors for damaged files, and no links to other files are followed."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from hf_dnalm.damage import decoding

_MOST_BYTES_OF_A_ROW = 2**30
_MOST_LINKS = 16


def open_hdf5(path: str | os.PathLike[str]) -> Any:
    """Open an HDF5 file for reading, as an `h5py.File`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not HDF5.
        ImportError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError('h5py is needed for labels in HDF5: pip install "hf_dnalm[hdf5]".') from None
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: no such file.")
    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: not a readable HDF5 file ({error}).") from None


class Rows:
    """A dataset of an open HDF5 file, read row by row. Its values must be stored in the same file.

    An untrusted file could point to another file on this machine through an external link, external storage or a
    virtual dataset. These are refused.

    Args:
        file: from `open_hdf5`.
        name: of the dataset.
        path: of the file, for error messages.

    Raises:
        ValueError: no such dataset, its values are stored in another file, or the file is damaged.
    """

    def __init__(self, file: Any, name: str, path: str | os.PathLike[str]) -> None:
        self.path, self.name = os.fspath(path), name
        with decoding(self.path, f"dataset {name!r}"):
            self._dataset = own_object(file, name, path)
            self.shape: tuple[int, ...] = tuple(self._dataset.shape)
            of_a_row = math.prod(self.shape[1:]) * self._dataset.dtype.itemsize
        if not self.shape:
            raise ValueError(f"{self.path}: dataset {name!r} is a single value; it must have rows.")
        if of_a_row > _MOST_BYTES_OF_A_ROW:
            raise ValueError(
                f"{self.path}: dataset {name!r} has shape {self.shape}: a row would be {of_a_row:,} bytes."
            )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, row: int) -> np.ndarray:
        """A row, 0-based.

        Raises:
            ValueError: the file is damaged there.
        """
        with decoding(self.path, f"dataset {self.name!r}, row {row + 1}"):
            return np.asarray(self._dataset[row])


def own_object(group: Any, name: str, path: str | os.PathLike[str]) -> Any:
    """The group or dataset of this name, which must be stored in the same file as `group`.

    Raises:
        ValueError: no such object, or it is stored in another file.
    """
    import h5py

    given = name
    for _ in range(_MOST_LINKS):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise _elsewhere(path, given, f"is a link to {link.filename!r}")
        if not isinstance(link, h5py.SoftLink):
            break
        name = link.path.strip("/")
        if "/" in name:
            raise _elsewhere(path, given, f"is a link to {name!r}, inside of a group")
    if name not in group:
        raise ValueError(f"{path}: no dataset {given!r}; it has {', '.join(group) or 'none'}.")
    found = group[name]
    if isinstance(found, h5py.Dataset) and found.external:
        raise _elsewhere(path, given, f"has its numbers in {found.external[0][0]!r}")
    if isinstance(found, h5py.Dataset) and found.is_virtual:
        raise _elsewhere(path, given, "is made of parts of other files")
    return found


def _elsewhere(path: str | os.PathLike[str], name: str, how: str) -> ValueError:
    return ValueError(f"{path}: {name!r} {how}. Links out of a file are not followed; copy the numbers into it.")
