"""Activations of feed-forward blocks, between the two projections."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional


def silu_gated(hidden_states: torch.Tensor) -> torch.Tensor:
    """The first half of the numbers, through SiLU, times the second half: (…, 2 m) → (…, m).

    Source: Shazeer 2020, https://arxiv.org/abs/2002.05202.

    Example:
        >>> silu_gated(torch.tensor([0.0, 100.0, 7.0, 2.0]))
        tensor([  0., 200.])
    """
    gate, values = hidden_states.chunk(2, dim=-1)
    return functional.silu(gate) * values


def gelu_gated(hidden_states: torch.Tensor) -> torch.Tensor:
    """The first half of the numbers, through GELU (with the error function), times the second half: (…, 2 m) → (…, m).

    Source: Shazeer 2020, https://arxiv.org/abs/2002.05202.

    Example:
        >>> gelu_gated(torch.tensor([0.0, 100.0, 7.0, 2.0]))
        tensor([  0., 200.])
    """
    gate, values = hidden_states.chunk(2, dim=-1)
    return functional.gelu(gate) * values


# The name in a config → (numbers the first projection makes for each one that the second reads, biases, the function).
FEED_FORWARDS: dict[str, tuple[int, bool, Callable[[torch.Tensor], torch.Tensor]]] = {
    "gelu": (1, True, functional.gelu),
    "silu_gated": (2, False, silu_gated),
}
