"""Leakage: sequences of one split that stand in another, on either strand."""

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

# A later split is measured against the earlier ones: what is scored must not have been seen.
_ORDER = ("train", "validation", "test")


class Leak(NamedTuple):
    """Rows of `split` whose sequence also stands in `source`.

    Attributes:
        same: on the same strand.
        reversed: only as their reverse complement.
        conflicting: of both, those with another label there.
        rows: of the whole split.
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
    """What each split shares with the earlier ones, of train, validation and test; pairs without leaks are left out.

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
    """The splits, the earlier ones without the rows whose sequence stands in a later one; the last one stays whole.

    Raises:
        ValueError: no row of a split is left.
    """
    kept = DatasetDict(splits)
    for source, split in _pairs(splits):
        seen = {digest for row in _rows(splits[split]) for digest in row[:2]}
        rows = [index for index, row in enumerate(_rows(kept[source])) if row[0] not in seen]
        if not rows:
            raise ValueError(f"every sequence of {source} also stands in {split}; without them nothing is left.")
        if len(rows) < len(kept[source]):
            kept[source] = kept[source].select(np.array(rows))
    return kept


def leaks_noted(
    splits: Mapping[str, Dataset], task: Task, *, deduplicate: bool = False
) -> tuple[Mapping[str, Dataset], Task]:
    """The splits and the task, whose description says what they share, which is logged too.

    Args:
        splits: `train`, `validation` and `test`, as far as they exist.
        deduplicate: leave out what would be seen before it is scored, as `without_leaks` does.
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
    there = [split for split in _ORDER if split in splits]
    for position, split in enumerate(there):
        for source in there[:position]:
            yield source, split


def _labels_of(dataset: Dataset) -> dict[bytes, set[str]]:
    """The labels that each sequence has."""
    labels: dict[bytes, set[str]] = {}
    for digest, _, label in _rows(dataset):
        labels.setdefault(digest, set()).add(label)
    return labels


def _rows(dataset: Dataset) -> Iterator[tuple[bytes, bytes, str]]:
    """Of each row: what stands for its sequence, for the other strand of it, and for its label."""
    columns = [name for name in ("sequence", "sequence2", "labels") if name in dataset.column_names]
    for batch in dataset.select_columns(columns).iter(batch_size=1_000):
        sequences = batch["sequence"]
        # Of a pair both count: two pairs are the same where both their sequences are.
        seconds = batch.get("sequence2", [""] * len(sequences))
        labels = batch.get("labels", [None] * len(sequences))
        for sequence, second, label in zip(sequences, seconds, labels, strict=True):
            reverse = f"{reverse_complement(sequence)} {reverse_complement(second)}"
            yield _digest(f"{sequence} {second}"), _digest(reverse), repr(label)


def _digest(sequence: str) -> bytes:
    return hashlib.blake2b(sequence.encode(), digest_size=16).digest()
