"""Which part of a task's data trains, validates and tests: by the names of splits, or fold by fold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hf_dnalm.suites.bend.definition import BendTask

_PART = re.compile(r"part(\d+)")
SPLITS = ("train", "valid", "test")  # as BEND's files call them


class Part(NamedTuple):
    """Some regions of one split: a shard, or, where a BED file is read, all regions of the split.

    Attributes:
        split: as the column of the BED file has it: "train", "valid", "test", "part1", ….
        chunk: 0-based.
        path: of the shard; None where a BED file is read.
    """

    split: str
    chunk: int = 0
    path: Path | None = None


class Fold(NamedTuple):
    """Number of the fold, None without cross-validation, and what it learns from, is chosen by and is scored on."""

    number: int | None
    train: list[Part]
    validation: list[Part]
    test: list[Part]


def find_folds(task: BendTask, parts: Sequence[Part], *, compat: bool = False) -> list[Fold]:
    """The folds of a task, in order; one fold without a number where there is no cross-validation.

    Folds count from 0. Fold k tests on `part<k+1>`, validates on the next part (the last fold on part1), and trains on
    all others; BEND's publication calls it fold k + 1. All chunks of a part belong to it.

    Args:
        parts: what there is.
        compat: as published: every file is a part of its own, in the order of all digits of its name (`part10_0` is
            100). The same as long as every part has one chunk.

    Raises:
        ValueError: a split is missing, or parts are not as many as the task's folds; the message lists what there is.
    """
    there = sorted({part.split for part in parts})
    if not task.cross_validation:
        missing = [split for split in SPLITS if split not in there]
        if missing:
            raise ValueError(f"task {task.name!r} needs a split {missing[0]!r}; there are: {', '.join(there)}")
        train, validation, test = ([part for part in parts if part.split == split] for split in SPLITS)
        return [Fold(None, train, validation, test)]
    odd = [split for split in there if not _PART.fullmatch(split)]
    if odd:
        raise ValueError(
            f"task {task.name!r} is cross-validated: its splits must be called part1, part2, …; one is {odd[0]!r}"
        )
    if compat:
        ordered = [
            [part] for part in sorted(parts, key=lambda part: int(f"{part.split.removeprefix('part')}{part.chunk}"))
        ]
    else:
        numbers = sorted({_number(part) for part in parts})
        ordered = [[part for part in parts if _number(part) == number] for number in numbers]
    if len(ordered) != task.cross_validation:
        what = "files" if compat else "splits"
        raise ValueError(
            f"task {task.name!r} has {task.cross_validation} folds, but there are {len(ordered)} {what}: "
            f"{', '.join(there)}"
        )
    return [_fold(ordered, number) for number in range(len(ordered))]


def choose_folds(task: BendTask, folds: Sequence[Fold], numbers: Sequence[int] | None) -> list[Fold]:
    """The folds with these numbers, from 0; all folds if `numbers` is None.

    Raises:
        ValueError: the task has no folds, or none of this number.
    """
    if numbers is None:
        return list(folds)
    if not task.cross_validation:
        raise ValueError(f"task {task.name!r} has splits train, valid and test, and no folds; leave out the fold.")
    wrong = [number for number in numbers if not 0 <= number < len(folds)]
    if wrong:
        raise ValueError(f"there is no fold {wrong[0]}; task {task.name!r} has folds 0 to {len(folds) - 1}.")
    return [folds[number] for number in numbers]


def _fold(ordered: Sequence[list[Part]], number: int) -> Fold:
    validation = (number + 1) % len(ordered)
    rest = [part for index, group in enumerate(ordered) if index not in (number, validation) for part in group]
    return Fold(number, rest, ordered[validation], ordered[number])


def _number(part: Part) -> int:
    return int(part.split.removeprefix("part"))
