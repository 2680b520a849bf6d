"""Genome bins of vectors with known genomes, step by step on small tables."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.data import read_file
from hf_dnalm.evaluation import find_genome_bins, score_genome_bins, similarity_threshold, tetranucleotide_frequencies
from hf_dnalm.evaluation.genome_bins import UNBINNED


def directions(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_threshold_is_a_percentile_of_similarities_to_the_own_mean():
    # Label a: both at 45 degrees from their mean, which has length cos 45: similarity 0.5. Label b: 1 and 1.
    vectors, labels = directions(0, 90, 200, 200), ["a", "a", "b", "b"]
    assert similarity_threshold(vectors, labels, percentile=0) == pytest.approx(0.5)
    assert similarity_threshold(vectors, labels, percentile=70) == pytest.approx(1.0)
    assert similarity_threshold(vectors * 7, labels, percentile=25) == pytest.approx(0.5)


def test_bins_grow_around_the_densest_sequence_first():
    vectors = directions(0, 2, 4, 100, 101, 102, 103, 200)
    bins = find_genome_bins(vectors, threshold=np.cos(np.deg2rad(10)), smallest_bin=2)
    assert bins.tolist() == [1, 1, 1, 0, 0, 0, 0, UNBINNED]


def test_small_bins_are_given_up_and_numbers_have_no_gaps():
    vectors = directions(0, 100, 101, 102, 200, 201)
    bins = find_genome_bins(vectors, threshold=0.99, smallest_bin=2)
    assert bins.tolist() == [UNBINNED, 0, 0, 0, 1, 1]
    assert find_genome_bins(vectors, threshold=0.99, smallest_bin=4).tolist() == [UNBINNED] * 6


def test_no_more_bins_are_started_than_asked_for():
    vectors = directions(0, 1, 100, 101, 102)
    assert find_genome_bins(vectors, threshold=0.99, smallest_bin=1, max_bins=1).tolist() == [-1, -1, 0, 0, 0]


def test_bins_are_matched_with_genomes_to_fit_the_most_sequences():
    bins = np.array([0, 0, 0, 1, 1, UNBINNED, 2])
    labels = ["x", "x", "y", "y", "y", "y", "z"]
    # Bin 0 is x, bin 1 is y, bin 2 is z. x: recall 2/2, precision 2/3, F1 0.8. y: recall 2/3, precision 1, F1 0.8.
    result = score_genome_bins(bins, labels)
    assert result.bins == 3
    assert result.binned == pytest.approx(6 / 7)
    assert [result.f1[limit] for limit in (0.1, 0.7, 0.8, 0.9)] == [3, 3, 1, 1]
    assert [result.recall[limit] for limit in (0.6, 0.7, 0.9)] == [3, 2, 2]


def test_without_bins_no_genome_is_found():
    result = score_genome_bins(np.full(4, UNBINNED), list("aabb"))
    assert (result.bins, result.binned, set(result.f1.values())) == (0, 0.0, {0})


def test_more_bins_than_genomes_leave_some_unmatched():
    result = score_genome_bins(np.array([0, 0, 1, 2]), list("aaab"))
    assert result.bins == 3
    assert result.recall[0.6] == 2  # a is bin 0, with two of its three


def test_real_genomes_fall_into_bins(shared):
    data = read_file(shared / "data" / "tasks" / "DNABERT_S_layout" / "clustering_0.tsv.gz", labels="required")
    vectors = tetranucleotide_frequencies(data["sequence"][:])
    labels = data["labels"][:]
    bins = find_genome_bins(vectors, threshold=similarity_threshold(vectors, labels))
    result = score_genome_bins(bins, labels)
    assert result.f1[0.5] >= 3
    assert score_genome_bins(np.random.default_rng(0).permutation(bins), labels).f1[0.5] == 0
