"""Models without attention: HyenaDNA, Caduceus, GPN and BEND's ResNet-LM, AWD-LSTM, BEND's downstream network."""

from __future__ import annotations

import numpy as np

from tests.reference.operations import (
    Answer,
    Config,
    Weights,
    gelu,
    gelu_tanh,
    layer_norm,
    linear,
    rms_norm,
    silu,
    softplus,
)


def hyenadna(weights: Weights, config: Config, ids: np.ndarray, mask: None) -> Answer:
    """HyenaDNA in transformers' layout: gated convolutions as long as the sequence, each filter a small network."""
    del mask  # the authors' model takes none
    n, d = len(ids), config["d_model"]
    x = weights["hyena.backbone.embeddings.word_embeddings.weight"][ids]
    for layer in range(config["n_layer"]):
        at = f"hyena.backbone.layers.{layer}"
        y = linear(weights, f"{at}.mixer.in_proj", layer_norm(weights, f"{at}.norm1", x, 1e-5))
        y = _causal(weights[f"{at}.mixer.short_filter.weight"][:, 0], y) + weights[f"{at}.mixer.short_filter.bias"]
        gate_out, gate_in, v = np.split(y, 3, axis=1)
        v = v * gate_in
        filters = _filters(weights, f"{at}.mixer.filter_fn", n)
        convolved = np.stack([np.convolve(v[:, c], filters[:, c])[:n] for c in range(d)], axis=1)
        y = (convolved + v * weights[f"{at}.mixer.filter_fn.bias"]) * gate_out
        x = x + linear(weights, f"{at}.mixer.out_proj", y)
        y = layer_norm(weights, f"{at}.norm2", x, 1e-5)
        x = x + linear(weights, f"{at}.mlp.fc2", gelu_tanh(linear(weights, f"{at}.mlp.fc1", y)))
    x = layer_norm(weights, "hyena.backbone.ln_f", x, config["layer_norm_epsilon"])
    return Answer(x, linear(weights, "lm_head", x))


def _filters(weights: Weights, at: str, n: int) -> np.ndarray:
    """(n, d): a network with sines reads points in time, its outputs decay with time."""
    z, t = weights[f"{at}.pos_emb.z"][0, :n], weights[f"{at}.pos_emb.t"][0, :n]
    stored = [f"{at}.implicit_filter.{i}.freq" for i in (1, 3, 5)]
    frequency = next(weights[name] for name in stored if name in weights)
    for i in (0, 2, 4):
        z = np.sin(frequency * linear(weights, f"{at}.implicit_filter.{i}", z))
    decay = np.exp(-t * np.abs(weights[f"{at}.modulation.deltas"].reshape(1, -1)))
    return linear(weights, f"{at}.implicit_filter.6", z) * (decay + 0.05)


