"""Clustering and few-shot classification of vectors with known groups, and of real genomes."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.data import read_file
from hf_dnalm.evaluation import cluster, few_shot, tetranucleotide_frequencies
from hf_dnalm.evaluation.clustering import label_ids
from hf_dnalm.sequence import reverse_complement


def groups(sizes: dict[str, int], *, spread: float = 0.01, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Vectors around one direction for each label."""
    generator = np.random.default_rng(seed)
    labels = [label for label, size in sizes.items() for _ in range(size)]
    centres = np.eye(len(sizes), 8) * 3
    vectors = np.array([centres[list(sizes).index(label)] for label in labels])
    return vectors + spread * generator.standard_normal(vectors.shape), labels


def test_clear_groups_are_found_whatever_the_length_of_the_vectors():
    vectors, labels = groups({"a": 20, "b": 12, "c": 9})
    lengths = np.random.default_rng(1).uniform(0.1, 10, size=(len(vectors), 1))
    result = cluster(vectors * lengths, labels)
    assert result.scores == pytest.approx({"ari": 1, "nmi": 1, "homogeneity": 1, "completeness": 1})
    assert result.by_seed["ari"] == pytest.approx([1.0] * 5)
    assert result.assignments.shape == (41,)


def test_noise_scores_what_chance_does():
    vectors = np.random.default_rng(0).standard_normal((300, 8))
    assert abs(cluster(vectors, ["a", "b", "c"] * 100, seeds=(0, 1)).scores["ari"]) < 0.05


def test_labels_and_groups_that_cut_each_other_are_neither_homogeneous_nor_complete():
    vectors, _ = groups({"a": 10, "b": 10, "c": 10})
    # Three groups and three labels, but x is two groups, and y and z share the third.
    result = cluster(vectors, ["x"] * 20 + ["y"] * 5 + ["z"] * 5, seeds=(0,))
    assert result.scores["homogeneity"] < 1
    assert result.scores["completeness"] < 1
    assert 0 < result.scores["ari"] < 1


def test_label_numbers_do_not_depend_on_the_order_of_the_rows():
    assert label_ids(["c", "a", "b", "a"]).tolist() == [2, 0, 1, 0]
    assert label_ids([7, 3, 7]).tolist() == [1, 0, 1]


def test_few_rows_of_clear_groups_suffice():
    vectors, labels = groups({"a": 12, "b": 15, "c": 11})
    # The other columns are noise, which standardising would scale up to the size of the groups.
    result = few_shot(vectors[:, :3], labels, shots=(1, 3), seeds=(0, 1), test_per_class=8)
    assert result.f1 == pytest.approx({1: 1.0, 3: 1.0})
    assert [len(values) for values in result.by_seed.values()] == [2, 2]


def test_more_rows_help_where_groups_overlap():
    vectors, labels = groups({"a": 100, "b": 100}, spread=3.0)
    result = few_shot(vectors, labels, shots=(1, 20), test_per_class=80)
    assert result.f1[20] > result.f1[1] + 0.1


def test_a_class_that_is_too_small_is_named():
    vectors, labels = groups({"rare": 4, "common": 50})
    message = "class 'rare' has 4 rows, but 1 to train and 8 to test need 9; pass fewer shots"
    with pytest.raises(ValueError, match=message):
        few_shot(vectors, labels, shots=(1,), test_per_class=8)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["a", "b"], r"2 labels do not fit vectors of shape \(3, 8\)"), (["a"] * 3, "all labels are the same")],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        cluster(np.ones((3, 8)), labels)


def test_tetranucleotides_by_hand():
    shares = tetranucleotide_frequencies(["AAAAA", "AAAAC", "ACGTN"])
    assert shares.shape == (3, 256)
    assert sorted(shares[0])[-1] == 1
    assert sorted(shares[1])[-2:] == [0.5, 0.5]
    assert sorted(shares[2])[-1] == 1  # ACGT alone: the other 4-mer has an N


def test_both_strands_count_alike():
    sequence = "ACGGTTCAGGACCA"
    ours, theirs = tetranucleotide_frequencies([sequence, reverse_complement(sequence)], both_strands=True)
    np.testing.assert_allclose(ours, theirs)


def test_a_sequence_without_four_bases_is_refused():
    with pytest.raises(ValueError, match="sequence 2 has no stretch of four bases"):
        tetranucleotide_frequencies(["ACGT", "ACNGTA"])


def test_tetranucleotides_tell_real_genomes_apart(shared):
    data = read_file(shared / "data" / "tasks" / "DNABERT_S_layout" / "clustering_0.tsv.gz", labels="required")
    names = data.features["labels"].int2str(data["labels"][:])
    assert len(data) == 350
    assert len(set(names)) == 7
    vectors = tetranucleotide_frequencies([sequence[:10_000] for sequence in data["sequence"]])
    assert cluster(vectors, names).scores["ari"] > 0.4
    assert few_shot(vectors, names, shots=(1, 5), test_per_class=40).f1[5] > 0.7
