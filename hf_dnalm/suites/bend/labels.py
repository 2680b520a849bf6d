"""Labels of regions: from a column of the BED file, or row by row from HDF5, checked against the task."""

from __future__ import annotations

import os

import numpy as np

from hf_dnalm.data.hdf5 import Rows, open_hdf5
from hf_dnalm.suites.bend.definition import PADDING, BendTask
from hf_dnalm.suites.bend.regions import Regions


class BedLabels:
    """Labels in the column `label`.

    For yes/no tracks the column lists the numbers of those that are 1, "0,4,17", and is empty where none is. For
    classes it holds the number of one class or its name.

    Raises:
        ValueError: the file has no such column.
    """

    def __init__(self, task: BendTask, regions: Regions) -> None:
        if regions.labels is None:
            raise ValueError(f"{regions.path}: no column 'label', which task {task.name!r} reads.")
        self._task = task
        self._regions = regions
        self._texts = regions.labels
        self._classes = {label: index for index, label in enumerate(task.label_names)}

    def __getitem__(self, row: int) -> np.ndarray:
        """(outputs,) int64 zeros and ones, or () int64, a class or what a variant is; `row` is 0-based.

        Raises:
            ValueError: the text is no label of the task; names file and row.
        """
        text, task = self._texts[row], self._task
        if task.is_zero_shot:
            if text not in ("0", "1"):
                raise ValueError(f"{self._regions.where(row)}: label is {text!r}; a variant's is 0 or 1.")
            return np.array(int(text), dtype=np.int64)
        if task.loss == "cross_entropy":
            return np.array(self._classes[text] if text in self._classes else self._index(text, row), dtype=np.int64)
        labels = np.zeros(task.outputs, dtype=np.int64)
        for number in text.split(",") if text else ():
            labels[self._index(number, row)] = 1
        return labels

    def _index(self, text: str, row: int) -> int:
        last = self._task.outputs - 1
        if not text.strip().isdecimal() or int(text) > last:
            rule = (
                "the label is the number of one class"
                if self._task.loss == "cross_entropy"
                else (
                    "the column lists the numbers of the labels that are 1, between commas, and is empty where none is"
                )
            )
            raise ValueError(
                f"{self._regions.where(row)}: label {text!r} is not one of 0 to {last} of task {self._task.name!r}; "
                f"{rule}."
            )
        return int(text)


class Hdf5Labels:
    """Labels in the dataset `labels` of an HDF5 file, whose row i is row i of the whole BED file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not HDF5, no such dataset, or another number of rows than the BED file.
        ImportError: h5py is not installed.
    """

    def __init__(self, task: BendTask, regions: Regions, path: str | os.PathLike[str]) -> None:
        self._task = task
        self._regions = regions
        self.path = os.fspath(path)
        self._file = open_hdf5(self.path)
        self._labels = Rows(self._file, "labels", self.path)
        if len(self._labels) != len(regions):
            raise ValueError(
                f"{self.path}: labels has {len(self._labels):,} rows, but {regions.path} has {len(regions):,}; row i "
                "of one must be row i of the other."
            )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __getitem__(self, row: int) -> np.ndarray:
        """Labels of a row, int64, in the shape that the task's level asks for; `row` is 0-based.

        (L,) classes of nucleotides, in the order in which they are read; (bins,) or (bins, outputs); (outputs,) tracks
        of a sequence, or () its class. Padding behind the last nucleotide or bin of a shorter region is cut off.

        Raises:
            ValueError: another shape or another label; names file and row.
        """
        stored = self._labels[row]
        if stored.dtype.kind not in "iufb":
            raise self._refused(row, f"labels are of type {stored.dtype}, not numbers")
        with np.errstate(invalid="ignore"):  # what is no whole number is refused below
            labels = stored.astype(np.int64)
        if not np.array_equal(labels, stored):
            raise self._refused(row, "labels are not whole numbers")
        expected = self._shape(row)
        if labels.ndim and expected and len(labels) > expected[0] and (labels[expected[0] :] == PADDING).all():
            labels = labels[: expected[0]]
        if labels.ndim == len(expected) + 1 and labels.shape[-1] == 1:
            labels = labels[..., 0]
        if labels.shape != expected:
            raise self._refused(row, f"labels have shape {stored.shape}, where {expected} is expected")
        self._check_values(labels, row)
        return labels

    def _shape(self, row: int) -> tuple[int, ...]:
        task, interval = self._task, self._regions.intervals[row]
        length = interval.end - interval.start
        if task.level == "nucleotide":
            return (length,)
        if task.level == "bin" and task.downsample is not None:
            several = task.outputs > 1 and task.loss == "binary_cross_entropy"
            return (length // task.downsample, *([task.outputs] if several else []))
        return () if task.loss == "cross_entropy" else (task.outputs,)

    def _check_values(self, labels: np.ndarray, row: int) -> None:
        last = self._task.outputs - 1 if self._task.loss == "cross_entropy" else 1
        wrong = (labels != PADDING) & ((labels < 0) | (labels > last))
        if wrong.any():
            raise self._refused(row, f"label {labels[wrong][0]} is not one of 0 to {last} (or {PADDING}: no label)")

    def _refused(self, row: int, reason: str) -> ValueError:
        return ValueError(f"{self.path}: row {row + 1} ({self._regions.intervals[row]}): {reason}.")
