"""Infer the task of a user's own file from its labels, and log it before training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from datasets import ClassLabel, Dataset

from hf_dnalm.data.files import MissingLabels, checked_records, file_records
from hf_dnalm.data.label_kinds import described, labelled_rows, refuse_ambiguous
from hf_dnalm.data.labels import task_from_labels
from hf_dnalm.tasks import Level, ProblemType, Task

logger = logging.getLogger(__name__)


def infer_task(
    data: Dataset | str | Path,
    *,
    name: str,
    problem_type: ProblemType | None = None,
    metric: str | None = None,
    label_names: list[str] | None = None,
    level: Level = "sequence",
    bin_bp: int | None = None,
    sequence_column: str = "sequence",
    labels_column: str = "labels",
    name_column: str = "name",
    missing_labels: MissingLabels = "error",
) -> Task:
    """Infer the task that fits a labelled file or Dataset.

    Whole numbers with few different values, and text, are classes. Decimal numbers are a regression target. Lists, or
    text such as `0;1;1`, are tracks (all 0 or 1) or several regression targets; so are several label columns, whose
    names become the label names. The result is logged and noted in the task's description.

    Args:
        data: a file as `read_file` reads it, or a Dataset with a `labels` column.
        name: name of the task.
        problem_type, metric, label_names: override the inferred values; needed if the labels are ambiguous (for whole
            numbers that are a quantity: `problem_type="regression"`).
        level: "nucleotide" if each label is a list with one class per base; "bin" if it is a list with one label per
            bin of `bin_bp` bases.
        sequence_column, labels_column, name_column, missing_labels: as in `read_file`.

    Raises:
        ValueError: no labels, labels that fit no task, or ambiguous labels, such as numbers mixed with text, or decimal
            commas.
    """
    if isinstance(data, Dataset):
        if "labels" not in data.column_names:
            raise ValueError(f"the dataset has no column 'labels'; it has {', '.join(data.column_names)}.")
        raw, source = data["labels"][:], name
        numbers: Sequence[int] = range(1, len(raw) + 1)
        columns, labels_column = [], "labels"
        feature = data.features["labels"]
        if isinstance(feature, ClassLabel):
            label_names = label_names or list(feature.names)
    else:
        source = str(data)
        records = file_records(data, True, sequence_column, labels_column, name_column, True)
        checked = [(r.label, r.number) for r in checked_records(records, source=source, labels_required=True)]
        raw, numbers = [label for label, _ in checked], [number for _, number in checked]
        columns = [column.strip() for column in labels_column.split(",")]
        label_names = label_names or (columns if len(columns) > 1 else None)
    several_columns = len(columns) > 1
    kept = labelled_rows(
        raw, numbers, source, drop=missing_labels == "drop", classes=() if several_columns else label_names or ()
    )
    raw, numbers = [raw[row] for row in kept], [numbers[row] for row in kept]
    if several_columns and problem_type is None:
        refuse_ambiguous(raw, source, numbers)
    task = task_from_labels(
        raw,
        numbers=numbers,
        name=name,
        source=source,
        problem_type=problem_type,
        metric=metric,
        label_names=label_names,
        level=level,
        bin_bp=bin_bp,
    )
    if level == "sequence":
        line = described(task.problem_type, task.label_names, raw, labels_column)
        logger.info("%s: %s; metric %s", Path(source).name, line, task.metric)
        task = task.with_note(line)
    # Only the file's name: the task is stored with the model, which should not contain local paths.
    return task if isinstance(data, Dataset) else dataclasses.replace(task, source=Path(data).name)
