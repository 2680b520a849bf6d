"""PublishedTask: where the files of a benchmark task are and how to read them. Plain data, cheap to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import DatasetDict, IterableDatasetDict


class Benchmark(NamedTuple):
    """A benchmark's data and what they are.

    Attributes:
        splits: `train`, `validation` and `test`, as far as they exist; an `IterableDatasetDict` when streaming.
        task: the task, with a note in its description where the data are a subset.
    """

    splits: DatasetDict | IterableDatasetDict
    task: Task


@dataclasses.dataclass(frozen=True)
class PublishedTask:
    """Where a task's files are and how many rows they have.

    Attributes:
        task: what is predicted.
        repo: dataset repo on the Hub; empty where the data are not there, but with their authors.
        revision: the commit the facts here are about; None where none is pinned: then the main branch is read.
        files: split to path in the repo, FASTA, CSV or Parquet; `*` stands for letters that are not known, and
            in a local folder all files that fit are read, one after the other.
        beside: other files of the repo that the reader finds beside them; `*` as in `files`, `{split}` is the split's
            name there ("valid" for "validation").
        layouts: the same splits as other copies of the data name them, for local folders; a path that ends in `/` is
            a folder with one folder for each class, which holds one text file for each sequence.
        sequence_column, sequence2_column, labels_column: of a table; the second one of pairs.
        reader: how the files are read, a name in `reader_table.READERS`.
        assembly: the reference genome that the files' coordinates are of; empty where they hold letters.
        reference_per_class: the classes are of different genomes.
        sequence_length: bp of each window cut from it, where the caller can choose.
        classes_in_data: the label names are those that stand in the file, sorted; the task's own stand for them.
        shortest_bp, smallest_class: what a protocol leaves out: shorter sequences, classes with fewer sequences.
        folds: paths of the files of the folds that the authors published, `{}` standing for their number from 1 on, one
            pattern for each layout; for tasks that have no other splits. fold_count: how many folds there are.
        rows: split to number of rows, for counts that were read in the repo's card or counted; others are absent.
        large: splits that are too big to download unasked, with their size in GB.
    """

    task: Task
    repo: str
    revision: str | None
    files: Mapping[str, str]  # several files of a split are joined by commas
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
