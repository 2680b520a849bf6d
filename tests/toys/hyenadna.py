"""Tiny folders that stand in for HyenaDNA: both published layouts, a few thousand numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from hf_dnalm.modeling.configuration_hyenadna import HyenaDnaConfig
from hf_dnalm.modeling.modeling_hyenadna import (
    HyenaDnaForCausalLM,
    HyenaDnaForSequenceClassification,
    HyenaDnaForTokenClassification,
    HyenaDnaModel,
)
from hf_dnalm.tokenization import NucleotideTokenizer, build_nucleotide_tokenizer

CLASSES = {
    "base": HyenaDnaModel,
    "causal_lm": HyenaDnaForCausalLM,
    "sequence": HyenaDnaForSequenceClassification,
    "token": HyenaDnaForTokenClassification,
}
LONGEST = 48

UPSTREAM: dict[str, Any] = {
    "activation_freq": 10,
    "architectures": ["HyenaDNAForCausalLM"],
    "auto_map": {"AutoConfig": "configuration_hyena.HyenaConfig", "AutoModel": "modeling_hyena.HyenaDNAModel"},
    "d_inner": 40,
    "d_model": 12,
    "emb_dim": 5,
    "embed_dropout": 0.1,
    "filter_order": 8,
    "hyena_dropout": 0.0,
    "hyena_filter_dropout": 0.0,
    "hyena_order": 2,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "max_seq_len": LONGEST,
    "model_type": "hyenadna",
    "n_layer": 2,
    "num_inner_mlps": 2,
    "pad_token_id": 4,
    "pad_vocab_size_multiple": 8,
    "short_filter_order": 3,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "train_freq": True,
    "transformers_version": "4.35.0.dev0",
    "use_bias": True,
    "vocab_size": 12,
}
FIRST: dict[str, Any] = {
    "d_model": 12,
    "n_layer": 2,
    "d_inner": 40,
    "vocab_size": 12,
    "resid_dropout": 0.0,
    "embed_dropout": 0.1,
    "fused_mlp": False,
    "fused_dropout_add_ln": True,
    "checkpoint_mixer": True,
    "checkpoint_mlp": True,
    "residual_in_fp32": True,
    "pad_vocab_size_multiple": 8,
    "return_hidden_state": True,
    "layer": {
        "_name_": "hyena",
        "emb_dim": 5,
        "filter_order": 8,
        "local_order": 3,
        "l_max": LONGEST,
        "modulate": True,
        "w": 10,
        "lr": 6e-4,
        "wd": 0.0,
        "lr_pos_emb": 0.0,
    },
}


def hidden_widths(config: HyenaDnaConfig) -> list[int]:
    """The embeddings, the output of each layer, and that of the last one normalised."""
    return [config.hidden_size] * (config.num_hidden_layers + 2)


def toy_config(**changes) -> HyenaDnaConfig:
    """Two layers of 12 numbers per token; initial weights large enough to tell."""
    shape = {
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "intermediate_size": 40,
        "max_position_embeddings": LONGEST,
        "filter_width": 8,
        "initializer_range": 0.3,
        "num_labels": 3,
    }
    return HyenaDnaConfig(**(shape | changes))


def toy_tokenizer() -> NucleotideTokenizer:
    """The tokenizer of the toy's folder."""
    return build_nucleotide_tokenizer("hyenadna", model_max_length=LONGEST)


def toy_model(
    head: Literal["base", "causal_lm", "sequence", "token"] = "causal_lm", *, seed: int = 0, **changes
) -> Any:
    """A model in evaluation mode whose weights are large enough to tell, biases and points in time too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head](toy_config(**changes))
        for name, parameter in model.named_parameters():
            if name.endswith(("bias", "pos_emb.z", "freq")):
                parameter.data += torch.randn_like(parameter) * 0.1
    return model.eval()


def write_upstream(
    folder: Path,
    layout: Literal["hf", "first"] = "hf",
    *,
    frequencies: tuple[int, ...] = (1,),
    beside: dict[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """A folder as the Hub holds it.

    Args:
        layout: "hf", or the one of the authors' first code, with the weights in a Lightning checkpoint.
        frequencies: the names, out of 1, 3 and 5, under which the file holds the frequencies that the sines share.
        beside: what the checkpoint pickles beside the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {}
    for key, value in toy_model(seed=seed).state_dict().items():
        names = [key]
        if key.endswith("implicit_filter.1.freq"):
            names = [key.replace("filter.1.", f"filter.{i}.") for i in frequencies]
        state |= {name: value.clone() for name in names}
    if layout == "hf":
        (folder / "config.json").write_text(json.dumps(UPSTREAM, indent=2))
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        roles = {"bos": "[BOS]", "cls": "[CLS]", "eos": "[SEP]", "mask": "[MASK]", "pad": "[PAD]", "sep": "[SEP]"}
        settings = {"tokenizer_class": "HyenaDNATokenizer", "model_max_length": LONGEST, "padding_side": "left"}
        settings |= {f"{role}_token": word for role, word in roles.items()} | {"unk_token": "[UNK]"}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return folder
    (folder / "config.json").write_text(json.dumps(FIRST, indent=2))
    lightning = {}
    for key, value in state.items():
        key = key.removeprefix("hyena.").replace(".mixer.", ".mixer.layer.").replace(".mlp.", ".mlp.layer.")
        lightning[f"model.{key}"] = value
    lightning["train_torchmetrics.accuracy.total"] = torch.tensor(3)
    torch.save({"epoch": 1, "state_dict": lightning, **(beside or {})}, folder / "weights.ckpt")
    return folder
