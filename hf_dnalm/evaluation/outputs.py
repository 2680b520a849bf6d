"""Convert logits and labels to the input of metrics: decisions, scores and references, one row per prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from hf_dnalm.tasks import Task

IGNORED = -100  # label of bases and bins that are not scored, such as padding; transformers' convention


class Outputs(NamedTuple):
    """Predictions and true labels, checked and flattened.

    A row is one prediction: for a sequence, a base (nucleotide level) or a bin (bin level). L is the number of labels.

    Attributes:
        scores: (rows, L) float64. Log-odds of each class against the rest (single label), logits of each track
            (multi-label), or predicted values (regression).
        references: (rows,) int64 classes, (rows, L) int64 0/1 for tracks, or (rows, L) float64 measured values.
        example: (rows,) int64, 0-based index of the sequence that the row belongs to.
        n: number of sequences.
    """

    scores: np.ndarray
    references: np.ndarray
    example: np.ndarray
    n: int

    def decisions(self, task: Task) -> np.ndarray:
        """(rows,) class with the highest score, or (rows, tracks) 0/1: 1 if the probability is at least one half."""
        if task.problem_type == "single_label_classification":
            return self.scores.argmax(axis=1)
        return (self.scores >= 0).astype(np.int64)


def read_outputs(task: Task, logits: np.ndarray | Sequence, labels: np.ndarray | Sequence) -> Outputs:
    """Check logits and labels against the task and flatten them.

    Args:
        logits: (n, L) raw outputs of the head; a regression with one target may be (n,). At nucleotide level n arrays
            (bp, L), or one array (n, longest bp, L).
        labels: (n,) classes, (n, tracks) 0/1, (n,) or (n, targets) numbers; at nucleotide level n arrays (bp,), or one
            array (n, longest bp), with -100 for bases to ignore. At bin level there are bins instead of bases, and each
            bin has the labels that a sequence would have.

    Raises:
        ValueError: the input is empty, a shape does not fit the task or the other input, a value is not a number, or
            a label is not one of the task's labels. The message counts examples from 1.
    """
    if len(logits) != len(labels):
        raise ValueError(f"{len(logits):,} logits and {len(labels):,} labels: there must be one of each per sequence.")
    if len(labels) == 0:
        raise ValueError("there is nothing to score: the labels are empty.")
    n = len(labels)
    if task.level != "sequence":
        values, references, example = _flatten_nucleotides(task, logits, labels)
    else:
        values, references = _as_array(logits, "logits"), _as_array(labels, "labels")
        if task.problem_type != "single_label_classification":
            values, references = (x[:, None] if x.ndim == 1 else x for x in (values, references))
        example = np.arange(n)
    values = values.astype(np.float64)
    _check_shapes(task, values, references)
    _check_finite(values, example, "logits", "the model has diverged; train with a lower learning rate")
    if task.problem_type == "regression":
        references = references.astype(np.float64)
        _check_finite(references, example, "labels", "leave this example out")
    else:
        references = _check_classes(task, references, example)
    scores = _log_odds(values) if task.problem_type == "single_label_classification" else values
    return Outputs(scores, references, example, n)


def _as_array(values: np.ndarray | Sequence, what: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:  # numpy cannot make an array of rows of different lengths
        raise ValueError(
            f"the {what} have rows of different lengths; a sequence-level task has one row per sequence."
        ) from None


def _flatten_nucleotides(task: Task, logits, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kept_logits, kept_labels, lengths = [], [], []
    for number, (rows, classes) in enumerate(zip(logits, labels, strict=True), start=1):
        rows, classes = np.asarray(rows), np.asarray(classes)
        if rows.shape != (len(classes), task.num_labels):
            raise ValueError(
                f"example {number}: logits of shape {rows.shape} do not fit {len(classes):,} {task.level} labels of "
                f"task {task.name!r}; expected ({len(classes)}, {task.num_labels})."
            )
        if task.problem_type != "single_label_classification":
            classes = classes.reshape(len(classes), -1)
        scored = classes != IGNORED if classes.ndim == 1 else (classes != IGNORED).all(axis=1)
        kept_logits.append(rows[scored])
        kept_labels.append(classes[scored])
        lengths.append(int(scored.sum()))
    if not sum(lengths):
        raise ValueError(f"there is nothing to score: every {task.level} label is -100 (ignored).")
    return np.concatenate(kept_logits), np.concatenate(kept_labels), np.repeat(np.arange(len(lengths)), lengths)


def _check_shapes(task: Task, values: np.ndarray, references: np.ndarray) -> None:
    rows = len(values)
    if values.shape != (rows, task.num_labels):
        raise ValueError(
            f"logits of shape {values.shape} do not fit task {task.name!r} with {task.num_labels} labels; "
            f"expected ({rows}, {task.num_labels})."
        )
    expected = (rows,) if task.problem_type == "single_label_classification" else (rows, task.num_labels)
    if references.shape != expected:
        raise ValueError(
            f"labels of shape {references.shape} do not fit task {task.name!r} ({task.problem_type}); "
            f"expected {expected}."
        )


def _check_finite(values: np.ndarray, example: np.ndarray, what: str, remedy: str) -> None:
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        value = values[bad[0]][~np.isfinite(values[bad[0]])][0]
        raise ValueError(f"example {example[bad[0]] + 1}: the {what} contain {value}; {remedy}.")


def _check_classes(task: Task, references: np.ndarray, example: np.ndarray) -> np.ndarray:
    multi_label = task.problem_type == "multi_label_classification"
    if not np.issubdtype(references.dtype, np.number) and references.dtype != bool:
        raise ValueError(f"labels of task {task.name!r} must be numbers, got {references.dtype} {references[0]!r}.")
    largest = 1 if multi_label else task.num_labels - 1
    whole = references.astype(np.int64)
    wrong = (whole != references) | (whole < 0) | (whole > largest)
    rows = np.flatnonzero(wrong.any(axis=1) if multi_label else wrong)
    if rows.size:
        value = references[rows[0]][wrong[rows[0]]][0] if multi_label else references[rows[0]]
        raise ValueError(
            f"example {example[rows[0]] + 1}: label {value} does not fit task {task.name!r}; "
            f"{'track' if multi_label else 'class'} labels are 0 to {largest}."
        )
    return whole


def _log_odds(logits: np.ndarray) -> np.ndarray:
    """log p / (1 - p) of each class, where p is the softmax; exact even if p rounds to 1.

    >>> _log_odds(np.array([[0.0, 100.0]])).tolist()
    [[-100.0, 100.0]]
    """
    classes = logits.shape[1]
    rest = [logsumexp(np.delete(logits, label, axis=1), axis=1) for label in range(classes)]
    return logits - np.stack(rest, axis=1)
