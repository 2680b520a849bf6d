"""Tiny folders that stand in for GPN's: the first layout (also BEND's ResNet-LM) and the later one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from hf_dnalm.modeling.configuration_gpn import GpnConfig
from hf_dnalm.modeling.modeling_gpn import (
    GpnForMaskedLM,
    GpnForSequenceClassification,
    GpnForTokenClassification,
    GpnModel,
)
from hf_dnalm.tokenization import NucleotideTokenizer, build_nucleotide_tokenizer

CLASSES = {
    "base": GpnModel,
    "masked_lm": GpnForMaskedLM,
    "sequence": GpnForSequenceClassification,
    "token": GpnForTokenClassification,
}
SHAPE: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "first_kernel_size": 5, "rest_kernel_size": 5}
# The fields of the published GPN-Animal-Promoter, and of its sibling with another kind of layer.
BYTENET: dict[str, Any] = {
    "block": "bytenet",
    "learned_embedding": True,
    "slim": True,
    "bias": False,
    "mlm_head_transform": False,
    "rest_kernel_size": 3,
}
PRE_NORM: dict[str, Any] = {"block": "pre_norm", "intermediate_size": 20, "depthwise": True, "rest_kernel_size": 3}
_ONE_HOT = "letters are one-hot by default: there is no table of vectors to get, resize, tie or train"
_FEW = "the test takes away 15 tokens, and there are seven"
CONFORMANCE_EXEMPT = {
    "P*::test_model_get_set_embeddings": _ONE_HOT,
    "P*::test_tied_weights_keys": _ONE_HOT,
    "P*::test_retain_grad_hidden_states_attentions": _ONE_HOT,
    "P*::test_load_with_mismatched_shapes": _ONE_HOT,
    "P*::test_resize_tokens_embeddings": _ONE_HOT,
    "PreNorm::test_resize_embeddings_untied": _FEW,
    "ByteNet::test_resize_embeddings_untied": _FEW,
    "ByteNet::test_resize_tokens_embeddings": _FEW,
}
LAYOUTS = ("first", "later")
FLAVOURS: dict[str, dict[str, Any]] = {"PostNorm": {}, "PreNorm": PRE_NORM, "ByteNet": BYTENET}


def toy_config(**changes) -> GpnConfig:
    """Two layers of 16 numbers per token; initial weights large enough to tell."""
    return GpnConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> NucleotideTokenizer:
    """The tokenizer of the toy's folder, which is the published one."""
    return build_nucleotide_tokenizer("gpn", model_max_length=10**30)


def toy_model(head: Literal["base", "masked_lm", "sequence", "token"] = "masked_lm", *, seed: int = 0, **changes):
    """A model in evaluation mode whose weights are large enough to tell, biases too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head](toy_config(**changes))
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def write_upstream(folder: Path, layout: Literal["first", "later"] = "first", *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: model_type "ConvNet", or "GPN" with layers after ByteNet's."""
    changes = {} if layout == "first" else BYTENET
    state = toy_model("masked_lm", seed=seed, **changes).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.clone() for key, value in state.items()}, folder / "model.safetensors", {"format": "pt"})
    if layout == "first":
        config = {
            "_name_or_path": "results/checkpoint-120000",
            "architectures": ["ConvNetForMaskedLM"],
            "dilation_cycle": 6,
            "dilation_double_every": 1,
            "dilation_max": 32,
            "hidden_size": SHAPE["hidden_size"],
            "initializer_range": 0.02,
            "kernel_size": SHAPE["rest_kernel_size"],
            "model_type": "ConvNet",
            "n_layers": SHAPE["num_hidden_layers"],
            "torch_dtype": "float32",
            "transformers_version": "4.28.1",
            "vocab_size": 7,
        }
    else:
        config = {
            "architectures": ["GPNForMaskedLM"],
            "attention_probs_dropout_prob": 0.1,
            "aux_features_vocab_size": 5,
            "bias": False,
            "depthwise": False,
            "dilation_base": 2,
            "dilation_cycle": 6,
            "dilation_double_every": 1,
            "dilation_max": 9999,
            "embedding": "embedding",
            "embedding_size": 768,
            "encoder": "bytenet",
            "first_kernel_size": SHAPE["first_kernel_size"],
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.0,
            "hidden_size": SHAPE["hidden_size"],
            "initializer_range": 0.02,
            "intermediate_size": 2048,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": 1536,
            "mlm_head_transform": False,
            "model_type": "GPN",
            "n_aux_features": 0,
            "num_attention_heads": 12,
            "num_hidden_layers": SHAPE["num_hidden_layers"],
            "pad_token_id": 0,
            "pos_weight": None,
            "rest_kernel_size": BYTENET["rest_kernel_size"],
            "rotary_value": False,
            "slim": True,
            "tie_word_embeddings": False,
            "torch_dtype": "float32",
            "transformers_version": "4.47.1",
            "type_vocab_size": 2,
            "use_cache": True,
            "vocab_size": 7,
        }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    write_tokenizer(folder)
    return folder


def write_tokenizer(folder: Path) -> None:
    """The tokenizer's files as GPN and BEND publish them."""
    toy_tokenizer().backend_tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"mask_token": "[MASK]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(settings))
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
