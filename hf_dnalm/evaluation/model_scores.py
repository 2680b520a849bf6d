"""Evaluate a model on labelled sequences: every metric with its 95 % bootstrap interval."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.json_values import json_number
from hf_dnalm.evaluation.metrics.local import mean_of_defined
from hf_dnalm.evaluation.outputs import Outputs, read_outputs
from hf_dnalm.evaluation.table import check_metric, label_metrics, n_scored_labels
from hf_dnalm.inference import predict
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    import datasets
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_PACKAGES = ("hf_dnalm", "torch", "transformers", "tokenizers", "datasets", "evaluate", "numpy", "scikit-learn")


class ConfidenceInterval(NamedTuple):
    """A metric's value and its 95 % bootstrap interval; NaN if undefined, and NaN bounds without bootstrap."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        if math.isnan(self.low):
            return f"{self.value:z.3f}"
        return f"{self.value:z.3f} ({self.low:z.3f} to {self.high:z.3f})"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The metrics of a model or baseline on a test split.

    Attributes:
        task: the task that was predicted.
        metrics: metric → value with interval; the task's primary metric comes first.
        per_label: metric → one value for each label, in the order of `task.label_names`, NaN if undefined. Only
            metrics that are means over labels are included.
        n_scored_labels: number of labels in these means; None if the metrics are not means over labels.
        n: number of sequences.
        split: name of the test split.
        seed: seed of the bootstrap resamples.
        resamples: metric → number of bootstrap resamples.
        logits, labels: the input.
        outputs: logits and labels, checked and flattened, for the metrics and plots.
        name: name of the model or baseline in the report.
        settings: how predictions were made, as plain JSON values.
        versions: versions of Python and the packages that computed the numbers.
    """

    task: Task
    metrics: dict[str, ConfidenceInterval]
    per_label: dict[str, list[float]]
    n_scored_labels: int | None
    n: int
    split: str
    seed: int
    resamples: dict[str, int]
    logits: np.ndarray | Sequence = field(repr=False)
    labels: np.ndarray | Sequence = field(repr=False)
    outputs: Outputs = field(repr=False)
    name: str
    settings: dict[str, Any]
    versions: dict[str, str]

    @classmethod
    def from_logits(
        cls,
        task: Task,
        logits: np.ndarray | Sequence,
        labels: np.ndarray | Sequence,
        *,
        split: str = "test",
        bootstrap: int = 1000,
        seed: int = 0,
        name: str = "model",
        settings: dict[str, Any] | None = None,
    ) -> Evaluation:
        """Score existing predictions, for example those of the Trainer.

        Args:
            logits: (n, labels) raw outputs; at nucleotide level n arrays (bp, labels) or one padded array.
            labels: (n,), (n, labels), or at nucleotide level (n, bp) with -100 for bases to ignore.
            bootstrap: number of resamples for the intervals; 0 means no intervals.
            seed: seed of the resamples.

        Raises:
            ValueError: logits or labels do not fit the task (see `compute_metrics`), or `bootstrap` is negative.
        """
        check_metric(task)
        outputs = read_outputs(task, logits, labels)
        per_label = label_metrics(task, outputs)
        bounds = {} if bootstrap == 0 else bootstrap_intervals(task, outputs, resamples=bootstrap, seed=seed)
        names = sorted(per_label, key=lambda metric: metric != task.metric)
        intervals = {}
        for metric in names:
            value = mean_of_defined(per_label[metric])
            low, high, _ = (math.nan, math.nan, 0) if math.isnan(value) or not bounds else bounds[metric]
            intervals[metric] = ConfidenceInterval(value, low, high)
        return cls(
            task=task,
            metrics=intervals,
            per_label={
                metric: per_label[metric].tolist() for metric in names if len(per_label[metric]) == task.num_labels > 1
            },
            n_scored_labels=n_scored_labels(per_label),
            n=outputs.n,
            split=split,
            seed=seed,
            resamples={metric: bounds[metric][2] if bounds else 0 for metric in names},
            logits=logits,
            labels=labels,
            outputs=outputs,
            name=name,
            settings=dict(settings or {}),
            versions=versions(),
        )

    @property
    def primary(self) -> ConfidenceInterval:
        """The value and interval of the task's primary metric."""
        return self.metrics[self.task.metric]

    @property
    def n_rows(self) -> int:
        """Number of predictions: sequences, bases or bins, depending on the task's level."""
        return len(self.outputs.scores)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without logits and labels; an undefined number is None."""
        metrics = {
            name: {part: json_number(x) for part, x in interval._asdict().items()} | {"resamples": self.resamples[name]}
            for name, interval in self.metrics.items()
        }
        per_label = {
            name: dict(zip(self.task.label_names, map(json_number, values), strict=True))
            for name, values in self.per_label.items()
        }
        return {
            "name": self.name,
            "task": self.task.to_dict(),
            "split": self.split,
            "n": self.n,
            "n_rows": self.n_rows,
            "n_scored_labels": self.n_scored_labels,
            "seed": self.seed,
            "metrics": metrics,
            "per_label": per_label,
            "settings": self.settings,
            "versions": self.versions,
        }


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: datasets.Dataset,
    task: Task,
    *,
    split: str = "test",
    bootstrap: int = 1000,
    seed: int = 0,
    token_budget: int | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    overflow: Literal["error", "truncate"] = "error",
    progress: Callable[[int], object] | None = None,
    name: str = "model",
    settings: dict[str, Any] | None = None,
) -> Evaluation:
    """Predict every sequence of a labelled dataset and score the predictions.

    Args:
        dataset: with columns `sequence` and `labels`, for example from `read_file` or `load_benchmark`.
        split: name of the split in the report.
        bootstrap: number of resamples for the intervals; 0 means no intervals.
        seed: seed of the resamples.
        token_budget, device, dtype, overflow, progress: as in `predict`.
        name: name of the model in the report.
        settings: how the model was made, as plain JSON values, for the report.

    Raises:
        ValueError: the dataset has no labels, or they do not fit the task or the model.
    """
    check_metric(task)  # before predicting, which may take hours
    if "labels" not in dataset.column_names:
        raise ValueError(
            f"the {split} sequences have no labels, so there is nothing to score (columns: "
            f"{', '.join(dataset.column_names)}); use predict for sequences without labels."
        )
    predictions = predict(
        model,
        tokenizer,
        dataset,
        task=task,
        token_budget=token_budget,
        device=device,
        dtype=dtype,
        overflow=overflow,
        progress=progress,
    )
    return Evaluation.from_logits(
        task,
        predictions.logits,
        dataset["labels"][:],
        split=split,
        bootstrap=bootstrap,
        seed=seed,
        name=name,
        settings=settings,
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that affect the numbers of a run."""
    return {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES}
