"""Logits and labels for every kind of task: how they are read, and which are refused with which message."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.evaluation import METRICS_OF, compute_metrics
from hf_dnalm.evaluation.outputs import read_outputs
from hf_dnalm.tasks import Task

BINARY = Task("promoter", "single_label_classification", ("background", "promoter"), metric="mcc")
SPLICE = Task("splice", "single_label_classification", ("donor", "acceptor", "neither"), metric="mcc")
TRACKS = Task("open", "multi_label_classification", ("leaf", "root"), metric="auroc")
STRENGTH = Task("strength", "regression", ("leaf",), metric="r2")
EXPRESSION = Task("expression", "regression", ("leaf", "root"), metric="r2")
BASES = Task("exons", "single_label_classification", ("intron", "exon"), metric="mcc", level="nucleotide")


def test_a_binary_task_gets_every_metric_of_class_1():
    logits = np.array([[0, 2], [0, 1], [1, 0], [0, 3], [1, 0], [5, 0]], dtype=np.float32)  # TP 2, FN 1, FP 1, TN 2
    metrics = compute_metrics(BINARY, logits, np.array([1, 1, 1, 0, 0, 0]))
    assert metrics == pytest.approx(
        {"mcc": 1 / 3, "f1": 2 / 3, "accuracy": 2 / 3, "auroc": 5.5 / 9, "auprc": (1 / 2 + 2 / 3 + 3 / 5) / 3}
    )


def test_logits_are_logits_a_shift_of_both_changes_nothing():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(50, 3)), generator.integers(0, 3, 50)
    shifted = logits + generator.normal(size=(50, 1)) * 10
    assert compute_metrics(SPLICE, shifted, labels) == pytest.approx(compute_metrics(SPLICE, logits, labels))


def test_scores_keep_their_order_where_probabilities_would_round_to_one():
    logits = np.array([[0.0, 60.0], [0.0, 50.0], [0.0, 40.0]])  # 1 - p is below float64's resolution
    assert compute_metrics(BINARY, logits, np.array([1, 0, 0]))["auroc"] == 1.0


def test_an_absent_class_and_a_track_of_one_kind_are_left_out_and_counted():
    logits = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 3.0, 1.0]])
    metrics = compute_metrics(SPLICE, logits, np.array([0, 1, 1]))
    assert (metrics["auroc"], metrics["f1"], metrics["n_scored_labels"]) == (1.0, 1.0, 2.0)
    metrics = compute_metrics(TRACKS, np.array([[1.0, 1.0], [-1.0, 1.0]]), np.array([[1, 0], [0, 0]]))
    assert metrics == {"mcc": 1.0, "f1": 1.0, "accuracy": 1.0, "auroc": 1.0, "auprc": 1.0, "n_scored_labels": 1.0}


def test_a_probability_of_exactly_one_half_counts_as_the_track_being_present():
    outputs = read_outputs(TRACKS, np.array([[0.0, -1e-6], [1e-6, 0.0]]), np.array([[1, 0], [1, 1]]))
    assert outputs.decisions(TRACKS).tolist() == [[1, 0], [1, 1]]
    assert compute_metrics(TRACKS, outputs.scores, outputs.references)["accuracy"] == 1.0


def test_one_class_only_leaves_auroc_undefined_and_the_rest_computed():
    metrics = compute_metrics(BINARY, np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, 1]))
    assert math.isnan(metrics["auroc"])
    assert math.isnan(metrics["auprc"])
    assert (metrics["mcc"], metrics["accuracy"]) == (0.0, 0.5)


def test_regression_takes_one_column_or_none_and_means_over_targets():
    predicted, measured = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])
    alone = compute_metrics(STRENGTH, predicted, measured)
    assert alone == compute_metrics(STRENGTH, predicted[:, None], measured[:, None])
    assert alone["r2"] == 0.5
    both = compute_metrics(EXPRESSION, np.stack([predicted, measured], 1), np.stack([measured, measured], 1))
    assert both["r2"] == 0.75
    assert both["n_scored_labels"] == 2


@pytest.mark.parametrize("padded", [True, False])
def test_nucleotide_level_flattens_and_ignores_minus_100(padded):
    logits = np.array([[[0, 1], [1, 0], [0, 1]], [[1, 0], [9, 0], [9, 0]]], dtype=np.float32)
    labels = np.array([[1, 0, -100], [1, -100, -100]])
    if not padded:
        logits, labels = [logits[0], logits[1][:1]], [labels[0], labels[1][:1]]
    outputs = read_outputs(BASES, logits, labels)
    assert outputs.example.tolist() == [0, 0, 1]
    assert outputs.n == 2
    assert compute_metrics(BASES, logits, labels)["accuracy"] == pytest.approx(2 / 3)


@settings(max_examples=25, deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=2, max_size=30),
    seed=st.integers(0, 1000),
    quantised=st.booleans(),
)
def test_order_of_the_examples_does_not_matter(labels, seed, quantised):
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(len(labels), 3)), np.array(labels)
    logits = logits.round() if quantised else logits
    order = generator.permutation(len(labels))
    one, other = compute_metrics(SPLICE, logits, labels), compute_metrics(SPLICE, logits[order], labels[order])
    assert one == pytest.approx(other, nan_ok=True)


@pytest.mark.parametrize(
    ("task", "logits", "labels", "message"),
    [
        (BINARY, np.zeros((2, 2)), [0], "2 logits and 1 labels"),
        (BINARY, np.zeros((0, 2)), [], "nothing to score: the labels are empty"),
        (BINARY, np.zeros((2, 3)), [0, 1], r"logits of shape \(2, 3\) do not fit task 'promoter' with 2 labels"),
        (BINARY, np.zeros((2, 2)), [[0], [1]], r"labels of shape \(2, 1\) do not fit task 'promoter'.*\(2,\)"),
        (TRACKS, np.zeros((2, 2)), [0, 1], r"labels of shape \(2, 1\) do not fit task 'open'.*\(2, 2\)"),
        (TRACKS, np.zeros((2, 2)), [[0, 1], [1]], "labels have rows of different lengths"),
        (BINARY, np.zeros((2, 2)), [0, 2], "example 2: label 2 does not fit task 'promoter'; class labels are 0 to 1"),
        (BINARY, np.zeros((2, 2)), [0, -1], "example 2: label -1 does not fit"),
        (BINARY, np.zeros((2, 2)), [0.5, 1], "example 1: label 0.5 does not fit"),
        (BINARY, np.zeros((2, 2)), ["promoter", "x"], "labels of task 'promoter' must be numbers"),
        (TRACKS, np.zeros((2, 2)), [[0, 1], [3, 0]], "example 2: label 3 does not fit .* track labels are 0 to 1"),
        (BINARY, np.array([[0, 1], [0, np.nan]]), [0, 1], "example 2: the logits contain nan.*diverged"),
        (STRENGTH, np.zeros(2), [1.0, np.inf], "example 2: the labels contain inf"),
        (BASES, [np.zeros((3, 2))], [np.zeros(2, int)], r"example 1: logits of shape \(3, 2\) do not fit 2 nucleotide"),
        (BASES, [np.zeros((2, 2))], [np.full(2, -100)], "every nucleotide label is -100"),
        (BASES, [np.zeros((1, 2))] * 2, [[0], [4]], "example 2: label 4 does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(task, logits, labels, message):
    with pytest.raises(ValueError, match=message):
        compute_metrics(task, logits, labels)


@pytest.mark.parametrize(("metric", "message"), [("r2", "'r2' .* does not fit"), ("mse", "'mse' .* is not known")])
def test_a_metric_that_does_not_fit_the_task_is_refused(metric, message):
    task = Task("promoter", "single_label_classification", ("a", "b"), metric=metric)
    with pytest.raises(ValueError, match=f"{message}.*choose one of mcc, f1"):
        compute_metrics(task, np.zeros((2, 2)), [0, 1])


def test_the_table_of_metrics_is_what_is_computed():
    for task, labels in ((BINARY, [0, 1]), (TRACKS, [[0, 1], [1, 0]]), (EXPRESSION, [[0, 1], [1, 0]])):
        assert set(METRICS_OF[task.problem_type]) == set(compute_metrics(task, np.eye(2), labels)) - {"n_scored_labels"}
