"""Linear attention biases (ALiBi): the more distant a token, the less it is attended to, by a slope per head.

Source: Press et al. 2022, https://arxiv.org/abs/2108.12409; here symmetric, for encoders.

Legend: h heads, n tokens.
"""

from __future__ import annotations

import torch


def alibi_slopes(num_heads: int) -> list[float]:
    """The slope of each head: a geometric row that ends at 2^-8 for a power of two of heads.

    Other numbers of heads take the slopes of the next lower power of two 2^k, followed by every other one of 2^(k+1).

    Example:
        >>> alibi_slopes(4)
        [0.25, 0.0625, 0.015625, 0.00390625]
        >>> [round(slope, 4) for slope in alibi_slopes(6)]
        [0.25, 0.0625, 0.0156, 0.0039, 0.5, 0.125]
    """
    lower = 1 << (num_heads.bit_length() - 1)
    return _geometric(lower) + _geometric(2 * lower)[0::2][: num_heads - lower]


def _geometric(num_heads: int) -> list[float]:
    return [2.0 ** (-8 * (head + 1) / num_heads) for head in range(num_heads)]


def alibi_bias(num_heads: int, length: int, *, dtype: torch.dtype, device: torch.device | None = None) -> torch.Tensor:
    """The biases that are added to the attention scores: -slope × |i - j|, (1, h, n, n).

    Every forward pass computes them again, so there is no buffer that bounds the length or is lost on the meta device;
    the products are float32, whatever `dtype` they end in.

    Example:
        >>> alibi_bias(8, 3, dtype=torch.float32)[0, 0]
        tensor([[-0.0000, -0.5000, -1.0000],
                [-0.5000, -0.0000, -0.5000],
                [-1.0000, -0.5000, -0.0000]])
    """
    positions = torch.arange(length, device=device)
    distances = (positions[:, None] - positions[None, :]).abs()
    slopes = torch.tensor(alibi_slopes(num_heads), dtype=torch.float32, device=device)
    return (-slopes[:, None, None] * distances).to(dtype)[None]
