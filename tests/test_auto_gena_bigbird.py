"""GENA-LM's BigBird through every door: told from English BigBirds by its vocabulary, nothing half loaded."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from hf_dnalm.checkpoints import find_checkpoint, find_passport, passport_of_family
from hf_dnalm.hub.model_folder import export
from hf_dnalm.modeling.configuration_gena_bigbird import GenaBigBirdConfig
from hf_dnalm.registry import model_class
from tests.toys.gena_bert import toy_backend
from tests.toys.gena_bigbird import toy_model, upstream_config, write_upstream

PASSPORT = passport_of_family("gena_bigbird")
CONFIG = dict(PASSPORT.checkpoints[0].config)
IDS = torch.arange(5, 25)[None]


@pytest.fixture
def upstream(tmp_path) -> Path:
    return write_upstream(tmp_path / "bigbird")


def fine_tuned(folder: Path, model, architecture: str) -> Path:
    """A folder as transformers' own head class writes it."""
    write_upstream(folder)
    config = upstream_config(architectures=[architecture], id2label={str(i): f"class {i}" for i in range(3)})
    (folder / "config.json").write_text(json.dumps(config))
    state = {key.replace("token_classifier", "classifier"): each for key, each in model.state_dict().items()}
    torch.save(state, folder / "pytorch_model.bin")
    return folder


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"classifier.dense", "classifier.out_proj"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_every_door_with_what_starts_untrained_by_name(upstream, door, new, caplog):
    with caplog.at_level(logging.WARNING, "hf_dnalm"):
        model, info = door.from_pretrained(upstream, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    assert all(name in caplog.text for name in new)
    stored = torch.load(upstream / "pytorch_model.bin", weights_only=True)
    loaded = {key.removeprefix("bert."): each for key, each in model.state_dict().items()}
    body = {key.removeprefix("bert."): each for key, each in stored.items() if key.startswith("bert.")}
    assert all(torch.equal(loaded[key], value) for key, value in body.items())


def test_the_published_snippet_runs_with_one_changed_import(upstream):
    # from transformers import AutoTokenizer, BigBirdForSequenceClassification
    from hf_dnalm import AutoModelForSequenceClassification as BigBirdForSequenceClassification
    from hf_dnalm import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(upstream)
    model = BigBirdForSequenceClassification.from_pretrained(upstream)
    assert model(**tokenizer("GATTACA" * 9, return_tensors="pt")).logits.shape == (1, 2)


def test_options_of_the_model_are_arguments_of_the_doors(upstream):
    model = AutoModel.from_pretrained(upstream, random_blocks="zeros", layout_of="batch", num_random_blocks=2)
    assert (model.config.random_blocks, model.config.layout_of, model.config.max_dense_tokens) == ("zeros", "batch", 18)


@pytest.mark.parametrize(
    ("door", "head", "architecture"),
    [
        (AutoModelForSequenceClassification, "sequence", "BigBirdForSequenceClassification"),
        (AutoModelForTokenClassification, "token", "BigBirdForTokenClassification"),
    ],
)
def test_a_model_fine_tuned_with_transformers_loads_whole(tmp_path, door, head, architecture):
    expected = toy_model(head, add_pooler=True)
    folder = fine_tuned(tmp_path / "theirs", expected, architecture)
    model, info = door.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert model.config.id2label[2] == "class 2"
    with torch.no_grad():
        assert torch.equal(model.eval()(IDS).logits, expected(IDS).logits)
    model.save_pretrained(tmp_path / "ours")
    again, info = door.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(info.values())
    assert all(torch.equal(each, model.state_dict()[key]) for key, each in again.state_dict().items())


def test_a_fine_tuned_head_for_tokens_is_exported_and_read_into_no_other(tmp_path):
    folder = fine_tuned(tmp_path / "theirs", toy_model("token", add_pooler=True), "BigBirdForTokenClassification")
    assert export(folder, tmp_path / "ours").auto_class == "AutoModelForTokenClassification"
    assert "token_classifier.weight" in load_file(tmp_path / "ours" / "model.safetensors")
    _, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == {"classifier.dense", "classifier.out_proj"}


def test_a_lost_weight_is_refused_by_name(upstream):
    state = torch.load(upstream / "pytorch_model.bin", weights_only=True)
    del state["bert.encoder.layer.1.output.dense.bias"]
    torch.save(state, upstream / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"GenaBigBirdForMaskedLM misses bert\.encoder\.layer\.1\.output\.dense\.bias"):
        AutoModelForMaskedLM.from_pretrained(upstream)


def test_what_upstream_never_uses_may_be_there(upstream):
    state = torch.load(upstream / "pytorch_model.bin", weights_only=True)
    state["bert.embeddings.position_ids"] = torch.arange(128)[None]
    state["cls.seq_relationship.weight"] = torch.zeros(2, 24)
    torch.save(state, upstream / "pytorch_model.bin")
    for door in (AutoModel, AutoModelForMaskedLM):
        assert not door.from_pretrained(upstream, output_loading_info=True)[1]["unexpected_keys"]


def test_the_published_config_costs_what_the_table_states():
    checkpoint = find_checkpoint("AIRI-Institute/gena-lm-bigbird-base-t2t")[1]
    config = GenaBigBirdConfig(**PASSPORT.translate(json.loads(json.dumps(CONFIG))))
    with torch.device("meta"):
        model = model_class(PASSPORT, checkpoint.auto_class)(config)
    assert sum(each.numel() for each in model.parameters()) == checkpoint.parameters
    carried = sum(each.numel() for each in model.buffers())
    assert checkpoint.parameters + carried == 113_993_984  # of the file, whose pooler no head reads
    assert PASSPORT.context_tokens(config) == checkpoint.context_tokens == 4096


DNA, ENGLISH = (json.dumps({"model": {"vocab": {"[UNK]": 0, "-": 5, word: 6}}}) for word in ("GATTNR", "the"))


@pytest.mark.parametrize(
    ("config", "tokenizer_json", "ours"),
    [
        (CONFIG, DNA, True),
        (transformers.BigBirdConfig().to_dict(), DNA, True),
        (CONFIG, ENGLISH, False),
        (CONFIG, "not JSON", False),
        (CONFIG, None, False),  # no vocabulary says that it is of DNA
        (CONFIG | {"model_type": "bert"}, DNA, False),
        (GenaBigBirdConfig().to_dict(), None, True),
    ],
)
def test_recognition_is_by_the_vocabulary(config, tokenizer_json, ours):
    assert (find_passport(config, {"tokenizer.json": tokenizer_json}.get) is PASSPORT) is ours


def test_googles_bigbird_falls_through_to_transformers(tmp_path):
    config = transformers.BigBirdConfig(**upstream_config(vocab_size=40))
    transformers.BigBirdForMaskedLM(config).save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is transformers.BigBirdConfig
    assert type(AutoModelForMaskedLM.from_pretrained(tmp_path)) is transformers.BigBirdForMaskedLM
    named = AutoModelForMaskedLM.from_pretrained(tmp_path, family="gena_bigbird")
    assert type(named).__name__ == "GenaBigBirdForMaskedLM"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu'; a GENA-LM BigBird supports only 'gelu_new'"),
        ({"use_bias": False}, "use_bias = False; a GENA-LM BigBird supports only True"),
        ({"rescale_embeddings": True}, "supports only False"),
        ({"is_decoder": True}, "is_decoder = True"),
        ({"n_experts": 8}, "the key 'n_experts' .= 8., which no GENA-LM BigBird has"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(change, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(CONFIG | change)


def test_configs_that_current_transformers_writes_are_read():
    written = transformers.BigBirdForTokenClassification(transformers.BigBirdConfig(**upstream_config())).config
    config = GenaBigBirdConfig(**PASSPORT.translate(json.loads(written.to_json_string())))
    assert (config.block_size, config.pad_token_id, config.mask_token_id, config.add_pooler) == (2, 3, 4, True)


def test_the_toys_tokenizer_has_the_published_pipeline(shared):
    published = json.loads((shared / "goldens" / "gena_bigbird" / "tokenizer.json").read_text())
    toy = json.loads(toy_backend().to_str())
    for part in ("normalizer", "pre_tokenizer", "post_processor", "added_tokens", "truncation", "padding"):
        assert toy[part] == published[part]
