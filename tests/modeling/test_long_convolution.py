"""Long convolutions: the sum that they stand for, causal to the last digit that counts, whatever the length."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.long_convolution import long_convolution, transform_length


def inputs(b: int, c: int, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    return tuple(torch.randn(shape, generator=generator) for shape in ((b, c, n), (c, n), (c,)))


def by_definition(signal, filters, skip) -> torch.Tensor:
    heard = skip[:, None] * signal
    for t in range(signal.shape[-1]):
        for s in range(t + 1):
            heard[..., t] += filters[:, t - s] * signal[..., s]
    return heard


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 31])
def test_it_is_the_sum_over_all_that_came_before(n):
    signal, filters, skip = inputs(2, 3, n)
    expected = by_definition(signal, filters, skip)
    torch.testing.assert_close(long_convolution(signal, filters, skip), expected, atol=1e-5, rtol=1e-5)


def test_nothing_of_the_future_is_heard():
    signal, filters, skip = inputs(1, 4, 1000)
    changed = signal.clone()
    changed[..., 600:] = 10.0
    before, after = (long_convolution(each, filters, skip)[..., :600] for each in (signal, changed))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=0)  # the rounding of all


def test_half_precision_comes_back_as_it_went_in_and_is_computed_in_full():
    signal, filters, skip = inputs(1, 2, 300)
    half = signal.to(torch.bfloat16)
    got = long_convolution(half, filters, skip)
    assert got.dtype is torch.bfloat16
    assert torch.equal(got, long_convolution(half.float(), filters, skip).to(torch.bfloat16))


def test_gradients_are_those_of_the_sum():
    tensors = [each.double()[..., :5].requires_grad_() for each in inputs(1, 2, 5)]
    fast, slow = (torch.autograd.grad(each(*tensors).square().sum(), tensors) for each in (long_convolution, slowly))
    for got, expected in zip(fast, slow, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def slowly(signal, filters, skip) -> torch.Tensor:
    n = signal.shape[-1]
    back = torch.arange(n)[:, None] - torch.arange(n)
    matrix = filters[:, back.clamp(min=0)] * (back >= 0)
    return torch.einsum("cts,bcs->bct", matrix, signal) + skip[:, None] * signal


@pytest.mark.parametrize(("at_least", "length"), [(1, 2), (2, 2), (3, 4), (7, 8), (11, 12), (61, 64), (97, 100)])
def test_transforms_have_lengths_with_small_factors(at_least, length):
    assert transform_length(at_least) == length


def test_the_next_such_length_is_never_far():
    for at_least in range(1, 3000):
        length = transform_length(at_least)
        assert at_least <= length <= max(4, 1.25 * at_least)
        for factor in (2, 3, 5):
            while length % factor == 0:
                length //= factor
        assert length == 1
