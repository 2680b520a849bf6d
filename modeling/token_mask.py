"""Which tokens of a batch are real, for layers that have no attention to mask."""

from __future__ import annotations

import torch


def real_tokens(attention_mask: torch.Tensor | None, embeddings: torch.Tensor) -> torch.Tensor | None:
    """(b, n), True for real tokens, on the device of `embeddings` (b, n, hidden); None if every token is real.

    Raises:
        ValueError: a mask of another shape.

    Example:
        >>> real_tokens(torch.tensor([[0, 1]]), torch.zeros(1, 2, 8))
        tensor([[False,  True]])
    """
    if attention_mask is None:
        return None
    if attention_mask.shape != embeddings.shape[:2]:
        raise ValueError(
            f"attention_mask has shape {tuple(attention_mask.shape)}, the tokens {tuple(embeddings.shape[:2])}; "
            "pass one number per token: there is no attention between pairs of tokens to mask."
        )
    return attention_mask.to(embeddings.device).bool()
