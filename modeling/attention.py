"""Self-attention over a whole sequence, computed by the attention implementation that the config names.

Legend: b sequences, n tokens, h heads, d numbers of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def compute_dtype(states: torch.Tensor) -> torch.dtype:
    """The dtype in which linear maps of `states` are computed; under autocast it differs from that of `states`."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


def bidirectional_mask(config, embeddings: torch.Tensor, attention_mask: torch.Tensor | None):
    """The mask in the form that the config's attention implementation takes; None if all tokens attend to all tokens.

    Args:
        embeddings: (b, n, hidden), for size, dtype and device.
        attention_mask: (b, n), truthy for tokens to attend to; or (b, 1 or h, n, n), boolean or 0/1 for pairs to
            attend to, or floating point to be added to the scores.

    Raises:
        ValueError: a mask of another shape.
    """
    if attention_mask is None:
        return None
    if attention_mask.dim() == 4:
        return attention_mask if attention_mask.is_floating_point() else attention_mask.bool()
    check_mask_of_tokens(attention_mask, embeddings)
    return create_bidirectional_mask(config=config, inputs_embeds=embeddings, attention_mask=attention_mask)


def check_mask_of_tokens(attention_mask: torch.Tensor, embeddings: torch.Tensor) -> None:
    """Raise ValueError for a mask without one number per token of `embeddings` (b, n, hidden)."""
    if attention_mask.shape != embeddings.shape[:2]:
        raise ValueError(
            f"attention_mask has shape {tuple(attention_mask.shape)}, the tokens {tuple(embeddings.shape[:2])}; "
            "pass one number per token, or a mask of pairs (batch, 1 or heads, tokens, tokens)."
        )


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float = 1.0,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention in plain torch, the implementation that also returns the attention probabilities.

    Args:
        query, key, value: (b, h, n, d).
        attention_mask: added to the scores, or boolean: True for pairs to attend to; broadcast to (b, h, n, n).

    Returns:
        Output (b, n, h, d) and probabilities (b, h, n, n).
    """
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        if attention_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + attention_mask
    probabilities = nn.functional.softmax(scores, dim=-1)
    probabilities = nn.functional.dropout(probabilities, p=dropout, training=module.training)
    return torch.matmul(probabilities, value).transpose(1, 2).contiguous(), probabilities


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention with the implementation that the config of `module` names.

    Args:
        module: has `config`, `scaling`, `is_causal` and `training`.
        query, key, value: (b, n, h, d).
        attention_mask: in the form that the implementation takes.

    Returns:
        Output (b, n, h × d), and the probabilities (b, h, n, n) if the implementation returns them.
    """
    implementation: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
        module.config._attn_implementation, eager_attention_forward
    )
    output, probabilities = implementation(
        module,
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attention_mask,
        dropout=module.config.attention_probs_dropout_prob if module.training else 0.0,
        scaling=module.scaling,
        **kwargs,
    )
    return output.reshape(*query.shape[:2], -1), probabilities


class ChoosesAttention:
    """Mixin for models that call `attend`: users may choose and change the attention implementation."""

    _supports_sdpa = True
    _supports_attention_backend = True

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True  # transformers looks for the attention call in the text of the model's own file only


class SelfAttention(nn.Module):
    """Multi-head self-attention without the output projection.

    Args:
        config: gives `hidden_size`, `num_attention_heads`, `attention_probs_dropout_prob` and, at run time, the
            attention implementation (eager, sdpa, flash_attention_2, flex_attention, or one the user registered).
    """

    is_causal = False

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None,
        rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
        **kwargs,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(b, n, hidden) → (b, n, hidden), and the probabilities (b, h, n, n) if the implementation returns them."""
        batch_size, length, _ = hidden_states.shape
        heads = (batch_size, length, -1, self.head_dim)
        query = self.turned(self.query(hidden_states).view(heads), rotary)
        key = self.turned(self.key(hidden_states).view(heads), rotary)
        value = self.value(hidden_states).view(heads)
        return attend(self, query, key, value, attention_mask, **kwargs)

    def turned(self, states: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor:
        """Queries or keys (b, n, h, d) with rotary positions, which only `RotarySelfAttention` applies."""
        return states
