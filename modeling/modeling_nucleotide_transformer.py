"""Nucleotide Transformer (version 1, version 2) and AgroNT: encoders of DNA read as 6-mers.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Dalla-Torre et al. 2024, https://doi.org/10.1038/s41592-024-02523-z; Mendoza-Revilla et al. 2024,
https://doi.org/10.1038/s42003-024-06465-2.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

# Every sibling that ships is imported here: transformers 5.5 does not copy what only a sibling imports.
from .attention import ChoosesAttention, bidirectional_mask, compute_dtype
from .config_checks import check_sizes as check_sizes
from .configuration_nucleotide_transformer import NucleotideTransformerConfig
from .embeddings_nucleotide_transformer import NucleotideTransformerEmbeddings
from .feed_forward import FEED_FORWARDS
from .pooling import pool as pool
from .rotary import RotarySelfAttention, rotary_tables
from .task_heads import MaskedLMHead, SequenceHead, classifier_dropout
from .task_models import MaskedLMWithPositions, SequenceClassificationWithPositions, TokenClassificationWithPositions


class NucleotideTransformerProjection(nn.Module):
    """One linear map, under the name that the checkpoints give it."""

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True, dropout: float = 0.0):
        super().__init__()
        self.dense = nn.Linear(in_features, out_features, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.dense(hidden_states))


class NucleotideTransformerAttention(nn.Module):
    """Normalisation, attention and output projection: what the residual stream gains."""

    def __init__(self, config):
        super().__init__()
        self.self = RotarySelfAttention(config)
        self.output = NucleotideTransformerProjection(
            config.hidden_size, config.hidden_size, dropout=config.hidden_dropout_prob
        )
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor, attention_mask, rotary, **kwargs) -> torch.Tensor:
        attended, _ = self.self(self.LayerNorm(hidden_states), attention_mask, rotary, **kwargs)
        return self.output(attended)


class NucleotideTransformerLayer(GradientCheckpointingLayer):
    """Attention, then feed-forward, each normalised on its way in and added to the residual stream."""

    def __init__(self, config):
        super().__init__()
        widening, bias, self.activation = FEED_FORWARDS[config.feed_forward]
        self.attention = NucleotideTransformerAttention(config)
        self.intermediate = NucleotideTransformerProjection(
            config.hidden_size, widening * config.intermediate_size, bias=bias
        )
        self.output = NucleotideTransformerProjection(
            config.intermediate_size, config.hidden_size, bias=bias, dropout=config.hidden_dropout_prob
        )
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor, attention_mask=None, rotary=None, **kwargs) -> torch.Tensor:
        """(b, n, hidden) → (b, n, hidden)."""
        hidden_states = hidden_states + self.attention(hidden_states, attention_mask, rotary, **kwargs)
        inner = self.activation(self.intermediate(self.LayerNorm(hidden_states)))
        return hidden_states + self.output(inner)


class NucleotideTransformerEncoder(nn.Module):
    """The layers, one after another, and a last normalisation."""

    def __init__(self, config):
        super().__init__()
        self.layer = nn.ModuleList([NucleotideTransformerLayer(config) for _ in range(config.num_hidden_layers)])
        self.emb_layer_norm_after = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor, attention_mask, rotary, **kwargs) -> torch.Tensor:
        for layer in self.layer:
            hidden_states = layer(hidden_states, attention_mask, rotary, **kwargs)
        return self.emb_layer_norm_after(hidden_states)


class NucleotideTransformerPreTrainedModel(ChoosesAttention, PreTrainedModel):
    """Names, capabilities and initial weights that the four models share."""

    config: NucleotideTransformerConfig
    config_class = NucleotideTransformerConfig
    base_model_prefix = "esm"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["NucleotideTransformerLayer", "NucleotideTransformerEmbeddings"]  # noqa: RUF012
    _supports_flash_attn = True
    _supports_flex_attn = True
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": NucleotideTransformerLayer,
        "attentions": OutputRecorder(RotarySelfAttention, index=1),
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MaskedLMHead):
            init.zeros_(module.bias)

    def make_body(self, config) -> nn.Module:
        return NucleotideTransformerModel(config)


class NucleotideTransformerModel(NucleotideTransformerPreTrainedModel):
    """Hidden states of every token."""

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = NucleotideTransformerEmbeddings(config)
        self.encoder = NucleotideTransformerEncoder(config)
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
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutput:
        """Hidden states (b, n, hidden); `hidden_states` holds the embeddings and the output of every layer, the last
        one normalised. `attentions` need attn_implementation="eager".

        Args:
            input_ids: (b, n).
            attention_mask: (b, n), truthy for real tokens, or a mask of pairs (b, 1 or heads, n, n). It is not derived
                from the ids: without it padding is attended to like any token.
            position_ids: (b, n) or (1, n): rows of the table of learned positions, or 0-based rotary positions.
            inputs_embeds: (b, n, hidden), vectors in place of ids. Learned positions then count from the first column.
            encoder_attention_mask: has no effect; the published usage examples pass it.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, an id or a length the model has no vector
                for, or a mask of another shape.
        """
        del encoder_attention_mask
        embeddings = self.embeddings(input_ids, attention_mask, position_ids, inputs_embeds)
        rotary = None
        if self.config.position_embedding_type == "rotary":
            if position_ids is None:
                position_ids = torch.arange(embeddings.shape[1], device=embeddings.device)
            rotary = rotary_tables(position_ids, self.config.head_dim, dtype=compute_dtype(embeddings))
        pairs_mask = bidirectional_mask(self.config, embeddings, attention_mask)
        return BaseModelOutput(last_hidden_state=self.encoder(embeddings, pairs_mask, rotary, **kwargs))


class NucleotideTransformerForMaskedLM(MaskedLMWithPositions, NucleotideTransformerPreTrainedModel):
    """Predicts the token at each position."""

    _tied_weights_keys = {"lm_head.decoder.weight": "esm.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def add_head(self, config) -> None:
        self.lm_head = MaskedLMHead(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.lm_head(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head.decoder

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lm_head.decoder = new_embeddings

    def resize_token_embeddings(self, *args, **kwargs) -> nn.Embedding:
        """As in transformers; the head's bias, which is separate from its matrix, is extended with zeros."""
        embeddings = super().resize_token_embeddings(*args, **kwargs)
        old, missing = self.lm_head.bias, embeddings.num_embeddings - len(self.lm_head.bias)
        if missing:
            self.lm_head.bias = nn.Parameter(nn.functional.pad(old.detach(), (0, missing)), old.requires_grad)
        return embeddings


class NucleotideTransformerForSequenceClassification(
    SequenceClassificationWithPositions, NucleotideTransformerPreTrainedModel
):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    def add_head(self, config) -> None:
        self.classifier = SequenceHead(config)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.classifier(hidden_states)


class NucleotideTransformerForTokenClassification(
    TokenClassificationWithPositions, NucleotideTransformerPreTrainedModel
):
    """Predicts a class for each token, or for each nucleotide."""

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(hidden_states))


NucleotideTransformerModel.register_for_auto_class("AutoModel")

__all__ = [
    "NucleotideTransformerForMaskedLM",
    "NucleotideTransformerForSequenceClassification",
    "NucleotideTransformerForTokenClassification",
    "NucleotideTransformerModel",
    "NucleotideTransformerPreTrainedModel",
]
