"""Split rows into train, validation and test; the same seed always gives the same rows."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets

# The contig before a coordinate in a name: "chr05:24416203-24417203", "chr2R_17033215_…", "2:9474214_CDS".
_PLACE = re.compile(r"([^\s:]+):\d|(chr[a-z]*[0-9a-z]+)_\d", re.IGNORECASE)
_PREFIX = re.compile(r"(chr(om(osome)?)?_?)?0*(?=.)", re.IGNORECASE)


def split_validation(dataset: Dataset, *, fraction: float = 0.1, seed: int = 0, stratify: bool = False) -> DatasetDict:
    """`train` and `validation`, drawn with a seed. Rows keep their order within each split.

    Rows with the same sequence go to the same split; otherwise a model is rewarded for memorising them.

    Args:
        dataset: with `stratify`, `labels` must have one class per row.
        fraction: share of rows in validation, above 0 and below 1.
        seed: the same seed gives the same rows on every machine and numpy version.
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


@dataclasses.dataclass(frozen=True)
class SplitRule:
    """How to replace the splits of a dataset: by fold, by chromosome, or (with neither) not at all.

    Attributes:
        folds, fold: as in `cross_validation`; `fold` is counted from 0.
        validation_chromosomes, test_chromosomes: as in `split_by_chromosome`.

    Raises:
        ValueError: both at once, or an incomplete rule.
    """

    folds: int | None = None
    fold: int | None = None
    validation_chromosomes: tuple[str, ...] = ()
    test_chromosomes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds (how many) and fold (which one, counted from 0) go together; give both.")
        if self.folds is not None and (self.validation_chromosomes or self.test_chromosomes):
            raise ValueError("splits are made by fold or by chromosome; give one of the two.")
        if self.test_chromosomes and not self.validation_chromosomes:
            raise ValueError("test_chromosomes needs validation_chromosomes too; name both.")

    def __bool__(self) -> bool:
        return self.folds is not None or bool(self.validation_chromosomes)

    def apply(self, splits: Mapping[str, Dataset], *, seed: int, stratify: bool) -> DatasetDict:
        """The splits made by this rule; unchanged if the rule is empty."""
        if self.folds is not None and self.fold is not None:
            return cross_validation(splits, fold=self.fold, folds=self.folds, seed=seed, stratify=stratify)
        if self:
            return split_by_chromosome(splits, validation=self.validation_chromosomes, test=self.test_chromosomes)
        return DatasetDict(splits)

    def note(self, seed: int) -> str:
        """The rule as text, for a task's description and a report."""
        if self.folds is not None:
            return f"splits are fold {self.fold} (counted from 0) of {self.folds}, drawn with seed {seed}"
        test = f", test {', '.join(self.test_chromosomes)}" if self.test_chromosomes else ""
        return f"splits are by chromosome: validation {', '.join(self.validation_chromosomes)}{test}"


def cross_validation(
    splits: Mapping[str, Dataset], *, fold: int, folds: int, seed: int = 0, stratify: bool = False
) -> DatasetDict:
    """One fold of a k-fold cross-validation, drawn with a seed. Over all folds, every row is held out once.

    An existing `test` split is kept; the other rows are divided into folds, and fold number `fold` becomes validation.
    Without a `test` split, fold number `fold` becomes test and the next fold (after the last, the first) becomes
    validation. The rest is train. Rows with the same sequence are in the same fold.

    Args:
        splits: `train`, and `validation` and `test` if they exist; the first two are pooled.
        fold: counted from 0.
        folds: number of folds; at least 2, or 3 without a test split.
        seed: use the same seed for all folds of one cross-validation.
        stratify: draw each fold from every class.

    Raises:
        ValueError: no such fold, too few folds or rows for them, no training rows, or `stratify` without classes.
    """
    least = 2 if "test" in splits else 3
    if folds < least:
        raise ValueError(
            f"folds is {folds}; it must be at least {least}"
            + ("." if least == 2 else ", because there is no test split and one fold is held out for it.")
        )
    if not 0 <= fold < folds:
        raise ValueError(f"fold is {fold}; with {folds} folds it is 0 to {folds - 1}.")
    pool = _pooled(splits, ("train", "validation"), "folds")
    rows = _draw(pool, (1 / folds,) * folds, seed=seed, stratify=stratify)
    held_out = {"validation": fold} if "test" in splits else {"validation": (fold + 1) % folds, "test": fold}
    parts = {split: pool.select(rows[number]) for split, number in held_out.items()}
    train = np.sort(np.concatenate([rows[each] for each in range(folds) if each not in held_out.values()]))
    return DatasetDict({"train": pool.select(train)} | parts | {k: v for k, v in splits.items() if k == "test"})


