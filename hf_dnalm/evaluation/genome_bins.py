"""Metagenomic binning: which sequences are of one genome, when nobody says how many genomes there are.

The protocol of DNABERT-S: a threshold of similarity is taken from labelled sequences, groups grow around medoids, and
the bins are matched with the genomes. Source: Zhou et al. 2025, Bioinformatics 41:i255, and the authors' evaluation
code.
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
SHORTEST_BP = 2_500  # sequences that the protocol bins
SMALLEST_GENOME = 10  # sequences that a genome must have to be counted
_STEPS = 3  # in which a medoid moves to the middle of what lies around it


@dataclass(frozen=True)
class GenomeBins:
    """Bins matched with genomes.

    Attributes:
        bins: number of bins.
        binned: share of the sequences that are in one.
        f1, recall: threshold to the number of genomes that score above it.
    """

    bins: int
    binned: float
    f1: dict[float, int]
    recall: dict[float, int]


def similarity_threshold(vectors: np.ndarray, labels: Sequence[object], *, percentile: float = 70) -> float:
    """The similarity at which two sequences count as one genome, learnt from labelled sequences.

    Args:
        vectors: (n, d).
        labels: n of them.
        percentile: of the similarities (dot products of vectors of length 1) of all sequences to the mean of their
            own label's.
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
    """Bins, by a k-medoid method that needs no number of bins.

    The sequence with the largest sum of similarities above the threshold starts a bin; its middle moves three times to
    the mean of the free sequences around it, which then are the bin. So on with the rest.

    Args:
        vectors: (n, d).
        threshold: least similarity (dot product of vectors of length 1) of a bin's sequences to its middle.
        smallest_bin: smaller bins are given up.
        max_bins: bins that are started.

    Returns:
        (n,) number of the bin of each sequence, from 0 on without gaps, `UNBINNED` for those in none.
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
        weights[start] = -np.inf  # never starts another one, even where nothing is close enough to it
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
    """Match bins with genomes so that the most sequences fit (Hungarian method), and score each genome.

    Sequences in no bin are left out, as in the published protocol: `binned` says how many those are.

    Args:
        bins: (n,) from `find_genome_bins`.
        labels: n of them, the genome of each sequence.
    """
    bins, truth = np.asarray(bins), label_ids(labels)
    inside = bins != UNBINNED
    found, truth = bins[inside], truth[inside]
    if not len(found):
        return GenomeBins(0, 0.0, dict.fromkeys(THRESHOLDS, 0), dict.fromkeys(THRESHOLDS, 0))
    size = max(found.max(), truth.max()) + 1
    together = np.zeros((size, size), dtype=np.int64)
    np.add.at(together, (truth, found), 1)
    genomes, matched = linear_sum_assignment(together, maximize=True)
    genome_of_bin = np.empty(size, dtype=np.int64)
    genome_of_bin[matched] = genomes
    predicted = genome_of_bin[found]
    scores = {
        name: score(truth, predicted, average=None, zero_division=0.0)
        for name, score in (("f1", f1_score), ("recall", recall_score))
    }
    above = {name: {limit: int((each > limit).sum()) for limit in THRESHOLDS} for name, each in scores.items()}
    return GenomeBins(len(np.unique(found)), float(inside.mean()), above["f1"], above["recall"])
