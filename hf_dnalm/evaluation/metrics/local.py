"""The base class of the metrics: an `evaluate.Metric` that downloads nothing and writes nothing to the user's cache."""

from __future__ import annotations

import os
from typing import ClassVar

import datasets
import evaluate
import numpy as np


class LocalMetric(evaluate.Metric):
    """A metric that is computed in memory by one function, `score`.

    `compute(predictions=…, references=…)` returns `{name: mean over the labels, "per_label": [one value per label]}`.
    An undefined value is NaN, and undefined labels are left out of the mean.
    """

    metric_name: ClassVar[str]
    title: ClassVar[str]  # name in reports
    description_text: ClassVar[str]
    feature_shapes: ClassVar[list[datasets.Features]]

    def __init__(self, **options) -> None:
        super().__init__(**{"keep_in_memory": True, **options})

    def _build_data_dir(self) -> str:
        # evaluate makes a cache folder for every metric; a metric in memory does not need one.
        if not self.keep_in_memory:
            return super()._build_data_dir()
        return os.path.join(self._data_dir_root, self.name, self.config_name)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.description_text,
            citation="",
            inputs_description="",
            features=self.feature_shapes,
        )

    def _compute(self, predictions: np.ndarray, references: np.ndarray, **options) -> dict[str, float | list[float]]:
        values = self.score(np.asarray(predictions), np.asarray(references), **options)
        return {self.metric_name: mean_of_defined(values), "per_label": values.tolist()}

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(labels,) values of the metric, NaN if undefined."""
        raise NotImplementedError


def mean_of_defined(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN if all are.

    >>> mean_of_defined(np.array([1.0, np.nan, 0.5]))
    0.75
    """
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
