"""Losses that can be computed by hand, and the published loss where it differs."""

from __future__ import annotations

import math

import pytest
import torch

from hf_dnalm.bend.losses import bend_loss
from hf_dnalm.suites.bend.definition import PADDING, BendTask

CLASSES = BendTask("classes", ("a", "b"), level="nucleotide", loss="cross_entropy", metric="mcc")
TRACKS = BendTask("tracks", ("a",), level="bin", downsample=2)
WEIGHTED = BendTask("weighted", ("a",), level="bin", downsample=2, positive_weight=10.0)
ODDS = math.log(3)  # logits of a probability of 3/4


def test_cross_entropy_is_a_mean_over_what_is_not_padding():
    logits = torch.tensor([[[0.0, ODDS], [0.0, ODDS], [5.0, 0.0]]])
    labels = torch.tensor([[1, 0, PADDING]])
    expected = (math.log(4 / 3) + math.log(4)) / 2
    assert bend_loss(CLASSES, logits, labels).item() == pytest.approx(expected)
    assert bend_loss(CLASSES, logits, labels, compat=True).item() == pytest.approx(expected)


def test_binary_cross_entropy_leaves_padding_out():
    logits = torch.tensor([[[ODDS], [ODDS], [2.0]]])
    labels = torch.tensor([[[1], [0], [PADDING]]])
    assert bend_loss(TRACKS, logits, labels).item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_positives_weigh_more():
    logits = torch.tensor([[[ODDS], [ODDS]]])
    labels = torch.tensor([[[1], [0]]])
    assert bend_loss(WEIGHTED, logits, labels).item() == pytest.approx((10 * math.log(4 / 3) + math.log(4)) / 2)


def test_the_published_mask_masks_nothing():
    logits = torch.tensor([[[ODDS], [ODDS], [2.0]]])
    labels = torch.tensor([[[1], [0], [PADDING]]])
    padding = 2.0 + 100 * 2.0 + math.log1p(math.exp(-2.0))  # x - x·t + log(1 + e^-x) with t = -100
    expected = (math.log(4 / 3) + math.log(4) + padding) / 3
    assert bend_loss(TRACKS, logits, labels, compat=True).item() == pytest.approx(expected)


def test_without_padding_the_published_loss_is_the_right_one():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 1, generator=generator)
    labels = torch.randint(0, 2, (3, 5, 1), generator=generator)
    assert torch.equal(bend_loss(WEIGHTED, logits, labels), bend_loss(WEIGHTED, logits, labels, compat=True))
