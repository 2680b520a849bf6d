"""The numbers are those of BEND's code: reference files of a tiny AWD-LSTM in the published layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForCausalLM

HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}


@pytest.fixture
def folder(shared) -> Path:
    return shared / "goldens" / "bend_awdlstm"


@pytest.fixture
def golden(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


def run(model, input_ids, **inputs):
    with torch.no_grad():
        return model(input_ids, **inputs)


def test_hidden_states_and_logits(folder, golden):
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    got = run(model.eval(), golden["input_ids"], output_hidden_states=True)
    torch.testing.assert_close(got.hidden_states[-1], golden["last_hidden_state"], **HIDDEN)
    torch.testing.assert_close(got.hidden_states[1], golden["raw_output_0"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)


def test_the_model_without_its_head_as_bend_embeds(folder, golden):
    model = AutoModel.from_pretrained(folder).eval()
    torch.testing.assert_close(run(model, golden["input_ids"]).last_hidden_state, golden["last_hidden_state"], **HIDDEN)


def test_no_state_is_kept_between_calls_where_upstream_keeps_it(folder, golden):
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    first, second = (run(model, golden["input_ids"]).logits for _ in range(2))
    assert torch.equal(first, second)
    # upstream's second call goes on where its first one ended: one long sequence
    twice = run(model, torch.cat([golden["input_ids"]] * 2, dim=1)).logits[:, golden["input_ids"].shape[1] :]
    torch.testing.assert_close(twice, golden["logits_second_call"], **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys_but_for_what_nobody_reads(folder):
    stored = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    upstream = torch.load(folder / "pytorch_model.bin", weights_only=True)
    assert set(upstream) - set(stored) == {
        "encoder.encoder.lstm.0.module.h2h.weight",
        "last_hidden_state_0",
        "last_cell_state_0",
    }
    assert all(torch.equal(stored[key], upstream[key]) for key in stored)
