"""GENA-LM: encoders of DNA read as byte pairs, normalised before each block; dense, or sparse for up to 4,096 tokens.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Fishman et al. 2025, https://doi.org/10.1093/nar/gkae1310.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .attention import ChoosesAttention, bidirectional_mask, compute_dtype
from .block_layout_gena_bert import GenaBertBlocks, sparse_plan
from .block_sparse_attention import block_sparse_attention as block_sparse_attention
from .config_checks import check_sizes as check_sizes
from .configuration_gena_bert import GenaBertConfig
from .exporting import refuse_export
from .layers_gena_bert import (
    GenaBertEmbeddings,
    GenaBertEncoder,
    GenaBertHeads,
    GenaBertLayer,
    GenaBertPooler,
    GenaBertPredictions,
    GenaBertSelfAttention,
)
from .pooling import pool as pool
from .rotary import rotary_tables
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import (
    MaskedLMWithTokenTypes,
    SequenceClassificationWithTokenTypes,
    TokenClassificationWithTokenTypes,
)


class GenaBertPreTrainedModel(ChoosesAttention, PreTrainedModel):
    """Names and capabilities that the four models share."""

    config: GenaBertConfig
    config_class = GenaBertConfig
    base_model_prefix = "bert"
    reads_pooler: bool
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["GenaBertLayer", "GenaBertEmbeddings"]  # noqa: RUF012
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": GenaBertLayer,
        "attentions": OutputRecorder(GenaBertSelfAttention, index=1),
    }

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, GenaBertPredictions):
            init.zeros_(module.bias)
        if isinstance(module, GenaBertBlocks):
            init.copy_(module.master_layout, module.drawn())

    def make_body(self, config) -> nn.Module:
        return GenaBertModel(config, add_pooler=self.reads_pooler and config.classifier_pooling == "pooler")


class GenaBertModel(GenaBertPreTrainedModel):
    """Hidden states of every token, with a pooler if the config or the head requires one."""

    def __init__(self, config, add_pooler: bool | None = None):
        super().__init__(config)
        self.embeddings = GenaBertEmbeddings(config)
        self.encoder = GenaBertEncoder(config)
        self.pooler = GenaBertPooler(config) if (config.add_pooler if add_pooler is None else add_pooler) else None
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embeddings.word_embeddings = value

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPooling:
        """Hidden states (b, n, hidden); `hidden_states` holds the embeddings and the output of every layer, the last
        one normalised if `config.last_layer_norm` is set. `attentions` need attn_implementation="eager", which computes
        sparse attention over all pairs.

        Args:
            input_ids: (b, n), up to `config.max_position_embeddings` tokens, of any number.
            attention_mask: (b, n), truthy for real tokens; positions count from the first of them. In dense attention
                also a mask of pairs (b, 1 or heads, n, n). It is not derived from the ids: without it padding is
                attended to like any token.
            token_type_ids: (b, n), 0 in a first sequence and 1 in a second; None is 0 everywhere.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, a mask of another shape, or more tokens
                than `config.max_position_embeddings`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        given: Any = input_ids if inputs_embeds is None else inputs_embeds
        length = given.shape[1]
        if length > self.config.max_position_embeddings:
            raise ValueError(
                f"{length:,} tokens are more than the {self.config.max_position_embeddings:,} that this model reads, "
                "CLS and SEP included: split or shorten the sequence."
            )
        if inputs_embeds is None:
            inputs_embeds = self.embeddings.word_embeddings(input_ids)
        tokens_mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        real = None if tokens_mask is None else tokens_mask.to(inputs_embeds.device).bool()
        positions = torch.arange(length, device=inputs_embeds.device)[None]
        if real is not None:
            positions = (positions - real.int().argmax(dim=1, keepdim=True)).clamp(min=0)
        hidden_states = self.embeddings(inputs_embeds, token_type_ids, positions)

        plan, pairs_mask = None, None
        if self.config.sparse_block_size is None:
            pairs_mask = bidirectional_mask(self.config, hidden_states, attention_mask)
        else:
            plan = self._sparse_plan(hidden_states, attention_mask, real)
        rotary = None
        if self.config.position_embedding_type == "rotary":
            rotary = rotary_tables(
                positions,
                self.config.rotary_dim,
                dtype=compute_dtype(hidden_states),
                base=float(self.config.rotary_base),
            )
        hidden_states = self.encoder(hidden_states, pairs_mask, rotary, plan, **kwargs)
        pooled = None if self.pooler is None else self.pooler(hidden_states, tokens_mask)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooled)

    def _sparse_plan(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None, real: torch.Tensor | None):
        """The plan of sparse attention for a batch."""
        refuse_export(
            "sparse attention goes by lists of blocks that depend on the length and the padding of the input."
        )
        if attention_mask is not None and attention_mask.shape != hidden_states.shape[:2]:
            raise ValueError(
                f"attention_mask has shape {tuple(attention_mask.shape)}, the tokens {tuple(hidden_states.shape[:2])}: "
                "in attention between blocks a mask has one number per token."
            )
        layers: Any = self.encoder.layer
        blocks = [layer.attention.self.sparse_self_attention for layer in layers]
        per_layer = self.config.sparse_layout == "per_layer"
        return sparse_plan(blocks, tuple(hidden_states.shape[:2]), real, per_layer=per_layer)


class GenaBertForMaskedLM(MaskedLMWithTokenTypes, GenaBertPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {  # noqa: RUF012
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def make_body(self, config) -> nn.Module:
        body = GenaBertModel(config)
        if body.pooler is not None:  # kept for a later sequence head; distributed training refuses parameters that get
            body.pooler.requires_grad_(False)  # no gradient
        return body

    def add_head(self, config) -> None:
        self.cls = GenaBertHeads(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.cls(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: Any) -> None:
        self.cls.predictions.decoder = new_embeddings
        self.cls.predictions.bias = new_embeddings.bias


class GenaBertForSequenceClassification(SequenceClassificationWithTokenTypes, GenaBertPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""


class GenaBertForTokenClassification(TokenClassificationWithTokenTypes, GenaBertPreTrainedModel):
    """Predicts a class for each token, or for each nucleotide."""

    allows_multi_label = True  # as in the official splice site models


GenaBertModel.register_for_auto_class("AutoModel")

__all__ = [
    "GenaBertForMaskedLM",
    "GenaBertForSequenceClassification",
    "GenaBertForTokenClassification",
    "GenaBertModel",
    "GenaBertPreTrainedModel",
]
