"""Building blocks of HyenaDNA: filters over time, the mixer that applies them, and feed-forward blocks.

Legend: b sequences, n tokens, d channels.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from .exporting import is_exported
from .long_convolution import long_convolution
from .token_order import TokenOrder

# In inference, this many numbers are convolved at a time, and feed-forward blocks take this many tokens at a time.
# Without these limits memory would be several times that of the hidden states.
_NUMBERS_AT_A_TIME = 2**24

_WEIGHT_OF_THE_PAST = 0.05  # that no decay takes away
_DECAYED_TO = 0.01  # at these shares of the longest time: the slowest and the fastest channel
_SLOWEST, _FASTEST = 1.5, 0.3


class HyenaDnaTime(nn.Module):
    """Points in time as the filters see them: `t` from 0 to 1 over the longest sequence, and `z`, which is trained."""

    t: torch.Tensor

    def __init__(self, config):
        super().__init__()
        self.z = nn.Parameter(torch.empty(1, config.max_position_embeddings, config.filter_embedding_size))
        self.register_buffer("t", self.initial_t())

    def initial_t(self) -> torch.Tensor:
        return torch.linspace(0, 1, self.z.shape[1])[None, :, None]

    def initial_z(self) -> torch.Tensor:
        """The time itself, then cosines and negative sines of slow waves."""
        n, bands = self.z.shape[1], (self.z.shape[2] - 1) // 2
        angles = 2 * math.pi / n * torch.linspace(0, n - 1, n)[None, :, None] * torch.linspace(1e-4, bands - 1, bands)
        return torch.cat([self.initial_t(), angles.cos(), -angles.sin()], dim=-1)


class HyenaDnaSine(nn.Module):
    """sin(frequency · x), with a trained frequency for each number."""

    def __init__(self, config):
        super().__init__()
        self.freq = nn.Parameter(torch.empty(1, config.filter_width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sin(self.freq * x)


class HyenaDnaDecay(nn.Module):
    """How fast each channel forgets."""

    deltas: torch.Tensor

    def __init__(self, config):
        super().__init__()
        self.n_channels = config.hidden_size
        self.register_buffer("deltas", self.initial_deltas())

    def initial_deltas(self) -> torch.Tensor:
        slowest, fastest = (math.log(_DECAYED_TO) / share for share in (_SLOWEST, _FASTEST))
        return torch.linspace(slowest, fastest, self.n_channels)[None, None]


class HyenaDnaFilter(nn.Module):
    """Makes the filters of all channels out of points in time, with a small network of sines.

    It stays in float32 when the model is cast: in bfloat16 all points in time beyond the first few hundred are one.
    """

    def __init__(self, config):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(config.hidden_size))
        self.pos_emb = HyenaDnaTime(config)
        width, last = config.filter_width, 2 * (config.filter_inner_layers + 1)
        layers = {"0": nn.Linear(config.filter_embedding_size, width)}
        layers |= {str(i): nn.Linear(width, width) for i in range(2, last, 2)}
        layers[str(last)] = nn.Linear(width, config.hidden_size, bias=False)
        # One set of frequencies serves every sine. Upstream's state dicts hold it as 1, 3 and 5.
        self.implicit_filter = nn.ModuleDict(layers | {"1": HyenaDnaSine(config)})
        self.modulation = HyenaDnaDecay(config)

    def forward(self, n: int) -> torch.Tensor:
        """The filters before they decay, (n, d) float32."""
        with torch.autocast(self.bias.device.type, enabled=False):
            # A copy, as products depend in their last digit on where a file has put a tensor in memory, and three sines
            # of ten times their input make a thousand of it.
            hidden = self.pos_emb.z[0, :n].float().clone()
            *inner, last = [self.implicit_filter[name] for name in sorted(self.implicit_filter, key=int) if name != "1"]
            for layer in inner:
                hidden = self.implicit_filter["1"](layer(hidden))
            return last(hidden)

    def decayed(self, filters: torch.Tensor, channels: slice) -> torch.Tensor:
        """Some channels of the filters, as they are convolved with: (n, d) → (channels, n)."""
        rates = self.modulation.deltas[0, 0, channels].float().abs()
        decay = torch.exp(-self.pos_emb.t[0, : filters.shape[0], 0].float() * rates[:, None])
        return filters[:, channels].T * (decay + _WEIGHT_OF_THE_PAST)

    def _apply(self, fn, recurse=True):
        def moved(tensor: torch.Tensor) -> torch.Tensor:
            applied = fn(tensor)
            same = applied.dtype == tensor.dtype or not tensor.is_floating_point()
            return applied if same else tensor.to(applied.device)

        return super()._apply(moved, recurse)


class HyenaDnaReturn(nn.Linear):
    """The projection back into the residual stream; a class of its own, as its weights start smaller than others."""


class HyenaDnaMixer(nn.Module):
    """Carries information along the sequence, in place of attention: a gated long convolution."""

    def __init__(self, config):
        super().__init__()
        d = config.hidden_size
        self.in_proj = nn.Linear(d, 3 * d)
        self.short_filter = nn.Conv1d(
            3 * d, 3 * d, config.short_filter_size, groups=3 * d, padding=config.short_filter_size - 1
        )
        self.filter_fn = HyenaDnaFilter(config)
        self.dropout = nn.Dropout(config.mixer_dropout)
        self.out_proj = HyenaDnaReturn(d, d)

    def forward(self, hidden_states: torch.Tensor, order: TokenOrder | None) -> torch.Tensor:
        """(b, n, d) → (b, n, d); every token hears itself and those that are read before it."""
        if order is not None:
            hidden_states = order.read(hidden_states)
        mixed = self.out_proj(self._heard(self.in_proj(hidden_states)))
        return mixed if order is None else order.restore(mixed)

    def _heard(self, projected: torch.Tensor) -> torch.Tensor:
        """(b, n, 3 d): gates, gates and values of every channel → (b, n, d)."""
        b, n, d = *projected.shape[:2], projected.shape[2] // 3
        filters = self.filter_fn(n)
        at_a_time = d if is_exported() else max(1, _NUMBERS_AT_A_TIME // (b * n))
        if torch.is_grad_enabled() or at_a_time >= d:
            short = self.short_filter(projected.transpose(1, 2))[..., :n]
            return self._gated(short, filters, slice(0, d)).transpose(1, 2)
        heard = projected.new_empty(b, n, d)
        for start in range(0, d, at_a_time):
            channels = slice(start, min(start + at_a_time, d))
            rows = torch.arange(3 * d, device=projected.device).view(3, d)[:, channels].flatten()
            short = functional.conv1d(
                projected[..., rows].transpose(1, 2),
                self.short_filter.weight[rows],
                None if self.short_filter.bias is None else self.short_filter.bias[rows],
                padding=self.short_filter.padding,
                groups=len(rows),
            )[..., :n]
            heard[..., channels] = self._gated(short, filters, channels).transpose(1, 2)
        return heard

    def _gated(self, short: torch.Tensor, filters: torch.Tensor, channels: slice) -> torch.Tensor:
        """Some channels (b, 3 channels, n), after the short convolution → (b, channels, n)."""
        after, before, values = short.chunk(3, dim=1)
        values = self.dropout(values * before)
        decayed = self.filter_fn.decayed(filters, channels)
        return long_convolution(values, decayed, self.filter_fn.bias[channels]) * after


class HyenaDnaFeedForward(nn.Module):
    """Two projections of every token by itself, with GELU (by tanh) between them."""

    def __init__(self, config):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = HyenaDnaReturn(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled() or is_exported():
            return self._block(hidden_states)
        tokens_at_a_time = max(1, _NUMBERS_AT_A_TIME // (hidden_states.shape[0] * self.fc1.out_features))
        if tokens_at_a_time >= hidden_states.shape[1]:
            return self._block(hidden_states)
        return torch.cat([self._block(part) for part in hidden_states.split(tokens_at_a_time, dim=1)], dim=1)

    def _block(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(hidden_states), approximate="tanh"))


class HyenaDnaLayer(GradientCheckpointingLayer):
    """Mixer, then feed-forward, each normalised on its way in and added to the residual stream, which is float32."""

    def __init__(self, config):
        super().__init__()
        self.mixer = HyenaDnaMixer(config)
        self.norm1 = nn.LayerNorm(config.hidden_size)  # upstream reads no config here
        self.mlp = HyenaDnaFeedForward(config)
        self.norm2 = nn.LayerNorm(config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, order: TokenOrder | None = None) -> torch.Tensor:
        """(b, n, d) → (b, n, d) float32."""
        stream = hidden_states.float()
        stream = stream + self.mixer(self.norm1(stream.to(self.norm1.weight.dtype)), order)
        return stream + self.mlp(self.norm2(stream.to(self.norm2.weight.dtype)))


class HyenaDnaFinalNorm(nn.LayerNorm):
    """The last normalisation; a class of its own, so that its output is kept among the hidden states."""


class HyenaDnaEmbeddings(nn.Module):
    """Vectors of tokens, under the name that the checkpoints give them."""

    def __init__(self, config):
        super().__init__()
        self.word_embeddings: nn.Module = nn.Embedding(config.vocab_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor | None) -> torch.Tensor:
        """(b, n) ids, or (b, n, d) vectors in their place → (b, n, d)."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds.")
        return self.dropout(self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds)


class HyenaDnaBackbone(nn.Module):
    """The layers, one after another, and a last normalisation."""

    def __init__(self, config):
        super().__init__()
        self.embeddings = HyenaDnaEmbeddings(config)
        self.layers = nn.ModuleList([HyenaDnaLayer(config) for _ in range(config.num_hidden_layers)])
        self.ln_f = HyenaDnaFinalNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden_states: torch.Tensor, order: TokenOrder | None) -> torch.Tensor:
        for layer in self.layers:
            hidden_states = layer(hidden_states, order)
        return self.ln_f(hidden_states.to(self.ln_f.weight.dtype))
