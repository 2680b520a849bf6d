"""The numbers are those of the authors' code: reference files of a tiny checkpoint in the published layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from hf_dnalm.modeling import layers_hyenadna
from tests.toys.hyenadna import FIRST

# Float32 on a CPU: transforms of another length add in another order than the originals.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}


@pytest.fixture(scope="module")
def folder(shared) -> Path:
    return shared / "goldens" / "hyenadna"


@pytest.fixture(scope="module")
def golden(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def run(model, ids, **inputs):
    with torch.no_grad():
        return model(ids, **inputs)


def test_hidden_states_and_logits(model, golden):
    got = run(model, golden["input_ids"], output_hidden_states=True)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)
    assert len(got.hidden_states) == model.config.num_hidden_layers + 2
    for hidden_states, expected in zip(got.hidden_states, golden["hidden_states"], strict=False):
        torch.testing.assert_close(hidden_states, expected, **HIDDEN)
    torch.testing.assert_close(got.hidden_states[-1], golden["last_hidden_state"], **HIDDEN)


def test_the_body_alone(folder, golden):
    body = AutoModel.from_pretrained(folder).eval()
    hidden_states = run(body, golden["input_ids"]).last_hidden_state
    torch.testing.assert_close(hidden_states, golden["last_hidden_state"], **HIDDEN)


@pytest.mark.parametrize("n", [1, 2, 5, 31, 1026])
def test_every_length_up_to_the_longest(model, golden, n):
    expected = golden["long_logits"] if n == 1026 else golden[f"logits_L{n}"]
    torch.testing.assert_close(run(model, golden["long_input_ids"][:, :n]).logits, expected, **LOGITS)


@pytest.mark.parametrize("at_a_time", [1, 5_000, 20_000])
def test_channels_and_tokens_in_turns_give_the_same_numbers(model, golden, at_a_time, monkeypatch):
    at_once = run(model, golden["long_input_ids"]).logits
    monkeypatch.setattr(layers_hyenadna, "_NUMBERS_AT_A_TIME", at_a_time)
    in_turns = run(model, golden["long_input_ids"]).logits
    torch.testing.assert_close(in_turns, golden["long_logits"], **LOGITS)
    torch.testing.assert_close(in_turns, at_once, atol=2e-6, rtol=0)


def test_the_loss_is_that_of_the_shifted_logits(model, golden):
    ids, logits = golden["long_input_ids"], golden["long_logits"]
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    torch.testing.assert_close(run(model, ids, labels=ids).loss, expected)


def test_the_sequence_head(folder, golden):
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3).eval()
    model.score.weight.data.copy_(golden["cls_weight"])
    torch.testing.assert_close(run(model, golden["input_ids"]).logits, golden["cls_logits"], **LOGITS)


def test_a_masked_batch_gives_each_sequence_what_it_gives_alone(folder, model):
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    sequences = json.loads((folder / "sequences.json").read_text())
    batch = tokenizer(sequences, padding=True, return_tensors="pt")
    logits = run(model, batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    for row, sequence in zip(logits, sequences, strict=True):
        alone = run(model, torch.tensor([tokenizer(sequence)["input_ids"]])).logits[0]
        torch.testing.assert_close(row[-len(alone) :], alone, **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys(folder, model):
    upstream = torch.load(folder / "pytorch_model.bin", weights_only=True)
    stored = model.state_dict()
    for name, value in list(stored.items()):
        if name.endswith("implicit_filter.1.freq"):  # upstream's pickled file holds the one tensor under three names
            stored |= {name.replace("filter.1.", f"filter.{i}."): value for i in (3, 5)}
    assert set(stored) == set(upstream)
    assert all(torch.equal(stored[name], value) for name, value in upstream.items())


def test_the_first_layout_gives_the_same_numbers(folder, golden, tmp_path):
    upstream = json.loads((folder / "config.json").read_text())
    outer = {name: upstream[name] for name in ("d_model", "n_layer", "d_inner", "vocab_size")}
    layer = FIRST["layer"] | {"l_max": upstream["max_seq_len"], "filter_order": upstream["filter_order"]}
    (tmp_path / "config.json").write_text(json.dumps(FIRST | outer | {"layer": layer}))
    shutil.copy(folder / "tokenizer_config.json", tmp_path)
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    state = {f"model.{name.removeprefix('hyena.')}": value for name, value in weights.items()}
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    model = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(run(model, golden["input_ids"]).logits, golden["logits"], **LOGITS)
