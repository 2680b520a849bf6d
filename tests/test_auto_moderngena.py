"""ModernGENA is recognised by a vocabulary of DNA; any other ModernBERT goes to transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from tests.toys.moderngena import toy_model, upstream_config, write_upstream

PASSPORT = passport_of_family("moderngena")


@pytest.fixture
def upstream(tmp_path) -> Path:
    return write_upstream(tmp_path / "moderngena")


def test_recognition_is_by_the_vocabulary(upstream):
    text = (upstream / "tokenizer.json").read_text()
    english = json.dumps({"model": {"vocab": {"[UNK]": 0, "the": 1}}})
    config = upstream_config()
    assert find_passport(config, lambda name: text if name == "tokenizer.json" else None) is PASSPORT
    assert find_passport(config, lambda name: english if name == "tokenizer.json" else None) is None
    assert find_passport(config) is None
    assert AutoConfig.from_pretrained(upstream).model_type == "dnalm_moderngena"


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"classifier"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_only_the_last_layer_of_a_new_head_starts_untrained(upstream, door, new):
    model, info = door.from_pretrained(upstream, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    stored = load_file(upstream / "model.safetensors")
    loaded = {key.removeprefix("model."): each for key, each in model.state_dict().items()}
    stored = {key.removeprefix("model."): each for key, each in stored.items()}
    assert all(torch.equal(loaded[key], stored[key]) for key in loaded.keys() & stored.keys())
    assert ("head.dense.weight" in loaded) == (door is not AutoModel)


def test_an_official_head_of_tokens_loads(upstream):
    state = toy_model("token").state_dict()
    state = {key.replace("token_classifier", "classifier"): each for key, each in state.items()}
    save_file(state, upstream / "model.safetensors")
    labels = {str(i): f"class {i}" for i in range(3)}
    config = upstream_config(architectures=["ModernBertForTokenClassification"], id2label=labels)
    (upstream / "config.json").write_text(json.dumps(config))
    model, info = AutoModelForTokenClassification.from_pretrained(upstream, output_loading_info=True)
    assert not info["missing_keys"]
    assert torch.equal(model.token_classifier.weight, state["classifier.weight"])


def test_the_published_tokenizer_gives_the_ids_of_the_file(shared):
    folder = shared / "data" / "tokenizers" / "gena_t2t_1000h_multi_32k"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("ACGTNNNNNNNNNN")["input_ids"] == [1, 120, 15, 5, 2]
    assert len(tokenizer) == PASSPORT.vocabulary_of(PASSPORT.checkpoints[0])
