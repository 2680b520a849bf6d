"""Metagenomic binning: group the sequences of an unknown number of genomes into genome bins.

The protocol of DNABERT-S: a similarity threshold is chosen on labelled sequences, bins grow around medoids, and the
bins are matched with the genomes. Source: Zhou et al. 2025, Bioinformatics 41:i255, and the authors' evaluation code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import f1_score, recall_score
from sklearn.preprocessing import normalize

from hf_dnalm.evaluation.clustering import label_ids

UNBINNED = -1
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SHORTEST_BP = 2_500  # the protocol ignores shorter sequences
SMALLEST_GENOME = 10  # the protocol ignores genomes with fewer sequences
_STEPS = 3  # how often a bin's centre moves to the mean of its members


@dataclass(frozen=True)
class GenomeBins:
    """Genome bins matched with genomes.

    Attributes:
        bins: number of bins.
        binned: share of the sequences that are in a bin.
        f1, recall: threshold → number of genomes that score above it.
    """

    bins: int
    binned: float
    f1: dict[float, int]
    recall: dict[float, int]


def similarity_threshold(vectors: np.ndarray, labels: Sequence[object], *, percentile: float = 70) -> float:
    """Choose the similarity above which two sequences belong to the same genome, from labelled sequences.

    Args:
        vectors: (n, d) embeddings.
        labels: (n,) genome of each sequence.
        percentile: percentile of the similarities between each sequence and the mean of its label. Similarities are
            dot products of vectors of length 1.
    """
    units, truth = normalize(vectors), label_ids(labels)
    similarities = np.empty(len(units))
    for label in range(truth.max() + 1):
        rows = truth == label
        similarities[rows] = units[rows] @ units[rows].mean(0)
    return float(np.sort(similarities)[int(percentile / 100 * len(units))])


def find_genome_bins(
    vectors: np.ndarray, *, threshold: float, smallest_bin: int = SMALLEST_GENOME, max_bins: int = 1000
) -> np.ndarray:
    """Group sequences into genome bins with a k-medoid method that does not need the number of bins.

    The sequence with the largest sum of similarities above the threshold starts a bin. The bin's centre moves three
    times to the mean of the unbinned sequences around it, which become the bin. This is repeated for the remaining
    sequences.

    Args:
        vectors: (n, d) embeddings.
        threshold: minimum similarity of a bin's sequences to its centre (dot product of vectors of length 1).
        smallest_bin: bins with fewer sequences are dissolved.
        max_bins: maximum number of bins to start.

    Returns:
        (n,) bin of each sequence, numbered from 0 without gaps; `UNBINNED` for a sequence in no bin.
    """
    units = normalize(vectors).astype(np.float32)
    similarities = units @ units.T
    similarities[similarities < threshold] = 0
    weights = similarities.sum(1)
    bins = np.full(len(units), UNBINNED)
    for number in range(max_bins):
        free = bins == UNBINNED
        if not free.any():
            break
        start = int(weights.argmax())
        weights[start] = -np.inf  # it must not start another bin, even if no sequence is close enough to it
        middle = units[start]
        members = np.empty(0, dtype=np.int64)
        for _ in range(_STEPS):
            members = np.flatnonzero((units @ middle >= threshold) & free)
            if not len(members):
                break
            middle = units[members].mean(0)
        bins[members] = number
        weights -= similarities[:, members].sum(1)
        weights[members] = -np.inf
    numbers, counts = np.unique(bins[bins != UNBINNED], return_counts=True)
    kept = numbers[counts >= smallest_bin]
    renumbered = np.full(len(units), UNBINNED)
    for new, old in enumerate(kept):
        renumbered[bins == old] = new
    return renumbered


def score_genome_bins(bins: np.ndarray, labels: Sequence[object]) -> GenomeBins:
    """Match bins with genomes so that as many sequences as possible agree (Hungarian method), and score each genome.

    Sequences in no bin are ignored, as in the published protocol; `binned` is the share of the others.

    Args:
        bins: (n,) from `find_genome_bins`.
        labels: (n,) genome of each sequence.
    """
    bins, truth = np.asarray(bins), label_ids(labels)
    inside = bins != UNBINNED
    bins, truth = bins[inside], truth[inside]
    if not len(bins):
        return GenomeBins(0, 0.0, dict.fromkeys(THRESHOLDS, 0), dict.fromkeys(THRESHOLDS, 0))
    size = max(bins.max(), truth.max()) + 1
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (truth, bins), 1)
    genomes, matched = linear_sum_assignment(counts, maximize=True)
    genome_of_bin = np.empty(size, dtype=np.int64)
    genome_of_bin[matched] = genomes
    predicted = genome_of_bin[bins]
    scores = {
        name: score(truth, predicted, average=None, zero_division=0.0)
        for name, score in (("f1", f1_score), ("recall", recall_score))
    }
    above = {name: {limit: int((each > limit).sum()) for limit in THRESHOLDS} for name, each in scores.items()}
    return GenomeBins(len(np.unique(bins)), float(inside.mean()), above["f1"], above["recall"])
