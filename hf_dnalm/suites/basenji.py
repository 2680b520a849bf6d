"""Reader for Basenji and Enformer windows in HDF5, as written by GENA-LM's conversion script."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hf_dnalm.damage import decoding
from hf_dnalm.data.hdf5 import open_hdf5, own_object
from hf_dnalm.data.records import Record
from hf_dnalm.suites.coordinates import bins_of, in_the_middle
from hf_dnalm.suites.readers import Request
from hf_dnalm.suites.task_definition import PublishedTask


def read_basenji(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """One HDF5 group per window, "0", "1", …, with `seq` (the sequence), `target` (bins, tracks) for its middle, and
    the attribute `coordinates`.

    The central `sequence_length` bp are used. Bins outside the target region have no label.

    Raises:
        ValueError: not HDF5; a window shorter than the task's, or with another number of tracks.
        ImportError: h5py is not installed.
    """
    task, length = published.task, request.sequence_length or published.sequence_length or 0
    bins = bins_of(task, length)
    with open_hdf5(path) as file:
        with decoding(path):
            keys = sorted(file, key=lambda key: (len(key), key))
        for number, key in enumerate(keys, start=1):
            with decoding(path, f"record {number} ({key!r})"):
                window = own_object(file, key, path)
                letters = own_object(window, "seq", path).asstr()[()]
                target, place = own_object(window, "target", path), str(window.attrs["coordinates"])
            if len(letters) < length:
                raise ValueError(
                    f"{path}: record {number} ({key!r}) has {len(letters):,} bp, fewer than the {length:,} bp of "
                    f"{task.name}; pass sequence_length=, or convert the data with a larger --sequence-length."
                )
            if target.ndim != 2 or target.shape[1] != task.num_labels:
                raise ValueError(
                    f"{path}: record {number} ({key!r}) has labels of shape {target.shape}, but {task.name} has "
                    f"{task.num_labels:,} tracks per bin."
                )
            cut = (len(letters) - length) // 2
            with decoding(path, f"record {number} ({key!r})"):
                labels = in_the_middle(target[()].astype(np.float32), bins)
            yield Record(number, place, letters[cut : cut + length], labels)
