"""PublishedTask: where the files of a benchmark task are and how to read them. Plain data, cheap to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import DatasetDict, IterableDatasetDict


class Benchmark(NamedTuple):
    """A loaded benchmark task: data and description.

    Attributes:
        splits: `train`, `validation` and `test`, those that exist; an `IterableDatasetDict` when streaming.
        task: the task; its description notes everything that differs from the published data.
    """

    splits: DatasetDict | IterableDatasetDict
    task: Task


@dataclasses.dataclass(frozen=True)
class PublishedTask:
    """Where a task's files are and how many rows they have.

    Attributes:
        task: what is predicted.
        repo: dataset repository on the Hub; empty if the data are not on the Hub.
        revision: the pinned commit, which the facts here describe; None reads the main branch.
        files: split → path in the repository (FASTA, CSV or Parquet), several joined by commas. `*` matches any
            characters; in a local folder all matching files are read in order.
        beside: other files that the reader needs next to them; `*` as in `files`, `{split}` is the split's name in file
            names ("valid" for "validation").
        layouts: `files` of other copies of the data, for local folders. A path that ends in `/` is a folder with one
            subfolder per class, which has one text file per sequence.
        sequence_column, sequence2_column, labels_column: of a table; `sequence2_column` is for pairs.
        reader: name of the function that reads the files, a key of `reader_table.READERS`.
        assembly: the reference genome of the files' coordinates; empty if the files contain sequences.
        reference_per_class: the classes come from different genomes.
        sequence_length: default length in bp of each window or sequence, if the caller can change it.
        classes_in_data: the label names are read from the file and sorted; those of `task` are placeholders.
        shortest_bp, smallest_class: the protocol excludes shorter sequences and classes with fewer sequences.
        folds: file patterns of the published folds, one per layout, with `{}` for the fold number from 1; for tasks
            without other splits.
        fold_count: number of published folds.
        rows: split → number of rows, if it was counted or stated on the dataset card; unknown counts are absent.
        large: splits too large to download by default → size in GB.
    """

    task: Task
    repo: str
    revision: str | None
    files: Mapping[str, str]
    rows: Mapping[str, int]
    beside: tuple[str, ...] = ()
    large: Mapping[str, float] = dataclasses.field(default_factory=dict)
    layouts: tuple[Mapping[str, str], ...] = ()
    sequence_column: str = "sequence"
    sequence2_column: str | None = None
    labels_column: str = "labels"
    reader: str = "table"
    assembly: str = ""
    reference_per_class: bool = False
    sequence_length: int | None = None
    classes_in_data: bool = False
    shortest_bp: int | None = None
    smallest_class: int = 0
    folds: tuple[str, ...] = ()
    fold_count: int = 0
