"""The table of metrics of a task: every metric that fits it, for each label and as the mean over labels."""

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
    """Every metric that fits the task, from raw logits; the Trainer's evaluations and the report use this one.

    Two classes: MCC, F1 of class 1, accuracy, AUROC and AUPRC of class 1. More classes: multi-class MCC, macro F1,
    accuracy, and AUROC and AUPRC as the mean over classes, each against the rest. Multi-label: the mean over tracks of
    each, decisions at probability one half. Regression: R² as 1 - SSE/SST ("r2") and as squared Pearson correlation
    ("pearson_r2"), Pearson and Spearman, the mean over targets. Nucleotide and bin level: over all bases or bins
    whose label is not -100. Tracks in groups also have the mean of the groups' median AUROC ("group_median_auroc"), and
    a task whose metric is "site_auprc" the AUPRC of all classes but class 0.

    Args:
        logits: (n, labels); shapes as in `read_outputs`. Softmax or sigmoid happens here, not before.
        labels: (n,), (n, labels), or at nucleotide level (n, bp).

    Returns:
        One float per metric, NaN where it is undefined. Where it is a mean over labels, undefined labels (a class or
        track of which only one kind occurs, a target that is constant) are left out, and "n_scored_labels" counts
        those that are in.

    Raises:
        ValueError: see `read_outputs`; or the task's own metric does not fit its problem type.

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
    """Values (labels,) of every metric that fits, NaN where undefined; (1,) for a metric of the task as a whole."""
    scores, references = outputs.scores, outputs.references
    if task.problem_type == "regression":
        return {m.metric_name: m.score(scores, references) for m in (R2, PearsonR2, Pearson, Spearman)}
    decisions = outputs.decisions(task)
    # Two classes are one question, "is it class 1?"; its scores are one column.
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
    """How many labels the means over labels are taken of; None when the task is one label as a whole."""
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
            f"choose one of {', '.join(fitting)}"
        )


def metrics_of_task(task: Task) -> tuple[str, ...]:
    """The metrics that fit a task: those of its problem type, and those that groups of tracks or classes allow."""
    more: tuple[str, ...] = ()
    if task.label_groups and task.problem_type == "multi_label_classification":
        more = ("group_median_auroc",)
    elif task.problem_type == "single_label_classification" and task.num_labels > 2:
        more = ("site_auprc",)
    return METRICS_OF[task.problem_type] + more


def _is_binary(task: Task) -> bool:
    return task.problem_type == "single_label_classification" and task.num_labels == 2
