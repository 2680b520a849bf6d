"""What a user would run instead of our models: transformers' own classes, and published algorithms written plainly.

A plain peer takes our model and computes with its weights what the official code computes, the way it does;
`families.py` checks that both agree before it measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertModel, BigBirdConfig, BigBirdModel, EsmConfig, EsmModel

# (b, n) ids and a (b, n) mask → (b, n, hidden)
Forward = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def esm(config: Any) -> Forward:
    """transformers' ESM with as many parameters: a gated block has three matrices where a plain one has two."""
    gated = config.feed_forward == "silu_gated"
    sizes = _sizes(config)
    if gated:
        sizes["intermediate_size"] = config.intermediate_size * 3 // 2
    positions = {name: getattr(config, name) for name in ("position_embedding_type", "max_position_embeddings")}
    fields = sizes | positions | {"token_dropout": config.token_dropout, "mask_token_id": 2, "pad_token_id": 1}
    return _of(EsmModel, EsmConfig(**fields))


def bert(config: Any) -> Forward:
    """transformers' BERT of the same size, sdpa."""
    return _of(BertModel, BertConfig(**_sizes(config), max_position_embeddings=config.max_position_embeddings))


def big_bird(config: Any) -> Forward:
    """transformers' BigBird of the same size, with its block-sparse attention."""
    fields = _sizes(config) | {
        "max_position_embeddings": 4096,
        "hidden_act": "gelu_new",
        "attention_type": "block_sparse",
    }
    return _of(BigBirdModel, BigBirdConfig(**fields, block_size=64, num_random_blocks=3, use_bias=True))


def _sizes(config: Any) -> dict[str, Any]:
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    return {name: getattr(config, name) for name in names}


def _of(model_class: Any, config: Any) -> Forward:
    model = model_class(config, add_pooling_layer=False).eval()
    return lambda ids, mask: model(input_ids=ids, attention_mask=mask).last_hidden_state


def dense_dnabert2(model: Any) -> Forward:
    """DNABERT-2 as its own code runs without its GPU kernel: scores and biases of all pairs, written out.

    Feed-forward blocks and projections see real tokens only, attention the padded batch.
    """

    @torch.inference_mode()
    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        heads, width = model.config.num_attention_heads, model.config.head_dim
        b, n = ids.shape
        real = mask.flatten().nonzero().flatten()
        hidden = model.embeddings(ids, None, None).flatten(0, 1)[real]
        distances = (torch.arange(n)[:, None] - torch.arange(n)[None, :]).abs()
        slopes = torch.tensor(_alibi_slopes(heads))
        biases = (-slopes[:, None, None] * distances)[None] + (1.0 - mask[:, None, None, :].float()) * -10_000.0
        for layer in model.encoder.layer:
            padded = hidden.new_zeros(b * n, 3 * heads * width)
            padded[real] = layer.attention.self.Wqkv(hidden)
            query, key, value = padded.view(b, n, 3, heads, width).permute(2, 0, 3, 1, 4)
            scores = query @ key.transpose(-1, -2) / math.sqrt(width) + biases
            attended = (scores.softmax(-1) @ value).transpose(1, 2).reshape(b * n, -1)[real]
            hidden = layer.mlp(layer.attention.output(attended, hidden))
        out = hidden.new_zeros(b * n, heads * width)
        out[real] = hidden
        return out.view(b, n, -1)

    return forward


def _alibi_slopes(heads: int) -> list[float]:
    def powers(count: int) -> list[float]:
        return [2 ** (-8 * (head + 1) / count) for head in range(count)]

    lower = 2 ** int(math.log2(heads))
    return powers(lower) + powers(2 * lower)[::2][: heads - lower]


def sequential_scan(
    x: torch.Tensor, dt: torch.Tensor, A: torch.Tensor, B: torch.Tensor, C: torch.Tensor, *, scan: str = ""
) -> torch.Tensor:
    """The recurrence of a selective state space, one token after the other; arguments as `selective_scan` has them."""
    outputs = torch.empty_like(x)
    for group in range(len(x)):  # the official code scans each direction and each strand by itself
        decays = torch.exp(torch.einsum("bnd,ds->bnds", dt[group], A[group]))
        entering = torch.einsum("bnd,bns,bnd->bnds", dt[group], B[group], x[group])
        for row in range(x.shape[1]):
            state = x.new_zeros(A.shape[1:])
            steps = []
            for token in range(x.shape[2]):
                state = decays[row, token] * state + entering[row, token]
                steps.append(torch.einsum("ds,s->d", state, C[group, row, token]))
            outputs[group, row] = torch.stack(steps)
    return outputs


