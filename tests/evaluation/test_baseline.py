"""The baselines: correct k-mer counts, constants from the training split, and a signal that k-mers detect."""

import re

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from hf_dnalm.evaluation import baseline as room
from hf_dnalm.evaluation import kmer_baseline, majority_baseline
from hf_dnalm.evaluation.baseline import kmer_counts
from hf_dnalm.sequence import reverse_complement
from hf_dnalm.tasks import Task
from tests.evaluation.test_outputs import BASES, BINARY, EXPRESSION, SPLICE, STRENGTH, TRACKS


def _index(kmer: str) -> int:
    return int("".join(str("ACGT".index(letter)) for letter in kmer), 4)


def _counted_slowly(sequence: str, k: int) -> np.ndarray:
    counts = np.zeros(4**k)
    for start in range(len(sequence) - k + 1):
        kmer = sequence[start : start + k].upper()
        if re.fullmatch("[ACGT]+", kmer):
            counts[_index(kmer)] += 1
    return counts


@settings(max_examples=50, deadline=None)
@given(sequences=st.lists(st.text("ACGTNacgt", max_size=20), min_size=1, max_size=5), k=st.integers(1, 3))
def test_counts_equal_the_definition_and_nothing_spans_two_sequences(sequences, k):
    counts = kmer_counts(sequences, k=k).toarray()
    np.testing.assert_array_equal(counts, np.stack([_counted_slowly(sequence, k) for sequence in sequences]))
    both = kmer_counts(sequences, k=k, both_strands=True).toarray()
    other = kmer_counts([reverse_complement(sequence) for sequence in sequences], k=k).toarray()
    np.testing.assert_array_equal(both, counts + other)


def test_chunks_do_not_change_the_counts(monkeypatch):
    sequences = ["ACGTN" * 5, "", "GGATC" * 7, "T"]
    whole = kmer_counts(sequences, k=2).toarray()
    monkeypatch.setattr(room, "CHUNK_BP", 10)
    np.testing.assert_array_equal(kmer_counts(sequences, k=2).toarray(), whole)


def _sequences(n: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(row) for row in np.array(list("ACGT"))[generator.integers(0, 4, (n, 60))]]


def _data(task: Task, n: int, seed: int) -> Dataset:
    """Labels that follow how often GA and CC occur."""
    sequences = _sequences(n, seed)
    first, second = (np.array([s.count(kmer) for s in sequences]) for kmer in ("GA", "CC"))
    match task.problem_type, task.num_labels:
        case "regression", 1:
            labels = first.astype(float)
        case "regression", _:
            labels = np.stack([first, second], axis=1).astype(float)
        case "multi_label_classification", _:
            labels = np.stack([first > 3, second > 3], axis=1).astype(int)
        case _, 2:
            labels = (first > 3).astype(int)
        case _:
            labels = np.where(first > 3, 0, np.where(second > 3, 1, 2))
    return Dataset.from_dict({"sequence": sequences, "labels": labels.tolist()})


@pytest.mark.parametrize("task", [BINARY, SPLICE, TRACKS, STRENGTH, EXPRESSION], ids=lambda task: task.name)
def test_kmers_find_a_signal_made_of_kmers_and_the_majority_does_not(task):
    train, test = _data(task, 600, seed=0), _data(task, 300, seed=1)
    found = kmer_baseline(task, train, test, k=2, bootstrap=100)
    constant = majority_baseline(task, train, test, bootstrap=100)
    assert found.primary.low > 0.6
    assert constant.primary.value == pytest.approx({"mcc": 0.0, "auroc": 0.5, "r2": 0.0}[task.metric], abs=0.03)
    assert found.n == constant.n == 300
    assert found.name == f"2-mer {'ridge' if task.problem_type == 'regression' else 'logistic'} regression"
    assert found.settings["penalty_per_example"] in room.STRENGTHS
    again = kmer_baseline(task, train, test, k=2, bootstrap=100)
    assert again.metrics == found.metrics


