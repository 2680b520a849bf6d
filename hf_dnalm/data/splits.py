"""Splits: which rows train, which choose the checkpoint, which are held out; the same for the same seed, for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from datasets import Dataset, DatasetDict


def split_validation(dataset: Dataset, *, fraction: float = 0.1, seed: int = 0, stratify: bool = False) -> DatasetDict:
    """`train` and `validation`, drawn by seed. Rows keep their order within each split.

    Rows with the same sequence go to the same split: otherwise a model is rewarded for remembering them.

    Args:
        dataset: with `stratify`, `labels` must be one class for each row.
        fraction: of the rows that go to validation, above 0 and below 1.
        seed: the draw; the same seed gives the same rows on every machine and numpy version.
        stratify: draw the fraction from every class.

    Raises:
        ValueError: a fraction out of range, a split without rows, or `stratify` without classes.
    """
    train, validation = _draw(dataset, (1 - fraction, fraction), seed=seed, stratify=stratify)
    return DatasetDict({"train": dataset.select(train), "validation": dataset.select(validation)})


def split_three(
    dataset: Dataset,
    *,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    stratify: bool = False,
) -> DatasetDict:
    """`train`, `validation` and `test` in these fractions, which sum to 1; otherwise as `split_validation`."""
    parts = _draw(dataset, fractions, seed=seed, stratify=stratify)
    return DatasetDict(
        {name: dataset.select(rows) for name, rows in zip(("train", "validation", "test"), parts, strict=True)}
    )


def _draw(dataset: Dataset, fractions: Sequence[float], *, seed: int, stratify: bool) -> list[np.ndarray]:
    """Row numbers of each part, ascending."""
    if any(not 0 < fraction < 1 for fraction in fractions) or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must lie between 0 and 1 and sum to 1, got {tuple(fractions)}")
    group_of_row = _groups(dataset)
    _, first_rows, sizes = np.unique(group_of_row, return_index=True, return_counts=True)
    # A repeated sequence counts for the class of its first row.
    class_of_group = _classes(dataset)[first_rows] if stratify else np.zeros(len(first_rows), dtype=np.int64)
    # RandomState, not default_rng: numpy promises never to change its stream (NEP 19).
    generator = np.random.RandomState(seed)
    part_of_group = np.empty(len(first_rows), dtype=np.int64)
    for label in np.unique(class_of_group):
        members = np.flatnonzero(class_of_group == label)
        members = members[generator.permutation(len(members))]
        middles = np.cumsum(sizes[members]) - sizes[members] / 2
        bounds = np.cumsum(fractions)[:-1] * sizes[members].sum()
        part_of_group[members] = np.searchsorted(bounds, middles)
    parts = [np.flatnonzero(part_of_group[group_of_row] == part) for part in range(len(fractions))]
    if any(len(part) == 0 for part in parts):
        raise ValueError(
            f"{len(dataset):,} rows ({len(first_rows):,} different sequences) are too few for the fractions "
            f"{tuple(fractions)}: a split would be empty; raise its fraction or give a file for it"
        )
    return parts


def _groups(dataset: Dataset) -> np.ndarray:
    """(rows,) the same number for rows with the same sequence, counted by first appearance."""
    if "sequence" not in dataset.column_names:
        return np.arange(len(dataset))
    group_of: dict[bytes, int] = {}
    groups = np.empty(len(dataset), dtype=np.int64)
    batches = dataset.select_columns("sequence").iter(batch_size=10_000)
    for row, sequence in enumerate(sequence for batch in batches for sequence in batch["sequence"]):
        digest = hashlib.blake2b(sequence.encode(), digest_size=16).digest()
        groups[row] = group_of.setdefault(digest, len(group_of))
    return groups


def _classes(dataset: Dataset) -> np.ndarray:
    """(rows,) the class of each row."""
    labels = np.asarray(dataset["labels"][:]) if "labels" in dataset.column_names else np.array([0.5])
    if labels.ndim != 1 or labels.dtype.kind != "i":
        raise ValueError("stratify=True needs a column 'labels' with one class for each row; pass stratify=False")
    return labels
