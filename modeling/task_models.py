"""The models with a task head, for all families: body, head, loss, and one `forward` for each set of inputs.

A family's class derives from a mixin of this file and from the family's `…PreTrainedModel`, which builds the body in
`make_body`. The family adds its head in `add_head` and applies it in `to_logits`; the classification mixins have
defaults for both. Trainer and PEFT read the signature of `forward`, so it lists every input: the mixins come in a plain
form, `…WithTokenTypes` and `…WithPositions`, named after the inputs that the body takes in addition.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput, TokenClassifierOutput
from transformers.utils import can_return_tuple

from .pooling import pool
from .task_heads import classifier_dropout, masked_lm_output, sequence_output, token_output

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    class _Mixin(PreTrainedModel):
        def make_body(self, config) -> nn.Module: ...

        def add_head(self, config) -> None: ...

        def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor: ...
else:
    _Mixin = object


class TaskModel(_Mixin):
    """A body under the family's `base_model_prefix`, and a head."""

    # A class with an `_auto_class` is saved together with its code: save_pretrained then copies the family's file and
    # its siblings next to the weights, for processes that have only torch and transformers.
    _auto_class: str | None = None
    accepts_loss_kwargs = False
    reads_pooler = False  # whether the head may need the body's pooler

    def __init__(self, config):
        super().__init__(config)
        setattr(self, self.base_model_prefix, self.make_body(config))
        self.add_head(config)
        self.post_init()


class CausalLM(TaskModel):
    """Predicts the next token at each position. The family defines `forward`."""

    _auto_class = "AutoModelForCausalLM"
    accepts_loss_kwargs = True


class MaskedLMTask(TaskModel):
    """Predicts the token at each position."""

    _auto_class = "AutoModelForMaskedLM"
    accepts_loss_kwargs = True

    @can_return_tuple
    def _predict(self, labels, num_items_in_batch, *inputs: torch.Tensor | None, **kwargs) -> MaskedLMOutput:
        outputs = self.base_model(*inputs, **kwargs)
        return masked_lm_output(outputs, self.to_logits(outputs.last_hidden_state), labels, num_items_in_batch)


class SequenceClassificationTask(TaskModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    _auto_class = "AutoModelForSequenceClassification"
    reads_pooler = True

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier: nn.Module = nn.Linear(config.hidden_size, config.num_labels)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(b, hidden), one vector per sequence → (b, num_labels)."""
        return self.classifier(self.dropout(hidden_states))

    @can_return_tuple
    def _predict(self, labels, *inputs: torch.Tensor | None, **kwargs) -> SequenceClassifierOutput:
        outputs = self.base_model(*inputs, **kwargs)
        _, attention_mask, *_ = inputs
        pooled = outputs.get("pooler_output")
        if pooled is None:
            pooled = pool(outputs.last_hidden_state, attention_mask, pooling=self.config.classifier_pooling)
        return sequence_output(outputs, self.to_logits(pooled), labels, self.config)


class TokenClassificationTask(TaskModel):
    """Predicts a class for each token, or for each nucleotide."""

    _auto_class = "AutoModelForTokenClassification"
    allows_multi_label = False  # whether `config.problem_type` may ask for several labels per token

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.token_classifier = nn.Linear(config.hidden_size, config.num_labels)  # sequence heads use `classifier`

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(b, n, hidden) → (b, n, num_labels)."""
        return self.token_classifier(self.dropout(hidden_states))

    @can_return_tuple
    def _predict(self, labels, bases_per_token, *inputs: torch.Tensor | None, **kwargs) -> TokenClassifierOutput:
        outputs = self.base_model(*inputs, **kwargs)
        logits = self.to_logits(outputs.last_hidden_state)
        problem_type = self.config.problem_type if self.allows_multi_label else None
        return token_output(outputs, logits, labels, bases_per_token, problem_type=problem_type)


class MaskedLM(MaskedLMTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """Logits (b, n, v); with `labels` (b, n), -100 at positions to ignore, also the mean cross entropy in nats."""
        return self._predict(labels, num_items_in_batch, input_ids, attention_mask, inputs_embeds, **kwargs)


class SequenceClassification(SequenceClassificationTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """Logits (b, num_labels); with `labels`, in the shapes that `sequence_loss` takes, also the mean loss."""
        return self._predict(labels, input_ids, attention_mask, inputs_embeds, **kwargs)


class TokenClassification(TokenClassificationTask):
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
            labels: class numbers, -100 at positions to ignore. A family that allows several labels per token takes 0/1
                for each label (b, n, num_labels) if `config.problem_type` is "multi_label_classification".
            bases_per_token: (b, n), bp that each token covers: 0 for special tokens and padding.
        """
        return self._predict(labels, bases_per_token, input_ids, attention_mask, inputs_embeds, **kwargs)


class MaskedLMWithTokenTypes(MaskedLMTask):
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
        """As `MaskedLM.forward`, with `token_type_ids` (b, n)."""
        return self._predict(
            labels, num_items_in_batch, input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs
        )


class SequenceClassificationWithTokenTypes(SequenceClassificationTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """As `SequenceClassification.forward`, with `token_type_ids` (b, n)."""
        return self._predict(labels, input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs)


class TokenClassificationWithTokenTypes(TokenClassificationTask):
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
        """As `TokenClassification.forward`, with `token_type_ids` (b, n)."""
        return self._predict(
            labels, bases_per_token, input_ids, attention_mask, token_type_ids, inputs_embeds, **kwargs
        )


class MaskedLMWithPositions(MaskedLMTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs,
    ) -> MaskedLMOutput:
        """As `MaskedLM.forward`, with `position_ids` (b, n)."""
        return self._predict(
            labels, num_items_in_batch, input_ids, attention_mask, position_ids, inputs_embeds, **kwargs
        )


class SequenceClassificationWithPositions(SequenceClassificationTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs,
    ) -> SequenceClassifierOutput:
        """As `SequenceClassification.forward`, with `position_ids` (b, n)."""
        return self._predict(labels, input_ids, attention_mask, position_ids, inputs_embeds, **kwargs)


class TokenClassificationWithPositions(TokenClassificationTask):
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        bases_per_token: torch.Tensor | None = None,
        **kwargs,
    ) -> TokenClassifierOutput:
        """As `TokenClassification.forward`, with `position_ids` (b, n)."""
        return self._predict(labels, bases_per_token, input_ids, attention_mask, position_ids, inputs_embeds, **kwargs)
