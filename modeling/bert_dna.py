"""transformers' own BERT for DNA: exact with padding on either side, a clear limit, and this package's heads.

The layers, the embeddings and the language-model head are transformers' classes. In addition, positions count from the
first real token, which the pooler uses, and a sequence that is too long is refused with an explanation. DNABERT and
GROVER are these classes with their own configs.
Source: Devlin et al. 2019, https://arxiv.org/abs/1810.04805.

Legend: b sequences, n tokens, h heads, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    MaskedLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.models.bert.modeling_bert import BertModel, BertOnlyMLMHead, BertPreTrainedModel
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .attention import bidirectional_mask
from .pooling import pool
from .task_models import MaskedLMTask, SequenceClassificationTask, TokenClassificationTask


class BertDnaPreTrainedModel(BertPreTrainedModel):
    """The attention choice and the body that all models share."""

    body_class: type[nn.Module]
    reads_pooler: bool

    def make_body(self, config) -> nn.Module:
        return self.body_class(config, add_pooler=self.reads_pooler and config.classifier_pooling == "pooler")

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True  # transformers looks for the attention call in the text of this file only


class BertDnaModel(BertModel):
    """Hidden states of every token, with a pooler if the config or the head requires one."""

    accepts_loss_kwargs = False

    def __init__(self, config, add_pooler: bool | None = None):
        super().__init__(config, add_pooling_layer=config.add_pooler if add_pooler is None else add_pooler)

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return True

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPooling:
        """Hidden states (b, n, hidden); `hidden_states` holds the embeddings and the output of every layer.
        `attentions` need attn_implementation="eager".

        Args:
            input_ids: (b, n), n at most `config.max_position_embeddings`.
            attention_mask: (b, n), truthy for real tokens, or a mask of pairs (b, 1 or heads, n, n). It is not derived
                from the ids: without it padding is attended to like any token.
            token_type_ids: (b, n), 0 in a first sequence and 1 in a second; None is 0 everywhere.
            position_ids: (b, n), rows of the position table; None counts from the first real token of each row.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, more tokens than the model has positions
                for, or a mask of another shape.
        """
        inputs = input_ids if inputs_embeds is None else inputs_embeds
        if inputs is None or (input_ids is not None and inputs_embeds is not None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        length, limit = inputs.shape[1], self.config.max_position_embeddings
        if length > limit:
            raise ValueError(
                f"{length:,} tokens are more than the {limit:,} this model has learned positions for, CLS and SEP "
                "included: split or shorten the sequence, or read it in windows with "
                "hf_dnalm.embed(…, overflow='windows')."
            )
        tokens_mask = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        if position_ids is None and tokens_mask is not None and tokens_mask.shape == inputs.shape[:2]:
            position_ids = positions_from_first_token(tokens_mask.to(inputs.device))
        embeddings = self.embeddings(
            input_ids=input_ids,
            position_ids=position_ids,
            token_type_ids=token_type_ids,
            inputs_embeds=inputs_embeds,
        )
        pairs_mask = bidirectional_mask(self.config, embeddings, attention_mask)
        hidden_states = self.encoder(embeddings, attention_mask=pairs_mask, **kwargs).last_hidden_state
        pooled = None
        if self.pooler is not None:
            pooled = self.pooler(pool(hidden_states, tokens_mask, pooling="cls")[:, None])
        return BaseModelOutputWithPooling(last_hidden_state=hidden_states, pooler_output=pooled)


def positions_from_first_token(attention_mask: torch.Tensor) -> torch.Tensor:
    """(b, n) → (b, n) row of the position table for each token: 0 for the first real one, and for padding before it.

    >>> positions_from_first_token(torch.tensor([[1, 1, 0, 1], [0, 0, 1, 1]])).tolist()
    [[0, 1, 2, 3], [0, 0, 0, 1]]
    """
    first = attention_mask.bool().int().argmax(dim=1, keepdim=True)
    return (torch.arange(attention_mask.shape[1], device=attention_mask.device) - first).clamp(min=0)


class BertDnaForMaskedLM(MaskedLMTask, BertDnaPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {  # noqa: RUF012
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def add_head(self, config) -> None:
        self.cls = BertOnlyMLMHead(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.cls(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        self.cls.predictions.decoder = new_embeddings
        self.cls.predictions.bias = new_embeddings.bias

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """As `MaskedLM.forward`, with `token_type_ids` and `position_ids` (b, n)."""
        inputs = input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds
        return self._predict(labels, num_items_in_batch, *inputs, **kwargs)


class BertDnaForSequenceClassification(SequenceClassificationTask, BertDnaPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """As `SequenceClassification.forward`, with `token_type_ids` and `position_ids` (b, n)."""
        return self._predict(labels, input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, **kwargs)


class BertDnaForTokenClassification(TokenClassificationTask, BertDnaPreTrainedModel):
    """Predicts a class for each token, or for each nucleotide."""

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        bases_per_token: torch.Tensor | None = None,
        **kwargs,
    ) -> TokenClassifierOutput:
        """As `TokenClassification.forward`, with `token_type_ids` and `position_ids` (b, n)."""
        inputs = input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds
        return self._predict(labels, bases_per_token, *inputs, **kwargs)
