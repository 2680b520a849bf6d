"""Causal convolution with filters as long as the sequence, through Fourier transforms: n log n in place of n².

Legend: b sequences, c channels, n tokens.
"""

from __future__ import annotations

import torch

from .exporting import is_exported


def long_convolution(signal: torch.Tensor, filters: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
    """A causal convolution per channel: y[t] = Σ_{s ≤ t} filter[t - s] · x[s] + skip · x[t].

    In float32 whatever comes in: in half precision a sum over a million tokens keeps nothing.

    Args:
        signal: (b, c, n).
        filters: (c, n), the weight of the present first.
        skip: (c,).

    Returns:
        (b, c, n), in the dtype of `signal`.

    Source: Poli et al. 2023, https://arxiv.org/abs/2302.10866.

    Example:
        >>> pulse = torch.tensor([[[0.0, 1.0, 0.0, 0.0]]])
        >>> long_convolution(pulse, torch.tensor([[4.0, 3.0, 2.0, 1.0]]), torch.tensor([10.0])).round()
        tensor([[[ 0., 14.,  3.,  2.]]])
    """
    n = signal.shape[-1]
    # long enough that the end of the filter does not come round to the start; an exported program takes any n
    size = 2 * n if is_exported() else transform_length(2 * n - 1)
    x = signal.float()
    spectrum = torch.fft.rfft(x, n=size) * torch.fft.rfft(filters.float(), n=size)
    heard = torch.fft.irfft(spectrum, n=size)[..., :n]
    return (heard + x * skip.float()[:, None]).to(signal.dtype)


def transform_length(at_least: int) -> int:
    """The next even number without a prime factor over 5: transforms of other lengths are several times slower.

    Example:
        >>> transform_length(2 * 1_000_002 - 1)  # 2³ · 3⁴ · 5⁵
        2025000
    """
    best = 2
    while best < at_least:
        best *= 2
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            candidate = 2 * threes
            while candidate < at_least:
                candidate *= 2
            best = min(best, candidate)
            threes *= 3
        fives *= 5
    return best
