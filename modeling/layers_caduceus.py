"""Building blocks of Caduceus: bidirectional Mamba blocks over one strand (Ph) or over both with the same weights (Ps).

Legend: b sequences, n tokens, d channels, s states of a channel.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from .reverse_complement import ReverseComplementEmbedding, from_strands, to_strands
from .state_space import causal_convolution, selective_scan
from .token_order import TokenOrder, token_orders

# The two directions in which a strand is read; None where every token is real.
Orders = tuple[TokenOrder, TokenOrder] | None


class CaduceusRMSNorm(nn.Module):
    """Root mean square normalisation, computed in float32 at least."""

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.d_model))
        self.eps = config.norm_epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n, d) → (b, n, d), in the dtype of `x`."""
        return functional.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps)


class CaduceusConvolution(nn.Module):
    """Each channel convolved along the tokens with the ones before.

    It is none of torch's: PEFT would take it for one, and its adapter reads channels and tokens the other way round.
    """

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.d_inner, 1, config.d_conv))
        self.bias = nn.Parameter(torch.zeros(config.d_inner)) if config.conv_bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n, d) → (b, n, d)."""
        return causal_convolution(x, self.weight, self.bias)


class CaduceusSteps(nn.Linear):
    """How far each channel moves on, before softplus: (b, n, rank) → (b, n, d) in float32 at least.

    The bias is added in float32: steps are as small as 0.001, which bfloat16 would keep to two digits.
    """

    def forward(self, low_rank: torch.Tensor) -> torch.Tensor:
        dtype = torch.promote_types(low_rank.dtype, torch.float32)
        return functional.linear(low_rank, self.weight.to(low_rank.dtype)).to(dtype) + self.bias.to(dtype)


class CaduceusMamba(nn.Module):
    """One direction of a Mamba block. Both directions share the projections in and out, which the first one holds."""

    def __init__(self, config, *, holds_projections: bool):
        super().__init__()
        inner = config.d_inner
        self.sizes = (config.dt_rank, config.d_state, config.d_state)
        self.A_log = nn.Parameter(torch.empty(inner, config.d_state))
        self.D = nn.Parameter(torch.empty(inner))
        self.conv1d = CaduceusConvolution(config)
        self.x_proj = nn.Linear(inner, sum(self.sizes), bias=False)
        self.dt_proj = CaduceusSteps(config.dt_rank, inner)
        if holds_projections:
            self.in_proj = nn.Linear(config.d_model, 2 * inner, bias=False)
            self.out_proj = nn.Linear(inner, config.d_model, bias=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(b, n, d) in the order of reading → x and dt (b, n, d), A (d, s), B and C (b, n, s): what is scanned."""
        x = functional.silu(self.conv1d(x))
        low_rank, B, C = self.x_proj(x).split(self.sizes, dim=-1)
        dtype = torch.promote_types(x.dtype, torch.float32)
        dt = functional.softplus(self.dt_proj(low_rank).to(dtype))
        return x, dt, -torch.exp(self.A_log.to(dtype)), B, C


class CaduceusBiMamba(nn.Module):
    """Mamba along a sequence and against it, added up.

    The projections in and out and the gate do not depend on the direction, so they are computed once:
    out(y1 · gate) + out(y2 · gate) = out((y1 + y2) · gate).
    """

    def __init__(self, config):
        super().__init__()
        self.scan = config.scan
        self.mamba_fwd = CaduceusMamba(config, holds_projections=True)
        self.mamba_rev = CaduceusMamba(config, holds_projections=False)

    def forward(self, strands: tuple[torch.Tensor, ...], orders: tuple[Orders, ...]) -> list[torch.Tensor]:
        """(b, n, d) of each strand → the same; strands differ in nothing, but go through the scan together.

        Each strand has products of its own, of equal shape: that makes the results of equal strands equal to the bit.
        """
        gates, inputs = [], []
        for strand, order in zip(strands, orders, strict=True):
            x, gate = self.mamba_fwd.in_proj(strand).chunk(2, dim=-1)
            gates.append(functional.silu(gate))
            for backwards, mamba in enumerate((self.mamba_fwd, self.mamba_rev)):
                inputs.append(mamba(_read(x, order, backwards=bool(backwards))))
        scan_inputs = [torch.stack(each) for each in zip(*inputs, strict=True)]
        del inputs  # of 131,072 nucleotides they are 4 GB
        skip = torch.stack([self.mamba_fwd.D, self.mamba_rev.D] * len(strands))[:, None, None]
        scanned = torch.addcmul(selective_scan(*scan_inputs, scan=self.scan), scan_inputs[0], skip)
        outputs = []
        for number, (gate, order) in enumerate(zip(gates, orders, strict=True)):
            forwards, backwards = scanned[2 * number : 2 * number + 2]
            y = _restore(forwards, order, backwards=False) + _restore(backwards, order, backwards=True)
            outputs.append(self.mamba_fwd.out_proj(y * gate))
        return outputs


