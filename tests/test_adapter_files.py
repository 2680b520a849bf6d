"""Files of an adapter that are damaged, or out of all measure, are refused by name."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model

from hf_dnalm import AutoModelForSequenceClassification as AutoSequence
from hf_dnalm.cli.info import describe
from hf_dnalm.cli.load import find_model_class, load_language_model


@pytest.fixture(scope="module")
def whole(upstream_v2, tmp_path_factory):
    """An adapter with a head of three labels."""
    folder = tmp_path_factory.mktemp("adapter") / "whole"
    model = AutoSequence.from_pretrained(upstream_v2, num_labels=3)
    settings = LoraConfig(task_type="SEQ_CLS", target_modules=["query"], modules_to_save=["classifier"], r=2)
    get_peft_model(model, settings).save_pretrained(folder)
    return folder


@pytest.fixture
def adapter(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "adapter")
    return tmp_path / "adapter"


def settings_of(folder, **changes) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_adapter_is_read(adapter):
    assert AutoSequence.from_pretrained(adapter).num_labels == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_name_or_path": ["x"]}, r"base_model_name_or_path = \['x'\]; it must be a text"),
        ({"base_model_name_or_path": None}, "names no base model"),
        ({"revision": 1}, "revision = 1; it must be a text"),
        ({"r": 10**9}, r"r = 1,000,000,000, and no tensor of its weights is as long"),
        ({"rank_pattern": {"query": 10**9}}, r"rank_pattern\.query = 1,000,000,000"),
        ({"r": "x"}, "adapter_config.json: cannot be read .* Correct adapter_config.json, or make the adapter again"),
        ({"peft_type": "NONE"}, "adapter_config.json: cannot be read"),
        ({"target_modules": 5}, "adapter_config.json: cannot be read"),
        ({"target_modules": ["nothing"]}, "adapter_config.json: cannot be read"),
        ({"megatron_config": {"x": 1}, "megatron_core": "os"}, "has megatron_config = .* Set it to null"),
        ({"layer_replication": [[0, 10**9]]}, "has layer_replication = .* Set it to null"),
    ],
)
def test_settings_that_no_adapter_has_are_refused(changes, message, adapter):
    settings_of(adapter, **changes)
    with pytest.raises(ValueError, match=rf"{adapter}.*{message}"):
        AutoSequence.from_pretrained(adapter)


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\0" * 400, b"cut"])
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_damaged_weights_of_an_adapter_are_refused_by_their_file(name, data, adapter):
    (adapter / "adapter_model.safetensors").unlink()
    (adapter / name).write_bytes(data)
    with pytest.raises(ValueError, match=rf"^{adapter}/{name}: (the file is empty|this is a git-lfs|cannot be read)"):
        AutoSequence.from_pretrained(adapter)


def test_an_adapter_without_weights_is_refused(adapter):
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither adapter_model\.safetensors nor adapter_model\.bin"):
        AutoSequence.from_pretrained(adapter)


def test_pickled_weights_of_an_adapter_are_read(adapter):
    from safetensors.torch import load_file

    expected = AutoSequence.from_pretrained(adapter).state_dict()
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    found = AutoSequence.from_pretrained(adapter).state_dict()
    assert all(torch.equal(expected[name], each) for name, each in found.items() if "original" not in name)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000])
def test_an_adapter_config_of_another_form_is_refused_everywhere(text, adapter):
    (adapter / "adapter_config.json").write_text(text)
    place = str(adapter)
    for read in (AutoSequence.from_pretrained, describe, find_model_class, load_language_model):
        with pytest.raises(ValueError, match=rf"{adapter}/adapter_config\.json: "):
            read(place)


def test_a_config_beside_an_adapter_is_checked(adapter, upstream_v2):
    head = {"num_labels": 3, "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    for changes, message in (
        ({"num_labels": 2**62}, "num_labels is 4,611,686,018,427,387,904"),
        ({"id2label": {"a": "b"}}, "id2label has the key 'a'"),
        ({"classifier_pooling": "../x"}, "classifier_pooling is '../x'"),
    ):
        contents = json.loads((upstream_v2 / "config.json").read_text()) | head | changes
        (adapter / "config.json").write_text(json.dumps(contents))
        with pytest.raises(ValueError, match=message):
            AutoSequence.from_pretrained(adapter)
