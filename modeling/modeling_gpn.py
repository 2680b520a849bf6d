"""GPN: masked language models of DNA made of dilated convolutions, letter by letter; BEND's ResNet-LM is one of them.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Benegas et al. 2023, https://doi.org/10.1073/pnas.2311219120; Marin et al. 2024, https://arxiv.org/abs/2311.12570.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .config_checks import check_sizes as check_sizes
from .configuration_gpn import GpnConfig
from .dilated_convolution import convolve as convolve
from .layers_gpn import GpnClassifier, GpnEmbeddings, GpnLayer, GpnPredictions, gpn_layers
from .pooling import pool as pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import MaskedLM, SequenceClassification, TokenClassification
from .token_mask import real_tokens


class GpnPreTrainedModel(PreTrainedModel):
    """Names and capabilities that the four models share."""

    config: GpnConfig
    config_class = GpnConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["PostNormLayer", "PreNormLayer", "ByteNetLayer"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": GpnLayer}  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As upstream: convolutions start as torch has them, all else as in transformers."""
        if not isinstance(module, nn.Conv1d):
            super()._init_weights(module)
            return
        init.kaiming_uniform_(module.weight, a=math.sqrt(5))
        if module.bias is not None:
            bound = 1 / math.sqrt(module.weight[0].numel())
            init.uniform_(module.bias, -bound, bound)

    def make_body(self, config) -> nn.Module:
        return GpnModel(config)


class GpnModel(GpnPreTrainedModel):
    """Hidden states of every token."""

    def __init__(self, config):
        super().__init__(config)
        config.check_combination()
        self.embeddings = GpnEmbeddings(config)
        first = config.block == "post_norm"  # the first GPN keeps its layers right in the encoder
        self.encoder: Any = gpn_layers(config) if first else nn.ModuleDict({"layer": gpn_layers(config)})
        self.ln_f = nn.Identity() if first else nn.LayerNorm(config.hidden_size, bias=config.bias)
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
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutput:
        """Hidden states (b, n, hidden), zero outside the mask; `hidden_states` holds the embeddings and the output
        of every layer.

        Args:
            input_ids: (b, n), of any length.
            attention_mask: (b, n), truthy for real tokens. All others are to the convolutions what lies past the ends
                of a sequence. It is not derived from the ids: without it padding is read like any token.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, or a mask of another shape.
        """
        hidden_states = self.embeddings(input_ids, inputs_embeds).to(self.dtype)
        real = real_tokens(attention_mask, hidden_states)
        if real is not None:
            hidden_states = hidden_states.masked_fill(~real[..., None], 0.0)
        for layer in self.encoder if isinstance(self.encoder, nn.ModuleList) else self.encoder["layer"]:
            hidden_states = layer(hidden_states, real)
        hidden_states = self.ln_f(hidden_states)
        if real is not None:
            hidden_states = hidden_states.masked_fill(~real[..., None], 0.0)
        return BaseModelOutput(last_hidden_state=hidden_states)


class GpnForMaskedLM(MaskedLM, GpnPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {"cls.decoder.weight": "model.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def add_head(self, config) -> None:
        self.cls = GpnPredictions(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.cls(hidden_states)

    def get_output_embeddings(self) -> nn.Module | None:
        # a head of one-hot letters has no input table to be resized with
        return self.cls.decoder if isinstance(self.cls.decoder, nn.Linear) else None

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.cls.decoder = new_embeddings


class GpnForSequenceClassification(SequenceClassification, GpnPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def add_head(self, config) -> None:
        self.classifier = GpnClassifier(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        logits = self.classifier(hidden_states)
        return nn.functional.softplus(logits) if self.config.regression_softplus else logits


class GpnForTokenClassification(TokenClassification, GpnPreTrainedModel):
    """Predicts a class for each token, which is a nucleotide."""


GpnModel.register_for_auto_class("AutoModel")

__all__ = [
    "GpnForMaskedLM",
    "GpnForSequenceClassification",
    "GpnForTokenClassification",
    "GpnModel",
    "GpnPreTrainedModel",
]
