"""DNABERT-2 and DNABERT-S: encoders of DNA read as byte pairs, with linear attention biases in place of positions.

Parameters bear the names of the published checkpoints, so a state dict goes in and out as it is.
Source: Zhou et al. 2024, https://arxiv.org/abs/2306.15006; Zhou et al. 2025, https://arxiv.org/abs/2402.08777.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    MaskedLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

# Every sibling that ships is imported here, those that only siblings use too (`as` themselves): transformers 5.5 does
# not copy what only a sibling imports.
from .alibi import alibi_bias
from .attention import bidirectional_mask, compute_dtype
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
from .pooling import pool
from .rotary import apply_rotary as apply_rotary
from .task_heads import classifier_dropout, masked_lm_output, sequence_output, token_output


class DnaBert2PreTrainedModel(PreTrainedModel):
    """What the four models share: names and capabilities."""

    config: DnaBert2Config
    config_class = DnaBert2Config
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["DnaBert2Layer", "DnaBert2Embeddings"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_attention_backend = True
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": DnaBert2Layer,
        "attentions": OutputRecorder(DnaBert2SelfAttention, index=1),
    }

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True  # transformers looks for the attention call in this file's text; it stands in attention.py


class DnaBert2Model(DnaBert2PreTrainedModel):
    """Hidden states of every token, with a pooler where the config, or the head over it, asks for one."""

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
        """Hidden states (b, n, hidden), zero outside of the mask; `hidden_states` holds the embeddings and the output
        of every layer. `attentions` are there with attn_implementation="eager" alone.

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
        """What is added to the attention scores, (1 or b, h, n, n): distances, and the mask."""
        dtype = compute_dtype(embeddings)
        biases = alibi_bias(self.config.num_attention_heads, embeddings.shape[1], dtype=dtype, device=embeddings.device)
        pairs_mask = bidirectional_mask(self.config, embeddings, attention_mask)
        if pairs_mask is None:
            return biases
        if pairs_mask.dtype == torch.bool:
            return biases.masked_fill(~pairs_mask, torch.finfo(dtype).min)
        return (biases + pairs_mask.to(dtype)).clamp(min=torch.finfo(dtype).min)


class DnaBert2ForMaskedLM(DnaBert2PreTrainedModel):
    """Which token stands at each position."""

    accepts_loss_kwargs = True
    _tied_weights_keys = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.bert = DnaBert2Model(config, add_pooler=False)
        self.cls = DnaBert2Heads(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.cls.predictions.decoder = new_embeddings

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """Logits (b, n, v); with `labels` (b, n), -100 where nothing is asked, also the mean cross entropy in nats."""
        outputs = self.bert(input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs)
        logits = self.cls(outputs.last_hidden_state)
        return masked_lm_output(outputs, logits, labels, num_items_in_batch)


class DnaBert2ForSequenceClassification(DnaBert2PreTrainedModel):
    """Classes, labels or values of whole sequences, as `config.problem_type` says."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = DnaBert2Model(config, add_pooler=config.classifier_pooling == "pooler")
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """Logits (b, num_labels); with `labels`, in the shapes that `sequence_loss` takes, also the mean loss."""
        outputs = self.bert(input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs)
        pooled = outputs.pooler_output
        if pooled is None:
            pooled = pool(outputs.last_hidden_state, attention_mask, pooling=self.config.classifier_pooling)
        logits = self.classifier(self.dropout(pooled))
        return sequence_output(outputs, logits, labels, self.config)


class DnaBert2ForTokenClassification(DnaBert2PreTrainedModel):
    """A class for every token, or for every nucleotide."""

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = DnaBert2Model(config, add_pooler=False)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.token_classifier = nn.Linear(config.hidden_size, config.num_labels)  # `classifier` is of sequences
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        bases_per_token: torch.Tensor | None = None,
        **kwargs,
    ) -> TokenClassifierOutput:
        """Logits (b, n, num_labels) and labels (b, n); with `bases_per_token` both are per nucleotide, (b, bp, …).

        Args:
            labels: class numbers, -100 where there is none.
            bases_per_token: (b, n), bp that each token covers: 0 for CLS, SEP and padding, which no nucleotide reads.
        """
        outputs = self.bert(input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs)
        logits = self.token_classifier(self.dropout(outputs.last_hidden_state))
        return token_output(outputs, logits, labels, bases_per_token)


# From here on save_pretrained copies this file and its siblings beside the weights, for readers without this package.
DnaBert2Model.register_for_auto_class("AutoModel")
DnaBert2ForMaskedLM.register_for_auto_class("AutoModelForMaskedLM")
DnaBert2ForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
DnaBert2ForTokenClassification.register_for_auto_class("AutoModelForTokenClassification")

__all__ = [
    "DnaBert2ForMaskedLM",
    "DnaBert2ForSequenceClassification",
    "DnaBert2ForTokenClassification",
    "DnaBert2Model",
    "DnaBert2PreTrainedModel",
]
