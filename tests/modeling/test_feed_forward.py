"""Feed-forward functions."""

from __future__ import annotations

import math

import pytest
import torch

from hf_dnalm.modeling.feed_forward import FEED_FORWARDS, silu_gated


def test_the_first_half_is_the_gate():
    gate, value = 2.0, -3.0
    expected = gate / (1 + math.exp(-gate)) * value
    torch.testing.assert_close(silu_gated(torch.tensor([gate, value])), torch.tensor([expected]))


def test_gelu_is_the_one_of_the_error_function():
    _, _, gelu = FEED_FORWARDS["gelu"]
    expected = 0.5 * (1 + math.erf(1 / math.sqrt(2)))  # the tanh approximation is 1.5e-4 away
    assert gelu(torch.tensor(1.0)).item() == pytest.approx(expected, abs=1e-6)