def _read(x: torch.Tensor, orders: Orders, *, backwards: bool) -> torch.Tensor:
    if orders is None:
        return x.flip(1) if backwards else x
    return orders[backwards].read(x)


def _restore(y: torch.Tensor, orders: Orders, *, backwards: bool) -> torch.Tensor:
    if orders is None:
        return y.flip(1) if backwards else y
    return orders[backwards].restore(y)


class CaduceusBothStrands(nn.Module):
    """Holds the mixer of a Ps layer, under the name that the checkpoints give it."""

    def __init__(self, config):
        super().__init__()
        self.submodule = CaduceusBiMamba(config)

    def forward(self, strands: tuple[torch.Tensor, ...], orders: tuple[Orders, ...]) -> list[torch.Tensor]:
        return self.submodule(strands, orders)


class CaduceusLayer(GradientCheckpointingLayer):
    """Adds what came in to the residual stream, normalises the sum and mixes it along the sequence."""

    def __init__(self, config):
        super().__init__()
        self.rcps = config.rcps
        self.residual_in_fp32 = config.residual_in_fp32
        self.mixer = CaduceusBothStrands(config) if config.rcps else CaduceusBiMamba(config)
        self.norm = CaduceusRMSNorm(config)

    def forward(
        self,
        hidden_states: torch.Tensor,
        residual: torch.Tensor | None,
        orders: tuple[Orders, ...],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(b, n, hidden) of the mixer before and of the residual stream → the same two after this layer."""
        dtype = hidden_states.dtype
        total = residual_sum(hidden_states, residual)
        if self.rcps:
            # The halves change places in every layer, in the stream too: so the published weights were trained (by
            # the fused path of the authors' code; its other path leaves them, and gives other numbers).
            total = torch.cat(total.chunk(2, dim=-1)[::-1], dim=-1)
        strands = to_strands(total) if self.rcps else (total,)
        mixed = self.mixer(tuple(self.norm(strand).to(dtype) for strand in strands), orders)
        hidden_states = from_strands(*mixed) if self.rcps else mixed[0]
        return hidden_states, total if self.residual_in_fp32 else total.to(dtype)


def residual_sum(hidden_states: torch.Tensor, residual: torch.Tensor | None) -> torch.Tensor:
    """The sum in float32 at least, as the fused kernel of the authors' code has it."""
    dtype = torch.promote_types(hidden_states.dtype, torch.float32)
    return hidden_states.to(dtype) if residual is None else hidden_states.to(dtype) + residual.to(dtype)


class CaduceusEmbeddings(nn.Module):
    """Vectors of tokens; with rcps of their complements too."""

    def __init__(self, config):
        super().__init__()
        if config.rcps:
            self.word_embeddings: nn.Module = ReverseComplementEmbedding(
                config.vocab_size, config.d_model, config.complement_ids
            )
        else:
            self.word_embeddings = nn.Embedding(config.vocab_size, config.d_model)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(b, n) → (b, n, hidden)."""
        return self.word_embeddings(input_ids)


class CaduceusBackbone(nn.Module):
    """Embeddings, layers and the last normalisation."""

    def __init__(self, config):
        super().__init__()
        self.rcps = config.rcps
        self.embeddings = CaduceusEmbeddings(config)
        self.layers = nn.ModuleList([CaduceusLayer(config) for _ in range(config.n_layer)])
        self.norm_f = CaduceusRMSNorm(config)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        inputs_embeds: torch.Tensor | None,
    ) -> torch.Tensor:
        """(b, n) ids, or (b, n, hidden) vectors in their place → (b, n, hidden), zero outside the mask."""
        hidden_states = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if attention_mask is not None:
            # Zero goes through every layer as zero: no projection here has a bias.
            hidden_states = hidden_states.masked_fill(~attention_mask[..., None], 0.0)
        orders = self._orders(attention_mask)
        residual = None
        for layer in self.layers:
            hidden_states, residual = layer(hidden_states, residual, orders)
        total = residual_sum(hidden_states, residual)
        if self.rcps:
            normalised = from_strands(*(self.norm_f(strand) for strand in to_strands(total)))
        else:
            normalised = self.norm_f(total)
        return normalised.to(hidden_states.dtype)

    def _orders(self, attention_mask: torch.Tensor | None) -> tuple[Orders, ...]:
        """The reading order of each strand; the mask of the second strand is reversed."""
        if attention_mask is None:
            return (None,) * (1 + self.rcps)
        masks = (attention_mask, attention_mask.flip(1)) if self.rcps else (attention_mask,)
        return tuple(token_orders(mask) for mask in masks)
