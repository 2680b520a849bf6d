"""The data of a task: for every region of its BED file the letters of the reference and the labels."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hf_dnalm.genome import Genome, Interval
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.labels import BedLabels, Hdf5Labels
from hf_dnalm.suites.bend.regions import Regions, read_regions
from hf_dnalm.suites.bend.task_files import file_names, find_beside


class Region(NamedTuple):
    """A region as a model reads it.

    Attributes:
        sequence: letters A C G T N, the reverse complement on strand "-" of a task that reads strands; of a variant
            the reference's letters with the context around them.
        labels: int64, see `Hdf5Labels` and `BedLabels`.
    """

    sequence: str
    labels: np.ndarray


class BendData:
    """Regions, letters and labels of a task; rows are those of the BED file, 0-based.

    Labels of nucleotides and bins are given in the order of the file: in a task of one's own that reads strands, they
    must run in the direction in which the region is read, as in the published code, which never turns labels round.

    Args:
        task: published or one's own.
        data_dir: folder with `<task>/<task>.bed` (or `<task>.bed`) and, if labels are in HDF5, that file.
            It is not asked where the task names its files itself.
        reference: FASTA of the task's assembly, indexed here where it is not.

    Raises:
        FileNotFoundError: no such folder or file; the message has where they were expected.
        ValueError: a file or a row that is refused; the message has both.
    """

    def __init__(
        self, task: BendTask, data_dir: str | os.PathLike[str] | None, reference: str | os.PathLike[str]
    ) -> None:
        self.task = task
        bed = _find(task, ".bed", task.bed, data_dir)
        self.regions: Regions = read_regions(bed, columns=task.columns, strands=task.read_strand)
        self.genome = Genome(reference)
        self.regions.check_against(self.genome)
        self._check_lengths()
        if task.is_zero_shot and self.regions.alts is None:
            raise ValueError(f"{bed}: no column 'alt', which task {task.name!r} reads.")
        self.labels: BedLabels | Hdf5Labels
        if task.label_source == "hdf5":
            self.labels = Hdf5Labels(task, self.regions, _find(task, ".hdf5", task.hdf5, data_dir or bed.parent))
        else:
            self.labels = BedLabels(task, self.regions)

    def close(self) -> None:
        """Let go of the files."""
        self.genome.close()
        if isinstance(self.labels, Hdf5Labels):
            self.labels.close()

    def __enter__(self) -> BendData:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def digest(self) -> str:
        """A hash of the regions and of the contigs they are on."""
        regions = self.regions
        content = [regions.intervals, regions.splits, regions.labels, regions.alts, sorted(self.genome.lengths.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def __getitem__(self, row: int) -> Region:
        return Region(self.sequence(row), self.labels[row])

    def sequence(self, row: int) -> str:
        """The letters of a row, without its labels."""
        interval = self.regions.intervals[row]
        context = self.task.context_bp
        if context:
            return self.genome.window(interval.contig, interval.start - context, interval.end + context)
        strand = interval.strand if self.task.read_strand else "+"
        return self.genome.sequence(Interval(interval.contig, interval.start, interval.end, strand))

    def alternative(self, row: int) -> str:
        """The letters of a variant's row with the alternative in the place of the reference.

        Raises:
            ValueError: the alternative is no letter, the same as the reference, or the row's `ref` is not what stands
                there; names file and row.
        """
        sequence, interval = self.sequence(row), self.regions.intervals[row]
        alt = self.regions.alts[row].upper() if self.regions.alts is not None else ""
        start, end = self.task.context_bp, len(sequence) - self.task.context_bp
        there = sequence[start:end]
        if self.regions.refs is not None and self.regions.refs[row].upper() != there:
            raise ValueError(
                f"{self.regions.where(row)} is {there} in {self.genome.path}, but ref is {self.regions.refs[row]!r}; "
                "the variants are of another assembly."
            )
        if len(alt) != interval.end - interval.start or not set(alt) <= set("ACGTN") or alt == there:
            raise ValueError(
                f"{self.regions.where(row)}: alt is {alt!r}; it must be {end - start} of the letters A C G T N, and "
                f"another than {there}, which stands there."
            )
        return sequence[:start] + alt + sequence[end:]

    def _check_lengths(self) -> None:
        """Refuse regions of which the task's network would make no output, or more than there are labels."""
        task = self.task
        if task.downsample is None:
            return
        for row, interval in enumerate(self.regions.intervals):
            outputs = (interval.end - interval.start) // task.downsample
            if outputs < 1 or (outputs > 1 and task.level == "sequence"):
                raise ValueError(
                    f"{self.regions.where(row)} is {interval.end - interval.start:,} bp; task {task.name!r} makes one "
                    f"output of {task.downsample} bp{' and one of a sequence' if task.level == 'sequence' else ''}."
                )


def _find(task: BendTask, extension: str, given: str | None, data_dir: str | os.PathLike[str] | None) -> Path:
    """A file of the task: the one that it names, or the first that is there."""
    if given is not None:
        return Path(given)
    if data_dir is None:
        raise ValueError(f"task {task.name!r} names no {extension} file; pass data_dir=, the folder that holds it.")
    if not os.path.isdir(data_dir):
        raise FileNotFoundError(f"{os.fspath(data_dir)}: no such folder.")
    found = find_beside(Path(data_dir), task.name, extension)
    if found is not None:
        return found
    names = file_names(task.name, extension)
    raise FileNotFoundError(f"{os.fspath(data_dir)}: has neither {names[0]} nor {names[1]}.")
