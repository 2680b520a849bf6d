"""Building blocks of an AWD-LSTM: a layer with dropout of its recurrent weights, and dropout locked over time.

The parameters have upstream's names. Source: Merity et al. 2018, https://arxiv.org/abs/1708.02182.

Legend: b sequences, n tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from .token_order import TokenOrder


def reset_places(
    is_reset: torch.Tensor, real: torch.Tensor | None, order: TokenOrder | None, *, after_first: bool
) -> torch.Tensor:
    """(b, n) in reading order, True for tokens after which the state is reset.

    Args:
        is_reset: (b, n), True for reset tokens, by position.
        real: (b, n), True for real tokens, by position; None, with `order`, where all are real.
        after_first: whether the first token may be one. Upstream looks back from the third token on only.
    """
    follows = torch.ones_like(is_reset)
    if order is not None and real is not None:
        is_reset, follows = order.read(is_reset), order.read(real)
    # a reset is carried out when the next token is read, so the last token of a sequence keeps its vector
    places = is_reset & functional.pad(follows[:, 1:], (0, 1))
    return places if after_first else functional.pad(places[:, 1:], (1, 0))


class LockedDropout(nn.Module):
    """Dropout of the same numbers at every token of a sequence."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(b, n, hidden) → (b, n, hidden)."""
        if not self.training or not self.p:
            return hidden_states
        kept = functional.dropout(torch.ones_like(hidden_states[:, :1]), self.p)
        return hidden_states * kept


class Bias(nn.Module):
    """The biases of a linear map whose weights are stored elsewhere."""

    def __init__(self, size: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))


class AwdLstmLayer(GradientCheckpointingLayer):
    """One LSTM over the tokens of a sequence, which starts from a state of zeros."""

    def __init__(self, sizes: tuple[int, int], weight_dropout: float):
        super().__init__()
        size_in, size_out = sizes
        self.size_out = size_out
        self.weight_dropout = weight_dropout
        self.weight_raw = nn.Parameter(torch.zeros(4 * size_out, size_out))
        self.module = nn.ModuleDict({"i2h": nn.Linear(size_in, 4 * size_out), "h2h": Bias(4 * size_out)})

    def forward(
        self,
        hidden_states: torch.Tensor,
        real: torch.Tensor | None = None,
        order: TokenOrder | None = None,
        resets: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(b, n, size_in) → (b, n, size_out), zero for tokens that are not real.

        Args:
            real: (b, n), True for real tokens; None, with `order`, where all are real.
            order: the real tokens in order, all others after them: so padding, on either side or in between, does
                not change the state that a real token finds.
            resets: (b, n), as the tokens are read, True for those after which the state starts anew; None: none does.
        """
        if order is None or real is None:
            return self._run(hidden_states, resets)
        outputs = order.restore(self._run(order.read(hidden_states), resets))
        return outputs.masked_fill(~real[..., None], 0.0)

    @torch.compiler.disable  # inductor unrolls an LSTM token by token, and has no code for it with gradients
    def _run(self, hidden_states: torch.Tensor, resets: torch.Tensor | None) -> torch.Tensor:
        """The LSTM over tokens as they are read, in float32: rounding would pile up in a state of many tokens."""
        dtype = torch.promote_types(hidden_states.dtype, torch.float32)
        device = hidden_states.device.type
        written = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.weight_raw.dtype
        with torch.autocast(device, enabled=False):
            hidden_states, weights = self._weights(hidden_states, dtype)
            zeros = hidden_states.new_zeros(1, hidden_states.shape[0], self.size_out)
            if resets is None:
                outputs, *_ = _lstm(hidden_states, (zeros, zeros), weights)
            else:
                outputs = _run_with_resets(hidden_states, (zeros, zeros), weights, resets)
        return outputs.to(written)

    def _weights(self, hidden_states: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The input and the weights as torch's LSTM takes them, which has the gates in another order."""
        recurrent = functional.dropout(self.weight_raw, self.weight_dropout, training=self.training)
        i2h: Any = self.module["i2h"]
        h2h: Any = self.module["h2h"]
        if type(i2h) is nn.Linear:
            weights = [i2h.weight, recurrent, i2h.bias, h2h.bias]
        else:  # an adapter replaces it: its output is used unchanged
            hidden_states = i2h(hidden_states.to(recurrent.dtype))
            width = len(recurrent)
            same = torch.eye(width, device=recurrent.device, dtype=recurrent.dtype)
            weights = [same, recurrent, torch.zeros_like(h2h.bias), h2h.bias]
        # one piece of memory, as cuDNN wants it
        flat = torch.cat([_torch_gates(each).to(dtype).flatten() for each in weights])
        pieces = flat.split([each.numel() for each in weights])
        return hidden_states.to(dtype), [piece.view_as(each) for piece, each in zip(pieces, weights, strict=True)]


State = tuple[torch.Tensor, torch.Tensor]


def _lstm(inputs: torch.Tensor, state: State, weights: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Outputs (b, n, size_out), and what is left of the state."""
    return torch.lstm(inputs, state, weights, True, 1, 0.0, False, False, True)


def _run_with_resets(
    inputs: torch.Tensor, state: State, weights: list[torch.Tensor], resets: torch.Tensor
) -> torch.Tensor:
    """The LSTM in pieces that end where the state of some sequence is reset.

    Upstream zeroes the state in place, and so the output of the reset token too.
    """
    ends = (resets.any(dim=0).nonzero().flatten() + 1).tolist()
    pieces = []
    for start, end in zip([0, *ends], [*ends, inputs.shape[1]], strict=True):
        output, hidden, cell = _lstm(inputs[:, start:end], state, weights)
        anew = resets[None, :, end - 1, None]
        state = (hidden.masked_fill(anew, 0.0), cell.masked_fill(anew, 0.0))
        pieces.append(output)
    return torch.cat(pieces, dim=1).masked_fill(resets[..., None], 0.0)


def _torch_gates(rows: torch.Tensor) -> torch.Tensor:
    """Rows in the order input, forget, output, cell → input, forget, cell, output."""
    input_gate, forget_gate, output_gate, cell_gate = rows.chunk(4)
    return torch.cat([input_gate, forget_gate, cell_gate, output_gate])


class AwdLstmStack(nn.Module):
    """The layers, under the name that the checkpoints give them."""

    def __init__(self, config):
        super().__init__()
        dropout = config.weight_dropout_prob
        self.lstm = nn.ModuleList([AwdLstmLayer(sizes, dropout) for sizes in config.layer_sizes])
        self.hidden_dropout = LockedDropout(config.hidden_dropout_prob)

    def forward(
        self,
        hidden_states: torch.Tensor,
        real: torch.Tensor | None,
        order: TokenOrder | None,
        resets: torch.Tensor | None,
    ) -> torch.Tensor:
        for index, layer in enumerate(self.lstm):
            if index:
                hidden_states = self.hidden_dropout(hidden_states)
            hidden_states = layer(hidden_states, real, order, resets)
        return hidden_states
