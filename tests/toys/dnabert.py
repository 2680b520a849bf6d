"""A tiny folder that stands in for DNABERT: the published layout with all 3-mers, a few thousand numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from hf_dnalm.modeling.configuration_dnabert import DnaBertConfig
from hf_dnalm.modeling.modeling_dnabert import (
    DnaBertForMaskedLM,
    DnaBertForSequenceClassification,
    DnaBertForTokenClassification,
    DnaBertModel,
)
from hf_dnalm.tokenization import (
    OverlappingKmerTokenizer,
    build_overlapping_kmer_tokenizer,
    overlapping_kmer_vocabulary,
)

CLASSES = {
    "base": DnaBertModel,
    "masked_lm": DnaBertForMaskedLM,
    "sequence": DnaBertForSequenceClassification,
    "token": DnaBertForTokenClassification,
}
K = 3
SHAPE: dict[str, Any] = {
    "vocab_size": 69,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 20,
    "max_position_embeddings": 40,
}
# What the authors' fork of transformers writes beside the shape.
FORK = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "do_sample": False,
    "eos_token_ids": 0,
    "finetuning_task": None,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "initializer_range": 0.02,
    "is_decoder": False,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "layer_norm_eps": 1e-12,
    "length_penalty": 1.0,
    "max_length": 20,
    "model_type": "bert",
    "num_beams": 1,
    "num_labels": 2,
    "num_return_sequences": 1,
    "num_rnn_layer": 1,
    "output_attentions": False,
    "output_hidden_states": False,
    "output_past": True,
    "pad_token_id": 0,
    "pruned_heads": {},
    "repetition_penalty": 1.0,
    "rnn": "lstm",
    "rnn_dropout": 0.0,
    "rnn_hidden": 768,
    "split": 10,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "torchscript": False,
    "type_vocab_size": 2,
    "use_bfloat16": False,
}


def toy_config(**changes) -> DnaBertConfig:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return DnaBertConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> OverlappingKmerTokenizer:
    """The tokenizer of the toy's folder."""
    return build_overlapping_kmer_tokenizer(K, model_max_length=SHAPE["max_position_embeddings"])


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


def write_upstream(folder: Path, *, seed: int = 0, **changes) -> Path:
    """A folder as the Hub holds it: pickled weights with a pooler, vocab.txt, and a do_lower_case that is not meant."""
    folder.mkdir(parents=True, exist_ok=True)
    pooler = toy_model("base", add_pooler=True, seed=seed).pooler.state_dict(prefix="bert.pooler.")
    torch.save(toy_model("masked_lm", seed=seed).state_dict() | pooler, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(SHAPE | FORK | changes, indent=2))
    (folder / "vocab.txt").write_text("\n".join(overlapping_kmer_vocabulary(K)) + "\n")
    limit = SHAPE["max_position_embeddings"]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "max_len": limit}))
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    return folder
