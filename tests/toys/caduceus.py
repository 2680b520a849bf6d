"""Tiny folders that stand in for Caduceus Ps and Ph and for PlantCaduceus, in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from hf_dnalm.checkpoints import find_checkpoint
from hf_dnalm.checkpoints.caduceus import translate
from hf_dnalm.modeling.configuration_caduceus import CaduceusConfig
from hf_dnalm.modeling.modeling_caduceus import (
    CaduceusForMaskedLM,
    CaduceusForSequenceClassification,
    CaduceusForTokenClassification,
    CaduceusModel,
)
from hf_dnalm.tokenization import NucleotideTokenizer, build_nucleotide_tokenizer

Layout = Literal["ps", "ph", "plant"]

CLASSES = {
    "base": CaduceusModel,
    "masked_lm": CaduceusForMaskedLM,
    "sequence": CaduceusForSequenceClassification,
    "token": CaduceusForTokenClassification,
}
SHAPE: dict[str, Any] = {"d_model": 12, "n_layer": 2}
FLAVOURS: dict[str, dict[str, Any]] = {
    "Ps": {},
    "Ph": {"rcps": False},
    "Conjoin": {"rcps": False, "conjoin": True},
    "Plant": {"residual_in_fp32": True},
}
LAYOUTS = ("ps", "ph")
REFUSES = {"inputs_embeds": "conjoin reads the reverse complement of input_ids"}
CONFORMANCE_EXEMPT = {"Conjoin::test_inputs_embeds": "vectors have no reverse complement, and are refused"}
_PUBLISHED = {
    "ps": "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16",
    "ph": "kuleshov-group/caduceus-ph_seqlen-1k_d_model-256_n_layer-4_lr-8e-3",
    "plant": "kuleshov-group/PlantCaduceus_l20",
}
NO_EXPORT = {"ONNX": ".*"}


def upstream_config(layout: Layout = "ps") -> dict[str, Any]:
    """A published config.json, of a tiny model."""
    config = dict(find_checkpoint(_PUBLISHED[layout])[1].config) | SHAPE
    return config | {"torch_dtype": "float32", "transformers_version": "4.38.1"}


def toy_config(layout: Layout = "ps", **changes) -> CaduceusConfig:
    """Two layers over strands of 12 numbers per token."""
    fields = {key: each for key, each in translate(upstream_config(layout)).items() if key != "dtype"}
    return CaduceusConfig(**(fields | {"num_labels": 3} | changes))


def toy_model(
    head: Literal["base", "masked_lm", "sequence", "token"] = "masked_lm",
    layout: Layout = "ps",
    *,
    seed: int = 0,
    **changes,
):
    """A model in evaluation mode whose weights are large enough to tell."""
    changes.pop("attn_implementation", None)  # there is no attention
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head](toy_config(layout, **changes))
        for name, parameter in model.named_parameters():
            if name.endswith("A_log"):
                parameter.data += 0.1 * torch.randn_like(parameter)
            elif name.endswith("dt_proj.bias"):
                parameter.data.uniform_(-3.0, 0.0)
            elif parameter.dim() > 1 or name.endswith("bias"):
                parameter.data = 0.4 * torch.randn_like(parameter)
            else:
                parameter.data = 1 + 0.2 * torch.randn_like(parameter)
    return model.eval()


def toy_tokenizer(layout: Layout = "ps") -> NucleotideTokenizer:
    """The tokenizer of the toy's folder."""
    return build_nucleotide_tokenizer("gpn" if layout == "plant" else "caduceus", model_max_length=1024)


def stored(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict as upstream's safetensors hold it: the tied weight of the head once."""
    tied = getattr(model, "_tied_weights_keys", None) or {}
    return {key: value.clone() for key, value in model.state_dict().items() if key not in tied}


def with_copies(state: dict[str, torch.Tensor], embedding: str) -> dict[str, torch.Tensor]:
    """What upstream's pickled files hold: each tied tensor under all its names."""
    copies = {
        key.replace("mamba_fwd", "mamba_rev"): value
        for key, value in state.items()
        if "in_proj" in key or "out_proj" in key
    }
    head = "lm_head.lm_head.weight" if "lm_head.complement_map" in state else "lm_head.weight"
    return state | copies | {head: state[embedding]}


def write_upstream(folder: Path, layout: Layout = "ps", *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: Caduceus as safetensors, PlantCaduceus pickled with its copies."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(upstream_config(layout), indent=2))
    state = stored(toy_model("masked_lm", layout, seed=seed))
    if layout == "plant":
        embedding = "caduceus.backbone.embeddings.word_embeddings.embedding.weight"
        torch.save(with_copies(state, embedding), folder / "pytorch_model.bin")
        write_plant_tokenizer(folder)
    else:
        save_file(state, folder / "model.safetensors", {"format": "pt"})
        write_character_tokenizer(folder)
    return folder


def write_character_tokenizer(folder: Path) -> None:
    """Caduceus' tokenizer files: names of special tokens alone, the letters are in its code."""
    special = {0: "[CLS]", 1: "[SEP]", 2: "[BOS]", 3: "[MASK]", 4: "[PAD]", 6: "[UNK]"}
    names = {
        "bos_token": "[BOS]",
        "cls_token": "[CLS]",
        "eos_token": "[SEP]",
        "mask_token": "[MASK]",
        "pad_token": "[PAD]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
    }
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    settings = names | {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(i): {"content": word} | flags for i, word in special.items()},
        "auto_map": {"AutoTokenizer": ["tokenization_caduceus.CaduceusTokenizer", None]},
        "clean_up_tokenization_spaces": True,
        "model_max_length": 1024,
        "padding_side": "left",
        "tokenizer_class": "CaduceusTokenizer",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    (folder / "special_tokens_map.json").write_text(json.dumps(names))


def write_plant_tokenizer(folder: Path) -> None:
    """PlantCaduceus' tokenizer.json: byte pairs without a merge, lower case, no special tokens around a sequence."""
    words = ("[PAD]", "[MASK]", "[UNK]", *"acgt")
    backend = Tokenizer(BPE({word: i for i, word in enumerate(words)}, [], unk_token="[UNK]"))
    backend.normalizer = Lowercase()
    backend.pre_tokenizer = Whitespace()
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in words[:3]])
    backend.save(str(folder / "tokenizer.json"))
    names = dict(zip(("pad_token", "mask_token", "unk_token"), words, strict=False))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1_000_000} | names
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
