"""Score a network: the task's metric after every epoch, and all metrics with an interval on the test split."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from sklearn.metrics import precision_recall_fscore_support

from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.json_values import json_number
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.metrics.local import mean_of_defined
from hf_dnalm.evaluation.outputs import Outputs, read_outputs
from hf_dnalm.evaluation.table import label_metrics
from hf_dnalm.suites.bend.definition import PADDING, BendTask


class Predictions:
    """Logits and labels of all regions, collected batch by batch."""

    def __init__(self, task: BendTask) -> None:
        self._task = task
        self._logits: list[np.ndarray] = []  # (places, outputs) of each region
        self._labels: list[np.ndarray] = []  # (places,) or (places, outputs)

    def add(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a batch: logits (b, places, outputs), labels (b, places) or (b, places, outputs)."""
        self._logits += list(logits.float().cpu().numpy())
        self._labels += list(labels.cpu().numpy())

    def metric(self) -> float:
        """The task's own metric: the mean over the labels for which it is defined; NaN if it is defined for none."""
        if self._task.loss == "cross_entropy" and self._task.metric == "mcc":  # faster for millions of nucleotides
            decisions, labels = np.concatenate([each.argmax(1) for each in self._logits]), np.concatenate(self._labels)
            scored = labels != PADDING
            if scored.any():
                return float(METRICS["mcc"].score(decisions[scored], labels[scored])[0])
        return mean_of_defined(label_metrics(self._task.as_task(), self.outputs())[self._task.metric])

    def outputs(self) -> Outputs:
        """The predictions in the form of `hf_dnalm.evaluation`: a row is a place, an example is a region.

        Raises:
            ValueError: there are no labels, or a logit is not finite.
        """
        task = self._task.as_task()
        if task.level != "sequence":
            return read_outputs(task, self._logits, self._labels)
        logits, labels = np.concatenate(self._logits), np.concatenate(self._labels)
        scored = labels != PADDING if labels.ndim == 1 else (labels != PADDING).all(1)
        return read_outputs(task, logits[scored], labels[scored])

    def report(self, *, bootstrap: int = 1000, seed: int = 0) -> dict[str, Any]:
        """All metrics of the task, the 95 % interval of the task's own metric, and the metrics of each label.

        The interval resamples complete regions, because the places of a region are not independent.

        Args:
            bootstrap: number of resamples; 0: no interval.

        Returns:
            Plain JSON values; an undefined number is None.
        """
        task, outputs = self._task.as_task(), self.outputs()
        per_label = label_metrics(task, outputs)
        low, high = math.nan, math.nan
        if bootstrap:
            bounds = bootstrap_intervals(task, outputs, resamples=bootstrap, seed=seed, metrics=(task.metric,))
            low, high, _ = bounds[task.metric]
        values = {name: mean_of_defined(each) for name, each in per_label.items()}
        labels = {name: each for name, each in per_label.items() if len(each) > 1}
        if self._task.loss == "cross_entropy":
            labels |= _recall_and_precision(outputs, task.num_labels)
        return {
            "metric": task.metric,
            "value": json_number(values[task.metric]),
            "low": json_number(low),
            "high": json_number(high),
            "regions": outputs.n,
            "places": len(outputs.scores),
            "metrics": {name: json_number(value) for name, value in values.items()},
            "per_label": {
                name: dict(zip(task.label_names, map(json_number, each.tolist()), strict=True))
                for name, each in labels.items()
            },
        }


def _recall_and_precision(outputs: Outputs, classes: int) -> dict[str, np.ndarray]:
    """Recall and precision, (classes,) each; NaN for a class that does not occur, or that is never predicted."""
    precision, recall, _, _ = precision_recall_fscore_support(
        outputs.references, outputs.scores.argmax(1), labels=np.arange(classes), zero_division=np.nan
    )
    return {"recall": np.asarray(recall), "precision": np.asarray(precision)}
