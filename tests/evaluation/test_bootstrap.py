"""Bootstrap intervals: weighted metrics equal the metrics of the drawn sequences, and the seed decides the draws."""

import dataclasses

import numpy as np
import pytest

from hf_dnalm.evaluation import Evaluation, bootstrap_intervals
from hf_dnalm.evaluation import bootstrap as room
from hf_dnalm.evaluation.metrics.local import mean_of_defined
from hf_dnalm.evaluation.outputs import Outputs, read_outputs
from hf_dnalm.evaluation.table import label_metrics
from tests.evaluation.test_outputs import BASES, BINARY, EXPRESSION, SPLICE, STRENGTH, TRACKS

MORE = [
    dataclasses.replace(EXPRESSION, name="bins", level="bin", bin_bp=8),
    dataclasses.replace(TRACKS, name="groups", label_groups=(("one", TRACKS.num_labels - 1), ("other", 1))),
    dataclasses.replace(SPLICE, name="sites", metric="site_auprc"),
]


def _toy(task, n=40, seed=0, *, ties=False):
    generator = np.random.default_rng(seed)
    if task.level == "nucleotide":
        lengths = generator.integers(1, 9, n)
        return [generator.normal(size=(bp, 2)) for bp in lengths], [generator.integers(-1, 2, bp) for bp in lengths]
    if task.level == "bin":
        lengths = generator.integers(1, 9, n)
        logits = [generator.normal(size=(bins, task.num_labels)) for bins in lengths]
        return logits, [rows + generator.normal(size=rows.shape).round(1) for rows in logits]
    logits = generator.normal(size=(n, task.num_labels))
    if ties:
        logits = logits.round()
    if task.problem_type == "regression":
        return logits, logits + generator.normal(size=logits.shape).round(1)
    if task.problem_type == "multi_label_classification":
        return logits, generator.integers(0, 2, logits.shape)
    return logits, generator.integers(0, task.num_labels, n)


def _outputs(task, **options) -> Outputs:
    logits, labels = _toy(task, **options)
    if task.level == "nucleotide":
        labels = [np.where(row < 0, -100, row) for row in labels]
    return read_outputs(task, logits, labels)


def _drawn(outputs: Outputs, weights: np.ndarray) -> Outputs:
    """The outputs with each sequence repeated as often as its weight."""
    rows = np.repeat(np.arange(len(outputs.example)), weights[outputs.example].astype(int))
    return Outputs(outputs.scores[rows], outputs.references[rows], outputs.example[rows], outputs.n)


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    "task", [BINARY, SPLICE, TRACKS, STRENGTH, EXPRESSION, BASES, *MORE], ids=lambda task: task.name
)
def test_weighted_metrics_equal_the_metrics_of_the_drawn_sequences(task, ties, n):
    outputs = _outputs(task, ties=ties, n=n)
    weights = np.concatenate([np.ones((1, n)), *room._weights(n, 6, seed=1, rows=n)])
    resampled = {}
    for _, family, _ in room._families(task, 1, 1):
        resampled |= family(task, outputs)(weights)
    for row in range(len(weights)):
        expected = label_metrics(task, _drawn(outputs, weights[row]))
        assert set(resampled) == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(resampled[name][row], values, atol=1e-9, err_msg=f"{name}, resample {row}")


def test_only_the_metrics_that_are_asked_for_are_resampled():
    outputs = _outputs(TRACKS)
    all_of_them = bootstrap_intervals(TRACKS, outputs, resamples=20)
    assert set(bootstrap_intervals(TRACKS, outputs, resamples=20, metrics=["auprc"])) == {"auroc", "auprc"}
    assert bootstrap_intervals(TRACKS, outputs, resamples=20, metrics=["mcc"])["mcc"] == all_of_them["mcc"]


