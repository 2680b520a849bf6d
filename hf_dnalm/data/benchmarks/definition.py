"""What a published task is: plain data, so that listing the tasks costs no torch and no datasets."""

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
        repo: dataset repo on the Hub.
        revision: the commit the facts here are about; None where none is pinned: then the main branch is read.
        files: split to path in the repo, FASTA, CSV or Parquet; `*` stands for letters that are not known.
        layouts: the same splits as other copies of the data name them, for local folders; a path that ends in `/` is
            a folder with one folder for each class, which holds one text file for each sequence.
        sequence_column: of a table.
        rows: split to number of rows, for counts that were read in the repo's card or counted; others are absent.
        large: splits that are too big to download unasked, with their size in GB.
    """

    task: Task
    repo: str
    revision: str | None
    files: Mapping[str, str]
    rows: Mapping[str, int]
    large: Mapping[str, float] = dataclasses.field(default_factory=dict)
    layouts: tuple[Mapping[str, str], ...] = ()
    sequence_column: str = "sequence"
