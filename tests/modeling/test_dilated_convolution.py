"""Dilated convolutions: how far they reach, and that padding is to them what lies past a sequence's end."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_dnalm.modeling.dilated_convolution import convolve, dilations
from hf_dnalm.modeling.token_mask import real_tokens


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"base": 2, "double_every": 1, "cycle": 6, "largest": 32}, [1, 2, 4, 8, 16, 32, 1]),  # the published GPN
        ({"base": 2, "double_every": 2, "cycle": 6, "largest": 32}, [1, 1, 2, 2, 4, 4, 1]),
        ({"base": 3, "double_every": 1, "cycle": 9, "largest": 20}, [1, 3, 9, 20, 20, 20, 20]),
    ],
)
def test_dilations_grow_start_again_and_stop_growing(settings, expected):
    assert dilations(7, **settings) == expected


def counting(dilation: int) -> nn.Conv1d:
    """Adds up the tokens that it reads."""
    convolution = nn.Conv1d(1, 1, kernel_size=3, dilation=dilation, padding="same", bias=False)
    nn.init.ones_(convolution.weight)
    return convolution


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (None, [1 + 4, 2 + 8, 4 + 1 + 16, 8 + 2, 16 + 4]),
        ([1, 1, 1, 0, 0], [1 + 4, 2, 4 + 1, 2, 4]),
        ([0, 0, 1, 1, 1], [4, 8, 4 + 16, 8, 16 + 4]),
        ([1, 1, 0, 1, 1], [1, 2 + 8, 1 + 16, 8 + 2, 16]),
    ],
)
def test_tokens_that_are_not_real_are_read_as_zeros(mask, expected):
    tokens = torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]])[..., None]
    real = None if mask is None else torch.tensor([mask]).bool()
    assert convolve(counting(2), tokens, real).flatten().tolist() == expected


def test_a_mask_of_pairs_is_refused():
    with pytest.raises(ValueError, match=r"shape \(1, 1, 4, 4\), the tokens \(1, 4\); pass one number per token"):
        real_tokens(torch.ones(1, 1, 4, 4), torch.zeros(1, 4, 8))


def test_no_mask_is_no_mask():
    assert real_tokens(None, torch.zeros(1, 4, 8)) is None
