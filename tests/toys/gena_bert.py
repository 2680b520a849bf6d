"""Tiny folders that stand in for GENA-LM's checkpoints: both tokenizers, all heads, dense and sparse, few numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace, Strip
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import BertProcessing, TemplateProcessing

from hf_dnalm.modeling.configuration_gena_bert import GenaBertConfig
from hf_dnalm.modeling.modeling_gena_bert import (
    GenaBertForMaskedLM,
    GenaBertForSequenceClassification,
    GenaBertForTokenClassification,
    GenaBertModel,
)
from hf_dnalm.tokenization import DnaBpeTokenizer

CLASSES = {
    "base": GenaBertModel,
    "masked_lm": GenaBertForMaskedLM,
    "sequence": GenaBertForSequenceClassification,
    "token": GenaBertForTokenClassification,
}
SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
NAMES = dict(zip(("unk_token", "cls_token", "sep_token", "pad_token", "mask_token"), SPECIAL, strict=True))
# The first list was learned on lines of text, the later ones on letters and gaps: what they have besides ACGT.
LETTERS = {"v1": ("\n", *"ACGT"), "t2t": ("-", *"ABCGKMNRSTWY")}
MERGES = {
    "v1": [("A", "A"), ("G", "C"), ("T", "\n"), ("T", "A"), ("C", "G"), ("GC", "TA"), ("A", "CG"), ("AA", "AA")],
    "t2t": [("A", "A"), ("G", "C"), ("T", "N"), ("T", "A"), ("C", "G"), ("GC", "TA"), ("N", "N"), ("AA", "AA")],
}
SHAPE: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + len(LETTERS["t2t"]) + len(MERGES["t2t"]),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 64,
}
SPARSE: dict[str, Any] = {"sparse_block_size": 4}
ROTARY: dict[str, Any] = {"position_embedding_type": "rotary", "rotary_dim": 4}
NO_GRADIENT = (r"bert\.pooler\..*",)  # beside a language model's head it is kept, and not read
FLAVOURS = {
    "Dense": {"add_pooler": True},
    "LastNorm": {"last_layer_norm": True},
    "Sparse": SPARSE,
    "SparseRotary": SPARSE | ROTARY,
}
LAYOUTS = ("bert-base-t2t", "bigbird-base-sparse-t2t")

Vocabulary = Literal["v1", "t2t"]
Layout = Literal["bert-base", "bert-base-t2t", "bigbird-base-sparse", "bigbird-base-sparse-t2t", "promoters", "splice"]
NO_EXPORT = {"torch.export": "Sparse.*", "ONNX": "Sparse.*"}


def toy_backend(vocabulary: Vocabulary = "t2t") -> Tokenizer:
    """The pipeline of one of the two published tokenizers, with eight merges."""
    words = [*SPECIAL, *LETTERS[vocabulary], *("".join(pair) for pair in MERGES[vocabulary])]
    backend = Tokenizer(BPE({word: i for i, word in enumerate(words)}, MERGES[vocabulary], unk_token="[UNK]"))
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    if vocabulary == "v1":
        backend.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
        return backend
    backend.add_special_tokens([AddedToken("-", special=True, normalized=False)])
    backend.normalizer = Normalizers([Strip(), Replace(Regex("N{10,}"), "-")])
    backend.pre_tokenizer = Split("-", "isolated")
    backend.post_processor = BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return backend


def toy_config(**changes) -> GenaBertConfig:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return GenaBertConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer(vocabulary: Vocabulary = "t2t") -> DnaBpeTokenizer:
    """The tokenizer of the toy's folder."""
    return DnaBpeTokenizer(tokenizer_object=toy_backend(vocabulary), model_max_length=64, **NAMES)


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


def write_upstream(folder: Path, layout: Layout = "bert-base-t2t", *, seed: int = 0) -> Path:
    """A folder as the Hub holds it, or as the official classes save a fine-tuned model."""
    is_sparse, is_rotary = "sparse" in layout, layout == "bigbird-base-sparse"
    changes = (SPARSE if is_sparse else {}) | (ROTARY if is_rotary else {})
    head = {"promoters": "sequence", "splice": "token"}.get(layout, "masked_lm")
    model = toy_model(head, seed=seed, add_pooler=layout == "bert-base", **changes)
    state = {key.replace("token_classifier.", "classifier."): value for key, value in model.state_dict().items()}
    state["bert.embeddings.position_ids"] = torch.arange(64)[None]
    if layout == "bert-base":
        state |= {"cls.seq_relationship.weight": torch.zeros(2, 24), "cls.seq_relationship.bias": torch.zeros(2)}
    if is_rotary:
        for i in range(SHAPE["num_hidden_layers"]):
            state[f"bert.encoder.layer.{i}.attention.self.rotary_emb.inv_freq"] = torch.ones(2)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(upstream_config(layout), indent=2))
    toy_backend("v1" if layout in ("bert-base", "bigbird-base-sparse") else "t2t").save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "special_tokens_map.json").write_text(json.dumps(NAMES))
    return folder


def upstream_config(layout: Layout) -> dict[str, Any]:
    """config.json with upstream's own keys."""
    upstream_class = {
        "bert-base": "BertForPreTraining",
        "promoters": "BertForSequenceClassification",
        "splice": "BertForTokenClassification",
    }.get(layout, "BertForMaskedLM")
    config = SHAPE | {
        "architectures": ["BertForPretraining" if layout == "bert-base" else upstream_class],
        "attention_probs_dropout_prob": 0.1,
        "auto_map": {"AutoModel": f"modeling_bert.{upstream_class}"},
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "last_layer_norm": False,
        "layer_norm_eps": 1e-12,
        "model_type": "bert",
        "pad_token_id": 3,
        "position_embedding_type": "absolute",
        "pre_layer_norm": True,
        "transformers_version": "4.6.0.dev0",
        "type_vocab_size": 2,
        "use_cache": True,
    }
    if "sparse" in layout:
        config["sparse_config_cls"] = "deepspeed.ops.sparse_attention:BigBirdSparsityConfig"
        config["sparse_attention"] = {
            "num_heads": SHAPE["num_attention_heads"],
            "block": SPARSE["sparse_block_size"],
            "different_layout_per_head": True,
            "num_sliding_window_blocks": 3,
            "num_global_blocks": 2,
            "num_random_blocks": 3,
        }
    if layout == "bigbird-base-sparse":
        config |= {"position_embedding_type": "rotary", "rotary_base": 10000, "rotary_dim": 4}
    if upstream_class in ("BertForSequenceClassification", "BertForTokenClassification"):
        config |= {
            "id2label": {str(i): f"LABEL_{i}" for i in range(3)},
            "label2id": {f"LABEL_{i}": i for i in range(3)},
        }
    if layout == "splice":
        config["problem_type"] = "multi_label_classification"
    return config
