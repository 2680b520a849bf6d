"""The metrics agree with tables that can be checked by hand, and are undefined where they should be."""

import math
import socket

import evaluate
import numpy as np
import pytest
import sklearn.metrics
from scipy import stats

from hf_dnalm.evaluation.metrics import (
    AUPRC,
    AUROC,
    F1,
    MCC,
    METRICS,
    R2,
    Accuracy,
    GroupMedianAUROC,
    Pearson,
    PearsonR2,
    SiteAUPRC,
    Spearman,
)

# reference, prediction: three of class 1, three of class 0; TP 2, FN 1, FP 1, TN 2
REFERENCES = np.array([1, 1, 1, 0, 0, 0])
DECISIONS = np.array([1, 1, 0, 1, 0, 0])


@pytest.mark.parametrize(
    ("metric", "decisions", "references", "value"),
    [
        (MCC, DECISIONS, REFERENCES, 3 / 9),  # (2·2 - 1·1) / sqrt(3·3·3·3)
        (F1, DECISIONS, REFERENCES, 4 / 6),  # 2TP / (2TP + FP + FN)
        (Accuracy, DECISIONS, REFERENCES, 4 / 6),
        (MCC, REFERENCES, REFERENCES, 1.0),
        (MCC, 1 - REFERENCES, REFERENCES, -1.0),
        (MCC, np.ones(6, int), REFERENCES, 0.0),
        (MCC, np.zeros(6, int), REFERENCES, 0.0),
        (MCC, np.ones(6, int), np.ones(6, int), 0.0),
        (F1, np.zeros(6, int), REFERENCES, 0.0),
        (F1, np.zeros(6, int), np.zeros(6, int), 0.0),
        # Three classes, one of each mistaken for the next: trace 3, all sums 2, so (3·6 - 12) / (36 - 12).
        (MCC, np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 0]), 6 / 24),
    ],
)
def test_decision_metrics_equal_the_table(metric, decisions, references, value):
    assert metric.score(decisions, references) == pytest.approx([value])


def test_f1_of_three_classes_is_per_class_and_leaves_out_what_never_occurs():
    values = F1.score(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), num_classes=4)
    np.testing.assert_allclose(values, [2 / 3, 2 / 4, 0.0, np.nan])  # class 2 is only predicted, class 3 does not occur
    assert F1.score(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])).shape == (3,)


@pytest.mark.parametrize("metric", [MCC, F1, Accuracy])
def test_each_track_is_scored_alone_and_one_of_one_kind_is_undefined(metric):
    references = np.stack([REFERENCES, np.zeros(6, int), 1 - REFERENCES], axis=1)
    decisions = np.stack([DECISIONS, np.zeros(6, int), 1 - REFERENCES], axis=1)
    values = metric.score(decisions, references)
    assert values[0] == pytest.approx(metric.score(DECISIONS, REFERENCES)[0])
    assert math.isnan(values[1])
    assert values[2] == 1.0


@pytest.mark.parametrize(
    ("scores", "references", "auroc", "auprc"),
    [
        ([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0], 3 / 4, (1 + 2 / 3) / 2),
        ([4.0, 3.0, 2.0, 1.0], [1, 1, 0, 0], 1.0, 1.0),
        ([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0], 0.0, (1 / 3 + 2 / 4) / 2),
        ([5.0, 5.0, 5.0, 5.0], [1, 0, 0, 0], 0.5, 0.25),  # random scores: one half, and the share of positives
        ([1.0, 2.0], [1, 1], np.nan, np.nan),
        ([1.0, 2.0], [0, 0], np.nan, np.nan),
    ],
)
def test_ranking_metrics_equal_the_table(scores, references, auroc, auprc):
    scores, references = np.array(scores), np.array(references)
    np.testing.assert_allclose(AUROC.score(scores, references), [auroc])
    np.testing.assert_allclose(AUPRC.score(scores, references), [auprc])


def test_classes_are_ranked_each_against_the_rest_and_an_absent_one_is_undefined():
    scores = np.array([[3.0, 1.0, 0.0], [2.0, 2.0, 0.0], [1.0, 3.0, 0.0]])
    np.testing.assert_allclose(AUROC.score(scores, np.array([0, 1, 1])), [1.0, 1.0, np.nan])


@pytest.mark.parametrize(
    ("predicted", "r2", "pearson", "spearman"),
    [
        ([1.0, 2.0, 3.0, 4.0], 1.0, 1.0, 1.0),
        ([2.5, 2.5, 2.5, 2.5], 0.0, 0.0, 0.0),  # the mean
        ([10.0, 20.0, 30.0, 40.0], 1 - 81 * 30 / 5, 1.0, 1.0),  # R² sees the scale, the correlation does not
        ([4.0, 3.0, 2.0, 1.0], -3.0, -1.0, -1.0),
        ([1.0, 2.0, 4.0, 3.0], 0.6, 0.8, 0.8),
    ],
)
def test_regression_metrics_equal_the_table(predicted, r2, pearson, spearman):
    measured, predicted = np.array([1.0, 2.0, 3.0, 4.0]), np.array(predicted)
    np.testing.assert_allclose(R2.score(predicted, measured), [r2], atol=1e-12)
    np.testing.assert_allclose(Pearson.score(predicted, measured), [pearson], atol=1e-12)
    np.testing.assert_allclose(PearsonR2.score(predicted, measured), [pearson**2], atol=1e-12)
    np.testing.assert_allclose(Spearman.score(predicted, measured), [spearman], atol=1e-12)


