"""Predictions for bins of bases: the mean of the bases' logits."""

from __future__ import annotations

import torch
from torch.nn import functional


def bin_means(logits: torch.Tensor, bin_bp: int) -> torch.Tensor:
    """The mean logits of every bin of `bin_bp` bases.

    Args:
        logits: (…, bp, L), of single bases. Missing bases of an incomplete last bin count as zeros: such a bin is
            padding or the end of a truncated sequence, and its label is -100.

    Returns:
        (…, bins, L).

    >>> bin_means(torch.tensor([[1.0], [3.0], [5.0], [7.0]]), 2).tolist()
    [[2.0], [6.0]]
    """
    missing = -logits.shape[-2] % bin_bp
    logits = functional.pad(logits, (0, 0, 0, missing))
    return logits.unflatten(-2, (-1, bin_bp)).mean(-2)
