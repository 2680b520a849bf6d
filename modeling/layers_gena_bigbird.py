"""Building blocks of GENA-LM's BigBird: embeddings, layers, pooler and heads.

Legend: b sequences, n tokens, h heads, d numbers of a head, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import SelfAttention, eager_attention_forward
from .block_layout_gena_bigbird import SparsePlan
from .block_sparse_attention import BlockLayout, block_sparse_attention, pair_biases
from .task_heads import classifier_dropout


class GenaBigBirdEmbeddings(nn.Module):
    """Vectors of tokens, of their kinds and of their positions, normalised."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.word_embeddings: nn.Module = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        token_type_ids: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
        real: torch.Tensor | None,
    ) -> torch.Tensor:
        """(b, n) ids, or (b, n, hidden) vectors in their place → (b, n, hidden).

        Args:
            real: (b, n), True for real tokens; positions count from the first of them, from 0.

        Raises:
            ValueError: both ids and vectors, or neither; more tokens than positions.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        if inputs_embeds is None:
            inputs_embeds = self.word_embeddings(input_ids)
        if token_type_ids is None:
            token_type_ids = torch.zeros(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        length, limit = inputs_embeds.shape[1], self.config.max_position_embeddings
        if length > limit:
            raise ValueError(
                f"{length:,} tokens are more than the {limit:,} this model has learned positions for, CLS and SEP "
                "included: split or shorten the sequence."
            )
        positions = torch.arange(length, device=inputs_embeds.device)[None]
        if real is not None and self.config.layout_of == "sequence":
            positions = (positions - real.int().argmax(dim=1, keepdim=True)).clamp(min=0)
        embeddings = inputs_embeds + self.token_type_embeddings(token_type_ids) + self.position_embeddings(positions)
        return self.LayerNorm(self.dropout(embeddings))


class GenaBigBirdSelfAttention(SelfAttention):
    """Attention of every token to every token, or by a plan, which every call makes again."""

    def __init__(self, config, layer: int):
        super().__init__(config)
        self.layer = layer

    def forward(
        self, hidden_states: torch.Tensor, attention_mask, rotary=None, *, plan: SparsePlan | None = None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(b, n, hidden) → (b, n, hidden), and the probabilities (b, h, n, n) if the implementation returns them.

        Args:
            attention_mask: without a plan, in the form that the attention implementation takes.
            plan: which blocks see which. With it attention probabilities have no dropout, as upstream. The eager
                implementation computes it over all pairs, to give the probabilities; any other over blocks.
        """
        if plan is None:
            return super().forward(hidden_states, attention_mask, rotary, **kwargs)
        heads = (*hidden_states.shape[:2], -1, self.head_dim)
        states = tuple(project(hidden_states).view(heads) for project in (self.query, self.key, self.value))
        if self.config._attn_implementation == "eager":
            biases = self._pair_biases(plan, states[0])
            query, key, value = (each.transpose(1, 2) for each in states)
            attended, probabilities = eager_attention_forward(self, query, key, value, biases, scaling=self.scaling)
        else:
            attended, probabilities = self._by_blocks(plan, *states), None
        if plan.real is not None:
            attended = attended.masked_fill(~plan.real, 0.0)
        return attended.flatten(2), probabilities

    def _by_blocks(self, plan: SparsePlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """(b, n, h, d) → (b, n, h, d), group by group; zero for tokens of no group."""
        attended = torch.zeros_like(query).flatten(0, 1)
        for layouts, mask, apart in plan.groups:
            if apart is None:
                return self._in_group(layouts, mask, query, key, value)
            own = (each.flatten(0, 1)[apart.tokens] for each in (query, key, value))
            of_group = self._in_group(layouts, mask, *own).flatten(0, 1)
            attended = attended.index_copy(0, apart.there, of_group.index_select(0, apart.here))
        return attended.view_as(query)

    def _in_group(
        self,
        layouts: tuple[BlockLayout, ...],
        mask: torch.Tensor | None,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
    ) -> torch.Tensor:
        layout = layouts[self.layer]
        return block_sparse_attention(query, key, value, layout, scaling=self.scaling, key_mask=mask)

    def _pair_biases(self, plan: SparsePlan, query: torch.Tensor) -> torch.Tensor:
        """The biases that are added to the scores of all pairs, (1 or b, h, n, n)."""
        batch_size, length, heads, _ = query.shape
        biases = query.new_full((batch_size, heads, length, length), torch.finfo(query.dtype).min)
        for layouts, mask, apart in plan.groups:
            if apart is None:
                return pair_biases(layouts[self.layer], length, mask, query.dtype)
            of_group = pair_biases(layouts[self.layer], apart.tokens.shape[1], mask, query.dtype)
            for own, (row, first, tokens) in zip(of_group, apart.rows, strict=True):
                stretch = slice(first, first + tokens)
                biases[row, :, stretch, stretch] = own[:, :tokens, :tokens]
        return biases


class GenaBigBirdProjection(nn.Module):
    """A projection, added to what went in before, normalised."""

    def __init__(self, config, inner_size: int):
        super().__init__()
        self.dense = nn.Linear(inner_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, inner: torch.Tensor, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(inner)) + hidden_states)


