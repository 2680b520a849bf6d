"""Rotary positions: queries and keys are rotated by their positions, so their products depend on the distance.

Legend: b sequences, n tokens, h heads, d numbers of a head.
"""

from __future__ import annotations

import torch

from .attention import SelfAttention


def rotary_tables(
    positions: torch.Tensor, head_dim: int, *, dtype: torch.dtype, base: float = 10_000.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of the angles position / base^(2i / d), for `apply_rotary`.

    Every forward pass computes them again, so no buffer can be rounded by `model.to(torch.bfloat16)` or be lost when a
    model is built on the meta device. Angles and their functions are computed in float32, then cast to `dtype`.

    Args:
        positions: (n,) or (b, n), 0-based.
        head_dim: d, even.

    Returns:
        Two tables (…, n, 1, d); the halves of the cosines are equal, those of the sines opposite.

    Example:
        >>> cosines, sines = rotary_tables(torch.arange(3), 4, dtype=torch.float32)
        >>> sines[1, 0]
        tensor([-0.8415, -0.0100,  0.8415,  0.0100])
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    angles = positions[..., None, None].float() * (1.0 / base**exponents)
    cosines, sines = angles.cos().to(dtype), angles.sin().to(dtype)
    return torch.cat((cosines, cosines), dim=-1), torch.cat((-sines, sines), dim=-1)


def apply_rotary(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn each pair (i, i + d/2) of numbers of a head by the angle of its position.

    Source: Su et al. 2021, https://arxiv.org/abs/2104.09864, with the pairs laid out in halves.

    Args:
        states: (b, n, h, d).
        cosines, sines: from `rotary_tables`, for d or fewer numbers: then the first ones are turned, the others stay.
    """
    width = cosines.shape[-1]
    if width < states.shape[-1]:
        return torch.cat((apply_rotary(states[..., :width], cosines, sines), states[..., width:]), dim=-1)
    half = width // 2
    swapped = torch.cat((states[..., half:], states[..., :half]), dim=-1)
    return torch.addcmul(states * cosines, swapped, sines)


class RotarySelfAttention(SelfAttention):
    """`SelfAttention` whose queries and keys are turned by `rotary`, the tables of `rotary_tables`; None turns none."""

    def turned(self, states: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor:
        return states if rotary is None else apply_rotary(states, *rotary)