def test_majority_knows_the_training_labels_only():
    train = Dataset.from_dict({"labels": [1, 1, 0]})
    test = Dataset.from_dict({"labels": [0, 0, 0, 1]})
    evaluation = majority_baseline(BINARY, train, test, split="validation", bootstrap=0)
    assert evaluation.metrics["accuracy"].value == 0.25
    assert (evaluation.name, evaluation.split) == ("majority class of training", "validation")
    mean = majority_baseline(STRENGTH, Dataset.from_dict({"labels": [1.0, 2.0]}), test, bootstrap=0)
    np.testing.assert_array_equal(mean.logits, np.full((4, 1), 1.5))
    tracks = Dataset.from_dict({"labels": [[1, 0], [1, 0], [0, 0]]})
    shares = 1 / (1 + np.exp(-majority_baseline(TRACKS, tracks, tracks, bootstrap=0).logits[0]))
    np.testing.assert_allclose(shares, [3 / 5, 1 / 5])


def test_majority_of_bases_ignores_padding_and_answers_every_base():
    train = Dataset.from_dict({"labels": [[1, 1, -100, -100, -100], [0]]})
    test = Dataset.from_dict({"labels": [[1, 0], [1, 1, -100]]})
    evaluation = majority_baseline(BASES, train, test, bootstrap=0)
    assert evaluation.metrics["accuracy"].value == 0.75
    assert (evaluation.n, evaluation.n_rows) == (2, 4)


def test_a_class_or_track_that_training_lacks_is_never_preferred():
    data = Dataset.from_dict({"sequence": ["AAAA", "CCCC", "AAAC", "CCCA"] * 5, "labels": [0, 1, 0, 1] * 5})
    evaluation = kmer_baseline(SPLICE, data, data, k=1, bootstrap=0)
    assert evaluation.metrics["accuracy"].value == 1.0
    assert (evaluation.logits[:, 2] < evaluation.logits[:, :2].min(axis=1)).all()
    one_kind = Dataset.from_dict({"sequence": ["AAAA", "CCCC"] * 3, "labels": [[1, 0], [0, 0]] * 3})
    assert kmer_baseline(TRACKS, one_kind, one_kind, k=1, bootstrap=0).metrics["auroc"].value == 1.0


def test_tracks_fitted_at_once_equal_one_logistic_regression_each():
    generator = np.random.default_rng(0)
    features = sparse.csr_array(generator.normal(size=(80, 6)).astype(np.float32))
    labels = generator.integers(0, 2, (80, 3))
    logits = room._fit_tracks(features, labels, features, 0.01)
    for track in range(3):
        alone = LogisticRegression(C=1 / (0.01 * 80), tol=1e-6).fit(features, labels[:, track])
        np.testing.assert_allclose(logits[:, track], alone.decision_function(features), atol=0.01)


def test_few_and_empty_sequences_do_not_break_it():
    data = Dataset.from_dict({"sequence": ["NNNN", "ACGT"], "labels": [0, 1]})
    assert kmer_baseline(BINARY, data, data, bootstrap=0).n == 2


def test_a_large_training_split_is_sampled_and_the_settings_say_so():
    train = _data(BINARY, 90, seed=0)
    evaluation = kmer_baseline(BINARY, train, train, k=1, max_train=50, bootstrap=0)
    assert (evaluation.settings["n_train"], evaluation.settings["n_train_available"]) == (50, 90)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (BINARY, {"k": 0}, "k is 0; the k-mer baseline counts k-mers of 1 to 6 letters"),
        (BINARY, {"k": 7}, "k is 7"),
        (BASES, {}, "the k-mer baseline works at sequence level only.*use majority_baseline"),
    ],
)
def test_what_the_kmer_baseline_cannot_do_is_refused(task, options, message):
    data = _data(BINARY, 4, seed=0)
    with pytest.raises(ValueError, match=message):
        kmer_baseline(task, data, data, **options)


@pytest.mark.parametrize("baseline", [kmer_baseline, majority_baseline])
def test_data_without_labels_are_refused_by_split(baseline):
    data = _data(BINARY, 9, seed=0)
    bare = data.remove_columns("labels")
    with pytest.raises(ValueError, match=r"the training sequences have no labels \(columns: sequence\)"):
        baseline(BINARY, bare, data)
    with pytest.raises(ValueError, match="the test sequences have no labels"):
        baseline(BINARY, data, bare)
