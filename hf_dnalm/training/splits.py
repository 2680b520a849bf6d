"""Train, validation and test out of the splits that are there: what is missing is cut off by seed, and said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from datasets import DatasetDict

from hf_dnalm.data import split_three, split_validation
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

_THREE = (0.8, 0.1, 0.1)  # train, validation, test of a single file
_VALIDATION = 0.1
_TEST = 0.2


class CompleteSplits(NamedTuple):
    """Three splits, and in words how they came to be, for the report."""

    splits: DatasetDict
    how: str


def complete_splits(splits: Mapping[str, Dataset], task: Task, *, seed: int) -> CompleteSplits:
    """`train`, `validation` and `test`, each row in one of them only.

    A single split is cut into three (80, 10 and 10 %); a missing validation split is 10 % of train, a missing test
    split 20 % of train. A split that is given is never cut where train can be, and validation is never the test.

    Args:
        seed: the same seed cuts in the same way.

    Raises:
        ValueError: there is no training split, or a split is empty.
    """
    given = {name: splits[name] for name in ("train", "validation", "test") if name in splits}
    for name, split in given.items():
        if len(split) == 0:
            raise ValueError(f"task {task.name!r}: the {name} split is empty")
    stratify = task.stratifies
    if len(given) == 1:
        ((name, only),) = given.items()
        return CompleteSplits(
            split_three(only, fractions=_THREE, seed=seed, stratify=stratify),
            f"the {name} split, cut into 80 % train, 10 % validation and 10 % test with seed {seed}",
        )
    if "train" not in given:
        raise ValueError(f"task {task.name!r}: there is no training split, only {', '.join(given) or 'nothing'}")
    how = [f"{name} as given" for name in given if name != "train"]
    if "test" not in given:
        cut = split_validation(given["train"], fraction=_TEST, seed=seed, stratify=stratify)
        given |= {"train": cut["train"], "test": cut["validation"]}
        how.append(f"test = {_TEST:.0%} of train, cut with seed {seed}")
    if "validation" not in given:
        cut = split_validation(given["train"], fraction=_VALIDATION, seed=seed, stratify=stratify)
        given |= {"train": cut["train"], "validation": cut["validation"]}
        how.append(f"validation = {_VALIDATION:.0%} of train, cut with seed {seed}")
    return CompleteSplits(DatasetDict({name: given[name] for name in ("train", "validation", "test")}), "; ".join(how))
