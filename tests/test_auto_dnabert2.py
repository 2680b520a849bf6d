"""DNABERT-2 and DNABERT-S through every door: both layouts, nothing half loaded, never plain BERT."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.modeling.configuration_dnabert2 import DnaBert2Config
from tests.toys.dnabert2 import write_upstream

PASSPORT = passport_of_family("dnabert2")
IDS = torch.tensor([[1, 5, 9, 14, 2, 3], [1, 6, 7, 8, 13, 2]])
MASK = (IDS != 3).long()


@pytest.fixture
def dnabert2(tmp_path) -> Path:
    return write_upstream(tmp_path / "DNABERT-2")


@pytest.fixture
def dnabert_s(tmp_path) -> Path:
    return write_upstream(tmp_path / "DNABERT-S", "DNABERT-S")


def body(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix("bert."): value for key, value in state.items()}


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"bert.pooler.dense", "classifier"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_dnabert2_through_every_door_with_what_starts_untrained_by_name(dnabert2, door, new, caplog):
    with caplog.at_level(logging.WARNING, "hf_dnalm"):
        model, info = door.from_pretrained(dnabert2, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert all(name in caplog.text for name in new)
    stored, loaded = body(load_file(dnabert2 / "model.safetensors")), body(model.state_dict())
    assert all(torch.equal(loaded[key], value) for key, value in stored.items() if not key.startswith("cls."))


@pytest.mark.parametrize(
    ("door", "new", "pooler"),
    [
        (AutoModel, set(), True),
        (AutoModelForSequenceClassification, {"classifier"}, True),
        (AutoModelForTokenClassification, {"token_classifier"}, False),
    ],
)
def test_the_bare_names_of_dnabert_s_are_read_through_every_door(dnabert_s, door, new, pooler):
    model, info = door.from_pretrained(dnabert_s, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    stored, loaded = load_file(dnabert_s / "model.safetensors"), body(model.state_dict())
    assert set(stored) - set(loaded) == (set() if pooler else {"pooler.dense.weight", "pooler.dense.bias"})
    assert all(torch.equal(loaded[key], value) for key, value in stored.items() if key in loaded)


def test_dnabert_s_has_no_language_models_head(dnabert_s):
    with pytest.raises(ValueError, match=r"DnaBert2ForMaskedLM misses .*cls\.predictions"):
        AutoModelForMaskedLM.from_pretrained(dnabert_s)


def test_a_head_that_pools_otherwise_needs_no_pooler(dnabert2):
    model, info = AutoModelForSequenceClassification.from_pretrained(
        dnabert2, classifier_pooling="mean", num_labels=5, output_loading_info=True
    )
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == {"classifier"}
    assert model(IDS, MASK).logits.shape == (2, 5)


def test_plain_bert_never_results(dnabert_s):
    # transformers' own door reads the folder as BERT: weights of other names, started at random with a mere warning
    model = AutoModel.from_pretrained(dnabert_s)
    assert type(model).__name__ == "DnaBert2Model"
    assert not isinstance(model, transformers.BertModel)
    assert (model.config.model_type, model.config.pad_token_id) == ("dnalm_dnabert2", 3)


@pytest.mark.parametrize("lost", ["bert.encoder.layer.1.mlp.wo.weight", "cls.predictions.transform.dense.bias"])
def test_a_lost_weight_is_refused_by_name(dnabert2, lost):
    state = load_file(dnabert2 / "model.safetensors")
    del state[lost]
    save_file(state, dnabert2 / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=rf"incomplete, DnaBert2ForMaskedLM misses {lost}"):
        AutoModelForMaskedLM.from_pretrained(dnabert2)


def test_a_lost_pooler_of_a_trained_head_is_refused(dnabert2, tmp_path):
    saved = tmp_path / "saved"
    AutoModelForSequenceClassification.from_pretrained(dnabert2).save_pretrained(saved)
    state = load_file(saved / "model.safetensors")
    save_file({key: each for key, each in state.items() if "pooler" not in key}, saved / "model.safetensors")
    with pytest.raises(ValueError, match=r"misses bert\.pooler\.dense\.bias, bert\.pooler\.dense\.weight"):
        AutoModelForSequenceClassification.from_pretrained(saved)


def test_a_weight_of_another_model_is_refused(dnabert2):
    state = load_file(dnabert2 / "model.safetensors") | {"bert.embeddings.position_embeddings.weight": torch.zeros(2)}
    save_file(state, dnabert2 / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"position_embeddings\.weight, for which"):
        AutoModel.from_pretrained(dnabert2)


DNA, ENGLISH = (json.dumps({"model": {"vocab": {"[UNK]": 0, word: 1}}}) for word in ("GATT", "the"))
CONFIG = dict(PASSPORT.checkpoints[0].config)


@pytest.mark.parametrize(
    ("config", "tokenizer_json", "ours"),
    [
        (CONFIG, None, True),
        (CONFIG | {"model_type": "bert"}, DNA, True),
        (CONFIG | {"vocab_size": 100}, DNA, True),
        (CONFIG | {"vocab_size": 30528, "model_type": "bert"}, None, False),  # MosaicBERT
        (CONFIG | {"model_type": "bert"}, ENGLISH, False),
        (CONFIG | {"model_type": "mpt"}, DNA, False),
        ({key: each for key, each in CONFIG.items() if key != "alibi_starting_size"}, DNA, False),
        (transformers.BertConfig(vocab_size=4096).to_dict(), DNA, False),
        (DnaBert2Config().to_dict(), None, True),
    ],
)
def test_recognition_is_by_content(config, tokenizer_json, ours):
    found = find_passport(config, {"tokenizer.json": tokenizer_json}.get)
    assert (found is PASSPORT) is ours
    assert ours or found is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act = 'relu'; a DNABERT-2 supports only 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "supports only 'absolute'"),
        ({"n_experts": 8}, "the key 'n_experts' .= 8., which no DNABERT-2 has"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(change, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(CONFIG | change)


def test_the_config_is_ours_with_the_tokenizers_padding(dnabert2, dnabert_s):
    for folder, pooler in ((dnabert2, False), (dnabert_s, True)):
        config = AutoConfig.from_pretrained(folder)
        assert (type(config), config.pad_token_id, config.add_pooler) == (DnaBert2Config, 3, pooler)
