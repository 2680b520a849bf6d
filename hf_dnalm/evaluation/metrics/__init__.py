"""The metrics, as local `evaluate.Metric` modules by name."""

from hf_dnalm.evaluation.metrics.classification import F1, MCC, Accuracy
from hf_dnalm.evaluation.metrics.local import LocalMetric
from hf_dnalm.evaluation.metrics.ranking import AUPRC, AUROC, GroupMedianAUROC, SiteAUPRC
from hf_dnalm.evaluation.metrics.regression import R2, Pearson, PearsonR2, Spearman

METRICS: dict[str, type[LocalMetric]] = {
    metric.metric_name: metric
    for metric in (
        MCC,
        F1,
        Accuracy,
        AUROC,
        AUPRC,
        GroupMedianAUROC,
        SiteAUPRC,
        R2,
        PearsonR2,
        Pearson,
        Spearman,
    )
}

__all__ = [
    "AUPRC",
    "AUROC",
    "F1",
    "MCC",
    "METRICS",
    "R2",
    "Accuracy",
    "GroupMedianAUROC",
    "LocalMetric",
    "Pearson",
    "PearsonR2",
    "SiteAUPRC",
    "Spearman",
]
