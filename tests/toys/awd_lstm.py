"""A tiny folder that stands in for BEND's AWD-LSTM, with all that its file holds and nobody reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch

from hf_dnalm.modeling.configuration_awd_lstm import AwdLstmConfig
from hf_dnalm.modeling.modeling_awd_lstm import (
    AwdLstmForCausalLM,
    AwdLstmForSequenceClassification,
    AwdLstmForTokenClassification,
    AwdLstmModel,
)
from tests.toys.gpn import toy_tokenizer as toy_tokenizer
from tests.toys.gpn import write_tokenizer

CLASSES = {
    "base": AwdLstmModel,
    "causal_lm": AwdLstmForCausalLM,
    "sequence": AwdLstmForSequenceClassification,
    "token": AwdLstmForTokenClassification,
}
SHAPE: dict[str, Any] = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2}
CANNOT = {"compile": "inductor unrolls an LSTM token by token, so the LSTM stays outside of the compiled graph"}
CONFORMANCE_EXEMPT = {
    "test_correct_missing_keys": "upstream calls the layers of a model what it calls the model under a head",
    "test_resize_embeddings_untied": "the test takes away 15 tokens, and there are seven",
    "test_resize_tokens_embeddings": "the test takes away 15 tokens, and there are seven",
}
NO_EXPORT = {"torch.export": "", "ONNX": ""}


def hidden_widths(config: AwdLstmConfig) -> list[int]:
    """Numbers of a token in each entry of `hidden_states`."""
    return [config.hidden_size, *(size_out for _, size_out in config.layer_sizes)]


def toy_config(**changes) -> AwdLstmConfig:
    """Two layers of 12 numbers per token, 20 between them; initial weights large enough to tell."""
    return AwdLstmConfig(**(SHAPE | {"initializer_range": 0.5, "num_labels": 3} | changes))


def toy_model(head: Literal["base", "causal_lm", "sequence", "token"] = "causal_lm", *, seed: int = 0, **changes):
    """A model in evaluation mode whose weights are large enough to tell, biases too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLASSES[head](toy_config(**changes))
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def write_upstream(folder: Path, *, seed: int = 0) -> Path:
    """A folder as BEND's download has it: dropped copies of the recurrent weights and the state of a batch, too."""
    model = toy_model("causal_lm", seed=seed)
    state = dict(model.state_dict())
    for index, layer in enumerate(model.encoder.encoder.lstm):
        state[f"encoder.encoder.lstm.{index}.module.h2h.weight"] = torch.zeros_like(layer.weight_raw)
        for kind in ("hidden", "cell"):
            state[f"last_{kind}_state_{index}"] = torch.full((2, 1, layer.size_out), 9.0)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "pytorch_model.bin")
    config = {
        "alpha": 2,
        "architectures": ["AWDLSTMForLM"],
        "batch_first": True,
        "beta": 1,
        "bidirectional": False,
        "dropout_prob": 0.4,
        "embedding_dropout_prob": 0.1,
        "hidden_dropout_prob": 0.3,
        "hidden_size": SHAPE["intermediate_size"],
        "initializer_range": 0.02,
        "input_dropout_prob": 0.65,
        "input_size": SHAPE["hidden_size"],
        "max_length": 20,
        "model_type": "AWDLSTM",
        "num_hidden_layers": SHAPE["num_hidden_layers"],
        "pad_token_id": None,
        "reset_token_id": None,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "transformers_version": "4.33.3",
        "vocab_size": 7,
        "weight_dropout_prob": 0.5,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    write_tokenizer(folder)
    return folder
