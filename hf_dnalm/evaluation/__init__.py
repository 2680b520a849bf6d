"""Evaluate models: metrics with confidence intervals, baselines, clustering, plots and a report."""

from hf_dnalm.evaluation.baseline import kmer_baseline, majority_baseline
from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.clustering import Clustering, FewShot, cluster, few_shot, tetranucleotide_frequencies
from hf_dnalm.evaluation.figures import write_figure
from hf_dnalm.evaluation.genome_bins import GenomeBins, find_genome_bins, score_genome_bins, similarity_threshold
from hf_dnalm.evaluation.logo import draw_logo, write_logo
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.model_scores import ConfidenceInterval, Evaluation, evaluate
from hf_dnalm.evaluation.report import ReportFiles, metrics_table, verdict, write_report
from hf_dnalm.evaluation.table import METRICS_OF, compute_metrics
from hf_dnalm.evaluation.vector_map import draw_maps, map_vectors

__all__ = [
    "METRICS",
    "METRICS_OF",
    "Clustering",
    "ConfidenceInterval",
    "Evaluation",
    "FewShot",
    "GenomeBins",
    "ReportFiles",
    "bootstrap_intervals",
    "cluster",
    "compute_metrics",
    "draw_logo",
    "draw_maps",
    "evaluate",
    "few_shot",
    "find_genome_bins",
    "kmer_baseline",
    "majority_baseline",
    "map_vectors",
    "metrics_table",
    "score_genome_bins",
    "similarity_threshold",
    "tetranucleotide_frequencies",
    "verdict",
    "write_figure",
    "write_logo",
    "write_report",
]
