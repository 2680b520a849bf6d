"""A tiny folder that stands in for GROVER: the published layout, its odd merges included, a few thousand numbers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import torch

from hf_dnalm.auto import AutoTokenizer
from hf_dnalm.modeling.configuration_grover import GroverConfig
from hf_dnalm.modeling.modeling_grover import (
    GroverForMaskedLM,
    GroverForSequenceClassification,
    GroverForTokenClassification,
    GroverModel,
)
from hf_dnalm.tokenization import DnaBpeTokenizer

CLASSES = {
    "base": GroverModel,
    "masked_lm": GroverForMaskedLM,
    "sequence": GroverForSequenceClassification,
    "token": GroverForTokenClassification,
}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# The first four join a base with nothing, as in the published file: they leave the empty word, which no text gives.
MERGES = ["A ", "C ", "G ", "T ", "T T", "A A", "G C", "A TT", "GC AA", "AA AA"]
MERGES += ["C C", "C G", "C T", "TT TT", "CC CC", "CG CG", "CT CT", "AAAA AAAA", "GCAA GCAA"]
WORDS = [*SPECIAL, *"ACGT", *(merge.replace(" ", "") for merge in MERGES[4:]), ""]
SHAPE: dict[str, Any] = {
    "vocab_size": len(WORDS) - 1,  # one row for every word but the empty one
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "max_position_embeddings": 40,
}


def toy_config(**changes) -> GroverConfig:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return GroverConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> DnaBpeTokenizer:
    """The tokenizer of the toy's folder."""
    with tempfile.TemporaryDirectory() as folder:
        return AutoTokenizer.from_pretrained(write_tokenizer(Path(folder)))


def toy_model(head: Literal["base", "masked_lm", "sequence", "token"] = "masked_lm", *, seed: int = 0, **changes):
    """A model in evaluation mode whose weights are large enough to tell, biases too."""
    implementation = changes.pop("attn_implementation", "sdpa")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head]._from_config(toy_config(**changes), attn_implementation=implementation)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def write_tokenizer(folder: Path) -> Path:
    """The tokenizer files alone, with the three special tokens that the published ones name."""
    added = [
        {"id": i, "content": word, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for i, word in enumerate(SPECIAL)
    ]
    edges = {word: {"id": word, "ids": [SPECIAL.index(word)], "tokens": [word]} for word in ("[CLS]", "[SEP]")}
    piece = {"Sequence": {"id": "A", "type_id": 0}}
    open_, close = ({"SpecialToken": {"id": word, "type_id": 0}} for word in ("[CLS]", "[SEP]"))
    pair = [
        open_,
        piece,
        close,
        {"Sequence": {"id": "B", "type_id": 1}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 1}},
    ]
    template = {"type": "TemplateProcessing", "single": [open_, piece, close], "pair": pair, "special_tokens": edges}
    model = {"type": "BPE", "unk_token": "[UNK]", "vocab": {word: i for i, word in enumerate(WORDS)}, "merges": MERGES}
    parts = {"normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": template, "decoder": None}
    file = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added} | parts | {"model": model}
    (folder / "tokenizer.json").write_text(json.dumps(file))
    names = {"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    limit = SHAPE["max_position_embeddings"]
    settings = names | {"model_max_length": limit, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def write_upstream(folder: Path, *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: pickled weights with a pooler, and a config that could be any BERT's."""
    folder.mkdir(parents=True, exist_ok=True)
    pooler = toy_model("base", add_pooler=True, seed=seed).pooler.state_dict(prefix="bert.pooler.")
    torch.save(toy_model("masked_lm", seed=seed).state_dict() | pooler, folder / "pytorch_model.bin")
    config = SHAPE | {
        "architectures": ["BertForMaskedLM"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "model_type": "bert",
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "use_cache": True,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    return write_tokenizer(folder)
