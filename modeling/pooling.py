"""Pooling: one vector per sequence from the vectors of its tokens."""

from __future__ import annotations

import torch


def pool(hidden_states: torch.Tensor, attention_mask: torch.Tensor | None, *, pooling: str) -> torch.Tensor:
    """(batch, tokens, hidden) → (batch, hidden), over the tokens that are attended to, without padding on either side.

    Args:
        attention_mask: (batch, tokens), truthy for real tokens; None counts every token.
        pooling: "cls": the first real token; "last": the last one; "mean", "max": over all real tokens, the first one
            (CLS) included. Of a row that is all padding, as some collators add to fill a batch, the mean and the
            maximum are zeros.

    Raises:
        ValueError: another pooling, or a mask that is not one number per token.

    Example:
        >>> vectors = torch.tensor([[[9.0], [1.0], [3.0], [8.0]]])
        >>> mask = torch.tensor([[0, 1, 1, 0]])
        >>> [pool(vectors, mask, pooling=pooling).item() for pooling in ("cls", "last", "mean", "max")]
        [1.0, 3.0, 2.0, 3.0]
    """
    if attention_mask is None:
        attention_mask = hidden_states.new_ones(hidden_states.shape[:2], dtype=torch.bool)
    if attention_mask.dim() != 2:
        raise ValueError(
            f"pooling needs a mask of one number per token, not of shape {tuple(attention_mask.shape)}: "
            "pass a (batch, tokens) attention_mask to a model with a sequence head."
        )
    real = attention_mask.to(hidden_states.device).bool()
    if pooling == "cls":
        first = real.int().argmax(dim=1)
        return hidden_states[torch.arange(first.shape[0], device=first.device), first]
    if pooling == "last":
        last = real.shape[1] - 1 - real.flip(1).int().argmax(dim=1)
        return hidden_states[torch.arange(last.shape[0], device=last.device), last]
    if pooling == "mean":
        counts = real.sum(dim=1, keepdim=True).clamp(min=1)
        total = hidden_states.masked_fill(~real[..., None], 0.0).sum(dim=1, dtype=torch.float32)
        return (total / counts).to(hidden_states.dtype)
    if pooling == "max":
        largest = hidden_states.masked_fill(~real[..., None], torch.finfo(hidden_states.dtype).min).amax(dim=1)
        return largest.masked_fill(~real.any(dim=1, keepdim=True), 0.0)
    raise ValueError(f"pooling is {pooling!r}; choose from 'cls', 'last', 'mean', 'max'.")
