"""Which parts of a task's data are for training, validation and test: by the names of the splits, or by fold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hf_dnalm.suites.bend.definition import BendTask

_PART = re.compile(r"part(\d+)")
SPLITS = ("train", "valid", "test")  # their names in BEND's files


class Part(NamedTuple):
    """Regions of one split: those of one shard, or all regions of the split if a BED file is read.

    Attributes:
        split: value in the split column of the BED file: "train", "valid", "test", "part1", ….
        chunk: number of the chunk, counted from 0.
        path: path of the shard; None if a BED file is read.
    """

    split: str
    chunk: int = 0
    path: Path | None = None


class Fold(NamedTuple):
    """The parts for training, validation and test of one fold.

    `number` counts from 0; it is None for a task without cross-validation.
    """

    number: int | None
    train: list[Part]
    validation: list[Part]
    test: list[Part]


def find_folds(task: BendTask, parts: Sequence[Part], *, compat: bool = False) -> list[Fold]:
    """The folds of a task, in order; a single fold without a number if the task is not cross-validated.

    Folds count from 0. Fold k tests on `part<k+1>`, validates on the next part (the last fold on part1), and trains on
    all others. BEND's publication counts folds from 1. All chunks of a split are in the same part.

    Args:
        parts: all parts of the data.
        compat: as published: every file is a part of its own, ordered by all digits in its name (`part10_0` is 100).
            The result is the same if every part has one chunk.

    Raises:
        ValueError: a split is missing, or the number of parts is not the task's number of folds.
    """
    splits = sorted({part.split for part in parts})
    if not task.cross_validation:
        missing = [split for split in SPLITS if split not in splits]
        if missing:
            raise ValueError(
                f"task {task.name!r} has no split {missing[0]!r}; its splits are {', '.join(splits)}. Add the split."
            )
        train, validation, test = ([part for part in parts if part.split == split] for split in SPLITS)
        return [Fold(None, train, validation, test)]
    invalid = [split for split in splits if not _PART.fullmatch(split)]
    if invalid:
        raise ValueError(
            f"task {task.name!r} is cross-validated, but has a split {invalid[0]!r}. Name its splits part1, part2, …."
        )
    if compat:
        ordered = [
            [part] for part in sorted(parts, key=lambda part: int(f"{part.split.removeprefix('part')}{part.chunk}"))
        ]
    else:
        numbers = sorted({_number(part) for part in parts})
        ordered = [[part for part in parts if _number(part) == number] for number in numbers]
    if len(ordered) != task.cross_validation:
        kind = "files" if compat else "splits"
        raise ValueError(
            f"task {task.name!r} has {task.cross_validation} folds, but its data have {len(ordered)} {kind} "
            f"({', '.join(splits)}). Each fold needs one."
        )
    return [_fold(ordered, number) for number in range(len(ordered))]


def choose_folds(task: BendTask, folds: Sequence[Fold], numbers: Sequence[int] | None) -> list[Fold]:
    """The folds with these numbers, counted from 0; all folds if `numbers` is None.

    Raises:
        ValueError: the task is not cross-validated, or has no fold of this number.
    """
    if numbers is None:
        return list(folds)
    if not task.cross_validation:
        raise ValueError(
            f"task {task.name!r} has splits train, valid and test, and no folds. Leave out --fold (folds=…)."
        )
    wrong = [number for number in numbers if not 0 <= number < len(folds)]
    if wrong:
        raise ValueError(
            f"there is no fold {wrong[0]}; task {task.name!r} has folds 0 to {len(folds) - 1}. Choose one of these."
        )
    return [folds[number] for number in numbers]


def _fold(ordered: Sequence[list[Part]], number: int) -> Fold:
    validation = (number + 1) % len(ordered)
    rest = [part for index, group in enumerate(ordered) if index not in (number, validation) for part in group]
    return Fold(number, rest, ordered[validation], ordered[number])


def _number(part: Part) -> int:
    return int(part.split.removeprefix("part"))
