"""Answers for bins of bases: the mean of the logits of the bases in each."""

from __future__ import annotations

import torch
from torch.nn import functional


def bin_means(logits: torch.Tensor, bin_bp: int) -> torch.Tensor:
    """The mean logits of every bin of `bin_bp` bases.

    Args:
        logits: (…, bp, L), of single bases. A last bin that is not full counts the missing bases as zeros: it is of
            padding, or of a sequence that was cut, and its label is -100.

    Returns:
        (…, bins, L).

    >>> bin_means(torch.tensor([[1.0], [3.0], [5.0], [7.0]]), 2).tolist()
    [[2.0], [6.0]]
    """
    missing = -logits.shape[-2] % bin_bp
    logits = functional.pad(logits, (0, 0, 0, missing))
    return logits.unflatten(-2, (-1, bin_bp)).mean(-2)
