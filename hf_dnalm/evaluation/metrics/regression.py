"""Metrics of measured values: R² in two definitions, Pearson and Spearman correlation, for each target.

A target whose measured values are all equal is undefined (NaN) for every metric. A constant prediction of a varying
target has the correlation 0, as with the Matthews coefficient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from datasets import Features, List, Value
from scipy.stats import rankdata

from hf_dnalm.evaluation.metrics.local import LocalMetric

_SHAPES = [
    Features({"predictions": Value("float64"), "references": Value("float64")}),
    Features({"predictions": List(Value("float64")), "references": List(Value("float64"))}),
]


class R2(LocalMetric):
    """R² as 1 - SSE/SST: the share of explained variance; negative if the mean would be a better prediction."""

    metric_name = "r2"
    title = "R² (1 − SSE/SST)"
    description_text = "Coefficient of determination, 1 - SSE/SST; 0 for predicting the mean, negative if worse."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(targets,) values.

        >>> R2.score(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])).tolist()  # 1 - 1/2
        [0.5]
        """
        return _by_target(predictions, references, _r2)


class Pearson(LocalMetric):
    """Pearson's correlation coefficient."""

    metric_name = "pearson"
    title = "Pearson r"
    description_text = "Pearson correlation of predicted and measured values."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(targets,) values."""
        return _by_target(predictions, references, _pearson)


class PearsonR2(LocalMetric):
    """R² as squared Pearson correlation: the variance explained by a linear function of the predictions.

    Papers of the field often report this number as "R²". It ignores scale and offset; 1 - SSE/SST does not.
    """

    metric_name = "pearson_r2"
    title = "R² (squared Pearson)"
    description_text = "Squared Pearson correlation of predicted and measured values."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(targets,) values.

        >>> PearsonR2.score(np.array([30.0, 20.0, 10.0]), np.array([1.0, 2.0, 3.0])).round(6).tolist()
        [1.0]
        """
        return _by_target(predictions, references, _pearson) ** 2


class Spearman(LocalMetric):
    """Spearman's rank correlation; ties have their mean rank."""

    metric_name = "spearman"
    title = "Spearman ρ"
    description_text = "Spearman rank correlation of predicted and measured values."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(targets,) values."""
        return _by_target(predictions, references, lambda p, r: _pearson(rankdata(p), rankdata(r)))


def _r2(predictions: np.ndarray, references: np.ndarray) -> float:
    scale = np.ptp(references)  # so that squares of tiny values do not become 0
    error, spread = (references - predictions) / scale, (references - references.mean()) / scale
    return float(1.0 - error @ error / (spread @ spread))


def _pearson(predictions: np.ndarray, references: np.ndarray) -> float:
    if np.ptp(predictions) == 0:
        return 0.0
    p, r = ((x - x.mean()) / np.ptp(x) for x in (predictions, references))
    return float(np.clip(p @ r / np.sqrt((p @ p) * (r @ r)), -1.0, 1.0))


def _by_target(predictions: np.ndarray, references: np.ndarray, metric: Callable[..., float]) -> np.ndarray:
    if references.ndim == 1:
        predictions, references = predictions[:, None], references[:, None]
    predictions, references = predictions.astype(np.float64), references.astype(np.float64)
    values = np.full(references.shape[1], np.nan)
    for target in np.flatnonzero(np.ptp(references, axis=0) > 0):
        values[target] = metric(predictions[:, target], references[:, target])
    return values