def test_correlations_equal_scipy_with_ties_and_far_from_zero():
    generator = np.random.default_rng(0)
    measured = generator.integers(0, 9, 200) + 1e6
    predicted = measured / 3 + generator.normal(size=200).round(1)
    assert Pearson.score(predicted, measured)[0] == pytest.approx(stats.pearsonr(predicted, measured).statistic)
    assert Spearman.score(predicted, measured)[0] == pytest.approx(stats.spearmanr(predicted, measured).statistic)
    tiny = Pearson.score(predicted * 1e-200, measured * 1e-200)  # squares of these would be 0
    assert tiny[0] == pytest.approx(stats.pearsonr(predicted, measured).statistic)
    assert R2.score(np.array([1e-200, 2e-200, 4e-200]), np.array([1e-200, 2e-200, 3e-200]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("metric", [R2, Pearson, PearsonR2, Spearman])
def test_a_constant_target_is_undefined_and_the_others_are_not(metric):
    measured = np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]])
    values = metric.score(measured.copy(), measured)
    np.testing.assert_allclose(values, [1.0, np.nan])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_an_evaluate_metric_that_needs_no_network_and_no_file(name, tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a metric reached for the network"))
    metric = METRICS[name](cache_dir=str(tmp_path))
    assert isinstance(metric, evaluate.Metric)
    assert metric.description == METRICS[name].description_text
    references = np.array([0, 1, 1, 0, 1])
    predictions = np.array([0, 1, 0, 0, 1])
    result = metric.compute(predictions=predictions, references=references)
    assert result[name] == pytest.approx(METRICS[name].score(predictions, references)[0])
    assert list(tmp_path.iterdir()) == []


def test_metrics_take_batches_and_several_labels_as_evaluate_does():
    metric = AUROC()
    metric.add_batch(predictions=[[0.1, 0.9], [0.8, 0.2]], references=[[0, 1], [1, 1]])
    metric.add_batch(predictions=[[0.3, 0.4]], references=[[0, 1]])
    result = metric.compute()
    assert result["auroc"] == 1.0
    assert result["per_label"][0] == 1.0
    assert math.isnan(result["per_label"][1])
    assert F1().compute(predictions=[0, 0], references=[0, 1], num_classes=3)["f1"] == pytest.approx(1 / 3)


def test_metrics_on_files_use_the_cache_folder_that_was_asked_for(tmp_path):
    result = MCC(keep_in_memory=False, cache_dir=str(tmp_path)).compute(predictions=[0, 1], references=[0, 1])
    assert result["mcc"] == 1.0
    assert (tmp_path / "mcc").is_dir()


# --- metrics of one benchmark ---------------------------------------------------------------------------------------


def test_group_medians_are_medians_of_tracks_and_their_mean():
    generator = np.random.default_rng(0)
    references, scores = generator.integers(0, 2, (50, 9)), generator.normal(size=(50, 9))
    references[:, 2] = 0  # undefined, so not part of a median
    aurocs = AUROC.score(scores, references)
    expected = [np.median(aurocs[[0, 1]]), np.median(aurocs[3:8]), aurocs[8]]
    groups = (3, 5, 1)
    np.testing.assert_allclose(GroupMedianAUROC.score(scores, references, groups=groups), expected)
    result = GroupMedianAUROC().compute(predictions=scores, references=references, groups=groups)
    assert result["group_median_auroc"] == pytest.approx(np.mean(expected))


def test_a_group_without_a_defined_track_is_undefined():
    references = np.array([[1, 0], [0, 0]])
    values = GroupMedianAUROC.score(np.array([[0.9, 0.1], [0.1, 0.2]]), references, groups=(1, 1))
    np.testing.assert_array_equal(values, [1.0, np.nan])


def test_groups_hold_all_tracks():
    with pytest.raises(ValueError, match=r"groups of \(1, 2\) tracks have 3, but there are 2"):
        GroupMedianAUROC.score(np.zeros((2, 2)), np.array([[1, 0], [0, 1]]), groups=(1, 2))


def test_site_auprc_leaves_out_class_0():
    generator = np.random.default_rng(1)
    scores, references = generator.normal(size=(60, 3)), generator.integers(0, 3, 60)
    result = SiteAUPRC().compute(predictions=scores, references=references)
    assert result["per_label"] == AUPRC.score(scores, references)[1:].tolist()
    assert result["site_auprc"] == pytest.approx(np.mean(result["per_label"]))


def test_metrics_of_many_tracks_equal_scikit_learn():
    generator = np.random.default_rng(2)
    references = generator.integers(0, 2, (80, 12))
    scores = generator.normal(size=(80, 12)).round(1)  # with ties
    decisions = (scores > 0).astype(int)
    by_hand = {
        AUROC: lambda track: sklearn.metrics.roc_auc_score(references[:, track], scores[:, track]),
        AUPRC: lambda track: sklearn.metrics.average_precision_score(references[:, track], scores[:, track]),
        MCC: lambda track: sklearn.metrics.matthews_corrcoef(references[:, track], decisions[:, track]),
        F1: lambda track: sklearn.metrics.f1_score(references[:, track], decisions[:, track]),
        Accuracy: lambda track: sklearn.metrics.accuracy_score(references[:, track], decisions[:, track]),
    }
    for metric, value in by_hand.items():
        predictions = scores if metric in (AUROC, AUPRC) else decisions
        np.testing.assert_allclose(metric.score(predictions, references), [value(track) for track in range(12)])
