"""Building blocks of DNABERT-2: embeddings, layers, pooler and language-model head.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import attend
from .feed_forward import gelu_gated
from .pooling import pool


class DnaBert2Embeddings(nn.Module):
    """Vectors of tokens and of their kinds, normalised."""

    def __init__(self, config):
        super().__init__()
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        token_type_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
    ) -> torch.Tensor:
        """(b, n) ids, or (b, n, hidden) vectors in their place → (b, n, hidden)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        if inputs_embeds is None:
            inputs_embeds = self.word_embeddings(input_ids)
        if token_type_ids is None:
            token_type_ids = torch.zeros(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        return self.dropout(self.LayerNorm(inputs_embeds + self.token_type_embeddings(token_type_ids)))


class DnaBert2SelfAttention(nn.Module):
    """Multi-head self-attention whose queries, keys and values come from one projection."""

    is_causal = False

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.scaling = config.head_dim**-0.5
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(b, n, hidden) → (b, n, hidden), and the probabilities (b, h, n, n) if the implementation returns them."""
        fused = self.Wqkv(hidden_states).unflatten(-1, (3, -1, self.config.head_dim))
        query, key, value = fused.unbind(dim=2)
        return attend(self, query, key, value, attention_mask, **kwargs)


class DnaBert2AttentionOutput(nn.Module):
    """Output projection of attention, added to what went in, normalised."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, attended: torch.Tensor, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(attended)) + hidden_states)


class DnaBert2Attention(nn.Module):
    """Attention with its residual connection."""

    def __init__(self, config):
        super().__init__()
        self.self = DnaBert2SelfAttention(config)
        self.output = DnaBert2AttentionOutput(config)

    def forward(self, hidden_states: torch.Tensor, attention_mask, **kwargs) -> torch.Tensor:
        attended, _ = self.self(hidden_states, attention_mask, **kwargs)
        return self.output(attended, hidden_states)


class DnaBert2FeedForward(nn.Module):
    """The gated feed-forward block with its residual connection."""

    def __init__(self, config):
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        inner = self.dropout(gelu_gated(self.gated_layers(hidden_states)))
        return self.layernorm(self.wo(inner) + hidden_states)


class DnaBert2Layer(GradientCheckpointingLayer):
    """Attention, then feed-forward, each added to what went in and then normalised."""

    def __init__(self, config):
        super().__init__()
        self.attention = DnaBert2Attention(config)
        self.mlp = DnaBert2FeedForward(config)

    def forward(self, hidden_states: torch.Tensor, attention_mask=None, real=None, **kwargs) -> torch.Tensor:
        """(b, n, hidden) → (b, n, hidden), zero where `real` (b, n, 1) is False."""
        hidden_states = self.mlp(self.attention(hidden_states, attention_mask, **kwargs))
        return hidden_states if real is None else hidden_states.masked_fill(~real, 0.0)


class DnaBert2Encoder(nn.Module):
    """The layers, one after another."""

    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList([DnaBert2Layer(config) for _ in range(config.num_hidden_layers)])

    def forward(self, hidden_states: torch.Tensor, attention_mask, real, **kwargs) -> torch.Tensor:
        for layer in self.layer:
            hidden_states = layer(hidden_states, attention_mask, real, **kwargs)
        return hidden_states


class DnaBert2Pooler(nn.Module):
    """One vector of a sequence: its first token's, projected, through tanh."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """(b, n, hidden) → (b, hidden)."""
        return torch.tanh(self.dense(pool(hidden_states, attention_mask, pooling="cls")))


class DnaBert2Transform(nn.Module):
    """The hidden layer of the language-model head."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=1e-12)  # upstream reads no config here

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(nn.functional.gelu(self.dense(hidden_states)))


class DnaBert2Predictions(nn.Module):
    """Scores of every token of the vocabulary at every position: (b, n, hidden) → (b, n, v)."""

    def __init__(self, config):
        super().__init__()
        self.transform = DnaBert2Transform(config)
        self.decoder: nn.Module = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.transform(hidden_states))


class DnaBert2Heads(nn.Module):
    """The language model's head, under the name that the checkpoints give it."""

    def __init__(self, config):
        super().__init__()
        self.predictions = DnaBert2Predictions(config)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.predictions(hidden_states)
