"""HyenaDNA: causal language models of single nucleotides, up to a million of them, without attention.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Nguyen et al. 2023, https://arxiv.org/abs/2306.15794.

Legend: b sequences, n tokens, d channels, v tokens of the vocabulary.
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

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .config_checks import check_sizes as check_sizes
from .configuration_hyenadna import HyenaDnaConfig
from .exporting import is_exported as is_exported
from .layers_hyenadna import (
    HyenaDnaBackbone,
    HyenaDnaDecay,
    HyenaDnaFilter,
    HyenaDnaFinalNorm,
    HyenaDnaLayer,
    HyenaDnaReturn,
    HyenaDnaSine,
    HyenaDnaTime,
)
from .long_convolution import long_convolution as long_convolution
from .pooling import pool as pool
from .task_heads import causal_lm_output
from .task_models import CausalLM, SequenceClassification, TokenClassification
from .token_mask import real_tokens
from .token_order import TokenOrder, token_orders


class HyenaDnaPreTrainedModel(PreTrainedModel):
    """Names, capabilities and initial weights that the four models share."""

    config: HyenaDnaConfig
    config_class = HyenaDnaConfig
    base_model_prefix = "hyena"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["HyenaDnaLayer", "HyenaDnaEmbeddings"]  # noqa: RUF012
    _keep_in_fp32_modules_strict = ["filter_fn"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": [HyenaDnaLayer, HyenaDnaFinalNorm]}  # noqa: RUF012

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, HyenaDnaFinalNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, HyenaDnaTime):
            init.copy_(module.z, module.initial_z())
            init.copy_(module.t, module.initial_t())
        elif isinstance(module, HyenaDnaDecay):
            init.copy_(module.deltas, module.initial_deltas())
        elif isinstance(module, HyenaDnaSine):
            init.constant_(module.freq, self.config.filter_frequency)
        elif isinstance(module, HyenaDnaFilter):
            init.normal_(module.bias)
        elif isinstance(module, HyenaDnaReturn):
            # As in GPT-2: so that the sum of all layers, two branches each, starts no larger than one of them.
            init.normal_(module.weight, std=self.config.initializer_range * (2 * self.config.num_hidden_layers) ** -0.5)

    def make_body(self, config) -> nn.Module:
        return HyenaDnaModel(config)


class HyenaDnaModel(HyenaDnaPreTrainedModel):
    """Hidden states of every token."""

    def __init__(self, config):
        super().__init__(config)
        self.backbone = HyenaDnaBackbone(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.backbone.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.backbone.embeddings.word_embeddings = value

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutput:
        """Hidden states (b, n, d), zero outside the mask. `hidden_states` holds, as upstream's, the embeddings, the
        output of every layer and the normalised output of the last one.

        Args:
            input_ids: (b, n), up to `config.max_position_embeddings` tokens.
            attention_mask: (b, n), truthy for real tokens, in any position: the others are skipped as if they
                did not exist. It is not derived from the ids: without it padding is read like any token, which on
                the right changes no real token.
            inputs_embeds: (b, n, d), vectors in place of ids.

        Raises:
            ValueError: too many tokens, both or neither of `input_ids` and `inputs_embeds`, or a mask of another shape.
        """
        del kwargs  # arguments that transformers passes to all models, such as output_attentions
        embeddings = self.backbone.embeddings(input_ids, inputs_embeds)
        n, longest = embeddings.shape[1], self.config.max_position_embeddings
        if n > longest:
            raise ValueError(
                f"the input is {n:,} tokens long (1 bp each, special tokens counted) and this model reads {longest:,}. "
                "Cut it into windows, or use a checkpoint with a longer context."
            )
        real = real_tokens(attention_mask, embeddings)
        hidden_states = self.backbone(embeddings, _order_of(real))
        return BaseModelOutput(hidden_states if real is None else hidden_states.masked_fill(~real[..., None], 0.0))


def _order_of(real: torch.Tensor | None) -> TokenOrder | None:
    """The order in which the tokens are read, real ones first; None if they are already in this order.

    Args:
        real: (b, n), True for real tokens.
    """
    if real is None:
        return None
    # A real token behind one that is not: left padding, or a hole. Within a compiled graph the contents are not known.
    if not torch.compiler.is_compiling() and not bool((real[:, 1:] & ~real[:, :-1]).any()):
        return None
    return token_orders(real)[0]


class HyenaDnaForCausalLM(CausalLM, HyenaDnaPreTrainedModel, GenerationMixin):
    """Predicts the next token at each position."""

    def add_head(self, config) -> None:
        self.lm_head: nn.Module = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lm_head = new_embeddings

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs,
    ) -> CausalLMOutput:
        """Logits (b, n, v) of the next token; with `labels` also the mean cross entropy in nats.

        Args:
            labels: (b, n), the input ids themselves, which are shifted here; -100 at positions to ignore.
            logits_to_keep: compute logits only for this many last tokens, or for these positions; 0 for all.
            kwargs: arguments of the body, and `shift_labels` (b, n): the next token at each position, in place of
                `labels`, for sequences that are spread over devices.
        """
        # Not a named parameter: Trainer treats every parameter with "label" in its name as a column of labels.
        shift_labels = kwargs.pop("shift_labels", None)
        outputs = self.base_model(input_ids, attention_mask, inputs_embeds, **kwargs)
        hidden_states = outputs.last_hidden_state
        if isinstance(logits_to_keep, torch.Tensor):
            hidden_states = hidden_states[:, logits_to_keep]
        elif logits_to_keep:
            hidden_states = hidden_states[:, -logits_to_keep:]
        return causal_lm_output(outputs, self.lm_head(hidden_states), labels, num_items_in_batch, shift_labels)

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs) -> dict:  # type: ignore[override]
        """The whole sequence at every step: nothing is cached between steps."""
        kept = {key: kwargs[key] for key in ("logits_to_keep", "output_hidden_states") if key in kwargs}
        return {"input_ids": input_ids, "attention_mask": attention_mask} | kept

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False


class HyenaDnaForSequenceClassification(SequenceClassification, HyenaDnaPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.score(self.dropout(hidden_states))


class HyenaDnaForTokenClassification(TokenClassification, HyenaDnaPreTrainedModel):
    """Predicts a class for each token, here each nucleotide, from the tokens up to it."""


HyenaDnaModel.register_for_auto_class("AutoModel")

__all__ = [
    "HyenaDnaForCausalLM",
    "HyenaDnaForSequenceClassification",
    "HyenaDnaForTokenClassification",
    "HyenaDnaModel",
    "HyenaDnaPreTrainedModel",
]
