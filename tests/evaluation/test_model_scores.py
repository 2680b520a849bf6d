"""Evaluation: values with intervals, frozen and plain as JSON, and the predictions of a model."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_dnalm.evaluation import ConfidenceInterval, Evaluation, compute_metrics, evaluate
from hf_dnalm.inference import predict
from tests.evaluation.test_outputs import BASES, BINARY, EXPRESSION, SPLICE, TRACKS
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

LOGITS = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [0.5, 0.0]])
LABELS = np.array([1, 0, 0, 1])


def test_values_equal_compute_metrics_and_the_tasks_metric_is_first():
    task = dataclasses.replace(BINARY, metric="auroc")
    evaluation = Evaluation.from_logits(task, LOGITS, LABELS, bootstrap=20, split="validation", seed=3)
    values = {name: interval.value for name, interval in evaluation.metrics.items()}
    assert values == compute_metrics(task, LOGITS, LABELS)
    assert next(iter(evaluation.metrics)) == "auroc"
    assert evaluation.primary == evaluation.metrics["auroc"]
    assert (evaluation.n, evaluation.n_rows, evaluation.split, evaluation.seed) == (4, 4, "validation", 3)
    assert evaluation.n_scored_labels is None
    assert evaluation.per_label == {}


def test_it_is_frozen():
    evaluation = Evaluation.from_logits(BINARY, LOGITS, LABELS, bootstrap=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.n = 5


def test_each_label_has_its_value_and_undefined_ones_are_none_in_json():
    labels = np.array([[1, 0], [1, 0], [0, 0], [0, 0]])  # leaf: 0 and 1 against 0 and 0.5
    evaluation = Evaluation.from_logits(TRACKS, LOGITS, labels, bootstrap=10)
    assert evaluation.n_scored_labels == 1
    assert evaluation.per_label["auroc"][0] == 0.625
    assert math.isnan(evaluation.per_label["auroc"][1])
    written = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert written["per_label"]["auroc"] == {"leaf": 0.625, "root": None}
    assert written["metrics"]["auroc"]["value"] == 0.625
    assert written["task"]["label_names"] == ["leaf", "root"]
    assert {"python", "torch", "transformers", "hf_dnalm"} <= set(written["versions"])


def test_a_metric_that_is_undefined_is_null_with_its_interval():
    evaluation = Evaluation.from_logits(BINARY, LOGITS, np.ones(4, int), bootstrap=10)
    assert evaluation.to_dict()["metrics"]["auroc"] == {"value": None, "low": None, "high": None, "resamples": 10}
    assert str(evaluation.metrics["auroc"]) == "undefined"


def test_without_bootstrap_there_are_values_alone():
    evaluation = Evaluation.from_logits(EXPRESSION, LOGITS, LOGITS, bootstrap=0)
    assert evaluation.to_dict()["metrics"]["r2"] == {"value": 1.0, "low": None, "high": None, "resamples": 0}
    assert evaluation.resamples["r2"] == 0


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (ConfidenceInterval(0.5, 0.25, 0.75), "0.500 (0.250 to 0.750)"),
        (ConfidenceInterval(0.5, math.nan, math.nan), "0.500"),
        (ConfidenceInterval(math.nan, math.nan, math.nan), "undefined"),
        (ConfidenceInterval(-0.0001, -0.0001, 0.1), "0.000 (0.000 to 0.100)"),
    ],
)
def test_an_interval_reads_as_text(interval, text):
    assert str(interval) == text


def test_negative_bootstrap_is_refused():
    with pytest.raises(ValueError, match="bootstrap is -1; it must be 1 resample or more"):
        Evaluation.from_logits(BINARY, LOGITS, LABELS, bootstrap=-1)


def test_a_model_is_scored_on_its_own_predictions():
    model = toy_model("sequence", num_labels=3, problem_type="single_label_classification")
    tokenizer = toy_tokenizer()
    sequences = ["ACGTACGTAA", "GGG" * 9, "TTNACG", "ACC"]
    data = Dataset.from_dict({"name": list("abcd"), "sequence": sequences, "labels": [0, 2, 1, 2]})
    evaluation = evaluate(model, tokenizer, data, SPLICE, bootstrap=5, dtype=torch.float32, token_budget=16)
    logits = predict(model, tokenizer, sequences, dtype=torch.float32).logits
    np.testing.assert_allclose(evaluation.logits, logits, atol=1e-5)
    expected = compute_metrics(SPLICE, logits, [0, 2, 1, 2])
    assert evaluation.metrics["mcc"].value == pytest.approx(expected["mcc"])


def test_a_model_of_bases_is_scored_base_by_base():
    model = toy_model("token", num_labels=2)
    sequences = ["ACGTACGTAA", "GGGN"]
    labels = [[0, 1] * 5, [1, -100, 1, 0]]
    data = Dataset.from_dict({"name": ["a", "b"], "sequence": sequences, "labels": labels})
    evaluation = evaluate(model, toy_tokenizer(), data, BASES, bootstrap=5, dtype=torch.float32)
    assert (evaluation.n, evaluation.n_rows) == (2, 13)


def test_sequences_without_labels_are_refused():
    data = Dataset.from_dict({"name": ["a"], "sequence": ["ACGT"]})
    with pytest.raises(ValueError, match=r"the test sequences have no labels.*\(columns: name, sequence\)"):
        evaluate(toy_model("sequence"), toy_tokenizer(), data, BINARY)
