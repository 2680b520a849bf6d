"""Hidden states of a model with any head: one layer for a batch, and the windows of long sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from hf_dnalm.data.encode import edge_tokens
from hf_dnalm.inference.batches import Batch
from hf_dnalm.inference.inputs import bare_model, token_limit
from hf_dnalm.inference.windows import Windows, cut_into_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Overflow = Literal["error", "truncate", "windows"]


def body_of(model: PreTrainedModel) -> nn.Module:
    """The model without wrappers and head; a head over 4,107 tokens would be a tenth of the work."""
    return bare_model(model).base_model


def hidden_states(body: nn.Module, batch: Batch, layer: int) -> torch.Tensor:
    """(b, n, hidden) hidden states of one layer.

    Args:
        layer: 0 = embedding layer, 1 = after the first layer, -1 = after the last.

    Raises:
        ValueError: the model has no such layer.
    """
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if layer == -1:
        return body(**inputs).last_hidden_state
    states = body(**inputs, output_hidden_states=True).hidden_states
    if not -len(states) <= layer < len(states):
        raise ValueError(f"there is no layer {layer}; the model has hidden states 0 to {len(states) - 1} (or -1).")
    return states[layer]


def windows_of(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[np.ndarray], *, overflow: Overflow) -> Windows:
    """The windows of all sequences. Without a context limit or overflow="windows", each sequence is one window."""
    limit = token_limit(tokenizer) if overflow == "windows" else None
    if limit is None:
        limit = max((len(ids) for ids in token_ids), default=0)
    return cut_into_windows(token_ids, limit=limit, edges=[edge_tokens(tokenizer, ids) for ids in token_ids])
