"""How good a model is: metrics with intervals, baselines to compare with, and a report."""

from hf_dnalm.evaluation.baseline import kmer_baseline, majority_baseline
from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.evaluate import Evaluation, Interval, evaluate
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.report import ReportFiles, metrics_table, verdict, write_report
from hf_dnalm.evaluation.table import METRICS_OF, compute_metrics

__all__ = [
    "METRICS",
    "METRICS_OF",
    "Evaluation",
    "Interval",
    "ReportFiles",
    "bootstrap_intervals",
    "compute_metrics",
    "evaluate",
    "kmer_baseline",
    "majority_baseline",
    "metrics_table",
    "verdict",
    "write_report",
]
