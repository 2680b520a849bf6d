"""Building blocks of a GPN: embeddings, three kinds of layers, and heads.

The numbers in parameter names are upstream's: indices into its lists of layers, some of which have no weights.
Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import gelu
from transformers.modeling_layers import GradientCheckpointingLayer

from .dilated_convolution import convolve, dilations
from .task_heads import classifier_dropout


class OneHot(nn.Module):
    """Vectors without weights: 1 at the number of the token, 0 in every other channel."""

    def __init__(self, config):
        super().__init__()
        self.num_embeddings = config.vocab_size
        self.embedding_dim = config.hidden_size

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(b, n) ids → (b, n, hidden)."""
        table = torch.eye(self.num_embeddings, self.embedding_dim, device=input_ids.device)
        return nn.functional.embedding(input_ids, table)


class GpnEmbeddings(nn.Module):
    """Vectors of tokens; there are no positions."""

    def __init__(self, config):
        super().__init__()
        self.word_embeddings: nn.Module = (
            nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
            if config.learned_embedding
            else OneHot(config)
        )

    def forward(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> torch.Tensor:
        """(b, n) ids, or (b, n, hidden) vectors in their place → (b, n, hidden)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        return self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds


class GpnLayer(GradientCheckpointingLayer):
    """One layer: states (b, n, hidden) → (b, n, hidden), zero where `real` (b, n) is False."""

    def __init__(self, config):
        super().__init__()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        hidden_states = self.add_to(hidden_states, real)
        return hidden_states if real is None else hidden_states.masked_fill(~real[..., None], 0.0)

    def add_to(self, hidden_states: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        """The states with what this kind of layer adds to them."""
        raise NotImplementedError


def _convolution(config, index: int, channels: int) -> nn.Conv1d:
    """The convolution of layer `index`, as long as what it reads."""
    steps = dilations(
        config.num_hidden_layers,
        base=config.dilation_base,
        double_every=config.dilation_double_every,
        cycle=config.dilation_cycle,
        largest=config.dilation_max,
    )
    return nn.Conv1d(
        channels,
        channels,
        kernel_size=config.rest_kernel_size if index else config.first_kernel_size,
        dilation=steps[index],
        padding="same",
        groups=channels if config.depthwise and index else 1,
        bias=config.bias,
    )


class PostNormLayer(GpnLayer):
    """A convolution, then a linear map; each passes through GELU, is normalised, and is added."""

    def __init__(self, config, index: int):
        super().__init__(config)
        size, bias = config.hidden_size, config.bias
        self.conv = nn.ModuleDict({"1": _convolution(config, index, size), "4": nn.LayerNorm(size, bias=bias)})
        self.ffn = nn.ModuleDict({"0": nn.Linear(size, size, bias=bias), "2": nn.LayerNorm(size, bias=bias)})

    def add_to(self, hidden_states: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        convolved = gelu(convolve(self.conv["1"], hidden_states, real))
        hidden_states = hidden_states + self.dropout(self.conv["4"](convolved))
        return hidden_states + self.dropout(self.ffn["2"](gelu(self.ffn["0"](hidden_states))))


class PreNormLayer(GpnLayer):
    """A convolution with a linear map behind it, then a feed-forward map; each reads normalised states and is added."""

    def __init__(self, config, index: int):
        super().__init__(config)
        size, inner, bias = config.hidden_size, config.intermediate_size, config.bias
        self.conv = nn.ModuleDict(
            {
                "0": nn.LayerNorm(size, bias=bias),
                "2": _convolution(config, index, size),
                "5": nn.Linear(size, size, bias=bias),
            }
        )
        self.ffn = nn.ModuleDict(
            {
                "0": nn.LayerNorm(size, bias=bias),
                "1": nn.Linear(size, inner, bias=bias),
                "3": nn.Linear(inner, size, bias=bias),
            }
        )

    def add_to(self, hidden_states: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        convolved = gelu(convolve(self.conv["2"], self.conv["0"](hidden_states), real))
        hidden_states = hidden_states + self.dropout(self.conv["5"](convolved))
        inner = gelu(self.ffn["1"](self.ffn["0"](hidden_states)))
        return hidden_states + self.dropout(self.ffn["3"](inner))


class ByteNetLayer(GpnLayer):
    """A convolution between two linear maps, each behind a normalisation and GELU, and added.

    Source: Kalchbrenner et al. 2016, https://arxiv.org/abs/1610.10099, with GELU in place of ReLU.
    """

    def __init__(self, config, index: int):
        super().__init__(config)
        size, bias = config.hidden_size, config.bias
        inner = size // 2 if config.slim else size
        self.layer = nn.ModuleDict(
            {
                "0": nn.LayerNorm(size, bias=bias),
                "2": nn.Linear(size, inner, bias=bias),
                "3": nn.LayerNorm(inner, bias=bias),
                "6": _convolution(config, index, inner),
                "8": nn.LayerNorm(inner, bias=bias),
                "10": nn.Linear(inner, size, bias=bias),
            }
        )

    def add_to(self, hidden_states: torch.Tensor, real: torch.Tensor | None) -> torch.Tensor:
        inner = self.layer["2"](gelu(self.layer["0"](hidden_states)))
        inner = convolve(self.layer["6"], gelu(self.layer["3"](inner)), real)
        return hidden_states + self.dropout(self.layer["10"](gelu(self.layer["8"](inner))))


LAYERS: dict[str, type[PostNormLayer] | type[PreNormLayer] | type[ByteNetLayer]] = {
    "post_norm": PostNormLayer,
    "pre_norm": PreNormLayer,
    "bytenet": ByteNetLayer,
}


def gpn_layers(config) -> nn.ModuleList:
    return nn.ModuleList([LAYERS[config.block](config, index) for index in range(config.num_hidden_layers)])


class GpnPredictions(nn.Module):
    """Scores of every token of the vocabulary at every position: (b, n, hidden) → (b, n, v)."""

    def __init__(self, config):
        super().__init__()
        size, bias = config.hidden_size, config.bias
        transform = [nn.Linear(size, size, bias=bias), nn.GELU(), nn.LayerNorm(size, bias=bias)]
        decoder = nn.Linear(size, config.vocab_size, bias=bias)
        if config.block == "post_norm":  # the first GPN keeps the whole head in one list
            self.transform: nn.Module = nn.Identity()
            self.decoder: nn.Module = nn.Sequential(*transform, decoder)
        else:
            self.transform = nn.Sequential(*transform) if config.mlm_head_transform else nn.Identity()
            self.decoder = decoder

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.transform(hidden_states))


class GpnClassifier(nn.Module):
    """Scores of each label for a whole sequence: (b, hidden), one vector for each → (b, num_labels)."""

    def __init__(self, config):
        super().__init__()
        size, bias = config.hidden_size, config.bias
        self.ln: nn.Module = nn.Identity() if config.block == "post_norm" else nn.LayerNorm(size, bias=bias)
        self.dense = nn.Linear(size, size, bias=bias)
        self.dropout = nn.Dropout(classifier_dropout(config))
        self.out_proj = nn.Linear(size, config.num_labels, bias=bias)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        return self.out_proj(self.dropout(gelu(self.dense(self.dropout(self.ln(pooled))))))
