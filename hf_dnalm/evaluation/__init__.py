"""How good a model is: metrics with intervals, baselines to compare with, and a report."""

from hf_dnalm.evaluation.baseline import kmer_baseline, majority_baseline
from hf_dnalm.evaluation.binning import Binning, bin_sequences, score_bins, similarity_threshold
from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.clustering import Clustering, FewShot, cluster, few_shot, tetranucleotide_frequencies
from hf_dnalm.evaluation.figures import write_figure
from hf_dnalm.evaluation.logo import draw_logo, write_logo
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.model_scores import Evaluation, Interval, evaluate
from hf_dnalm.evaluation.report import ReportFiles, metrics_table, verdict, write_report
from hf_dnalm.evaluation.table import METRICS_OF, compute_metrics
from hf_dnalm.evaluation.vector_map import draw_maps, map_vectors

__all__ = [
    "METRICS",
    "METRICS_OF",
    "Binning",
    "Clustering",
    "Evaluation",
    "FewShot",
    "Interval",
    "ReportFiles",
    "bin_sequences",
    "bootstrap_intervals",
    "cluster",
    "compute_metrics",
    "draw_logo",
    "draw_maps",
    "evaluate",
    "few_shot",
    "kmer_baseline",
    "majority_baseline",
    "map_vectors",
    "metrics_table",
    "score_bins",
    "similarity_threshold",
    "tetranucleotide_frequencies",
    "verdict",
    "write_figure",
    "write_logo",
    "write_report",
]
