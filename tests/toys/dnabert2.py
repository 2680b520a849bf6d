"""Tiny folders that stand in for DNABERT-2 and DNABERT-S: the published layouts, a few thousand numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from hf_dnalm.modeling.configuration_dnabert2 import DnaBert2Config
from hf_dnalm.modeling.modeling_dnabert2 import (
    DnaBert2ForMaskedLM,
    DnaBert2ForSequenceClassification,
    DnaBert2ForTokenClassification,
    DnaBert2Model,
)
from hf_dnalm.tokenization import DnaBpeTokenizer

CLASSES = {
    "base": DnaBert2Model,
    "masked_lm": DnaBert2ForMaskedLM,
    "sequence": DnaBert2ForSequenceClassification,
    "token": DnaBert2ForTokenClassification,
}
FLAVOURS = {"": {}, "WithPooler": {"add_pooler": True}}
LAYOUTS = ("DNABERT-2", "DNABERT-S")
SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
MERGES = [("A", "A"), ("G", "C"), ("T", "A"), ("C", "G"), ("GC", "TA"), ("A", "CG"), ("T", "T"), ("AA", "AA")]
SHAPE: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + 4 + len(MERGES),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "intermediate_size": 20,
}


def toy_backend() -> Tokenizer:
    """Byte pairs over the four bases, with eight merges."""
    words = [*SPECIAL, *"ACGT", *("".join(pair) for pair in MERGES)]
    backend = Tokenizer(BPE({word: i for i, word in enumerate(words)}, MERGES, unk_token="[UNK]"))
    backend.pre_tokenizer = Whitespace()
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return backend


def toy_config(**changes) -> DnaBert2Config:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return DnaBert2Config(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> DnaBpeTokenizer:
    """The tokenizer of the toy's folder."""
    names = dict(zip(("unk_token", "cls_token", "sep_token", "pad_token", "mask_token"), SPECIAL, strict=True))
    return DnaBpeTokenizer(tokenizer_object=toy_backend(), model_max_length=512, **names)


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


def write_upstream(folder: Path, layout: Literal["DNABERT-2", "DNABERT-S"] = "DNABERT-2", *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: DNABERT-2 with its head and no pooler, DNABERT-S bare and with one."""
    if layout == "DNABERT-2":
        state = toy_model("masked_lm", seed=seed).state_dict()
    else:
        state = toy_model("base", add_pooler=True, seed=seed).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.clone() for key, value in state.items()}, folder / "model.safetensors", {"format": "pt"})
    config = SHAPE | {
        "alibi_starting_size": 16,
        "attention_probs_dropout_prob": 0.0,
        "auto_map": {"AutoConfig": "configuration_bert.BertConfig", "AutoModel": "bert_layers.BertModel"},
        "classifier_dropout": None,
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "position_embedding_type": "absolute",
        "torch_dtype": "float32",
        "transformers_version": "4.28.0",
        "type_vocab_size": 2,
        "use_cache": True,
    }
    backend = toy_backend()
    if layout == "DNABERT-S":
        config |= {"model_type": "bert", "architectures": ["BertModel"], "pad_token_id": 0}
        backend.enable_truncation(2000)
        backend.enable_padding(length=2000, pad_id=3, pad_token="[PAD]")
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    backend.save(str(folder / "tokenizer.json"))
    names = dict(zip(("unk_token", "cls_token", "sep_token", "pad_token", "mask_token"), SPECIAL, strict=True))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"} | names))
    return folder
