"""Metrics of decisions: which class, or which tracks, the model says. MCC, F1 and accuracy.

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
    """Matthews correlation coefficient, its multi-class form for three classes or more; 0 for a constant prediction."""

    metric_name = "mcc"
    title = "MCC"
    description_text = "Matthews correlation coefficient, -1 to 1; 0 is chance and any constant prediction."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,), or (tracks,) of a multi-label task.

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
    """F1 of class 1 for two classes, F1 of every class (its mean is macro F1) for more; of value 1 for each track.

    Which of the two it is follows from the classes: with none above 1 in references or predictions, it is binary.
    """

    metric_name = "f1"
    title = "F1"
    description_text = "F1 of class 1 (two classes), macro F1 (more classes), or mean F1 over tracks (multi-label)."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray, *, num_classes: int | None = None) -> np.ndarray:
        """Value (1,) for two classes, (classes,) for more, (tracks,) of a multi-label task.

        Args:
            num_classes: number of classes of the task; the largest that occurs + 1 when not given.

        A class that neither occurs nor is predicted is undefined; one that is only predicted has F1 0.
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
    """Share of decisions that are right; for multi-label tasks of each track."""

    metric_name = "accuracy"
    title = "Accuracy"
    description_text = "Share of right decisions; for multi-label tasks the mean over tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,), or (tracks,) of a multi-label task."""
        if references.ndim == 1:
            return np.array([accuracy_score(references, predictions)], dtype=np.float64)
        return _where_both(references, (predictions == references).mean(axis=0))


def _matthews(predictions: np.ndarray, references: np.ndarray) -> float:
    # scikit-learn warns when all predictions and references are one class, where the coefficient is 0 by convention.
    if np.ptp(predictions) == 0 or np.ptp(references) == 0:
        return 0.0
    return matthews_corrcoef(references, predictions)


def _tables(predictions: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, ...]:
    """Hits, false alarms, misses and right rejections of every track, each (tracks,) float64.

    All tracks at once: scikit-learn's functions take milliseconds a track, and DeepSEA has 919.
    """
    said, true = predictions.astype(bool), references.astype(bool)
    parts = (said & true, said & ~true, ~said & true, ~said & ~true)
    return tuple(part.sum(axis=0).astype(np.float64) for part in parts)


def _where_both(references: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values of tracks that have both kinds of references, NaN elsewhere."""
    return np.where(np.ptp(references, axis=0) > 0, values, np.nan)
