"""Metrics of predicted classes or tracks: MCC, F1 and accuracy.

Predictions and references are class numbers (n,), or 0/1 decisions (n, tracks) for multi-label tasks, where every
metric is computed track by track. A track whose references are all 0 or all 1 is undefined (NaN) for every metric.
"""

from __future__ import annotations

import numpy as np
from datasets import Features, List, Value
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, matthews_corrcoef

from hf_dnalm.evaluation.metrics.local import LocalMetric

_SHAPES = [
    Features({"predictions": Value("int64"), "references": Value("int64")}),
    Features({"predictions": List(Value("int64")), "references": List(Value("int64"))}),
]


class MCC(LocalMetric):
    """Matthews correlation coefficient, multi-class for three or more classes; 0 for a constant prediction."""

    metric_name = "mcc"
    title = "MCC"
    description_text = "Matthews correlation coefficient, -1 to 1; 0 for random and for constant predictions."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(1,) value, or (tracks,) for a multi-label task.

        >>> MCC.score(np.array([1, 1, 0, 0]), np.array([1, 1, 0, 0])).tolist()
        [1.0]
        >>> MCC.score(np.array([1, 1, 1, 1]), np.array([1, 1, 0, 0])).tolist()
        [0.0]
        """
        if references.ndim == 1:
            return np.array([_matthews(predictions, references)])
        hits, false_alarms, misses, rejections = _tables(predictions, references)
        spread = (hits + false_alarms) * (hits + misses) * (rejections + false_alarms) * (rejections + misses)
        covered = hits * rejections - false_alarms * misses
        values = np.divide(covered, np.sqrt(spread), out=np.zeros_like(covered), where=spread > 0)
        return _where_both(references, values)


class F1(LocalMetric):
    """F1 of class 1 for two classes, F1 of every class (whose mean is macro F1) for more, F1 of 1 for each track.

    A task without classes above 1 in references and predictions is binary.
    """

    metric_name = "f1"
    title = "F1"
    description_text = "F1 of class 1 (two classes), macro F1 (more classes), or mean F1 over tracks (multi-label)."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray, *, num_classes: int | None = None) -> np.ndarray:
        """(1,) value for two classes, (classes,) for more, (tracks,) for a multi-label task.

        A class that neither occurs nor is predicted is undefined. A predicted class that does not occur has F1 0.

        Args:
            num_classes: number of classes of the task; None = the largest class that occurs + 1.
        """
        if references.ndim == 2:
            hits, false_alarms, misses, _ = _tables(predictions, references)
            below = 2 * hits + false_alarms + misses
            return _where_both(references, np.divide(2 * hits, below, out=np.zeros_like(hits), where=below > 0))
        num_classes = num_classes or int(max(predictions.max(), references.max())) + 1
        if num_classes <= 2:
            return np.array([f1_score(references, predictions, labels=[0, 1], zero_division=0.0)])
        table = confusion_matrix(references, predictions, labels=np.arange(num_classes)).astype(np.float64)
        occurs = table.sum(axis=0) + table.sum(axis=1)
        return np.divide(2 * np.diag(table), occurs, out=np.full(num_classes, np.nan), where=occurs > 0)


class Accuracy(LocalMetric):
    """Share of correct predictions; for multi-label tasks, of each track."""

    metric_name = "accuracy"
    title = "Accuracy"
    description_text = "Share of correct predictions; for multi-label tasks the mean over tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(1,) value, or (tracks,) for a multi-label task."""
        if references.ndim == 1:
            return np.array([accuracy_score(references, predictions)], dtype=np.float64)
        return _where_both(references, (predictions == references).mean(axis=0))


def _matthews(predictions: np.ndarray, references: np.ndarray) -> float:
    # scikit-learn warns if all predictions or references are one class; the coefficient is then 0 by convention.
    if np.ptp(predictions) == 0 or np.ptp(references) == 0:
        return 0.0
    return matthews_corrcoef(references, predictions)


def _tables(predictions: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, ...]:
    """True positives, false positives, false negatives and true negatives of every track, each (tracks,) float64.

    Computed for all tracks at once: scikit-learn's functions take milliseconds per track, and DeepSEA has 919.
    """
    called, true = predictions.astype(bool), references.astype(bool)
    parts = (called & true, called & ~true, ~called & true, ~called & ~true)
    return tuple(part.sum(axis=0).astype(np.float64) for part in parts)


def _where_both(references: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values of tracks with both positive and negative references, NaN for the others."""
    return np.where(np.ptp(references, axis=0) > 0, values, np.nan)
