"""HDF5 files, opened with errors that say what is wrong."""

from __future__ import annotations

import os
from typing import Any


def open_hdf5(path: str | os.PathLike[str]) -> Any:
    """The file, an h5py.File to read from.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not HDF5.
        ImportError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError('h5py is needed for labels in HDF5: pip install "hf_dnalm[hdf5]"') from None
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not a readable HDF5 file ({error})") from None