class GenaBigBirdAttention(nn.Module):
    """Attention with its residual connection."""

    def __init__(self, config, layer: int):
        super().__init__()
        self.self = GenaBigBirdSelfAttention(config, layer)
        self.output = GenaBigBirdProjection(config, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask, plan, **kwargs) -> torch.Tensor:
        attended, _ = self.self(hidden_states, attention_mask, plan=plan, **kwargs)
        return self.output(attended, hidden_states)


class GenaBigBirdIntermediate(nn.Module):
    """The first half of the feed-forward block: the wide projection and GELU by tanh."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return functional.gelu(self.dense(hidden_states), approximate="tanh")


class GenaBigBirdLayer(GradientCheckpointingLayer):
    """Attention, then feed-forward, each added to what went in and then normalised."""

    def __init__(self, config, layer: int):
        super().__init__()
        self.attention = GenaBigBirdAttention(config, layer)
        self.intermediate = GenaBigBirdIntermediate(config)
        self.output = GenaBigBirdProjection(config, config.intermediate_size)

    def forward(self, hidden_states: torch.Tensor, attention_mask=None, plan=None, **kwargs) -> torch.Tensor:
        """(b, n, hidden) → (b, n, hidden)."""
        hidden_states = self.attention(hidden_states, attention_mask, plan, **kwargs)
        return self.output(self.intermediate(hidden_states), hidden_states)


class GenaBigBirdEncoder(nn.Module):
    """The layers, one after another."""

    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList([GenaBigBirdLayer(config, layer) for layer in range(config.num_hidden_layers)])

    def forward(self, hidden_states: torch.Tensor, attention_mask, plan, **kwargs) -> torch.Tensor:
        for layer in self.layer:
            hidden_states = layer(hidden_states, attention_mask, plan, **kwargs)
        return hidden_states


class GenaBigBirdCarriedPooler(nn.Module):
    """The official file's pooler in a model that never reads it: it goes from file to file and is not trained."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, config):
        super().__init__()
        self.register_buffer("weight", torch.zeros(config.hidden_size, config.hidden_size))
        self.register_buffer("bias", torch.zeros(config.hidden_size))


class GenaBigBirdTransform(nn.Module):
    """The hidden layer of the language-model head."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(functional.gelu(self.dense(hidden_states), approximate="tanh"))


class GenaBigBirdPredictions(nn.Module):
    """Scores of every token of the vocabulary at every position: (b, n, hidden) → (b, n, v)."""

    def __init__(self, config):
        super().__init__()
        self.transform = GenaBigBirdTransform(config)
        self.decoder: nn.Module = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias: torch.Tensor = nn.Parameter(
            torch.zeros(config.vocab_size)
        )  # the decoder's: the files state it under both names

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.transform(hidden_states))


class GenaBigBirdHeads(nn.Module):
    """The language model's head, under the name that the checkpoints give it."""

    def __init__(self, config):
        super().__init__()
        self.predictions = GenaBigBirdPredictions(config)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.predictions(hidden_states)


class GenaBigBirdClassifier(nn.Module):
    """Scores of each label for a whole sequence: two projections with GELU between them."""

    def __init__(self, config):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """(b, hidden), one vector for each sequence → (b, num_labels)."""
        inner = functional.gelu(self.dense(self.dropout(pooled)), approximate="tanh")
        return self.out_proj(self.dropout(inner))
