"""A tiny folder that stands in for GENA-LM's BigBird: the published layout, a few thousand numbers.

Its blocks hold two tokens, so that sequences of more than 14 tokens are read by blocks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from hf_dnalm.modeling.configuration_gena_bigbird import GenaBigBirdConfig
from hf_dnalm.modeling.modeling_gena_bigbird import (
    GenaBigBirdForMaskedLM,
    GenaBigBirdForSequenceClassification,
    GenaBigBirdForTokenClassification,
    GenaBigBirdModel,
)
from hf_dnalm.tokenization import DnaBpeTokenizer
from tests.toys.gena_bert import NAMES, toy_backend

CLASSES = {
    "base": GenaBigBirdModel,
    "masked_lm": GenaBigBirdForMaskedLM,
    "sequence": GenaBigBirdForSequenceClassification,
    "token": GenaBigBirdForTokenClassification,
}
SHAPE: dict[str, Any] = {
    "vocab_size": 26,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 128,
    "block_size": 2,
    "num_random_blocks": 1,
}
# Of 37, 18, 9 and 33 tokens, special ones counted: three are read by blocks, each laid out otherwise, and one densely.
SEQUENCES = (
    "ACGTTGCAAACCGTAGGATTACATTGACCTTGAGGTACCGATT",
    "GATTACAGATTTACCAGG",
    "ACGTTTGA",
    "TTGACCATTGGTACCATGGATTGCCATAGGTTCA",
)
CANNOT = {"compile": "the mask says which blocks see which, and is read on the host: one graph break before the layers"}
FLAVOURS: dict[str, dict[str, Any]] = {
    "": {},
    "ByBlocks": {"block_size": 1, "num_random_blocks": 0, "add_pooler": True},  # past five tokens
}
NO_EXPORT = {"torch.export": ".*", "ONNX": ".*"}


def toy_config(**changes) -> GenaBigBirdConfig:
    """Two layers of 24 numbers per token; initial weights large enough to tell."""
    return GenaBigBirdConfig(**(SHAPE | {"initializer_range": 0.3, "num_labels": 3} | changes))


def toy_tokenizer() -> DnaBpeTokenizer:
    """The tokenizer of the toy's folder."""
    return DnaBpeTokenizer(tokenizer_object=toy_backend(), model_max_length=128, **NAMES)


def toy_model(head: Literal["base", "masked_lm", "sequence", "token"] = "masked_lm", *, seed: int = 0, **changes):
    """A model in evaluation mode whose weights are large enough to tell, biases too."""
    implementation = changes.pop("attn_implementation", "sdpa")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head]._from_config(toy_config(**changes), attn_implementation=implementation)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
        for _, buffer in model.named_buffers():  # a pooler that is only carried
            torch.nn.init.normal_(buffer, std=0.1)
    return model.eval()


def upstream_config(**changes) -> dict[str, Any]:
    """The toy's config.json as upstream writes it."""
    return (
        SHAPE
        | {
            "architectures": ["BigBirdForMaskedLM"],
            "attention_probs_dropout_prob": 0.1,
            "attention_type": "block_sparse",
            "gradient_checkpointing": False,
            "hidden_act": "gelu_new",
            "hidden_dropout_prob": 0.1,
            "initializer_range": 0.02,
            "layer_norm_eps": 1e-12,
            "model_type": "big_bird",
            "pad_token_id": 3,
            "position_embedding_type": "absolute",
            "rescale_embeddings": False,
            "transformers_version": "4.4.0.dev0",
            "type_vocab_size": 2,
            "use_bias": True,
            "use_cache": True,
        }
        | changes
    )


def write_upstream(folder: Path, *, seed: int = 0) -> Path:
    """A folder as the Hub holds it: the language model's head, a pooler, tied weights under both names, pickled."""
    folder.mkdir(parents=True, exist_ok=True)
    state = toy_model("masked_lm", seed=seed, add_pooler=True).state_dict()
    torch.save({key: value.clone() for key, value in state.items()}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(upstream_config(), indent=2))
    toy_backend().save(str(folder / "tokenizer.json"))
    (folder / "special_tokens_map.json").write_text(json.dumps(NAMES))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return folder
