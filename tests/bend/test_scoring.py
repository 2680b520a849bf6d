"""Metrics of a network's predictions, each computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from hf_dnalm.bend.scoring import Predictions
from hf_dnalm.suites.bend.definition import PADDING, BendTask

CLASSES = BendTask("classes", ("a", "b", "c"), level="nucleotide", loss="cross_entropy", metric="mcc")
BINS = BendTask("bins", ("peak",), level="bin", metric="auprc", downsample=4)


def logits_of(classes):
    return torch.nn.functional.one_hot(torch.tensor(classes), 3).float()


def test_recall_and_precision_are_counted_for_each_class():
    predictions = Predictions(CLASSES)
    predictions.add(logits_of([[0, 0, 1, 1]]), torch.tensor([[0, 1, 1, PADDING]]))
    predictions.add(logits_of([[0]]), torch.tensor([[0]]))
    report = predictions.report(bootstrap=0)
    # said a a b a, true a b b a
    assert report["per_label"]["recall"] == {"a": 1.0, "b": 0.5, "c": None}
    assert report["per_label"]["precision"] == {"a": pytest.approx(2 / 3), "b": 1.0, "c": None}
    mcc = 1 / math.sqrt(3)  # of two classes: (2·1 - 0·1) / √(3·2·2·1)
    assert report["value"] == predictions.metric() == pytest.approx(mcc)
    assert (report["low"], report["high"]) == (None, None)
    assert (report["regions"], report["places"]) == (2, 4)


def test_bins_of_all_regions_are_ranked_together():
    predictions = Predictions(BINS)
    predictions.add(torch.tensor([[[3.0], [1.0]], [[2.0], [9.0]]]), torch.tensor([[[1], [0]], [[1], [PADDING]]]))
    assert predictions.metric() == 1.0
    predictions.add(torch.tensor([[[4.0], [0.0]]]), torch.tensor([[[0], [0]]]))
    assert predictions.metric() == pytest.approx((1 / 2 + 2 / 3) / 2)
    report = predictions.report(bootstrap=100)
    assert report["low"] <= report["value"] <= report["high"]
    outputs = predictions.outputs()
    assert (outputs.n, outputs.example.tolist()) == (3, [0, 0, 1, 2, 2])


def test_nothing_but_padding_is_refused():
    predictions = Predictions(BINS)
    predictions.add(torch.zeros(1, 1, 1), torch.full((1, 1, 1), PADDING))
    with pytest.raises(ValueError, match="there is nothing to score: every bin label is -100"):
        predictions.report()
