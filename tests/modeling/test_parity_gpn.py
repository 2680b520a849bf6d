"""The numbers are those of the authors' code: GPN's and BEND's first layout, and every kind of the later one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.modeling.configuration_gpn import GpnConfig
from hf_dnalm.modeling.modeling_gpn import GpnForMaskedLM, GpnForSequenceClassification

# Float32 on a CPU: convolutions add in an order that depends on the machine.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}

# Numbers of the `gpn` package, version 0.9.0a1, for weights that `filled` sets. Its configs are kept whole.
LAYOUTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "gpn_layouts.json").read_text())


def run(model, input_ids, **inputs):
    with torch.no_grad():
        return model(input_ids, **inputs)


@pytest.fixture(params=["gpn_convnet", "bend_convnet"])
def folder(shared, request) -> Path:
    return shared / "goldens" / request.param


@pytest.fixture
def golden(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


def upstream_weights(folder: Path) -> dict[str, torch.Tensor]:
    if (folder / "model.safetensors").exists():
        return load_file(folder / "model.safetensors")
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def test_hidden_states_and_logits(folder, golden):
    model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    got = run(model.eval(), golden["input_ids"], output_hidden_states=True)
    assert len(got.hidden_states) == model.config.num_hidden_layers + 1
    torch.testing.assert_close(got.hidden_states[-1], golden["last_hidden_state"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)


def test_the_model_without_its_head_as_bend_embeds(folder, golden):
    model = AutoModel.from_pretrained(folder).eval()
    got = run(model, golden["input_ids"], attention_mask=torch.ones_like(golden["input_ids"]))
    torch.testing.assert_close(got.last_hidden_state, golden["last_hidden_state"], **HIDDEN)


def test_text_in_numbers_out(shared):
    folder = shared / "goldens" / "gpn_convnet"
    golden = load_file(folder / "golden.safetensors")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMaskedLM.from_pretrained(folder).eval()
    inputs = tokenizer(json.loads((folder / "sequences.json").read_text()), return_tensors="pt")
    assert torch.equal(inputs["input_ids"], golden["input_ids"])
    torch.testing.assert_close(run(model, **inputs).logits, golden["logits"], **LOGITS)
    torch.testing.assert_close(run(model, golden["mask_input_ids"]).logits, golden["mask_logits"], **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys(folder):
    stored, upstream = AutoModelForMaskedLM.from_pretrained(folder).state_dict(), upstream_weights(folder)
    assert set(stored) == set(upstream)
    assert all(torch.equal(stored[key], upstream[key]) for key in stored)


@torch.no_grad()
def filled(model):
    """The model with weights that a formula gives, so that no file need hold them."""
    for name, parameter in model.named_parameters():
        waves = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 1.7 + len(name)) * 0.4
        parameter.copy_((waves + (1.0 if parameter.dim() == 1 else 0.0)).view_as(parameter))
    return model.eval()


@pytest.mark.parametrize("name", LAYOUTS["cases"])
def test_every_kind_of_layer_of_the_later_gpn(name):
    case, ids = LAYOUTS["cases"][name], torch.tensor(LAYOUTS["ids"])
    passport = passport_of_family("gpn")
    assert find_passport(case["config"]) is passport
    config = GpnConfig(**passport.translate(case["config"]), num_labels=3)
    model = filled(GpnForMaskedLM(config))
    assert sorted(model.state_dict()) == case["keys"]
    got = run(model, ids, output_hidden_states=True)
    torch.testing.assert_close(got.hidden_states[-1][:, 0], torch.tensor(case["hidden"]), **HIDDEN)
    torch.testing.assert_close(got.logits[:, 5], torch.tensor(case["logits"]), **LOGITS)
    sequence = run(filled(GpnForSequenceClassification(config)), ids).logits
    torch.testing.assert_close(sequence, torch.tensor(case["sequence"]), **LOGITS)
