"""Convolutions along a sequence whose kernels reach further apart from layer to layer.

Legend: b sequences, n tokens.
"""

from __future__ import annotations

import torch
from torch import nn


def dilations(n_layers: int, *, base: int, double_every: int, cycle: int, largest: int) -> list[int]:
    """How far apart the tokens are that each layer's kernel reads: base to the power of 0, 1, 2 …, again and again.

    Args:
        double_every: layers that share a power.
        cycle: layers after which the powers start again.
        largest: no dilation is larger.

    Example:
        >>> dilations(8, base=2, double_every=1, cycle=6, largest=16)
        [1, 2, 4, 8, 16, 16, 1, 2]
    """
    return [min(largest, base ** ((layer % cycle) // double_every)) for layer in range(n_layers)]


def convolve(convolution: nn.Module, hidden_states: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
    """The convolution of (b, n, channels), zero wherever `real` (b, n) is False, as beyond a sequence's ends.

    So padding, on either side of a sequence or inside it, never affects a real token, and a padded
    sequence gives what it gives alone.
    """
    if real is not None:
        hidden_states = hidden_states.masked_fill(~real[..., None], 0.0)
    return convolution(hidden_states.transpose(1, 2)).transpose(1, 2)