def split_by_chromosome(
    splits: Mapping[str, Dataset], *, validation: Sequence[str], test: Sequence[str] = ()
) -> DatasetDict:
    """`train`, `validation` and `test` by the chromosome of each row, so that no two splits overlap.

    Args:
        splits: if `test` names no chromosomes, an existing `test` split is kept; all other rows are pooled.
        validation, test: chromosomes, with or without "chr": "chr5", "5", "chr05" and "Chromosome5" are one.

    A row's chromosome is in the column `chromosome` if it exists, and is otherwise read from the row's name
    (`chromosome_of`).

    Raises:
        ValueError: a chromosome without rows, or named twice; a row without a chromosome; no training rows.
    """
    split_of = {_bare(each): split for split, names in (("validation", validation), ("test", test)) for each in names}
    twice = len(split_of) < len(validation) + len(test)
    if twice or not validation:
        raise ValueError(
            f"a split by chromosome needs chromosomes for validation, and each in one split only; got "
            f"validation={tuple(validation)}, test={tuple(test)}."
        )
    pool = _pooled(splits, ("train", "validation", *(("test",) if test else ())), "splits by chromosome")
    chromosomes = [_bare(each) for each in _chromosomes(pool)]
    absent = [each for each in (*validation, *test) if _bare(each) not in set(chromosomes)]
    if absent:
        known = ", ".join(sorted(set(chromosomes))[:30])
        raise ValueError(f"no row is of chromosome {absent[0]!r}; the chromosomes are {known}.")
    split_of_row = np.array([split_of.get(each, "train") for each in chromosomes])
    if not (split_of_row == "train").any():
        raise ValueError("every chromosome is held out, and no row is left to train on; name fewer.")
    parts = {split: pool.select(np.flatnonzero(split_of_row == split)) for split in ("train", *split_of.values())}
    return DatasetDict(parts | {name: rows for name, rows in splits.items() if name == "test" and not test})


def chromosome_of(name: str) -> str:
    """The chromosome in a record's name; empty if the name has none.

    >>> [chromosome_of(name) for name in ("chr05:100-200_negative", "2:9474214_CDS", "chr2R_17033215_dev", "AT3G62080")]
    ['chr05', '2', 'chr2R', '']
    """
    found = _PLACE.match(name)
    return next(filter(None, found.groups())) if found else ""


def _chromosomes(dataset: Dataset) -> list[str]:
    """The chromosome of each row.

    Raises:
        ValueError: a row whose chromosome is not known.
    """
    if "chromosome" in dataset.column_names:
        return [str(each) for each in dataset["chromosome"]]
    names = dataset["name"] if "name" in dataset.column_names else [str(row + 1) for row in range(len(dataset))]
    chromosomes = [chromosome_of(name) for name in names]
    if "" in chromosomes:
        row = chromosomes.index("")
        raise ValueError(
            f"row {row + 1} ({names[row]!r}) does not say which chromosome it is from: a split by chromosome needs "
            f"names such as 'chr5:1000-1500', or a column 'chromosome'."
        )
    return chromosomes


def _bare(chromosome: str) -> str:
    """The chromosome without "chr", "Chromosome" and leading zeros.

    >>> [_bare(name) for name in ("chr05", "5", "Chromosome17", "chr2R", "chrX", "0", "Gm01")]
    ['5', '5', '17', '2R', 'X', '0', 'Gm01']
    """
    return _PREFIX.sub("", chromosome, count=1)


def _pooled(splits: Mapping[str, Dataset], names: Sequence[str], what: str) -> Dataset:
    """The rows of these splits in one dataset."""
    if "train" not in splits:
        raise ValueError(f"{what} need a training split; there is only {', '.join(splits) or 'nothing'}.")
    return concatenate_datasets([splits[name] for name in names if name in splits])


def _draw(dataset: Dataset, fractions: Sequence[float], *, seed: int, stratify: bool) -> list[np.ndarray]:
    """Row numbers of each part, ascending."""
    if any(not 0 < fraction < 1 for fraction in fractions) or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must lie between 0 and 1 and sum to 1, got {tuple(fractions)}.")
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
            f"{tuple(fractions)}: a split would be empty; raise its fraction or give a file for it."
        )
    return parts


def _groups(dataset: Dataset) -> np.ndarray:
    """(rows,) the same number for rows with the same sequence (of a pair: both), counted by first appearance."""
    columns = [name for name in ("sequence", "sequence2") if name in dataset.column_names]
    if not columns:
        return np.arange(len(dataset))
    group_of: dict[bytes, int] = {}
    groups = np.empty(len(dataset), dtype=np.int64)
    batches = dataset.select_columns(columns).iter(batch_size=10_000)
    rows = (row for batch in batches for row in zip(*(batch[name] for name in columns), strict=True))
    for row, sequences in enumerate(rows):
        digest = hashlib.blake2b(" ".join(sequences).encode(), digest_size=16).digest()
        groups[row] = group_of.setdefault(digest, len(group_of))
    return groups


def _classes(dataset: Dataset) -> np.ndarray:
    """(rows,) the class of each row."""
    labels = np.asarray(dataset["labels"][:]) if "labels" in dataset.column_names else np.array([0.5])
    if labels.ndim != 1 or labels.dtype.kind != "i":
        raise ValueError("stratify=True needs a column 'labels' with one class for each row; pass stratify=False.")
    return labels
