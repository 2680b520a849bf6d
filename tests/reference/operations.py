"""The few operations that all reference models are made of, in float64."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf

Weights = dict[str, np.ndarray]
Config = dict[str, Any]


class Answer(NamedTuple):
    """What a model gives for one sequence."""

    hidden: np.ndarray  # (n, h): what the authors call the last hidden state
    logits: np.ndarray  # (n, v)


def linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """x Wᵀ + b, or x Wᵀ where no bias is stored."""
    y = x @ weights[f"{name}.weight"].T
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def layer_norm(weights: Weights, name: str, x: np.ndarray, eps: float) -> np.ndarray:
    """Each row less its mean, over its standard deviation, then scaled and moved (moved where a bias is stored)."""
    y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return y * weights[f"{name}.weight"] + weights.get(f"{name}.bias", 0.0)


def rms_norm(weights: Weights, name: str, x: np.ndarray, eps: float) -> np.ndarray:
    """Each row over its root mean square, then scaled."""
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weights[f"{name}.weight"]


def gelu(x: np.ndarray) -> np.ndarray:
    """x times the normal distribution's cumulative function."""
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """The approximation of GELU by a hyperbolic tangent."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def silu(x: np.ndarray) -> np.ndarray:
    """x times its logistic function."""
    return x / (1 + np.exp(-x))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + eˣ)."""
    return np.logaddexp(0, x)


def softmax(x: np.ndarray) -> np.ndarray:
    """Of each row; entries of minus infinity get 0."""
    y = np.exp(x - x.max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)


def rotated(x: np.ndarray, width: int) -> np.ndarray:
    """Rotary positions on the first `width` numbers of (n, d): number i turns with number i + width / 2."""
    half = width // 2
    angles = np.arange(len(x))[:, None] * 10_000.0 ** (-np.arange(half) / half)
    first, second = x[:, :half], x[:, half:width]
    turned = [first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles)]
    return np.concatenate([*turned, x[:, width:]], axis=1)


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, heads: int, allowed: np.ndarray, *, bias: Any = None, rotary: int = 0
) -> np.ndarray:
    """Scaled dot products, head by head.

    Args:
        q, k, v: (n, h).
        allowed: (n,) keys that may be read, or (heads, n, n) of query and key.
        bias: (heads, n, n) added to the scores.
        rotary: how many numbers of a head turn with the position.
    """
    d = q.shape[1] // heads
    out = np.empty_like(q)
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        queries, keys = (rotated(x[:, part], rotary) if rotary else x[:, part] for x in (q, k))
        scores = queries @ keys.T / np.sqrt(d)
        if bias is not None:
            scores = scores + bias[head]
        may = allowed.astype(bool) if allowed.ndim == 1 else allowed[head].astype(bool)
        out[:, part] = softmax(np.where(may, scores, -np.inf)) @ v[:, part]
    return out
