"""The training loss of a task: transformers' three losses with class weights, exact under gradient accumulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch.nn import functional

from hf_dnalm.inference.bins import bin_means
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

_IGNORED = -100  # label of padding


def balanced_class_weights(task: Task, labels: Dataset | Any) -> torch.Tensor:
    """Class weights that give every class the same share of the loss, from the labels of the training split.

    For single-label tasks a weight is n / (classes × count). The mean weight over the split is 1, so the loss keeps its
    scale. For multi-label tasks it is negatives / positives of each track, and multiplies the loss of the positives.

    Args:
        labels: (n,) classes; (n, L) zeros and ones; or n lists with a class for each base, or with classes or zeros and
            ones for each bin.

    Returns:
        (L,) float32.

    Raises:
        ValueError: the task is a regression, or a class (or the positives of a track) has no example.

    >>> task = Task("promoter", "single_label_classification", ("background", "promoter"), metric="mcc")
    >>> balanced_class_weights(task, [0, 0, 0, 1]).tolist()
    [0.6666666865348816, 2.0]
    """
    if task.problem_type == "regression":
        raise ValueError(f"task {task.name!r} is a regression and has no classes. Set class_weights to 'none'.")
    if task.level == "bin":
        width = (-1,) if task.problem_type == "single_label_classification" else (-1, task.num_labels)
        flat = np.concatenate([np.asarray(each).reshape(width) for each in labels])
        labels = flat[(flat != _IGNORED).reshape(len(flat), -1).all(axis=1)]
    if task.problem_type == "multi_label_classification":
        positives = np.asarray(labels, dtype=np.float64).sum(0)
        counts, weights = positives, (len(labels) - positives) / np.maximum(positives, 1)
    else:
        flat = np.concatenate([np.atleast_1d(each) for each in labels])
        counts = np.bincount(flat[flat != _IGNORED], minlength=task.num_labels)
        weights = counts.sum() / (task.num_labels * np.maximum(counts, 1))
    if not counts.all():
        absent = [task.label_names[index] for index in np.flatnonzero(counts == 0)]
        raise ValueError(
            f"class_weights='balanced': the training split has no example of {', '.join(map(repr, absent))}. "
            "Use class_weights='none' or other splits."
        )
    return torch.tensor(weights, dtype=torch.float32)


def given_class_weights(task: Task, setting: str) -> torch.Tensor:
    """Class weights given as text, "8" or "1,100,100": one for each class, or for the positives of each track.

    A single number is the weight of the positives of all tracks. With two classes it is the weight of class 1, and the
    weight of class 0 is 1.

    Returns:
        (L,) float32.

    Raises:
        ValueError: a weight is not a number above 0, there are too many or too few, or the task is a regression.

    >>> task = Task("promoter", "single_label_classification", ("background", "promoter"), metric="mcc")
    >>> given_class_weights(task, "8").tolist(), given_class_weights(task, "1,2.5").tolist()
    ([1.0, 8.0], [1.0, 2.5])
    """
    if task.problem_type == "regression":
        raise ValueError(f"task {task.name!r} is a regression and has no classes. Set class_weights to 'none'.")
    try:
        weights = [float(each) for each in setting.split(",")]
    except ValueError:
        weights = []
    if len(weights) == 1 and task.problem_type == "multi_label_classification":
        weights *= task.num_labels
    elif len(weights) == 1 and task.num_labels == 2:
        weights = [1.0, *weights]
    if len(weights) != task.num_labels or not all(0 < weight < float("inf") for weight in weights):
        raise ValueError(
            f"class_weights is {setting!r}; it must be 'none', 'balanced', or {task.num_labels} numbers above 0 "
            f"separated by commas, one for each label of task {task.name!r}."
        )
    return torch.tensor(weights, dtype=torch.float32)


class TaskLoss:
    """Mean loss over all labels; `Trainer(compute_loss_func=…)`.

    If `num_items_in_batch` is given, the sum over this batch is divided by the number of labels in the accumulated
    batch of all processes. transformers' own classification heads do this for single-label tasks only.

    Args:
        bin_bp: at bin level, the bases in a bin: the model predicts single bases, and the loss is that of their means.
        weights: (L,), of classes (single label) or of positives (multi-label); None: all 1.
        label_smoothing: probability that is spread evenly over all classes, from 0 to 1; single label only.

    Raises:
        ValueError: label smoothing for another problem type.
    """

    def __init__(
        self,
        problem_type: Literal["single_label_classification", "multi_label_classification", "regression"],
        *,
        bin_bp: int | None = None,
        weights: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        if label_smoothing and problem_type != "single_label_classification":
            raise ValueError(
                f"label smoothing is for single-label classification, not for {problem_type}. Set it to 0."
            )
        self._problem_type = problem_type
        self._bin_bp = bin_bp
        self._weights = weights
        self._label_smoothing = label_smoothing

    def __call__(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Scalar loss of a model's output: `logits` (b, L), or (b, bp, L) if `labels` are those of bases or bins."""
        logits = outputs["logits"].float()
        if self._bin_bp is not None:
            logits = bin_means(logits, self._bin_bp)
        return self.of_logits(logits, labels, num_items_in_batch)

    def of_logits(
        self, logits: torch.Tensor, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Scalar loss of logits that already have one row per label: per sequence, base or bin."""
        weights = None if self._weights is None else self._weights.to(logits.device)
        match self._problem_type:
            case "single_label_classification":
                losses = functional.cross_entropy(
                    logits.flatten(0, -2),
                    labels.flatten(),
                    weight=weights,
                    ignore_index=_IGNORED,
                    label_smoothing=self._label_smoothing,
                    reduction="sum",
                )
                count: torch.Tensor | int = labels.ne(_IGNORED).sum()
            case "multi_label_classification":
                labels = labels.float()
                scored = labels != _IGNORED
                each = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="none")
                losses, count = each.masked_fill(~scored, 0.0).sum(), scored.sum()
            case "regression" if self._bin_bp is None:
                losses = functional.mse_loss(logits, labels.float().reshape(logits.shape), reduction="sum")
                count = labels.numel()
            case "regression":
                scored = labels != _IGNORED
                each = functional.mse_loss(logits, labels.float(), reduction="none")
                losses, count = each.masked_fill(~scored, 0.0).sum(), scored.sum()
            case _:
                raise ValueError(f"there is no loss for problem type {self._problem_type!r}.")
        return losses / (count if num_items_in_batch is None else num_items_in_batch)
