"""In which order a causal operation reads the tokens of a padded batch, so that no token ever sees padding.

A recurrence or a causal convolution has no mask: it remembers all that it read. So the real tokens of every row are
read first, as if they stood alone, and what the mask leaves out comes after them, where nothing looks back to it.

Legend: b sequences, n tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class TokenOrder(NamedTuple):
    """One direction of reading, as row numbers of a (b · n, …) tensor."""

    order: torch.Tensor  # (b · n,): the token that is read i-th, row by row
    place: torch.Tensor  # (b · n,): when the i-th token is read

    def read(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n, …) by position → (b, n, …) in reading order."""
        return x.flatten(0, 1).index_select(0, self.order).unflatten(0, x.shape[:2])

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n, …) as it was read → (b, n, …) by position."""
        return x.flatten(0, 1).index_select(0, self.place).unflatten(0, x.shape[:2])


def token_orders(attention_mask: torch.Tensor) -> tuple[TokenOrder, TokenOrder]:
    """The order from the first real token to the last, and the one from the last to the first; the rest follows.

    Args:
        attention_mask: (b, n), truthy for real tokens, in any position.

    Example:
        >>> forward, backward = token_orders(torch.tensor([[0, 1, 1, 0, 1]]))
        >>> tokens = torch.tensor([[10, 11, 12, 13, 14]])
        >>> forward.read(tokens).tolist(), backward.read(tokens).tolist()
        ([[11, 12, 14, 10, 13]], [[14, 12, 11, 10, 13]])
        >>> backward.restore(backward.read(tokens)).tolist()
        [[10, 11, 12, 13, 14]]
    """
    real = attention_mask.bool()
    rank = real.cumsum(1) - 1  # of a real token among the real ones of its row
    n_real = rank[:, -1:] + 1
    after = n_real + (~real).cumsum(1) - 1
    rows = torch.arange(real.shape[0], device=real.device)[:, None] * real.shape[1]
    places = (rank.where(real, after), (n_real - 1 - rank).where(real, after))
    forward, backward = (_order((place + rows).flatten()) for place in places)
    return forward, backward


def _order(place: torch.Tensor) -> TokenOrder:
    numbers = torch.arange(place.shape[0], device=place.device)
    return TokenOrder(torch.empty_like(place).scatter_(0, place, numbers), place)
