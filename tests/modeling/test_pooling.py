"""One vector per sequence."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.pooling import pool

VECTORS = torch.tensor([[[5.0, -1.0], [1.0, -2.0], [3.0, -6.0], [100.0, 100.0]]])


@pytest.mark.parametrize(
    ("pooling", "mask", "expected"),
    [
        ("cls", [1, 1, 1, 0], [5.0, -1.0]),
        ("cls", [0, 1, 1, 0], [1.0, -2.0]),  # left padding: CLS is not in the first column
        ("mean", [1, 1, 1, 0], [3.0, -3.0]),  # CLS is counted, padding is not
        ("mean", [1, 0, 1, 0], [4.0, -3.5]),
        ("max", [1, 1, 1, 0], [5.0, -1.0]),
        ("max", [0, 1, 1, 0], [3.0, -2.0]),
        ("mean", None, [27.25, 22.75]),
        ("max", None, [100.0, 100.0]),
        ("cls", None, [5.0, -1.0]),
        ("last", [1, 1, 1, 0], [3.0, -6.0]),
        ("last", [0, 1, 0, 0], [1.0, -2.0]),
        ("last", None, [100.0, 100.0]),
    ],
)
def test_pooling_reads_the_tokens_that_are_attended_to(pooling, mask, expected):
    mask = None if mask is None else torch.tensor([mask])
    assert pool(VECTORS, mask, pooling=pooling).tolist() == [expected]


@pytest.mark.parametrize("pooling", ["cls", "last", "mean", "max"])
def test_a_row_of_padding_is_finite_and_leaves_the_other_rows_alone(pooling):
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0]])
    pooled = pool(VECTORS.repeat(2, 1, 1), mask, pooling=pooling)
    assert torch.equal(pooled[:1], pool(VECTORS, mask[:1], pooling=pooling))
    assert pooled[1].abs().max() <= VECTORS.abs().max()  # no smallest number of the dtype, no division by zero
    if pooling in ("mean", "max"):
        assert pooled[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_the_mask_may_be_boolean_or_a_number(dtype):
    mask = torch.tensor([[1, 1, 0, 0]], dtype=dtype)
    assert pool(VECTORS, mask, pooling="mean").tolist() == [[3.0, -1.5]]


def test_the_mean_of_a_bfloat16_sequence_is_summed_in_float32():
    vectors = torch.ones(1, 1000, 1, dtype=torch.bfloat16)  # a bfloat16 sum of ones stops at 256
    assert pool(vectors, None, pooling="mean").item() == 1.0


def test_a_mask_of_pairs_cannot_say_which_tokens_are_real():
    with pytest.raises(ValueError, match=r"one number per token, not of shape \(1, 1, 4, 4\)"):
        pool(VECTORS, torch.ones(1, 1, 4, 4), pooling="mean")


def test_an_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="pooling is 'sum'; choose from 'cls', 'last', 'mean', 'max'"):
        pool(VECTORS, None, pooling="sum")
