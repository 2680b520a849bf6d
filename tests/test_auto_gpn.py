"""GPN and BEND's ResNet-LM through the doors: both layouts, nothing half loaded, configs that ask for more refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ConvNextConfig, RoFormerConfig

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.modeling.configuration_gpn import GpnConfig
from hf_dnalm.tokenization import NucleotideTokenizer
from tests.toys.gpn import FLAVOURS, toy_model, write_upstream

PASSPORT = passport_of_family("gpn")
IDS = torch.tensor([[3, 4, 5, 6, 3, 3, 6], [4, 4, 5, 6, 6, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture(params=["first", "later"])
def folder(tmp_path, request) -> Path:
    return write_upstream(tmp_path / "GPN", request.param)


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"classifier"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_every_door_reads_both_layouts(folder, door, new):
    model, info = door.from_pretrained(folder, output_loading_info=True)
    assert {key.partition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    stored = {key.removeprefix("model."): each for key, each in load_file(folder / "model.safetensors").items()}
    loaded = {key.removeprefix("model."): each for key, each in model.state_dict().items()}
    assert all(torch.equal(loaded[key], each) for key, each in stored.items() if not key.startswith("cls."))


@pytest.mark.parametrize(
    ("layout", "block", "learned", "rate"),
    [("first", "post_norm", False, 0.1), ("later", "bytenet", True, 0)],
)
def test_the_config_is_ours_and_says_which_layers(layout, block, learned, rate, tmp_path):
    config = AutoConfig.from_pretrained(write_upstream(tmp_path, layout))
    assert (config.model_type, config.block, config.learned_embedding) == ("dnalm_gpn", block, learned)
    assert (config.hidden_dropout_prob, config.classifier_dropout) == (0.0, rate)


def test_the_tokenizer_and_bends_way_of_embedding(folder):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    assert type(tokenizer) is NucleotideTokenizer
    options = {"return_tensors": "pt", "return_attention_mask": False, "return_token_type_ids": False}
    input_ids = tokenizer("ACGTNacgt", **options)["input_ids"]
    assert input_ids.tolist() == [[3, 4, 5, 6, 2, 3, 4, 5, 6]]
    with torch.no_grad():
        assert model(input_ids=input_ids).last_hidden_state.shape == (1, 9, 16)


@pytest.mark.parametrize("lost", ["model.encoder.1.conv.4.weight", "cls.decoder.3.bias"])
def test_a_lost_weight_is_refused_by_name(tmp_path, lost):
    folder = write_upstream(tmp_path)
    state = load_file(folder / "model.safetensors")
    del state[lost]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=rf"incomplete, GpnForMaskedLM misses {lost}"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_weights_of_one_layout_under_the_config_of_another_are_refused(tmp_path):
    first, later = write_upstream(tmp_path / "first"), write_upstream(tmp_path / "later", "later")
    (first / "config.json").write_text((later / "config.json").read_text())
    with pytest.raises(ValueError, match=r"incomplete, GpnModel misses .*encoder\.layer\.0"):
        AutoModel.from_pretrained(first)


def test_a_published_sequence_head_loads_with_its_own_names(tmp_path):
    # as songlab's model of gene expression in sorghum: positive outputs
    folder = write_upstream(tmp_path)
    model = toy_model("sequence", num_labels=2)
    save_file(dict(model.state_dict()), folder / "model.safetensors", {"format": "pt"})
    head = {"architectures": ["ConvNetForSequenceClassification"], "regression_softplus": True}
    head |= {"problem_type": "regression", "hidden_dropout_prob": 0.2}
    (folder / "config.json").write_text(json.dumps(config_of(folder) | head))
    again, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert again.config.classifier_dropout == 0.2
    with torch.no_grad():
        expected = torch.nn.functional.softplus(model(IDS, MASK).logits)
        torch.testing.assert_close(again.eval()(IDS, MASK).logits, expected)


@pytest.mark.parametrize("checkpoint", PASSPORT.checkpoints, ids=lambda each: each.name)
def test_the_published_configs_are_recognised_without_any_other_file(checkpoint):
    assert find_passport(json.loads(json.dumps(dict(checkpoint.config)))) is PASSPORT


def test_brassicales_weighs_what_its_file_does():
    # 264 MB of float32
    assert round(4 * PASSPORT.checkpoints[0].parameters / 1e6) == 264


def test_only_bends_model_lies_elsewhere_than_on_the_hub():
    (elsewhere,) = (each for each in PASSPORT.checkpoints if each.download)
    assert (elsewhere.name, PASSPORT.licence_of(elsewhere)) == ("bend-resnet-lm", "bsd-3-clause")
    assert PASSPORT.licence_of(PASSPORT.checkpoints[0]) == "mit"


@pytest.mark.parametrize(
    "config",
    [
        ConvNextConfig().to_dict(),
        RoFormerConfig().to_dict(),
        {"model_type": "GPNRoFormer", "n_aux_features": 445, "num_hidden_layers": 12},  # GPN-MSA
        {"model_type": "ConvNet"},
        {"model_type": "GPN"},
        {"architectures": ["ConvNetForMaskedLM"]},
    ],
)
def test_other_models_are_left_to_transformers(config):
    assert find_passport(config) is None


@pytest.mark.parametrize(
    ("layout", "change", "message"),
    [
        ("first", {"n_aux_features": 5}, "n_aux_features = 5; a GPN supports only 0 or None"),
        ("first", {"hidden_act": "relu"}, "hidden_act = 'relu'"),
        ("first", {"n_experts": 2}, "the key 'n_experts' .= 2., which no GPN has"),
        ("later", {"encoder": "roformer"}, "encoder = 'roformer'; a GPN supports only 'convnet' or 'bytenet'"),
        ("later", {"embedding": "probs"}, "embedding = 'probs'; a GPN supports only 'one_hot' or 'embedding'"),
        ("later", {"classification_head": "lightweight_cnn"}, "classification_head = 'lightweight_cnn'"),
        ("later", {"pos_weight": 2.0}, "pos_weight = 2.0"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(layout, change, message, tmp_path):
    folder = write_upstream(tmp_path, layout)
    (folder / "config.json").write_text(json.dumps(config_of(folder) | change))
    with pytest.raises(ValueError, match=message):
        AutoConfig.from_pretrained(folder)


@pytest.mark.parametrize(("layout", "lost"), [("first", "kernel_size"), ("later", "hidden_size")])
def test_a_config_without_its_sizes_is_refused(layout, lost, tmp_path):
    config = config_of(write_upstream(tmp_path, layout))
    del config[lost]
    with pytest.raises(ValueError, match=f"has no {lost}; a GPN needs it"):
        PASSPORT.translate(config)


def test_what_config_json_leaves_out_is_read_as_upstream_reads_it():
    shape = {"vocab_size": 7, "hidden_size": 16}
    first = GpnConfig(**PASSPORT.translate(shape | {"model_type": "ConvNet", "n_layers": 9, "kernel_size": 7}))
    assert (first.dilation_max, first.dilation_cycle, first.first_kernel_size, first.rest_kernel_size) == (32, 6, 7, 7)
    later = GpnConfig(**PASSPORT.translate(shape | {"model_type": "GPN", "num_hidden_layers": 9}))
    assert (later.block, later.learned_embedding, later.bias) == ("pre_norm", False, False)
    assert later.mlm_head_transform
    assert (later.dilation_max, later.dilation_cycle) == (9999, 8)
    assert (later.first_kernel_size, later.rest_kernel_size) == (9, 5)
    slim = PASSPORT.translate(shape | {"model_type": "GPN", "num_hidden_layers": 9, "slim": True})
    assert slim["slim"] is False  # a convnet does not read it


def test_adapters_train_linear_maps_of_every_layout_and_nothing_else():
    for changes in FLAVOURS.values():
        model = toy_model("sequence", **changes)
        hit = {name: part for name, part in model.named_modules() if re.fullmatch(PASSPORT.lora_targets, name)}
        linear = {
            name
            for name, part in model.model.encoder.named_modules(prefix="model.encoder")
            if isinstance(part, torch.nn.Linear)
        }
        assert set(hit) == linear != set()
