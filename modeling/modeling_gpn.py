"""GPN: masked language models of DNA made of dilated convolutions, letter by letter; BEND's ResNet-LM is one of them.

Parameters bear the names of the published checkpoints, so a state dict goes in and out as it is.
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
from transformers.modeling_outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

# Every sibling that ships is imported here, those that only siblings use too (`as` themselves): transformers 5.5 does
# not copy what only a sibling imports.
from .configuration_gpn import GpnConfig
from .dilated_convolution import convolve as convolve
from .layers_gpn import GpnClassifier, GpnEmbeddings, GpnLayer, GpnPredictions, gpn_layers
from .pooling import pool
from .task_heads import classifier_dropout, masked_lm_output, sequence_output, token_output
from .token_mask import real_tokens


class GpnPreTrainedModel(PreTrainedModel):
    """What the four models share: names and capabilities."""

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
        """Hidden states (b, n, hidden), zero outside of the mask; `hidden_states` holds the embeddings and the output
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


class GpnForMaskedLM(GpnPreTrainedModel):
    """Which token stands at each position."""

    accepts_loss_kwargs = True
    _tied_weights_keys = {"cls.decoder.weight": "model.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.model = GpnModel(config)
        self.cls = GpnPredictions(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module | None:
        # a head of one-hot letters has no partner to be resized with
        return self.cls.decoder if isinstance(self.cls.decoder, nn.Linear) else None

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.cls.decoder = new_embeddings

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """Logits (b, n, v); with `labels` (b, n), -100 where nothing is asked, also the mean cross entropy in nats."""
        outputs = self.model(input_ids, attention_mask, inputs_embeds, **kwargs)
        return masked_lm_output(outputs, self.cls(outputs.last_hidden_state), labels, num_items_in_batch)


class GpnForSequenceClassification(GpnPreTrainedModel):
    """Classes, labels or values of whole sequences, as `config.problem_type` says."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = GpnModel(config)
        self.classifier = GpnClassifier(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """Logits (b, num_labels); with `labels`, in the shapes that `sequence_loss` takes, also the mean loss."""
        outputs = self.model(input_ids, attention_mask, inputs_embeds, **kwargs)
        logits = self.classifier(
            pool(outputs.last_hidden_state, attention_mask, pooling=self.config.classifier_pooling)
        )
        if self.config.regression_softplus:
            logits = nn.functional.softplus(logits)
        return sequence_output(outputs, logits, labels, self.config)


class GpnForTokenClassification(GpnPreTrainedModel):
    """A class for every token, which is a nucleotide."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = GpnModel(config)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.token_classifier = nn.Linear(config.hidden_size, config.num_labels)  # `classifier` is of sequences
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        bases_per_token: torch.Tensor | None = None,
        **kwargs,
    ) -> TokenClassifierOutput:
        """Logits (b, n, num_labels) and labels (b, n); with `bases_per_token` both are per nucleotide, (b, bp, …).

        Args:
            labels: class numbers, -100 where there is none.
            bases_per_token: (b, n), bp that each token covers: 0 for padding, which no nucleotide reads.
        """
        outputs = self.model(input_ids, attention_mask, inputs_embeds, **kwargs)
        logits = self.token_classifier(self.dropout(outputs.last_hidden_state))
        return token_output(outputs, logits, labels, bases_per_token)


# From here on save_pretrained copies this file and its siblings beside the weights, for readers without this package.
GpnModel.register_for_auto_class("AutoModel")
GpnForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
GpnForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
GpnForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")

__all__ = [
    "GpnForMaskedLM",
    "GpnForSequenceClassification",
    "GpnForTokenClassification",
    "GpnModel",
    "GpnPreTrainedModel",
]
