"""The doors: folders of upstream and ours in every layout, and all of transformers' arguments."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_dnalm import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm import AutoModelForSequenceClassification as AutoSequence
from hf_dnalm import AutoModelForTokenClassification as AutoToken
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)
from tests.checkpoint_folder import changed
from tests.toys.nucleotide_transformer import toy_model

IDS = torch.tensor([[3, 6, 7, 70, 8, 9], [3, 20, 30, 40, 1, 1]])
MASK = (IDS != 1).long()
CLASSES = {
    AutoModel: NucleotideTransformerModel,
    AutoModelForMaskedLM: NucleotideTransformerForMaskedLM,
    AutoSequence: NucleotideTransformerForSequenceClassification,
    AutoToken: NucleotideTransformerForTokenClassification,
}
SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.mark.parametrize("door", CLASSES)
@pytest.mark.parametrize("upstream", ["upstream_v1", "upstream_v2"])
def test_upstream_folders_load_whole_into_every_class(door, upstream, request, caplog):
    model, info = door.from_pretrained(request.getfixturevalue(upstream), output_loading_info=True)
    assert type(model) is CLASSES[door]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    new = {name for name in model.state_dict() if name.startswith("classifier.")}
    assert set(info["missing_keys"]) == new
    reports = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(reports) == bool(new)
    assert all(name in reports[0] for name in new)
    assert not model.training


def test_a_key_mapping_is_not_undone_when_saving(upstream_v2, tmp_path):
    renamed = changed(upstream_v2, tmp_path / "renamed")
    weights = load_file(renamed / "model.safetensors")
    save_file({f"old.{name}": each for name, each in weights.items()}, renamed / "model.safetensors")
    model = AutoModelForMaskedLM.from_pretrained(renamed, key_mapping={r"^old\.": ""})
    model.save_pretrained(tmp_path / "saved")
    assert set(load_file(tmp_path / "saved" / "model.safetensors")) == set(model.state_dict())


def column_major(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each.T.contiguous().T if each.dim() == 2 else each for name, each in weights.items()}


@pytest.mark.parametrize("layout", ["bin", "sharded_bin", "sharded_safetensors"])
def test_every_weight_file_layout_loads_and_saves_contiguous(layout, upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "source")
    weights = column_major(load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    suffix = ".safetensors" if layout.endswith("safetensors") else ".bin"
    stem = "model" if layout.endswith("safetensors") else "pytorch_model"

    def save(part: list[str], file: str) -> dict[str, str]:
        held = {name: weights[name] for name in part}
        if suffix == ".bin":
            torch.save(held, folder / file)
        else:
            save_file(
                {name: each.contiguous() for name, each in held.items()}, folder / file, metadata={"format": "pt"}
            )
        return dict.fromkeys(part, file)

    if layout.startswith("sharded"):
        index = save(names[::2], f"{stem}-00001-of-00002{suffix}") | save(names[1::2], f"{stem}-00002-of-00002{suffix}")
        (folder / f"{stem}{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    else:
        save(names, f"{stem}{suffix}")
    model = AutoModelForMaskedLM.from_pretrained(folder)
    assert torch.equal(model(IDS, MASK).logits, AutoModelForMaskedLM.from_pretrained(upstream_v2)(IDS, MASK).logits)
    model.save_pretrained(tmp_path / "saved")
    assert set(load_file(tmp_path / "saved" / "model.safetensors")) == set(model.state_dict())


# ---- transformers' arguments


def test_arguments_work_as_in_transformers(upstream_v2):
    model = AutoSequence.from_pretrained(
        upstream_v2, dtype=torch.bfloat16, device_map="cpu", num_labels=3, problem_type="regression",
        classifier_pooling="mean", attn_implementation="eager", trust_remote_code=True,
    )  # fmt: skip
    assert (model.dtype, model.device.type) == (torch.bfloat16, "cpu")
    assert (model.num_labels, model.config.problem_type, model.config.classifier_pooling) == (3, "regression", "mean")
    assert model.config._attn_implementation == "eager"
    assert model.name_or_path == str(upstream_v2)


def test_a_field_of_the_wrong_type_is_refused_with_its_name(upstream_v2, tmp_path):
    contents = json.loads((upstream_v2 / "config.json").read_text()) | {"hidden_size": "wide"}
    (tmp_path / "config.json").write_text(json.dumps(contents))
    with pytest.raises(ValueError, match=f"^{tmp_path}: hidden_size is 'wide', a string; it must be a whole number"):
        AutoConfig.from_pretrained(tmp_path)


def test_a_config_can_be_given(upstream_v2):
    config = AutoConfig.from_pretrained(upstream_v2, num_labels=4)
    assert type(config) is NucleotideTransformerConfig
    assert AutoSequence.from_pretrained(upstream_v2, config=config).num_labels == 4
    config, unused = AutoConfig.from_pretrained(
        upstream_v2, return_unused_kwargs=True, hidden_dropout_prob=0.5, other=1
    )
    assert (config.hidden_dropout_prob, unused) == (0.5, {"other": 1})
    assert type(AutoConfig.from_pretrained(upstream_v2 / "config.json")) is NucleotideTransformerConfig


def test_subfolders_are_read(upstream_v2, tmp_path):
    shutil.copytree(upstream_v2, tmp_path / "weights")
    assert type(AutoModel.from_pretrained(tmp_path, subfolder="weights")) is NucleotideTransformerModel
    assert AutoTokenizer.from_pretrained(tmp_path, subfolder="weights").k == 3


def test_from_config_builds_our_classes():
    for door, model_class in CLASSES.items():
        assert type(door.from_config(NucleotideTransformerConfig(vocab_size=75, **SHAPE))) is model_class


# ---- heads


def test_another_number_of_labels_must_be_said(tmp_path, caplog):
    toy_model("sequence", num_labels=3).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"classifier\.out_proj\.bias has shape \(3,\) .* \(5,\) .*1 more.*ignore_mism"
    ):
        AutoSequence.from_pretrained(tmp_path, num_labels=5)
    model = AutoSequence.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert model.classifier.out_proj.weight.shape == (5, 32)
    assert (
        "newly initialised, to be trained before use: classifier.out_proj.bias, classifier.out_proj.weight"
        in caplog.text
    )


@pytest.mark.parametrize(("head", "door"), [("sequence", AutoSequence), ("token", AutoToken)])
def test_upstream_classifiers_load_with_their_heads(head, door, upstream_v2, tmp_path, caplog):
    model = toy_model(head, num_labels=3)
    folder = changed(upstream_v2, tmp_path / "classifier", config={"id2label": {"0": "a", "1": "b", "2": "c"}})
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    loaded = door.from_pretrained(folder)
    assert not caplog.records
    assert loaded.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert torch.equal(loaded(IDS, MASK).logits, model(IDS, MASK).logits)
