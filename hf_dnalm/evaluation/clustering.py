"""How well embeddings separate species: k-means clustering and few-shot classification, by the protocol of DNABERT-S.

Source: Zhou et al. 2025, Bioinformatics 41:i255, and the authors' evaluation code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    adjusted_rand_score,
    completeness_score,
    f1_score,
    homogeneity_score,
    normalized_mutual_info_score,
)
from sklearn.preprocessing import StandardScaler, normalize

from hf_dnalm.evaluation.baseline import kmer_counts

SEEDS = (0, 1, 2, 3, 4)
SHOTS = (1, 2, 5, 10, 20)

_SCORES = {
    "ari": adjusted_rand_score,
    "nmi": normalized_mutual_info_score,
    "homogeneity": homogeneity_score,
    "completeness": completeness_score,
}


@dataclass(frozen=True)
class Clustering:
    """How well clusters agree with the labels.

    Attributes:
        scores: "ari" (adjusted Rand index: 1 the same, 0 by chance), "nmi" (normalised mutual information),
            "homogeneity" (each cluster has one label; the paper's purity) and "completeness" (each label is in one
            cluster); means over the seeds.
        by_seed: the values of each seed, in the order of the seeds.
        assignments: (n,) cluster of each row for the first seed.
    """

    scores: dict[str, float]
    by_seed: dict[str, list[float]]
    assignments: np.ndarray


@dataclass(frozen=True)
class FewShot:
    """Macro F1 of logistic regression trained on a few rows of each class.

    Attributes:
        f1: number of training rows per class → mean over the seeds.
        by_seed: number of training rows per class → the value of each seed.
    """

    f1: dict[int, float]
    by_seed: dict[int, list[float]]


def label_ids(labels: Sequence[object]) -> np.ndarray:
    """(n,) number of each label, in sorted order of the labels, so it is the same in every process.

    >>> label_ids(["yeast", "E. coli", "yeast"]).tolist()
    [1, 0, 1]
    """
    return np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]


def tetranucleotide_frequencies(sequences: Sequence[str], *, both_strands: bool = False) -> np.ndarray:
    """(n, 256) frequencies of the 4-mers of each sequence, the baseline of metagenomics; 4-mers with N are not counted.

    Args:
        sequences: DNA.
        both_strands: count every 4-mer together with its reverse complement, so both strands have equal frequencies.

    Raises:
        ValueError: a sequence has no 4-mer.
    """
    counts = np.asarray(kmer_counts(sequences, k=4, both_strands=both_strands).todense(), dtype=np.float64)
    totals = counts.sum(1, keepdims=True)
    if len(empty := np.flatnonzero(totals[:, 0] == 0)):
        raise ValueError(f"sequence {empty[0] + 1} has no stretch of four bases; leave it out.")
    return counts / totals


def cluster(vectors: np.ndarray, labels: Sequence[object], *, seeds: Sequence[int] = SEEDS) -> Clustering:
    """Cluster normalised vectors with k-means, as many clusters as labels, and compare the clusters with the labels.

    Args:
        vectors: (n, d) embeddings.
        labels: (n,) labels of any type.
        seeds: k-means runs once per seed; every run takes the best of three random starts.

    Raises:
        ValueError: the numbers of vectors and labels differ, or all labels are equal.
    """
    vectors, truth = _checked(vectors, labels)
    units = normalize(vectors)
    runs = [
        KMeans(truth.max() + 1, init="random", n_init=3, max_iter=1000, random_state=seed).fit_predict(units)
        for seed in seeds
    ]
    by_seed = {name: [float(score(truth, run)) for run in runs] for name, score in _SCORES.items()}
    return Clustering({name: float(np.mean(values)) for name, values in by_seed.items()}, by_seed, runs[0])


def few_shot(
    vectors: np.ndarray,
    labels: Sequence[object],
    *,
    shots: Sequence[int] = SHOTS,
    seeds: Sequence[int] = SEEDS,
    test_per_class: int = 80,
) -> FewShot:
    """Score logistic regression on standardised vectors, trained on a few rows of each class.

    Each seed shuffles the rows independently. The first rows of each class are for training, the last `test_per_class`
    for testing. (The authors' code shuffles the rows of one seed again for the next.)

    Args:
        vectors: (n, d) embeddings.
        labels: (n,) labels of any type.
        shots: numbers of training rows per class.
        test_per_class: test rows per class.

    Raises:
        ValueError: as in `cluster`; or a class is too small for separate training and test rows.
    """
    vectors, truth = _checked(vectors, labels)
    counts = np.bincount(truth)
    needed = max(shots) + test_per_class
    if counts.min() < needed:
        name = sorted({str(label) for label in labels})[int(counts.argmin())]
        raise ValueError(
            f"class {name!r} has {counts.min()} rows, but {max(shots)} to train and {test_per_class} to test need "
            f"{needed}; pass fewer shots or a smaller test_per_class."
        )
    scaled = StandardScaler().fit_transform(vectors)
    by_seed: dict[int, list[float]] = {shot: [] for shot in shots}
    for seed in seeds:
        order = np.random.RandomState(seed).permutation(len(truth))
        rows_of_class = [order[truth[order] == label] for label in range(len(counts))]
        test = np.concatenate([rows[-test_per_class:] for rows in rows_of_class])
        for shot in shots:
            train = np.concatenate([rows[:shot] for rows in rows_of_class])
            model = LogisticRegression(C=0.5, max_iter=3000).fit(scaled[train], truth[train])
            by_seed[shot].append(float(f1_score(truth[test], model.predict(scaled[test]), average="macro")))
    return FewShot({shot: float(np.mean(values)) for shot, values in by_seed.items()}, by_seed)


def _checked(vectors: np.ndarray, labels: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(labels):
        raise ValueError(f"{len(labels)} labels do not fit vectors of shape {vectors.shape}; give one for each row.")
    truth = label_ids(labels)
    if truth.max() < 1:
        raise ValueError("all labels are the same; clustering needs two or more.")
    return vectors, truth
