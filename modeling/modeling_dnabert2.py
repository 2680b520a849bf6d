"""DNABERT-2 and DNABERT-S: encoders of DNA read as byte pairs, with linear attention biases in place of positions.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Zhou et al. 2024, https://arxiv.org/abs/2306.15006; Zhou et al. 2025, https://arxiv.org/abs/2402.08777.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .alibi import alibi_bias
from .attention import ChoosesAttention, bidirectional_mask, compute_dtype
from .config_checks import check_sizes as check_sizes
from .configuration_dnabert2 import DnaBert2Config
from .feed_forward import gelu_gated as gelu_gated
from .layers_dnabert2 import (
    DnaBert2Embeddings,
    DnaBert2Encoder,
    DnaBert2Heads,
    DnaBert2Layer,
    DnaBert2Pooler,
    DnaBert2SelfAttention,
)
from .pooling import pool as pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import (
    MaskedLMWithTokenTypes,
    SequenceClassificationWithTokenTypes,
    TokenClassificationWithTokenTypes,
)


class DnaBert2PreTrainedModel(ChoosesAttention, PreTrainedModel):
    """Names and capabilities that the four models share."""

    config: DnaBert2Config
    config_class = DnaBert2Config
    base_model_prefix = "bert"
    reads_pooler: bool
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["DnaBert2Layer", "DnaBert2Embeddings"]  # noqa: RUF012
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": DnaBert2Layer,
        "attentions": OutputRecorder(DnaBert2SelfAttention, index=1),
    }

    def make_body(self, config) -> nn.Module:
        return DnaBert2Model(config, add_pooler=self.reads_pooler and config.classifier_pooling == "pooler")


class DnaBert2Model(DnaBert2PreTrainedModel):
    """Hidden states of every token, with a pooler if the config or the head requires one."""

    def __init__(self, config, add_pooler: bool | None = None):
        super().__init__(config)
        self.embeddings = DnaBert2Embeddings(config)
        self.encoder = DnaBert2Encoder(config)
        self.pooler = DnaBert2Pooler(config) if (config.add_pooler if add_pooler is None else add_pooler) else None
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
        """Hidden states (b, n, hidden), zero outside the mask; `hidden_states` holds the embeddings and the output
        of every layer. `attentions` need attn_implementation="eager".

        Args:
            input_ids: (b, n), of any length.
            attention_mask: (b, n), truthy for real tokens, or a mask of pairs (b, 1 or heads, n, n). It is not derived
                from the ids: without it padding is attended to like any token.
            token_type_ids: (b, n), 0 in a first sequence and 1 in a second; None is 0 everywhere.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, or a mask of another shape.
        """
        embeddings = self.embeddings(input_ids, token_type_ids, inputs_embeds)
        tokens_mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        real = None if tokens_mask is None else tokens_mask.to(embeddings.device).bool()[..., None]
        hidden_states = self.encoder(embeddings, self._biases(embeddings, attention_mask), real, **kwargs)
        pooled = None if self.pooler is None else self.pooler(hidden_states, tokens_mask)
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooled)

    def _biases(self, embeddings: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """The biases that are added to the attention scores, (1 or b, h, n, n): distances, and the mask."""
        dtype = compute_dtype(embeddings)
        biases = alibi_bias(self.config.num_attention_heads, embeddings.shape[1], dtype=dtype, device=embeddings.device)
        pairs_mask = bidirectional_mask(self.config, embeddings, attention_mask)
        if pairs_mask is None:
            return biases
        if pairs_mask.dtype == torch.bool:
            return biases.masked_fill(~pairs_mask, torch.finfo(dtype).min)
        return (biases + pairs_mask.to(dtype)).clamp(min=torch.finfo(dtype).min)


class DnaBert2ForMaskedLM(MaskedLMWithTokenTypes, DnaBert2PreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def add_head(self, config) -> None:
        self.cls = DnaBert2Heads(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.cls(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.cls.predictions.decoder = new_embeddings


class DnaBert2ForSequenceClassification(SequenceClassificationWithTokenTypes, DnaBert2PreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""


class DnaBert2ForTokenClassification(TokenClassificationWithTokenTypes, DnaBert2PreTrainedModel):
    """Predicts a class for each token, or for each nucleotide."""


DnaBert2Model.register_for_auto_class("AutoModel")

__all__ = [
    "DnaBert2ForMaskedLM",
    "DnaBert2ForSequenceClassification",
    "DnaBert2ForTokenClassification",
    "DnaBert2Model",
    "DnaBert2PreTrainedModel",
]
