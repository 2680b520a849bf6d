"""Encoders with attention: Nucleotide Transformer, DNABERT-2, GENA-LM dense and sparse, DNABERT and GROVER."""

from __future__ import annotations

import numpy as np

from tests.reference.operations import Answer, Config, Weights, attention, gelu, layer_norm, linear, silu


def nucleotide_transformer(weights: Weights, config: Config, ids: np.ndarray, mask: np.ndarray | None) -> Answer:
    """Version 1 and AgroNT (transformers' ESM), and version 2 (rotary, a gated feed-forward without biases)."""
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    attended = np.ones(len(ids)) if mask is None else mask
    rotary = config["position_embedding_type"] == "rotary"
    x = weights["esm.embeddings.word_embeddings.weight"][ids]
    if config["token_dropout"]:
        masked = ids == config["mask_token_id"]
        x = np.where(masked[:, None], 0.0, x) * (1 - 0.15 * 0.8) / (1 - masked.sum() / attended.sum())
    if not rotary:
        real = ids != config["pad_token_id"]
        positions = np.cumsum(real) * real + config["pad_token_id"]
        x = x + weights["esm.embeddings.position_embeddings.weight"][positions]
    if mask is not None:
        x = x * mask[:, None]
    for layer in range(config["num_hidden_layers"]):
        at = f"esm.encoder.layer.{layer}"
        y = layer_norm(weights, f"{at}.attention.LayerNorm", x, eps)
        q, k, v = (linear(weights, f"{at}.attention.self.{name}", y) for name in ("query", "key", "value"))
        y = attention(q, k, v, heads, attended, rotary=x.shape[1] // heads if rotary else 0)
        x = x + linear(weights, f"{at}.attention.output.dense", y)
        y = linear(weights, f"{at}.intermediate.dense", layer_norm(weights, f"{at}.LayerNorm", x, eps))
        if config.get("add_bias_fnn", True):
            y = gelu(y)
        else:
            gate, values = np.split(y, 2, axis=1)
            y = silu(gate) * values
        x = x + linear(weights, f"{at}.output.dense", y)
    x = layer_norm(weights, "esm.encoder.emb_layer_norm_after", x, eps)
    y = layer_norm(weights, "lm_head.layer_norm", gelu(linear(weights, "lm_head.dense", x)), eps)
    return Answer(x, linear(weights, "lm_head.decoder", y) + weights["lm_head.bias"])


def _slopes(heads: int) -> np.ndarray:
    """ALiBi's slopes: a geometric series for a power of two; otherwise every other one of the next power's follow."""

    def series(count: int) -> list[float]:
        return [2.0 ** (-8 * (i + 1) / count) for i in range(count)]

    below = 2 ** int(np.log2(heads))
    return np.array(series(below) + series(2 * below)[0::2][: heads - below])


def dnabert2(weights: Weights, config: Config, ids: np.ndarray, mask: np.ndarray | None) -> Answer:
    """DNABERT-2 and DNABERT-S (whose file holds the body alone): ALiBi, one matrix for q, k and v, gated GELU."""
    body = "bert." if "bert.embeddings.word_embeddings.weight" in weights else ""
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    attended = np.ones(len(ids)) if mask is None else mask
    x = weights[f"{body}embeddings.word_embeddings.weight"][ids]
    x = x + weights[f"{body}embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(weights, f"{body}embeddings.LayerNorm", x, eps)
    distance = np.abs(np.arange(len(ids))[:, None] - np.arange(len(ids)))
    bias = -_slopes(heads)[:, None, None] * distance
    for layer in range(config["num_hidden_layers"]):
        at = f"{body}encoder.layer.{layer}"
        q, k, v = np.split(linear(weights, f"{at}.attention.self.Wqkv", x), 3, axis=1)
        y = linear(weights, f"{at}.attention.output.dense", attention(q, k, v, heads, attended, bias=bias))
        x = layer_norm(weights, f"{at}.attention.output.LayerNorm", x + y, eps)
        gate, values = np.split(linear(weights, f"{at}.mlp.gated_layers", x), 2, axis=1)
        x = layer_norm(weights, f"{at}.mlp.layernorm", x + linear(weights, f"{at}.mlp.wo", gelu(gate) * values), eps)
    x = x * attended[:, None]
    if not body:
        return Answer(x, np.empty((len(ids), 0)))
    return Answer(x, _bert_head(weights, x, 1e-12))


def gena(weights: Weights, config: Config, ids: np.ndarray, mask: np.ndarray | None) -> Answer:
    """GENA-LM: BERT with the norms before the blocks; the sparse ones read blocks of keys, all layers as the first."""
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    rotary = config.get("rotary_dim", 0) if config["position_embedding_type"] == "rotary" else 0
    x = weights["bert.embeddings.word_embeddings.weight"][ids]
    x = x + weights["bert.embeddings.token_type_embeddings.weight"][0]
    if not rotary:
        x = x + weights["bert.embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(weights, "bert.embeddings.LayerNorm", x, eps)
    allowed = np.ones(len(ids)) if mask is None else mask
    if "sparse_attention" in config:
        block = config["sparse_attention"]["block"]
        layout = weights["bert.encoder.layer.0.attention.self.sparse_self_attention.master_layout"]
        of_token = np.arange(len(ids)) // block
        allowed = layout[:, of_token][:, :, of_token] * allowed
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        y = layer_norm(weights, f"{at}.pre_attention_ln", x, eps)
        q, k, v = (linear(weights, f"{at}.attention.self.{name}", y) for name in ("query", "key", "value"))
        x = x + linear(weights, f"{at}.attention.output.dense", attention(q, k, v, heads, allowed, rotary=rotary))
        y = gelu(linear(weights, f"{at}.intermediate.dense", layer_norm(weights, f"{at}.post_attention_ln", x, eps)))
        x = x + linear(weights, f"{at}.output.dense", y)
    if config.get("last_layer_norm", config["pre_layer_norm"]):
        x = layer_norm(weights, "bert.encoder.last_layer_ln", x, eps)
    return Answer(x, _bert_head(weights, x, eps))


def dnabert(weights: Weights, config: Config, ids: np.ndarray, mask: np.ndarray | None) -> Answer:
    """DNABERT: transformers' BERT, but for the head of its authors' fork, which adds its bias twice."""
    x, logits = grover(weights, config, ids, mask)
    return Answer(x, logits + weights["cls.predictions.bias"])


def grover(weights: Weights, config: Config, ids: np.ndarray, mask: np.ndarray | None) -> Answer:
    """GROVER: transformers' BERT."""
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    attended = np.ones(len(ids)) if mask is None else mask
    x = weights["bert.embeddings.word_embeddings.weight"][ids]
    x = x + weights["bert.embeddings.token_type_embeddings.weight"][0]
    x = x + weights["bert.embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(weights, "bert.embeddings.LayerNorm", x, eps)
    for layer in range(config["num_hidden_layers"]):
        at = f"bert.encoder.layer.{layer}"
        q, k, v = (linear(weights, f"{at}.attention.self.{name}", x) for name in ("query", "key", "value"))
        y = linear(weights, f"{at}.attention.output.dense", attention(q, k, v, heads, attended))
        x = layer_norm(weights, f"{at}.attention.output.LayerNorm", x + y, eps)
        y = linear(weights, f"{at}.output.dense", gelu(linear(weights, f"{at}.intermediate.dense", x)))
        x = layer_norm(weights, f"{at}.output.LayerNorm", x + y, eps)
    return Answer(x, _bert_head(weights, x, eps))


def _bert_head(weights: Weights, x: np.ndarray, eps: float) -> np.ndarray:
    """The masked language model's head, whose last matrix is that of the embeddings."""
    y = gelu(linear(weights, "cls.predictions.transform.dense", x))
    y = layer_norm(weights, "cls.predictions.transform.LayerNorm", y, eps)
    bias = weights.get("cls.predictions.bias", weights.get("cls.predictions.decoder.bias"))
    return y @ weights["bert.embeddings.word_embeddings.weight"].T + bias
