"""Complete the splits to train, validation and test: a missing split is drawn by seed and described in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from datasets import DatasetDict

from hf_dnalm.data import split_three, split_validation
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

_THREE = (0.8, 0.1, 0.1)  # train, validation and test of a single split
_VALIDATION = 0.1
_TEST = 0.2


class CompleteSplits(NamedTuple):
    """Three splits, and a sentence for the report on how they were made."""

    splits: DatasetDict
    how: str


def complete_splits(splits: Mapping[str, Dataset], task: Task, *, seed: int) -> CompleteSplits:
    """`train`, `validation` and `test`; each row is in exactly one of them.

    A single split is divided into three (80, 10 and 10 %). Otherwise a missing validation split is drawn as 10 % of
    train, and a missing test split as 20 % of train. Given validation and test splits stay as they are.

    Args:
        seed: of the draw.

    Raises:
        ValueError: there is no training split, or a split is empty.
    """
    given = {name: splits[name] for name in ("train", "validation", "test") if name in splits}
    for name, split in given.items():
        if len(split) == 0:
            raise ValueError(f"task {task.name!r}: the {name} split is empty. Each split needs at least one row.")
    stratify = task.stratifies
    if len(given) == 1:
        ((name, only),) = given.items()
        return CompleteSplits(
            split_three(only, fractions=_THREE, seed=seed, stratify=stratify),
            f"the {name} split, divided into 80 % train, 10 % validation and 10 % test with seed {seed}",
        )
    if "train" not in given:
        raise ValueError(
            f"task {task.name!r} has no training split (splits: {', '.join(given) or 'none'}). Pass one named 'train'."
        )
    how = [f"{name} as given" for name in given if name != "train"]
    if "test" not in given:
        cut = split_validation(given["train"], fraction=_TEST, seed=seed, stratify=stratify)
        given |= {"train": cut["train"], "test": cut["validation"]}
        how.append(f"test = {_TEST:.0%} of train, drawn with seed {seed}")
    if "validation" not in given:
        cut = split_validation(given["train"], fraction=_VALIDATION, seed=seed, stratify=stratify)
        given |= {"train": cut["train"], "validation": cut["validation"]}
        how.append(f"validation = {_VALIDATION:.0%} of train, drawn with seed {seed}")
    return CompleteSplits(DatasetDict({name: given[name] for name in ("train", "validation", "test")}), "; ".join(how))
