"""Metrics of scores: how well a score puts the positive examples before the negative ones. AUROC and AUPRC.

Only the order of the scores counts, so logits, log-odds and probabilities give the same values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from datasets import Features, List, Value
from sklearn.metrics import average_precision_score, roc_auc_score

from hf_dnalm.evaluation.metrics.local import LocalMetric

_SHAPES = [
    Features({"predictions": Value("float64"), "references": Value("int64")}),
    Features({"predictions": List(Value("float64")), "references": Value("int64")}),
    Features({"predictions": List(Value("float64")), "references": List(Value("int64"))}),
]


class AUROC(LocalMetric):
    """Area under the ROC curve: the chance that a positive scores above a negative (ties count one half)."""

    metric_name = "auroc"
    title = "AUROC"
    description_text = "Area under the ROC curve; 0.5 is chance. Mean of one-vs-rest values (classes) or of tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,) for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUROC.score(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).tolist()
        [0.75]
        """
        return _by_label(predictions, references, roc_auc_score)


class AUPRC(LocalMetric):
    """Area under the precision-recall curve as average precision: the steps of recall, each times its precision."""

    metric_name = "auprc"
    title = "AUPRC"
    description_text = "Average precision; chance is the share of positives. Mean over classes or tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,) for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUPRC.score(np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1])).round(4).tolist()  # (1/1 + 2/3) / 2
        [0.8333]
        """
        return _by_label(predictions, references, average_precision_score)


def _by_label(scores: np.ndarray, references: np.ndarray, metric: Callable[..., float]) -> np.ndarray:
    if scores.ndim == 1:
        scores, references = scores[:, None], references[:, None]
    elif references.ndim == 1:
        references = references[:, None] == np.arange(scores.shape[1])
    values = np.full(scores.shape[1], np.nan)
    for label in range(scores.shape[1]):
        positive = references[:, label].astype(bool)
        if positive.any() and not positive.all():
            values[label] = metric(positive, scores[:, label])
    return values