def _causal(kernels: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each channel's own kernel (channels, k) over (n, channels), the last number of a kernel on the present."""
    k = kernels.shape[1]
    padded = np.concatenate([np.zeros((k - 1, x.shape[1])), x])
    return sum(padded[i : i + len(x)] * kernels[:, i] for i in range(k))


def caduceus(weights: Weights, config: Config, ids: np.ndarray, mask: None) -> Answer:
    """Caduceus-Ph and PlantCaduceus (one stream), Caduceus-Ps (both strands, which change places in every layer)."""
    del mask  # the authors' model takes none
    body, eps, d = "caduceus.backbone", config["norm_epsilon"], config["d_model"]
    complement = np.array([config["complement_map"][str(i)] for i in range(len(config["complement_map"]))])
    both = config["rcps"]
    name = f"{body}.embeddings.word_embeddings" + (".embedding.weight" if both else ".weight")
    table = weights[name]
    # Of both strands: channels d to 2d hold the other strand, with places and channels turned around.
    x = np.concatenate([table[ids], _turned(table[complement[ids[::-1]]])], axis=1) if both else table[ids]
    residual = np.zeros_like(x)
    for layer in range(config["n_layer"]):
        at = f"{body}.layers.{layer}"
        mixer = f"{at}.mixer.submodule" if both else f"{at}.mixer"
        residual = residual + x
        if not both:
            x = _both_directions(weights, mixer, rms_norm(weights, f"{at}.norm", residual, eps))
            continue
        # As the weights were trained: the second half is read as the forward strand, the first as the other one.
        first, second = residual[:, d:], _turned(residual[:, :d])
        outputs = [
            _both_directions(weights, mixer, rms_norm(weights, f"{at}.norm", each, eps)) for each in (first, second)
        ]
        x = np.concatenate([outputs[0], _turned(outputs[1])], axis=1)
        residual = np.concatenate([first, _turned(second)], axis=1)
    x = x + residual
    norm = f"{body}.norm_f"
    if not both:
        x = rms_norm(weights, norm, x, eps)
        return Answer(x, x @ table.T)
    halves = rms_norm(weights, norm, x[:, :d], eps), _turned(rms_norm(weights, norm, _turned(x[:, d:]), eps))
    logits = halves[0] @ table.T + halves[1][:, ::-1] @ table[complement].T
    return Answer(np.concatenate(halves, axis=1), logits)


def _turned(x: np.ndarray) -> np.ndarray:
    return x[::-1, ::-1]


def _both_directions(weights: Weights, at: str, x: np.ndarray) -> np.ndarray:
    """A Mamba block along the sequence and one against it, which share their outer projections; added."""
    forward = _mamba(weights, f"{at}.mamba_fwd", f"{at}.mamba_fwd", x)
    return forward + _mamba(weights, f"{at}.mamba_rev", f"{at}.mamba_fwd", x[::-1])[::-1]


def _mamba(weights: Weights, at: str, projections: str, x: np.ndarray) -> np.ndarray:
    """Mamba's first block (Gu and Dao 2023), its recurrence step by step."""
    x, z = np.split(linear(weights, f"{projections}.in_proj", x), 2, axis=1)
    x = silu(_causal(weights[f"{at}.conv1d.weight"][:, 0], x) + weights[f"{at}.conv1d.bias"])
    a = -np.exp(weights[f"{at}.A_log"])  # (inner, state)
    rank = weights[f"{at}.dt_proj.weight"].shape[1]
    steps, b, c = np.split(linear(weights, f"{at}.x_proj", x), [rank, rank + a.shape[1]], axis=1)
    steps = softplus(linear(weights, f"{at}.dt_proj", steps))
    state, y = np.zeros_like(a), np.empty_like(x)
    for i in range(len(x)):
        state = np.exp(steps[i][:, None] * a) * state + steps[i][:, None] * b[i] * x[i][:, None]
        y[i] = state @ c[i]
    return linear(weights, f"{projections}.out_proj", (y + weights[f"{at}.D"] * x) * silu(z))


def gpn(weights: Weights, config: Config, ids: np.ndarray, mask: None) -> Answer:
    """GPN's first layout and BEND's ResNet-LM: dilated convolutions over letters that are one-hot."""
    del mask  # the authors' model takes none
    x = np.zeros((len(ids), config["hidden_size"]))
    x[np.arange(len(ids)), ids] = 1.0
    every, cycle = config["dilation_double_every"], config["dilation_cycle"]
    for layer in range(config["n_layers"]):
        at = f"model.encoder.{layer}"
        dilation = min(config["dilation_max"], 2 ** ((layer // every) % cycle))
        y = _convolved(weights, f"{at}.conv.1", x, dilation)
        x = x + layer_norm(weights, f"{at}.conv.4", gelu(y), 1e-5)
        x = x + layer_norm(weights, f"{at}.ffn.2", gelu(linear(weights, f"{at}.ffn.0", x)), 1e-5)
    y = layer_norm(weights, "cls.decoder.2", gelu(linear(weights, "cls.decoder.0", x)), 1e-5)
    return Answer(x, linear(weights, "cls.decoder.3", y))


def _convolved(weights: Weights, at: str, x: np.ndarray, dilation: int = 1) -> np.ndarray:
    """A centred convolution over (n, channels), with zeros past both ends."""
    kernel = weights[f"{at}.weight"]  # (out, in, k)
    reach = kernel.shape[2] // 2 * dilation
    padded = np.concatenate([np.zeros((reach, x.shape[1])), x, np.zeros((reach, x.shape[1]))])
    taps = range(kernel.shape[2])
    return sum(padded[i * dilation : i * dilation + len(x)] @ kernel[:, :, i].T for i in taps) + weights[f"{at}.bias"]


def awd_lstm(weights: Weights, config: Config, ids: np.ndarray, mask: None) -> Answer:
    """BEND's AWD-LSTM without dropout; the gates are input, forget, output, candidate."""
    del mask  # the authors' model takes none
    x = weights["encoder.embedding.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.encoder.lstm.{layer}"
        recurrent = weights[f"{at}.weight_raw"]
        size = recurrent.shape[1]
        hidden, cell, out = np.zeros(size), np.zeros(size), []
        for row in linear(weights, f"{at}.module.i2h", x):
            gates = row + recurrent @ hidden + weights[f"{at}.module.h2h.bias"]
            take, keep, give = (1 / (1 + np.exp(-gates[i * size : (i + 1) * size])) for i in range(3))
            cell = keep * cell + take * np.tanh(gates[3 * size :])
            hidden = give * np.tanh(cell)
            out.append(hidden)
        x = np.array(out)
    return Answer(x, linear(weights, "decoder", x))


def bend_cnn(weights: Weights, config: Config, x: np.ndarray, length: int | None = None) -> np.ndarray:
    """BEND's network on vectors (n, channels): two convolutions, means of windows, a linear map.

    With `upsample_factor` f every vector stands for f nucleotides, of which `length` are kept; between the middles of
    two vectors numbers change linearly.
    """
    factor = config.get("upsample_factor")
    if factor:
        places = (np.arange(len(x) * factor) + 0.5) / factor - 0.5
        x = np.stack([np.interp(places, np.arange(len(x)), channel) for channel in x.T], axis=1)[:length]
    x = gelu(_convolved(weights, "conv1.1", x))
    x = gelu(_convolved(weights, "conv2.1", x))
    window = config.get("output_downsample_window")
    if window:
        x = x[: len(x) // window * window].reshape(-1, window, x.shape[1]).mean(1)
    return linear(weights, "linear.0", x)
