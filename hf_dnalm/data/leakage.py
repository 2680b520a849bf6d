"""Leakage: sequences that occur in two splits, on either strand."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from datasets import Dataset, DatasetDict

from hf_dnalm.sequence import reverse_complement
from hf_dnalm.tasks import Task

logger = logging.getLogger(__name__)

# Each split is compared with the earlier ones: a model must not be scored on sequences that it has seen.
_ORDER = ("train", "validation", "test")


class Leak(NamedTuple):
    """Rows of `split` whose sequence also occurs in `source`.

    Attributes:
        same: rows found on the same strand.
        reversed: rows found only as their reverse complement.
        conflicting: rows of either kind whose label differs.
        rows: number of rows in the split.
    """

    split: str
    source: str
    same: int
    reversed: int
    conflicting: int
    rows: int

    def __str__(self) -> str:
        strands = f", {self.reversed:,} of them as their reverse complement" if self.reversed else ""
        labels = f", {self.conflicting:,} with another label" if self.conflicting else ""
        total = self.same + self.reversed
        return f"{total:,} of {self.rows:,} {self.split} sequences also stand in {self.source}{strands}{labels}"


def find_leaks(splits: Mapping[str, Dataset]) -> list[Leak]:
    """The sequences that each split shares with earlier ones (train, validation, test), if any.

    >>> train = Dataset.from_dict({"sequence": ["AAC", "CCC"], "labels": [0, 1]})
    >>> test = Dataset.from_dict({"sequence": ["GTT", "AAC", "ACT"], "labels": [1, 0, 1]})
    >>> print(*find_leaks({"train": train, "test": test}))
    2 of 3 test sequences also stand in train, 1 of them as their reverse complement, 1 with another label
    """
    leaks = []
    for source, split in _pairs(splits):
        labels_of = _labels_of(splits[source])
        same = other_strand = conflicting = 0
        for digest, reverse, label in _rows(splits[split]):
            found = labels_of.get(digest)
            if found is not None:
                same += 1
            elif (found := labels_of.get(reverse)) is not None:
                other_strand += 1
            conflicting += found is not None and found != {label}
        if same or other_strand:
            leaks.append(Leak(split, source, same, other_strand, conflicting, len(splits[split])))
    return leaks


def without_leaks(splits: Mapping[str, Dataset]) -> DatasetDict:
    """The splits without rows of an earlier split whose sequence occurs in a later one; the last split is unchanged.

    Raises:
        ValueError: a split would be empty.
    """
    kept = DatasetDict(splits)
    for source, split in _pairs(splits):
        seen = {digest for row in _rows(splits[split]) for digest in row[:2]}
        rows = [index for index, row in enumerate(_rows(kept[source])) if row[0] not in seen]
        if not rows:
            raise ValueError(f"every sequence of {source} is also in {split}; without them nothing is left.")
        if len(rows) < len(kept[source]):
            kept[source] = kept[source].select(np.array(rows))
    return kept


def leaks_noted(
    splits: Mapping[str, Dataset], task: Task, *, deduplicate: bool = False
) -> tuple[Mapping[str, Dataset], Task]:
    """The splits and the task. Shared sequences are logged and noted in the task's description.

    Args:
        splits: `train`, `validation` and `test`, those that exist.
        deduplicate: drop leaked rows, as `without_leaks` does.
    """
    leaks = find_leaks(splits)
    if not leaks:
        return splits, task
    notes = [str(leak) for leak in leaks]
    if deduplicate:
        kept = without_leaks(splits)
        dropped = [f"{len(splits[name]) - len(kept[name]):,} {name} rows" for name in kept]
        notes.append(f"left out for that: {', '.join(each for each in dropped if not each.startswith('0 '))}")
        splits = kept
    for note in notes:
        logger.warning("%s: %s", task.name, note)
    return splits, task.with_note("; ".join(notes))


def _pairs(splits: Mapping[str, Dataset]) -> Iterator[tuple[str, str]]:
    present = [split for split in _ORDER if split in splits]
    for position, split in enumerate(present):
        for source in present[:position]:
            yield source, split


def _labels_of(dataset: Dataset) -> dict[bytes, set[str]]:
    """The labels of each sequence, by digest."""
    labels: dict[bytes, set[str]] = {}
    for digest, _, label in _rows(dataset):
        labels.setdefault(digest, set()).add(label)
    return labels


def _rows(dataset: Dataset) -> Iterator[tuple[bytes, bytes, str]]:
    """For each row: digests of its sequence and of its reverse complement, and its label as text."""
    columns = [name for name in ("sequence", "sequence2", "labels") if name in dataset.column_names]
    for batch in dataset.select_columns(columns).iter(batch_size=1_000):
        sequences = batch["sequence"]
        # Two pairs are the same if both sequences are.
        seconds = batch.get("sequence2", [""] * len(sequences))
        labels = batch.get("labels", [None] * len(sequences))
        for sequence, second, label in zip(sequences, seconds, labels, strict=True):
            reverse = f"{reverse_complement(sequence)} {reverse_complement(second)}"
            yield _digest(f"{sequence} {second}"), _digest(reverse), repr(label)


def _digest(sequence: str) -> bytes:
    return hashlib.blake2b(sequence.encode(), digest_size=16).digest()
