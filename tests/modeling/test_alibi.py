"""Linear attention biases: slopes and tables that can be checked by hand."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.alibi import alibi_bias, alibi_slopes

ROOT = 2**-0.5
TABLE = {
    1: [2**-8],
    2: [2**-4, 2**-8],
    3: [2**-4, 2**-8, 2**-2],
    8: [2**-1, 2**-2, 2**-3, 2**-4, 2**-5, 2**-6, 2**-7, 2**-8],
    12: [*(2.0**-power for power in range(1, 9)), ROOT, ROOT / 2, ROOT / 4, ROOT / 8],
}


@pytest.mark.parametrize("heads", TABLE)
def test_slopes_are_those_of_the_paper_in_the_published_order(heads):
    assert alibi_slopes(heads) == pytest.approx(TABLE[heads], rel=1e-12)


def test_biases_fall_with_the_distance_on_both_sides():
    bias = alibi_bias(3, 4, dtype=torch.float32)
    assert bias.shape == (1, 3, 4, 4)
    distances = torch.tensor([[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]])
    for head, slope in enumerate((1 / 16, 1 / 256, 1 / 4)):
        assert torch.equal(bias[0, head], -slope * distances)


def test_biases_take_the_dtype_that_is_asked_for_from_float32_products():
    exact = alibi_bias(12, 600, dtype=torch.float32)
    assert torch.equal(alibi_bias(12, 600, dtype=torch.bfloat16), exact.bfloat16())
