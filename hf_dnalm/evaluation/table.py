"""Compute all metrics of a task, for each label and as the mean over labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hf_dnalm.evaluation.metrics import (
    AUPRC,
    AUROC,
    F1,
    MCC,
    METRICS,
    R2,
    Accuracy,
    GroupMedianAUROC,
    Pearson,
    PearsonR2,
    SiteAUPRC,
    Spearman,
)
from hf_dnalm.evaluation.metrics.local import mean_of_defined
from hf_dnalm.evaluation.outputs import Outputs, read_outputs
from hf_dnalm.tasks import Task

_CLASSIFICATION = ("mcc", "f1", "accuracy", "auroc", "auprc")
METRICS_OF: dict[str, tuple[str, ...]] = {
    "single_label_classification": _CLASSIFICATION,
    "multi_label_classification": _CLASSIFICATION,
    "regression": ("r2", "pearson_r2", "pearson", "spearman"),
}


def compute_metrics(task: Task, logits: np.ndarray | Sequence, labels: np.ndarray | Sequence) -> dict[str, float]:
    """Compute every metric of the task from raw logits, as the Trainer's evaluations and the report do.

    - Two classes: MCC, accuracy, and F1, AUROC and AUPRC of class 1.
    - More classes: multi-class MCC, macro F1, accuracy, and the mean over classes of one-vs-rest AUROC and AUPRC.
    - Multi-label: the means over tracks, with decisions at probability one half.
    - Regression: R² as 1 - SSE/SST ("r2") and as squared Pearson correlation ("pearson_r2"), Pearson and Spearman, as
      means over targets.

    Nucleotide- and bin-level tasks are scored over all bases or bins whose label is not -100. Tracks in groups also
    have the mean of the groups' median AUROC ("group_median_auroc"), and a task with the metric "site_auprc" has the
    AUPRC of all classes except class 0.

    Args:
        logits: (n, labels), shapes as in `read_outputs`; without softmax or sigmoid.
        labels: (n,), (n, labels), or at nucleotide level (n, bp).

    Returns:
        One float per metric, NaN if undefined. Means over labels leave out undefined labels (a class or track with only
        positives or only negatives, a constant target), and "n_scored_labels" counts the others.

    Raises:
        ValueError: see `read_outputs`; or the task's primary metric does not fit its problem type.

    >>> task = Task("promoter", "single_label_classification", ("background", "promoter"), metric="mcc")
    >>> metrics = compute_metrics(task, np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]), np.array([0, 0, 1]))
    >>> {name: round(value, 3) for name, value in metrics.items()}
    {'mcc': 0.5, 'f1': 0.667, 'accuracy': 0.667, 'auroc': 1.0, 'auprc': 1.0}
    """
    check_metric(task)
    per_label = label_metrics(task, read_outputs(task, logits, labels))
    metrics = {name: mean_of_defined(values) for name, values in per_label.items()}
    scored = n_scored_labels(per_label)
    return metrics if scored is None else metrics | {"n_scored_labels": float(scored)}


def label_metrics(task: Task, outputs: Outputs) -> dict[str, np.ndarray]:
    """(labels,) values of every metric of the task, NaN if undefined; (1,) for a metric that is not per label."""
    scores, references = outputs.scores, outputs.references
    if task.problem_type == "regression":
        return {m.metric_name: m.score(scores, references) for m in (R2, PearsonR2, Pearson, Spearman)}
    decisions = outputs.decisions(task)
    # With two classes, only the scores of class 1 are ranked.
    ranked = scores[:, 1] if _is_binary(task) else scores
    f1 = F1.score(decisions, references, num_classes=task.num_labels)
    values = {
        "mcc": MCC.score(decisions, references),
        "f1": f1,
        "accuracy": Accuracy.score(decisions, references),
        "auroc": AUROC.score(ranked, references),
        "auprc": AUPRC.score(ranked, references),
    }
    if task.label_groups:
        sizes = [size for _, size in task.label_groups]
        values["group_median_auroc"] = GroupMedianAUROC.score(scores, references, groups=sizes)
    if task.metric == "site_auprc":
        values["site_auprc"] = SiteAUPRC.score(scores, references)
    return values


def n_scored_labels(per_label: dict[str, np.ndarray]) -> int | None:
    """The number of labels in the means over labels; None if the metrics are not per label."""
    values = per_label.get("auroc", per_label.get("r2"))
    assert values is not None
    return int((~np.isnan(values)).sum()) if len(values) > 1 else None


def check_metric(task: Task) -> None:
    """Refuse a task whose primary metric is not computed for its problem type."""
    fitting = metrics_of_task(task)
    if task.metric not in fitting:
        known = "" if task.metric in METRICS else "is not known and "
        raise ValueError(
            f"metric {task.metric!r} of task {task.name!r} {known}does not fit {task.problem_type}; "
            f"choose one of {', '.join(fitting)}."
        )


def metrics_of_task(task: Task) -> tuple[str, ...]:
    """The metrics of a task: those of its problem type, and additional ones for grouped tracks or several classes."""
    more: tuple[str, ...] = ()
    if task.label_groups and task.problem_type == "multi_label_classification":
        more = ("group_median_auroc",)
    elif task.problem_type == "single_label_classification" and task.num_labels > 2:
        more = ("site_auprc",)
    return METRICS_OF[task.problem_type] + more


def _is_binary(task: Task) -> bool:
    return task.problem_type == "single_label_classification" and task.num_labels == 2
