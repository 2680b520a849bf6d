"""A tiny folder that stands in for ModernGENA: config.json of ModernBERT, GENA-LM's kind of vocabulary.

Tokens attend to two others on either side in the second layer, so that local attention leaves tokens out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from hf_dnalm.modeling.configuration_moderngena import ModernGenaConfig
from hf_dnalm.modeling.modeling_moderngena import (
    ModernGenaForMaskedLM,
    ModernGenaForSequenceClassification,
    ModernGenaForTokenClassification,
    ModernGenaModel,
)
from hf_dnalm.tokenization import DnaBpeTokenizer
from tests.toys.gena_bert import NAMES, toy_backend

CLASSES = {
    "base": ModernGenaModel,
    "masked_lm": ModernGenaForMaskedLM,
    "sequence": ModernGenaForSequenceClassification,
    "token": ModernGenaForTokenClassification,
}
SHAPE: dict[str, Any] = {
    "vocab_size": 26,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 64,
    "local_attention": 4,
}
CONFORMANCE_EXEMPT = {"test_model_rope_scaling*": "the config has no scaled rotary angles"}


def toy_config(**changes) -> ModernGenaConfig:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return ModernGenaConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> DnaBpeTokenizer:
    """The tokenizer of the toy's folder."""
    return DnaBpeTokenizer(tokenizer_object=toy_backend(), **NAMES)


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


def upstream_config(**changes) -> dict[str, Any]:
    """The toy's config.json as ModernBERT's own conversion writes it."""
    return (
        SHAPE
        | {
            "architectures": ["ModernBertForMaskedLM"],
            "bos_token_id": 1,
            "cls_token_id": 1,
            "decoder_bias": True,
            "eos_token_id": 2,
            "global_attn_every_n_layers": 3,
            "global_rope_theta": 160000.0,
            "hidden_activation": "gelu",
            "layer_norm_eps": 1e-05,
            "local_rope_theta": 10000.0,
            "model_type": "modernbert",
            "norm_eps": 1e-05,
            "pad_token_id": 3,
            "position_embedding_type": "absolute",
            "sep_token_id": 2,
            "sparse_prediction": False,
        }
        | changes
    )


def write_upstream(folder: Path, *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: the language model, its tied weights stored once."""
    folder.mkdir(parents=True, exist_ok=True)
    state = toy_model("masked_lm", seed=seed).state_dict()
    save_file({key: each for key, each in state.items() if key != "decoder.weight"}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(upstream_config(), indent=2))
    toy_backend().save(str(folder / "tokenizer.json"))
    (folder / "special_tokens_map.json").write_text(json.dumps(NAMES))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return folder
