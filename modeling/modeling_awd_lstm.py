"""AWD-LSTM: a causal language model of DNA, letter by letter, made of LSTMs; BEND's baseline.

Parameters have the names of the published checkpoint, so state dicts load and save unchanged.
Source: Marin et al. 2024, https://arxiv.org/abs/2311.12570; Merity et al. 2018, https://arxiv.org/abs/1708.02182.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .config_checks import check_sizes as check_sizes
from .configuration_awd_lstm import AwdLstmConfig
from .layers_awd_lstm import AwdLstmLayer, AwdLstmStack, Bias, LockedDropout, reset_places
from .pooling import pool as pool
from .task_heads import causal_lm_output
from .task_models import CausalLM, SequenceClassification, TokenClassification
from .token_mask import real_tokens
from .token_order import TokenOrder, token_orders


class AwdLstmPreTrainedModel(PreTrainedModel):
    """Names and capabilities that the four models share."""

    config: AwdLstmConfig
    config_class = AwdLstmConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["AwdLstmLayer"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": AwdLstmLayer}  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, AwdLstmLayer):
            init.normal_(module.weight_raw, mean=0.0, std=self.config.initializer_range)
        elif isinstance(module, Bias):
            init.zeros_(module.bias)

    def make_body(self, config) -> nn.Module:
        return AwdLstmModel(config)


class AwdLstmModel(AwdLstmPreTrainedModel):
    """Hidden states of every token, each from the tokens up to it."""

    def __init__(self, config):
        super().__init__(config)
        self.embedding: nn.Module = nn.Embedding(config.vocab_size, config.hidden_size)
        self.input_dropout = LockedDropout(config.input_dropout_prob)
        self.encoder = AwdLstmStack(config)
        self.output_dropout = LockedDropout(config.dropout_prob)
        self.post_init()

    @property
    def base_model(self) -> nn.Module:
        return self  # `encoder`, the name of this model under a head, is here upstream's name of the layers

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embedding = value

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
        of every layer. Every call starts from a state of zeros.

        Args:
            input_ids: (b, n), of any length.
            attention_mask: (b, n), truthy for real tokens; all others are passed over, in any position. It is not
                derived from the ids: without it padding is read like any token.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, a mask of another shape, or vectors in place
                of ids where the config names a reset token.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        embeddings = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        real = real_tokens(attention_mask, embeddings)
        order = None if real is None else token_orders(real)[0]
        hidden_states = self.input_dropout(embeddings)
        hidden_states = self.encoder(hidden_states, real, order, self._resets(input_ids, real, order))
        return BaseModelOutput(last_hidden_state=self.output_dropout(hidden_states))

    def _resets(
        self, input_ids: torch.Tensor | None, real: torch.Tensor | None, order: TokenOrder | None
    ) -> torch.Tensor | None:
        """(b, n) in reading order, True for tokens after which the state is reset; None if no token resets it."""
        if self.config.reset_token_id is None:
            return None
        if input_ids is None:
            raise ValueError(
                f"config.reset_token_id is {self.config.reset_token_id}, which cannot be found in inputs_embeds: "
                "pass input_ids, or set it to None."
            )
        is_reset = input_ids == self.config.reset_token_id
        return reset_places(is_reset, real, order, after_first=self.config.reset_after_first_token)


class AwdLstmForCausalLM(CausalLM, AwdLstmPreTrainedModel, GenerationMixin):
    """Predicts the next token at each position."""

    _tied_weights_keys = {"decoder.weight": "encoder.embedding.weight"}  # noqa: RUF012

    def add_head(self, config) -> None:
        self.decoder: nn.Module = nn.Linear(config.hidden_size, config.vocab_size)

    def get_output_embeddings(self) -> nn.Module:
        return self.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.decoder = new_embeddings

    def prepare_inputs_for_generation(  # type: ignore[override]  # generate refuses vectors in place of ids
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs
    ) -> dict[str, torch.Tensor | None]:
        """The whole sequence at every step: no state is kept between calls."""
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> CausalLMOutput:
        """Logits (b, n, v) of the next token; with `labels` also the mean cross entropy in nats.

        Args:
            labels: (b, n), the input ids themselves, which are shifted here; -100 at positions to ignore.
            kwargs: arguments of the body, and `shift_labels` (b, n): the next token at each position, in place of
                `labels`.
        """
        # Not a named parameter: Trainer treats every parameter with "label" in its name as a column of labels.
        shift_labels = kwargs.pop("shift_labels", None)
        outputs = self.base_model(input_ids, attention_mask, inputs_embeds, **kwargs)
        logits = self.decoder(outputs.last_hidden_state)
        return causal_lm_output(outputs, logits, labels, num_items_in_batch, shift_labels)


class AwdLstmForSequenceClassification(SequenceClassification, AwdLstmPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""


class AwdLstmForTokenClassification(TokenClassification, AwdLstmPreTrainedModel):
    """Predicts a class for each token, which is a nucleotide."""


AwdLstmModel.register_for_auto_class("AutoModel")

__all__ = [
    "AwdLstmForCausalLM",
    "AwdLstmForSequenceClassification",
    "AwdLstmForTokenClassification",
    "AwdLstmModel",
    "AwdLstmPreTrainedModel",
]
