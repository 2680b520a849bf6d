"""ModernGENA: encoders of DNA read as byte pairs, on the architecture of ModernBERT.

The layers, the embeddings and the hidden layer of the heads are transformers' classes. Parameters have the names of the
published checkpoints, so state dicts load and save unchanged.
Source: Warner et al. 2024, https://arxiv.org/abs/2412.13663; https://openreview.net/forum?id=8QsSDzYK97.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.modernbert.modeling_modernbert import (
    ModernBertModel,
    ModernBertPredictionHead,
    ModernBertPreTrainedModel,
)

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .config_checks import check_sizes as check_sizes
from .configuration_moderngena import ModernGenaConfig
from .pooling import pool as pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import MaskedLMWithPositions, SequenceClassificationWithPositions, TokenClassificationWithPositions


class ModernGenaPreTrainedModel(ModernBertPreTrainedModel):
    """Names and capabilities that the four models share."""

    config: Any
    config_class = ModernGenaConfig
    accepts_loss_kwargs = False

    def make_body(self, config) -> nn.Module:
        return ModernGenaModel(config)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As in transformers, whose rule names its own classes for heads; up to 5.5 it skips other linear maps."""
        super()._init_weights(module)
        narrow = self.config.initializer_range / math.sqrt(2 * self.config.num_hidden_layers)
        wide = self.config.hidden_size**-0.5
        for name, std in (("decoder", narrow), ("classifier", wide), ("token_classifier", wide)):
            layer = getattr(module, name, None)
            if isinstance(module, ModernGenaPreTrainedModel) and isinstance(layer, nn.Linear):
                bound = self.config.initializer_cutoff_factor * std
                init.trunc_normal_(layer.weight, std=std, a=-bound, b=bound)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True  # transformers looks for the attention call in the text of this file only


class ModernGenaModel(ModernGenaPreTrainedModel, ModernBertModel):
    """Hidden states of every token."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutput:
        """Hidden states (b, n, hidden); `hidden_states` holds the embeddings and the output of every layer, the last
        one normalised. `attentions` need attn_implementation="eager".

        Args:
            input_ids: (b, n), of any length.
            attention_mask: (b, n), truthy for real tokens. It is not derived from the ids: without it padding is
                attended to like any token.
            position_ids: (b, n) or (1, n), 0-based rotary positions. Local attention goes by the column, not by these.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, or a mask of another shape.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        shape = next(each.shape[:2] for each in (input_ids, inputs_embeds) if each is not None)
        if attention_mask is not None and attention_mask.shape != shape:
            raise ValueError(
                f"attention_mask has shape {tuple(attention_mask.shape)}, the tokens {tuple(shape)}; pass one number "
                "per token: masks of pairs do not fit both kinds of layers."
            )
        return super().forward(input_ids, attention_mask, position_ids, inputs_embeds, **kwargs)


class ModernGenaForMaskedLM(MaskedLMWithPositions, ModernGenaPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {"decoder.weight": "model.embeddings.tok_embeddings.weight"}  # noqa: RUF012

    def add_head(self, config) -> None:
        self.head = ModernBertPredictionHead(config)
        self.decoder: nn.Module = nn.Linear(config.hidden_size, config.vocab_size, bias=config.decoder_bias)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.head(hidden_states))

    def get_output_embeddings(self) -> nn.Module:
        return self.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.decoder = new_embeddings


class ModernGenaForSequenceClassification(SequenceClassificationWithPositions, ModernGenaPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def add_head(self, config) -> None:
        self.head = ModernBertPredictionHead(config)
        super().add_head(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return super().to_logits(self.head(hidden_states))


class ModernGenaForTokenClassification(TokenClassificationWithPositions, ModernGenaPreTrainedModel):
    """Predicts a class for each token, or for each nucleotide."""

    def add_head(self, config) -> None:
        self.head = ModernBertPredictionHead(config)
        super().add_head(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return super().to_logits(self.head(hidden_states))


ModernGenaModel.register_for_auto_class("AutoModel")

__all__ = [
    "ModernGenaForMaskedLM",
    "ModernGenaForSequenceClassification",
    "ModernGenaForTokenClassification",
    "ModernGenaModel",
    "ModernGenaPreTrainedModel",
]
