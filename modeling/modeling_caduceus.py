"""Caduceus (Ph and Ps) and PlantCaduceus: bidirectional Mamba over single nucleotides, in plain torch.

Ps reads both strands of the DNA with the same weights: the reverse complement of its input gives the reverse of its
output, exactly. Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Schiff et al. 2024, https://arxiv.org/abs/2403.03234; Zhai et al. 2025, https://doi.org/10.1073/pnas.2421738122.

Legend: b sequences, n tokens, d channels of one strand, v tokens of the vocabulary.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .config_checks import check_sizes as check_sizes
from .configuration_caduceus import CaduceusConfig
from .layers_caduceus import CaduceusBackbone, CaduceusLayer, CaduceusMamba, CaduceusRMSNorm
from .pooling import pool
from .reverse_complement import ReverseComplementEmbedding, ReverseComplementHead, complements, to_strands
from .state_space import selective_scan as selective_scan
from .task_heads import sequence_output
from .task_models import MaskedLM, SequenceClassification, TokenClassification
from .token_order import token_orders as token_orders

# The steps of a new scan, before training: between these, spread evenly over their logarithms (Gu and Dao 2023).
_STEPS = (0.001, 0.1)
_SMALLEST_STEP = 1e-4


class CaduceusPreTrainedModel(PreTrainedModel):
    """Names, capabilities and initial weights that the four models share."""

    config: CaduceusConfig
    config_class = CaduceusConfig
    base_model_prefix = "caduceus"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False
    _no_split_modules = ["CaduceusLayer", "CaduceusEmbeddings"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": CaduceusLayer}  # noqa: RUF012
    # Where a file holds no such table (it does, as published), the config's is taken.
    _keys_to_ignore_on_load_missing = [  # noqa: RUF012
        "lm_head.complement_map",
        "backbone.embeddings.word_embeddings.complement_map",
    ]

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, CaduceusRMSNorm):
            init.ones_(module.weight)
        elif isinstance(module, CaduceusMamba):
            self._init_mamba(module)
        elif isinstance(module, ReverseComplementEmbedding | ReverseComplementHead):
            ids = complements(self.config.complement_ids or (), self.config.vocab_size)
            init.copy_(module.complement_map, torch.tensor(ids))

    def _init_mamba(self, module: CaduceusMamba) -> None:
        """As in the authors' code: slow and fast states, steps of all sizes, projections as torch begins them."""
        channels, states = module.A_log.shape
        init.copy_(module.A_log, torch.arange(1, states + 1, dtype=torch.float32).log().expand(channels, -1))
        init.ones_(module.D)
        low, high = (math.log(step) for step in _STEPS)
        steps = torch.exp(torch.rand(channels) * (high - low) + low).clamp(min=_SMALLEST_STEP)
        init.copy_(module.dt_proj.bias, steps + torch.log(-torch.expm1(-steps)))  # softplus of it is the step
        bound = module.dt_proj.in_features**-0.5
        init.uniform_(module.dt_proj.weight, -bound, bound)
        if module.conv1d.bias is not None:
            init.zeros_(module.conv1d.bias)
        for name in ("conv1d", "x_proj", "in_proj", "out_proj"):
            if hasattr(module, name):
                init.kaiming_uniform_(getattr(module, name).weight, a=math.sqrt(5))
        if hasattr(module, "out_proj"):  # so that the sum of all layers starts no larger than one of them
            init.copy_(module.out_proj.weight, module.out_proj.weight / math.sqrt(self.config.n_layer))

    def resize_token_embeddings(self, *args, **kwargs) -> nn.Embedding:
        """As in transformers; tokens that are added are their own complement."""
        embeddings = super().resize_token_embeddings(*args, **kwargs)
        if self.config.complement_ids is not None:
            self.config.complement_ids = complements(self.config.complement_ids, self.config.vocab_size)
        for module in self.modules():
            if isinstance(module, ReverseComplementEmbedding):
                module.num_embeddings = self.config.vocab_size
            if isinstance(module, ReverseComplementEmbedding | ReverseComplementHead):
                ids = torch.tensor(self.config.complement_ids, device=module.complement_map.device)
                module.complement_map = ids
        return embeddings

    def _get_resized_embeddings(self, old_embeddings: nn.Embedding, *args, **kwargs) -> nn.Embedding:
        if not isinstance(old_embeddings, ReverseComplementEmbedding):
            return super()._get_resized_embeddings(old_embeddings, *args, **kwargs)
        old_embeddings.embedding = super()._get_resized_embeddings(old_embeddings.embedding, *args, **kwargs)
        return old_embeddings

    def make_body(self, config) -> nn.Module:
        return CaduceusModel(config)


