"""Tiny models and folders that stand in for the published ones: same classes, same layout, a few thousand numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from transformers import EsmConfig, EsmForMaskedLM

from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer, build_kmer_tokenizer
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary

CLASSES = {
    "base": NucleotideTransformerModel,
    "masked_lm": NucleotideTransformerForMaskedLM,
    "sequence": NucleotideTransformerForSequenceClassification,
    "token": NucleotideTransformerForTokenClassification,
}

LARGE = {"initializer_range": 0.3}  # weights whose effects no tolerance hides; training starts better from small ones
FLAVOURS = {
    "Version1": LARGE | {"position_embedding_type": "absolute", "feed_forward": "gelu", "token_dropout": True},
    "AgroNT": LARGE | {"position_embedding_type": "absolute", "feed_forward": "gelu", "hidden_size": 36},
    "Version2": LARGE,
}


def toy_config(**changes) -> NucleotideTransformerConfig:
    """Version 2 with 3-mers, 2 layers and 32 numbers per token."""
    shape = {"vocab_size": 75, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    return NucleotideTransformerConfig(**(shape | {"intermediate_size": 64} | changes))


def toy_tokenizer(*, model_max_length: int = 2048, genome_mode: bool = False) -> KmerTokenizer:
    """The tokenizer of the published 3-mer checkpoint."""
    return build_kmer_tokenizer(
        3, layout="nucleotide_transformer_v2", model_max_length=model_max_length, genome_mode=genome_mode
    )


def toy_model(head: Literal["base", "masked_lm", "sequence", "token"] = "masked_lm", *, seed: int = 0, **changes):
    """A model in evaluation mode whose weights are a function of the seed; the caller's random state is left alone."""
    implementation = changes.pop("attn_implementation", "sdpa")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head]._from_config(toy_config(**changes), attn_implementation=implementation)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):  # they start at zero, where a lost one would not be seen
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def write_upstream(folder: Path, *, seed: int = 0) -> Path:
    """A folder as the Hub holds version 2: config without a model type, vocab.txt, tensors that nobody reads."""
    model = toy_model("masked_lm", seed=seed)
    config = model.config
    layers = range(config.num_hidden_layers)
    unused = {"esm.embeddings.position_embeddings.weight": torch.zeros(2050, config.hidden_size)} | {
        f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq": torch.ones(config.head_dim // 2)
        for i in layers
    }
    unused["esm.contact_head.regression.weight"] = torch.zeros(1, len(layers) * config.num_attention_heads)
    unused["esm.contact_head.regression.bias"] = torch.zeros(1)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict() | unused, folder / "model.safetensors", metadata={"format": "pt"})
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    upstream = {name: getattr(config, name) for name in kept} | {
        "add_bias_fnn": False,
        "architectures": ["EsmForMaskedLM", "EsmForTokenClassification", "EsmForSequenceClassification"],
        "auto_map": {"AutoConfig": "esm_config.EsmConfig", "AutoModelForMaskedLM": "modeling_esm.EsmForMaskedLM"},
        "attention_probs_dropout_prob": 0.0,
        "emb_layer_norm_before": False,
        "hidden_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "is_folding_model": False,
        "layer_norm_eps": 1e-12,
        "mask_token_id": 2,
        "max_position_embeddings": 2050,
        "pad_token_id": 1,
        "position_embedding_type": "rotary",
        "tie_word_embeddings": False,
        "token_dropout": False,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(upstream, indent=2))
    (folder / "vocab.txt").write_text("\n".join(kmer_vocabulary(3, "nucleotide_transformer_v2")))
    tokenizer = {"eos_token": None, "model_max_length": 2048, "tokenizer_class": "EsmTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


def write_version_1(folder: Path) -> Path:
    """A folder as the Hub holds version 1, by transformers' own ESM; position_ids and contact head are not read."""
    config = EsmConfig(
        vocab_size=73, mask_token_id=2, pad_token_id=1, token_dropout=True, tie_word_embeddings=False,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=66,
        emb_layer_norm_before=False, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        EsmForMaskedLM(config).save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    weights["esm.embeddings.position_ids"] = torch.arange(66)[None]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.txt").write_text("\n".join(kmer_vocabulary(3, "nucleotide_transformer_v1")))
    (folder / "tokenizer_config.json").write_text('{"eos_token": null, "model_max_length": 64}')
    return folder
