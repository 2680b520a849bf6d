"""Labels: read what a file says as what the task needs, or tell from a file what the task is."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from hf_dnalm.data.label_kinds import (
    DECIMAL_COMMA,
    DROP,
    is_missing,
    number_of,
    refuse_ambiguous,
    split_label,
    text_of,
)
from hf_dnalm.tasks import DEFAULT_METRIC, Level, ProblemType, Task

IGNORED_BASE = -100  # transformers' word for "this position has no label"; allowed in nucleotide-level labels
_MOST_CLASSES = 50  # more different whole numbers than this are a quantity, not classes
_BITS = re.compile(r"[01]+")

Label = int | float | list[int] | list[float] | list[list[int]] | list[list[float]] | np.ndarray


class LabelParser:
    """Turns a file's label into the task's: int, float, or a list of those.

    - single label: a class name, or its index where the names are not numbers themselves; 1.0 counts as 1.
    - multi-label: one 0 or 1 for each track, as a list, as text joined by `;`, `,`, `|` or spaces, or as bits "0110".
    - regression: a finite number, or one for each target, joined in the same ways.
    - nucleotide level: one class for each base, joined in the same ways or as digits "000110"; -100 means "no label".
    - bin level: one of the first three for each bin, bins joined in the same ways where a bin has one label, and by
      `;` alone where it has several (`0,1;1,1`); -100, alone or for all labels of a bin, means "no label".

    >>> task = Task("open", "multi_label_classification", ("leaf", "root", "stem"), metric="auroc")
    >>> LabelParser(task)("0;1;1", length_bp=4, where="a.csv: record 1 ('x')")
    [0, 1, 1]
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._classes = {name: index for index, name in enumerate(task.label_names)}
        if all(math.isnan(number_of(name)) for name in task.label_names):
            self._classes |= {str(index): index for index in range(task.num_labels)}

    def __call__(self, label: object, *, length_bp: int, where: str) -> Label:
        """The label in the task's form; an array of measured values stays one.

        Args:
            label: as the file has it.
            length_bp: of the sequence, for nucleotide-level labels.
            where: what an error calls the record.

        Raises:
            ValueError: missing, NaN, not allowed, or the wrong number of them; says which are allowed.
        """
        task = self.task
        if isinstance(label, np.ndarray) and self._are_values(label, length_bp):
            return label.astype(np.float64)
        if task.level == "nucleotide":
            return [self._class_of_base(value, where) for value in self._several(label, length_bp, "base", where)]
        if task.level == "bin":
            return self._bins(label, length_bp, where)
        return self._example(label, where)

    def _are_values(self, label: np.ndarray, length_bp: int) -> bool:
        """Whether an array is all that a regression needs; of millions of values, each would take too long."""
        task = self.task
        bins = () if task.bin_bp is None else (length_bp // task.bin_bp,)
        whole = task.bin_bp is None or length_bp % task.bin_bp == 0
        shape = bins if task.num_labels == 1 else (*bins, task.num_labels)
        fits = task.problem_type == "regression" and label.dtype.kind in "fiu" and whole and label.shape == shape
        return fits and bool(np.isfinite(label).all())

    def _example(self, label: object, where: str) -> Any:
        """The label of a sequence, or of one bin."""
        task = self.task
        match task.problem_type:
            case "single_label_classification":
                return self._class(_one(label), where)
            case "multi_label_classification":
                return [self._bit(value, where) for value in self._several(label, task.num_labels, "track", where)]
            case "regression" if task.num_labels == 1:
                return self._number(_one(label), where)
            case "regression":
                return [self._number(value, where) for value in self._several(label, task.num_labels, "target", where)]

    def _bins(self, label: object, length_bp: int, where: str) -> Any:
        task, bin_bp = self.task, self.task.bin_bp or 1
        if length_bp % bin_bp:
            raise ValueError(
                f"{where}: {length_bp:,} bp are not whole bins of {bin_bp:,} bp, which task {task.name!r} needs."
            )
        several = task.problem_type != "single_label_classification" and task.num_labels > 1
        if several and isinstance(label, str):
            label = label.split(";")
        values = list(label) if several and isinstance(label, (list, tuple, np.ndarray)) else None
        if values is None or len(values) != length_bp // bin_bp:
            values = self._several(label, length_bp // bin_bp, f"bin of {bin_bp:,} bp", where)
        listed = several or task.problem_type == "multi_label_classification"
        ignored = [IGNORED_BASE] * task.num_labels if listed else IGNORED_BASE
        return [ignored if _is_ignored(value) else self._example(value, where) for value in values]

    def _several(self, label: object, count: int, of: str, where: str) -> list[object]:
        values = split_label(label)
        if len(values) == 1 and isinstance(values[0], str) and count > 1 and len(values[0]) == count:
            values = list(values[0])  # "0110", one digit each
        if len(values) != count:
            if self.is_missing(label):
                raise self._unfit(label, where, f"it needs {count:,}, one for each {of}")
            raise ValueError(
                f"{where}: {len(values):,} labels, but task {self.task.name!r} needs {count:,}, one for each {of}."
            )
        return values

    def _class(self, value: object, where: str) -> int:
        for text in (text_of(value), _whole(text_of(value))):
            if text in self._classes:
                return self._classes[text]
        names = [repr(name) for name in self.task.label_names]
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
        by_index = f", or their index 0 to {len(names) - 1}" if len(self._classes) > len(names) else ""
        raise self._unfit(value, where, f"allowed are {shown}{by_index}")

    def _class_of_base(self, value: object, where: str) -> int:
        return IGNORED_BASE if _whole(text_of(value)) == str(IGNORED_BASE) else self._class(value, where)

    def _bit(self, value: object, where: str) -> int:
        number = number_of(text_of(value))
        if number not in (0.0, 1.0):
            raise self._unfit(value, where, "allowed are 0 and 1 for each track")
        return int(number)

    def _number(self, value: object, where: str) -> float:
        number = number_of(text_of(value))
        if not math.isfinite(number):
            raise self._unfit(value, where, "allowed are finite numbers")
        return number

    def is_missing(self, label: object) -> bool:
        """Whether a label, or a part of it, says that there is none and is not a class of the task."""
        numbers = all(math.isfinite(number_of(name)) for name in self.task.label_names)
        if self.task.problem_type != "single_label_classification":
            numbers = True
        return text_of(label) not in self._classes and is_missing(label, numbers=numbers)

    def _unfit(self, value: object, where: str, allowed: str) -> ValueError:
        if self.is_missing(value):
            written = f" ({value!r})" if text_of(value) else ""
            return ValueError(f"{where}: the label is missing{written}; task {self.task.name!r}: {allowed}. {DROP}")
        if isinstance(value, str) and self.task.problem_type == "regression" and DECIMAL_COMMA.fullmatch(value.strip()):
            allowed += ", with a decimal point in place of a comma"
        problem = self.task.problem_type.replace("_", " ")
        return ValueError(f"{where}: label {value!r} does not fit task {self.task.name!r} ({problem}): {allowed}.")


def task_from_labels(
    labels: Sequence[object],
    *,
    name: str,
    source: str,
    problem_type: ProblemType | None = None,
    metric: str | None = None,
    label_names: Sequence[str] | None = None,
    level: Level = "sequence",
    bin_bp: int | None = None,
    numbers: Sequence[int] | None = None,
) -> Task:
    """The task that fits a column of labels as a file has them, none of them missing.

    Whole numbers with at most 50 different values and other words are classes, sorted (numbers by size); numbers
    with a decimal point are one regression target; lists, or text such as `0;1;1` and `0110`, are tracks when all
    are 0 or 1 and regression targets otherwise.

    Args:
        labels: one for each record, not empty.
        name: the task's.
        source: what errors call the file.
        problem_type, metric, label_names: where given, they are taken instead.
        level: "nucleotide" when each label is a list of one class for each base; "bin" when it is a list of what one
            sequence would have, for each bin of `bin_bp` bases.
        numbers: of the records, for error messages; None counts them from 1.

    Raises:
        ValueError: a single class, different numbers of labels, words that are no classes, or a column that could be
            read in two ways.
    """
    if problem_type is None and label_names is None and level == "sequence":
        refuse_ambiguous(labels, source, numbers or range(1, len(labels) + 1))
    if level == "bin":
        bins = [each for label in labels for each in _bins_of(label) if not _is_ignored(each)]
        about = {"name": name, "source": source, "problem_type": problem_type, "metric": metric}
        of_one = task_from_labels(bins or [""], label_names=label_names, **about)  # type: ignore[arg-type]
        return dataclasses.replace(of_one, level="bin", bin_bp=bin_bp)
    several = [split_label(label) for label in labels]
    if level == "nucleotide":
        problem_type = "single_label_classification"
        bases = {_whole(text_of(base)) for label in several for base in _digits(label)} - {str(IGNORED_BASE)}
        names = label_names or _class_names(bases, source)
    else:
        problem_type = problem_type or _guess_problem_type(several)
        if problem_type == "single_label_classification":
            names = label_names or _class_names({_whole(text_of(_one(label))) for label in labels}, source)
        else:
            bits = problem_type == "multi_label_classification"
            widths = {len(_digits(label) if bits else label) for label in several}
            if len(widths) > 1:
                raise ValueError(f"{source}: records have different numbers of labels: {sorted(widths)[:5]}.")
            names = label_names or _output_names(problem_type, widths.pop())
    return Task(
        name=name,
        problem_type=problem_type,
        label_names=tuple(names),
        metric=metric or DEFAULT_METRIC[problem_type],
        level=level,
    )


def _guess_problem_type(labels: list[list[object]]) -> ProblemType:
    bits = all(len(label) == 1 and isinstance(label[0], str) and _BITS.fullmatch(label[0]) for label in labels)
    widths = {len(str(label[0])) for label in labels}
    if bits and len(widths) == 1 and widths != {1} and any(str(label[0]).startswith("0") for label in labels):
        return "multi_label_classification"
    texts = {text_of(value) for label in labels for value in label}
    if not all(math.isfinite(number_of(text)) for text in texts):
        return "single_label_classification"  # words, also of several words
    if any(len(label) > 1 for label in labels):
        return "multi_label_classification" if all(number_of(t) in (0.0, 1.0) for t in texts) else "regression"
    if all(re.fullmatch(r"[+-]?\d+", text) for text in texts):
        return "single_label_classification" if len(texts) <= _MOST_CLASSES else "regression"
    return "regression"


def _class_names(texts: set[str], source: str) -> list[str]:
    if len(texts) < 2 or len(texts) > 1000:
        shown = ", ".join(repr(text) for text in sorted(texts)[:3])
        raise ValueError(
            f"{source}: {len(texts):,} different labels ({shown}{', …' if len(texts) > 3 else ''}) cannot be classes; "
            f"a classifier needs 2 to 1,000. Name another labels_column or problem_type, or read with labels='none'."
        )
    return sorted(texts, key=lambda text: (not math.isfinite(number_of(text)), _finite(text), text))


def _output_names(problem_type: str, count: int) -> list[str]:
    stem = "track" if problem_type == "multi_label_classification" else "target"
    return [stem] if count == 1 else [f"{stem}_{index}" for index in range(count)]


def _digits(label: list[object]) -> list[object]:
    """Bits written as one word, "0110", as four values."""
    return list(label[0]) if len(label) == 1 and isinstance(label[0], str) and label[0].isdecimal() else label


def _bins_of(label: object) -> list[object]:
    """The labels of the bins of a sequence: `0,1;1,1` are two bins with two labels each, `0;1` two with one."""
    if isinstance(label, str) and "," in label and ";" in label:
        return list(label.split(";"))
    return list(label) if isinstance(label, (list, tuple, np.ndarray)) else split_label(label)


def _is_ignored(label: object) -> bool:
    """Whether a bin has no label: -100, alone or throughout."""
    return all(number_of(text_of(value)) == IGNORED_BASE for value in split_label(label))


def _one(label: object) -> object:
    """A label that should be one value; several are kept together so that the error shows them."""
    return label[0] if isinstance(label, (list, tuple)) and len(label) == 1 else label


def _whole(text: str) -> str:
    """A whole number without its decimals, "1.0" as "1"; any other text as it is."""
    number = number_of(text)
    return str(int(number)) if number.is_integer() else text


def _finite(text: str) -> float:
    number = number_of(text)
    return number if math.isfinite(number) else 0.0