class CaduceusModel(CaduceusPreTrainedModel):
    """Hidden states of every token: d wide for Ph, 2d for Ps, whose second half is the other strand's, turned round."""

    def __init__(self, config):
        super().__init__(config)
        self.backbone = CaduceusBackbone(config)
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
        """Hidden states (b, n, hidden), zero outside the mask. `hidden_states` holds what upstream's does: the
        embeddings, what each layer but the last adds to the residual stream, and `last_hidden_state`.

        Args:
            input_ids: (b, n), of any length.
            attention_mask: (b, n), truthy for real tokens, in any position; each sequence is read as if the others
                were not there. It is not derived from the ids: without it padding is read like any token.
            inputs_embeds: (b, n, hidden), vectors in place of ids.

        Raises:
            ValueError: both or neither of `input_ids` and `inputs_embeds`, vectors of another width, or a mask of
                another shape.
        """
        del kwargs  # arguments that transformers passes to all models, such as output_attentions
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        if inputs_embeds is not None and inputs_embeds.shape[-1] != self.config.hidden_size:
            raise ValueError(
                f"inputs_embeds are {inputs_embeds.shape[-1]} wide, and this model needs {self.config.hidden_size}: "
                "for each token the vectors of both strands, as get_input_embeddings()(input_ids) returns them."
            )
        shape = next(each.shape[:2] for each in (input_ids, inputs_embeds) if each is not None)
        return BaseModelOutput(self.backbone(input_ids, _real_tokens(attention_mask, shape), inputs_embeds))


def _real_tokens(attention_mask: torch.Tensor | None, shape: torch.Size) -> torch.Tensor | None:
    """The mask as booleans (b, n); None where it leaves nothing out."""
    if attention_mask is None:
        return None
    if attention_mask.shape != shape:
        raise ValueError(
            f"attention_mask has shape {tuple(attention_mask.shape)}; a Caduceus has no attention between pairs "
            f"and takes one number for each of its {tuple(shape)} tokens."
        )
    real = attention_mask.bool()
    # Unmasked reading needs no reordering. Within a compiled graph the mask's contents are not known.
    return None if not torch.compiler.is_compiling() and bool(real.all()) else real


class CaduceusForMaskedLM(MaskedLM, CaduceusPreTrainedModel):
    """Predicts the token at each position."""

    def add_head(self, config) -> None:
        embeddings = "caduceus.backbone.embeddings.word_embeddings"
        if config.rcps:
            self.lm_head: nn.Module = ReverseComplementHead(config.vocab_size, config.d_model, config.complement_ids)
            self._tied_weights_keys = {"lm_head.lm_head.weight": f"{embeddings}.embedding.weight"}
        else:
            self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
            self._tied_weights_keys = {"lm_head.weight": f"{embeddings}.weight"}

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.lm_head(hidden_states)

    def get_output_embeddings(self) -> nn.Module:
        return self.lm_head.lm_head if isinstance(self.lm_head, ReverseComplementHead) else self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        if isinstance(self.lm_head, ReverseComplementHead):
            self.lm_head.lm_head = new_embeddings
        else:
            self.lm_head = new_embeddings


class CaduceusForSequenceClassification(SequenceClassification, CaduceusPreTrainedModel):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`.

    The scores of both strands are averaged. With `config.conjoin` the model also reads the reverse complement; the
    `hidden_states` returned are those of the input alone.
    """

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.score = nn.Linear(config.d_model, config.num_labels, bias=False)

    @can_return_tuple
    def _predict(self, labels, input_ids, attention_mask, inputs_embeds, **kwargs) -> SequenceClassifierOutput:
        """See `SequenceClassification.forward`.

        Raises:
            ValueError: `inputs_embeds` with `config.conjoin`: vectors have no complement.
        """
        outputs = self.base_model(input_ids, attention_mask, inputs_embeds, **kwargs)
        other_mask = None if attention_mask is None else attention_mask.flip(1)
        if self.config.rcps:
            first, second = to_strands(outputs.last_hidden_state)
            logits = (self._scores(first, attention_mask) + self._scores(second, other_mask)) / 2
        else:
            logits = self._scores(outputs.last_hidden_state, attention_mask)
        if self.config.conjoin:
            if input_ids is None:
                raise ValueError("conjoin reads the reverse complement of input_ids; inputs_embeds have none.")
            opposite = torch.tensor(self.config.complement_ids, device=input_ids.device)[input_ids].flip(1)
            logits = (logits + self._scores(self.base_model(opposite, other_mask).last_hidden_state, other_mask)) / 2
        return sequence_output(outputs, logits, labels, self.config)

    def _scores(self, vectors: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """(b, n, d) → (b, num_labels)."""
        return self.score(self.dropout(pool(vectors, attention_mask, pooling=self.config.classifier_pooling)))


class CaduceusForTokenClassification(TokenClassification, CaduceusPreTrainedModel):
    """Predicts a class for each token, or for each nucleotide. The scores of both strands are averaged."""

    def add_head(self, config) -> None:
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.token_classifier = nn.Linear(config.d_model, config.num_labels)  # sequence heads use `score`

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        vectors = self.dropout(hidden_states)
        if not self.config.rcps:
            return self.token_classifier(vectors)
        first, second = vectors.chunk(2, dim=-1)
        return (self.token_classifier(first) + self.token_classifier(second.flip(-1))) / 2


CaduceusModel.register_for_auto_class("AutoModel")

__all__ = [
    "CaduceusForMaskedLM",
    "CaduceusForSequenceClassification",
    "CaduceusForTokenClassification",
    "CaduceusModel",
    "CaduceusPreTrainedModel",
]
