"""Building blocks of GENA-LM: embeddings, layers, pooler and language-model head.

Legend: b sequences, n tokens, h heads, d numbers of a head, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import eager_attention_forward
from .block_layout_gena_bert import GenaBertBlocks, SparsePlan, in_order
from .block_sparse_attention import block_sparse_attention, pair_biases
from .pooling import pool
from .rotary import RotarySelfAttention, apply_rotary


class GenaBertEmbeddings(nn.Module):
    """Vectors of tokens, of their kinds and, unless positions are rotary, of their positions, normalised."""

    def __init__(self, config):
        super().__init__()
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.position_embeddings = None
        if config.position_embedding_type == "absolute":
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self, inputs_embeds: torch.Tensor, token_type_ids: torch.Tensor | None, positions: torch.Tensor
    ) -> torch.Tensor:
        """Vectors of tokens (b, n, hidden) → (b, n, hidden).

        Args:
            positions: (1 or b, n), 0-based.
        """
        if token_type_ids is None:
            token_type_ids = torch.zeros(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        embeddings = inputs_embeds + self.token_type_embeddings(token_type_ids)
        if self.position_embeddings is not None:
            embeddings = embeddings + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(embeddings))


class GenaBertSelfAttention(RotarySelfAttention):
    """Attention of every token to every token, or of blocks to the blocks that the weights list."""

    def __init__(self, config, layer: int):
        super().__init__(config)
        if config.sparse_block_size is not None:
            self.sparse_self_attention = GenaBertBlocks(config, layer)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask, rotary=None, *, layout=None, plan=None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(b, n, hidden) → (b, n, hidden), and the probabilities (b, h, n, n) if the implementation returns them.

        Args:
            attention_mask: of dense attention, in the form that the attention implementation reads.
            rotary: tables for the first numbers of a head, or all.
            layout: of this layer, in sparse attention; its probabilities have no dropout, as upstream. The eager
                implementation computes it over all pairs, to give the probabilities; any other over blocks.
            plan: of sparse attention.
        """
        if plan is None:
            return super().forward(hidden_states, attention_mask, rotary, **kwargs)
        heads = (*hidden_states.shape[:2], -1, self.head_dim)
        query, key, value = (project(hidden_states).view(heads) for project in (self.query, self.key, self.value))
        if rotary is not None:
            query, key = apply_rotary(query, *rotary), apply_rotary(key, *rotary)
        attended, probabilities = self._sparse(plan, layout, *(in_order(x, plan.places) for x in (query, key, value)))
        return in_order(attended, plan.places_back).flatten(2), probabilities

    def _sparse(
        self, plan: SparsePlan, layout, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(b, n, h, d) → (b, n, h, d), both in the plan's order, and the probabilities in the batch's own."""
        if self.config._attn_implementation != "eager":
            return block_sparse_attention(query, key, value, layout, scaling=self.scaling, key_mask=plan.mask), None
        biases = pair_biases(layout, query.shape[1], plan.mask, query.dtype)
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        attended, probabilities = eager_attention_forward(self, query, key, value, biases, scaling=self.scaling)
        for dim in (2, 3):
            probabilities = in_order(probabilities, plan.places_back, dim=dim)
        return attended, probabilities


class GenaBertProjection(nn.Module):
    """A projection back to the hidden size."""

    def __init__(self, config, inner_size: int):
        super().__init__()
        self.dense = nn.Linear(inner_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, inner: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.dense(inner))


class GenaBertAttention(nn.Module):
    """Attention with its output projection."""

    def __init__(self, config, layer: int):
        super().__init__()
        self.self = GenaBertSelfAttention(config, layer)
        self.output = GenaBertProjection(config, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask, rotary, **kwargs) -> torch.Tensor:
        attended, _ = self.self(hidden_states, attention_mask, rotary, **kwargs)
        return self.output(attended)


class GenaBertIntermediate(nn.Module):
    """The first half of the feed-forward block: the wide projection and GELU."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return functional.gelu(self.dense(hidden_states))


class GenaBertLayer(GradientCheckpointingLayer):
    """Attention, then feed-forward, each reading its input normalised and adding to it."""

    def __init__(self, config, layer: int):
        super().__init__()
        self.pre_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = GenaBertAttention(config, layer)
        self.post_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.intermediate = GenaBertIntermediate(config)
        self.output = GenaBertProjection(config, config.intermediate_size)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask=None, rotary=None, layout=None, plan=None, **kwargs
    ) -> torch.Tensor:
        """(b, n, hidden) → (b, n, hidden)."""
        normalised = self.pre_attention_ln(hidden_states)
        hidden_states = hidden_states + self.attention(
            normalised, attention_mask, rotary, layout=layout, plan=plan, **kwargs
        )
        return hidden_states + self.output(self.intermediate(self.post_attention_ln(hidden_states)))


class GenaBertEncoder(nn.Module):
    """The layers in sequence, and the last norm if the config has one."""

    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList([GenaBertLayer(config, layer) for layer in range(config.num_hidden_layers)])
        self.last_layer_ln = None
        if config.last_layer_norm:
            self.last_layer_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask, rotary, plan: SparsePlan | None, **kwargs
    ) -> torch.Tensor:
        for number, layer in enumerate(self.layer):
            layout = None if plan is None else plan.layouts[number]
            hidden_states = layer(hidden_states, attention_mask, rotary, layout, plan, **kwargs)
        return hidden_states if self.last_layer_ln is None else self.last_layer_ln(hidden_states)


class GenaBertPooler(nn.Module):
    """One vector of a sequence: its first token's, projected, through tanh."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """(b, n, hidden) → (b, hidden)."""
        return torch.tanh(self.dense(pool(hidden_states, attention_mask, pooling="cls")))


class GenaBertTransform(nn.Module):
    """The hidden layer of the language-model head."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(functional.gelu(self.dense(hidden_states)))


class GenaBertPredictions(nn.Module):
    """Scores of every token of the vocabulary at every position: (b, n, hidden) → (b, n, v)."""

    def __init__(self, config):
        super().__init__()
        self.transform = GenaBertTransform(config)
        self.decoder: nn.Module = nn.Linear(config.hidden_size, config.vocab_size)
        # The decoder's own: the files state it under both names.
        self.bias: torch.Tensor = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.transform(hidden_states))


class GenaBertHeads(nn.Module):
    """The language model's head, under the name that the checkpoints give it."""

    def __init__(self, config):
        super().__init__()
        self.predictions = GenaBertPredictions(config)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.predictions(hidden_states)