def lstm_by_steps(model: nn.Module) -> Forward:
    """AWD-LSTM as its own code runs: a Python loop over the letters, gates in the order i, f, o, g."""
    weights = model.state_dict()
    n_layers = sum(name.endswith("weight_raw") for name in weights)

    @torch.inference_mode()
    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = functional.embedding(ids, weights["embedding.weight"])
        for layer in range(n_layers):
            prefix = f"encoder.lstm.{layer}"
            recurrent = weights[f"{prefix}.weight_raw"]
            recurrent_bias = weights[f"{prefix}.module.h2h.bias"]
            entering = functional.linear(
                hidden, weights[f"{prefix}.module.i2h.weight"], weights[f"{prefix}.module.i2h.bias"]
            )
            state = cell = hidden.new_zeros(len(ids), recurrent.shape[1])
            outputs = []
            for token in range(ids.shape[1]):
                gates = entering[:, token] + functional.linear(state, recurrent, recurrent_bias)
                i, f, o, g = gates.chunk(4, dim=-1)
                cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
                state = torch.sigmoid(o) * torch.tanh(cell)
                outputs.append(state)
            hidden = torch.stack(outputs, dim=1)
        return hidden

    return forward


def plain_hyenadna(model: Any) -> Forward:
    """HyenaDNA as the official port runs: all channels at once, transforms of twice the length."""
    weights = {name.partition("backbone.")[2] or name: value for name, value in model.state_dict().items()}
    config = model.config

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    def norm(x: torch.Tensor, name: str, eps: float = 1e-5) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps)

    def filters(prefix: str, n: int) -> torch.Tensor:
        frequency = weights[f"{prefix}.implicit_filter.1.freq"]
        hidden = weights[f"{prefix}.pos_emb.z"][:, :n]
        last = 2 * (config.filter_inner_layers + 1)
        for layer in range(0, last, 2):
            hidden = torch.sin(frequency * linear(hidden, f"{prefix}.implicit_filter.{layer}"))
        hidden = linear(hidden, f"{prefix}.implicit_filter.{last}")
        decay = torch.exp(-weights[f"{prefix}.pos_emb.t"][:, :n] * weights[f"{prefix}.modulation.deltas"].abs())
        return (hidden * (decay + 0.05))[0].T

    @torch.inference_mode()
    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        n, d = ids.shape[1], config.hidden_size
        hidden = functional.embedding(ids, weights["embeddings.word_embeddings.weight"])
        for layer in range(config.num_hidden_layers):
            prefix = f"layers.{layer}"
            mixed = linear(norm(hidden, f"{prefix}.norm1"), f"{prefix}.mixer.in_proj").transpose(1, 2)
            short = weights[f"{prefix}.mixer.short_filter.weight"]
            bias = weights[f"{prefix}.mixer.short_filter.bias"]
            mixed = functional.conv1d(mixed, short, bias, padding=short.shape[-1] - 1, groups=3 * d)[..., :n]
            gate, inner_gate, value = mixed.split(d, dim=1)
            value = value * inner_gate
            spectrum = torch.fft.rfft(filters(f"{prefix}.mixer.filter_fn", n), n=2 * n) / (2 * n)
            heard = torch.fft.irfft(torch.fft.rfft(value, n=2 * n) * spectrum, n=2 * n, norm="forward")[..., :n]
            heard = heard + value * weights[f"{prefix}.mixer.filter_fn.bias"][:, None]
            hidden = hidden + linear((heard * gate).transpose(1, 2), f"{prefix}.mixer.out_proj")
            inner = functional.gelu(linear(norm(hidden, f"{prefix}.norm2"), f"{prefix}.mlp.fc1"), approximate="tanh")
            hidden = hidden + linear(inner, f"{prefix}.mlp.fc2")
        return norm(hidden, "ln_f", config.layer_norm_eps)

    return forward


def plain_gpn(model: Any) -> Forward:
    """GPN's first kind of layers as the official code runs them, without a mask."""

    @torch.inference_mode()
    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = functional.one_hot(ids, model.config.hidden_size).float()
        for layer in model.encoder:
            convolved = functional.gelu(layer.conv["1"](hidden.transpose(1, 2)).transpose(1, 2))
            hidden = hidden + layer.conv["4"](convolved)
            hidden = hidden + layer.ffn["2"](functional.gelu(layer.ffn["0"](hidden)))
        return hidden

    return forward
