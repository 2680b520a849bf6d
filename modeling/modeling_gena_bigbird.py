"""GENA-LM's BigBird: an encoder of DNA read as byte pairs, up to 4,096 of them, by attention between chosen blocks.

Parameters have the names of the published checkpoint, so state dicts load and save unchanged.
Source: Fishman et al. 2025, https://doi.org/10.1093/nar/gkae1310; Zaheer et al. 2020, https://arxiv.org/abs/2007.14062.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, initialization
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .attention import ChoosesAttention, bidirectional_mask
from .block_layout_gena_bigbird import sparse_plan
from .block_sparse_attention import block_sparse_attention as block_sparse_attention
from .config_checks import check_sizes as check_sizes
from .configuration_gena_bigbird import GenaBigBirdConfig
from .exporting import refuse_export
from .layers_gena_bigbird import (
    GenaBigBirdCarriedPooler,
    GenaBigBirdClassifier,
    GenaBigBirdEmbeddings,
    GenaBigBirdEncoder,
    GenaBigBirdHeads,
    GenaBigBirdLayer,
    GenaBigBirdPredictions,
    GenaBigBirdSelfAttention,
)
from .pooling import pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import (
    MaskedLMWithTokenTypes,
    SequenceClassificationWithTokenTypes,
    TokenClassificationWithTokenTypes,
)


class GenaBigBirdPreTrainedModel(ChoosesAttention, PreTrainedModel):
    """Names and capabilities that the four models share."""

    config: GenaBigBirdConfig
    config_class = GenaBigBirdConfig
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["GenaBigBirdLayer", "GenaBigBirdEmbeddings"]  # noqa: RUF012
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": GenaBigBirdLayer,
        "attentions": OutputRecorder(GenaBigBirdSelfAttention, index=1),
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        # Loading starts on the meta device, where the zeros of __init__ are lost.
        if isinstance(module, GenaBigBirdPredictions):
            initialization.zeros_(module.bias)
        elif isinstance(module, GenaBigBirdCarriedPooler):
            initialization.zeros_(module.weight)
            initialization.zeros_(module.bias)

    def make_body(self, config) -> nn.Module:
        return GenaBigBirdModel(config, reads_pooler=False)


class GenaBigBirdModel(GenaBigBirdPreTrainedModel):
    """Hidden states of every token, with the official file's pooler if the config requires it."""

    def __init__(self, config, reads_pooler: bool = True):
        super().__init__(config)
        self.embeddings = GenaBigBirdEmbeddings(config)
        self.encoder = GenaBigBirdEncoder(config)
        self.pooler: nn.Module | None = None
        if config.add_pooler:
            carried = None if reads_pooler else GenaBigBirdCarriedPooler(config)
            self.pooler = carried or nn.Linear(config.hidden_size, config.hidden_size)
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
        """Hidden states (b, n, hidden); `hidden_states` holds the embeddings and the output of every layer.

        The length decides, in every call and (see `config.layout_of`) for each sequence, whether attention is dense or
        between blocks. `attentions` need attn_implementation="eager", which then computes over all pairs.

        Args:
            input_ids: (b, n); n need not be a multiple of the block size.
            attention_mask: (b, n), truthy for real tokens; up to `config.max_dense_tokens` tokens also a mask of pairs
                (b, 1 or heads, n, n). It is not derived from the ids: without it padding is attended to like any token.
            token_type_ids: (b, n), 0 in a first sequence and 1 in a second; None is 0 everywhere.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, a mask of another shape, or more tokens
                than `config.max_position_embeddings`.
        """
        tokens_mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        real = None if tokens_mask is None else tokens_mask.bool()
        hidden_states = self.embeddings(input_ids, token_type_ids, inputs_embeds, real)
        length = hidden_states.shape[1]
        plan, pairs_mask = None, None
        if self.config.attention_type == "block_sparse":
            refuse_export(
                "the pairs of blocks depend on the length of every sequence. Load it with "
                f"attention_type='original_full', which is the same up to {self.config.max_dense_tokens:,} tokens."
            )
        if length <= self.config.max_dense_tokens:
            pairs_mask = bidirectional_mask(self.config, hidden_states, attention_mask)
        else:
            if attention_mask is not None and attention_mask.shape != hidden_states.shape[:2]:
                raise ValueError(
                    f"attention_mask has shape {tuple(attention_mask.shape)}, the tokens "
                    f"{tuple(hidden_states.shape[:2])}: beyond {self.config.max_dense_tokens:,} tokens attention is "
                    "between blocks, and a mask has one number per token."
                )
            real = None if real is None else real.to(hidden_states.device)
            plan = sparse_plan(self.config, tuple(hidden_states.shape[:2]), real, hidden_states.device)
        hidden_states = self.encoder(hidden_states, pairs_mask, plan, **kwargs)
        pooled = None
        if isinstance(self.pooler, nn.Linear):
            pooled = torch.tanh(self.pooler(pool(hidden_states, tokens_mask, pooling="cls")))
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooled)


class GenaBigBirdForMaskedLM(MaskedLMWithTokenTypes, GenaBigBirdPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {  # noqa: RUF012
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def add_head(self, config) -> None:
        self.cls = GenaBigBirdHeads(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.cls(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        bias: Any = new_embeddings.bias
        self.cls.predictions.decoder, self.cls.predictions.bias = new_embeddings, bias


class GenaBigBirdForSequenceClassification(SequenceClassificationWithTokenTypes, GenaBigBirdPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def add_head(self, config) -> None:
        self.classifier = GenaBigBirdClassifier(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.classifier(hidden_states)


class GenaBigBirdForTokenClassification(TokenClassificationWithTokenTypes, GenaBigBirdPreTrainedModel):
    """Predicts a class for each token, or for each nucleotide."""


GenaBigBirdModel.register_for_auto_class("AutoModel")

__all__ = [
    "GenaBigBirdForMaskedLM",
    "GenaBigBirdForSequenceClassification",
    "GenaBigBirdForTokenClassification",
    "GenaBigBirdModel",
    "GenaBigBirdPreTrainedModel",
]