def test_weights_are_draws_with_replacement_that_the_seed_decides():
    weights = np.concatenate(list(room._weights(50, 30, seed=3, rows=50)))
    assert weights.shape == (30, 50)
    assert (weights.sum(axis=1) == 50).all()
    in_small_chunks = np.concatenate(list(room._weights(50, 30, seed=3, rows=room.CHUNK_VALUES // 7)))
    np.testing.assert_array_equal(weights, in_small_chunks)
    assert not np.array_equal(weights, np.concatenate(list(room._weights(50, 30, seed=4, rows=50))))


def test_the_interval_of_accuracy_is_the_binomial_one():
    labels = np.arange(400) % 2
    decided = np.where(np.arange(400) < 300, labels, 1 - labels)  # 300 of 400 are correct
    low, high, resamples = bootstrap_intervals(BINARY, read_outputs(BINARY, np.eye(2)[decided], labels))["accuracy"]
    half_width = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == pytest.approx((0.75 - half_width, 0.75 + half_width), abs=0.008)
    assert resamples == 1000


@pytest.mark.parametrize(
    "task", [BINARY, SPLICE, TRACKS, STRENGTH, EXPRESSION, BASES, *MORE], ids=lambda task: task.name
)
def test_intervals_hold_the_value_and_repeat_with_the_seed(task):
    outputs = _outputs(task, n=200)
    one, same, other = (bootstrap_intervals(task, outputs, resamples=200, seed=seed) for seed in (5, 5, 6))
    assert one == same != other
    for name, values in label_metrics(task, outputs).items():
        low, high, _ = one[name]
        assert low <= mean_of_defined(values) <= high


def test_bases_of_a_sequence_are_drawn_together():
    # Every sequence is completely right or wrong, so 20 sequences are 20 observations, whatever their lengths.
    right = np.arange(20) % 2
    few = [[np.full(bp, r) for r in right] for bp in (1, 50)]
    widths = []
    for decided in few:
        labels = [np.ones(len(row), int) for row in decided]
        logits = [np.eye(2)[row] for row in decided]
        low, high, _ = bootstrap_intervals(BASES, read_outputs(BASES, logits, labels), resamples=300)["accuracy"]
        widths.append(high - low)
    assert widths[0] == pytest.approx(widths[1])


def test_many_rows_take_fewer_resamples_of_the_ranking_and_say_so(monkeypatch):
    monkeypatch.setattr(room, "MAX_RANKED_VALUES", 200 * 2 * 150)
    logits, labels = _toy(BINARY, n=200)
    evaluation = Evaluation.from_logits(BINARY, logits, labels, bootstrap=300)
    assert evaluation.resamples == {"mcc": 300, "f1": 300, "accuracy": 300, "auroc": 150, "auprc": 150}
    monkeypatch.setattr(room, "MAX_RANKED_VALUES", 1)
    assert bootstrap_intervals(BINARY, read_outputs(BINARY, logits, labels), resamples=300)["auroc"][2] == 100


def test_an_interval_holds_the_middle_95_percent_of_the_resamples(monkeypatch):
    draws = np.append(np.arange(1001.0), np.nan)  # a resample in which the metric is undefined is left out
    monkeypatch.setattr(room, "bootstrap_draws", lambda *_, **__: {"mcc": draws})
    assert bootstrap_intervals(BINARY, _outputs(BINARY)) == {"mcc": (25.0, 975.0, 1002)}


@pytest.mark.parametrize("resamples", [0, -3])
def test_no_resamples_are_refused(resamples):
    with pytest.raises(ValueError, match=f"bootstrap is {resamples}; it must be 1 resample or more"):
        bootstrap_intervals(BINARY, _outputs(BINARY), resamples=resamples)


def test_spearman_of_two_sequences_is_1_where_a_resample_has_both_and_undefined_elsewhere():
    task = dataclasses.replace(EXPRESSION, label_names=("leaf",), metric="spearman")
    outputs = read_outputs(task, np.array([[0.1], [0.7]]), np.array([[2.0], [3.0]]))
    draws = room.bootstrap_draws(task, outputs, resamples=200, metrics=("spearman",))["spearman"]
    assert 60 < np.isnan(draws).sum() < 140, "half of the resamples have one sequence twice"
    np.testing.assert_allclose(draws[~np.isnan(draws)], 1.0)


def test_intervals_of_regression_do_not_change_when_all_labels_are_far_from_0():
    task = dataclasses.replace(EXPRESSION, label_names=("leaf",))
    generator = np.random.default_rng(0)
    labels = generator.integers(-8, 9, (60, 1)) / 4  # exact in float64, shifted or not
    logits = labels + generator.integers(-4, 5, (60, 1)) / 4
    near, far = (
        bootstrap_intervals(
            task, read_outputs(task, logits + shift, labels + shift), resamples=100, metrics=("r2", "pearson")
        )
        for shift in (0.0, 2.0**30)
    )
    for metric in ("r2", "pearson"):
        np.testing.assert_allclose(far[metric], near[metric], rtol=1e-9)
