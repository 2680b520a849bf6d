"""The numbers are those of the authors' code: reference files of two tiny checkpoints in the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification
from hf_dnalm.checkpoints import passport_of_family
from hf_dnalm.modeling.configuration_caduceus import CaduceusConfig
from hf_dnalm.modeling.modeling_caduceus import CaduceusForMaskedLM
from tests.toys.caduceus import stored

# Float32 on a CPU: the scan and the sums of both directions add in another order than the originals.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}


@pytest.fixture(scope="module", params=["ph", "ps"])
def folder(shared, request) -> Path:
    return shared / "goldens" / f"caduceus_{request.param}"


@pytest.fixture(scope="module")
def golden(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


@pytest.fixture(scope="module")
def model(folder):
    return AutoModelForMaskedLM.from_pretrained(folder).eval()


def run(model, *inputs, **options):
    with torch.no_grad():
        return model(*inputs, **options)


def test_hidden_states_and_logits(model, golden):
    got = run(model, golden["input_ids"], output_hidden_states=True)
    assert len(got.hidden_states) == len(golden["hidden_states"]) == model.config.n_layer + 1
    for hidden_states, expected in zip(got.hidden_states, golden["hidden_states"], strict=True):
        torch.testing.assert_close(hidden_states, expected, **HIDDEN)
    torch.testing.assert_close(got.hidden_states[-1], golden["last_hidden_state"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)


@pytest.mark.parametrize("case", [("input_ids_special", "logits_special"), ("rc_input_ids", "rc_logits")])
def test_logits_with_the_last_token_of_the_tokenizer_and_of_the_other_strand(model, golden, case):
    ids, logits = (golden[name] for name in case)
    torch.testing.assert_close(run(model, ids).logits, logits, **LOGITS)


def test_the_reverse_complement_of_the_input_gives_that_of_the_output_exactly_where_the_model_promises_it(
    model, golden
):
    complement = torch.tensor(model.config.complement_ids)
    ids = golden["input_ids"]
    assert torch.equal(complement[ids].flip(1), golden["rc_input_ids"])
    turned = run(model, golden["rc_input_ids"]).logits.flip(1)[..., complement]
    difference = (turned - run(model, ids).logits).abs().max().item()
    assert difference == 0.0 if model.config.rcps else difference > 1.0


def test_the_strands_change_places_in_every_layer_as_the_weights_were_trained(model, golden):
    if not model.config.rcps:
        pytest.skip("Ph reads one strand")
    assert (run(model, golden["input_ids"]).logits - golden["logits_nonfused_code_path"]).abs().max() > 1.0


def test_the_sequence_head(folder, golden):
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3).eval()
    model.score.weight.data = golden["cls_weight"]
    torch.testing.assert_close(run(model, golden["input_ids"]).logits, golden["cls_logits"], **LOGITS)


def test_pickled_weights_with_their_copies_are_the_same(folder, model, golden, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes((folder / "full_state_dict_with_aliases.bin").read_bytes())
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert torch.equal(run(again, golden["input_ids"]).logits, run(model, golden["input_ids"]).logits)
    body = AutoModel.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(run(body, golden["input_ids"]).last_hidden_state, golden["last_hidden_state"], **HIDDEN)


def test_the_state_dict_goes_back_to_the_upstream_keys(folder, model, tmp_path):
    upstream = load_file(folder / "model.safetensors")
    assert set(upstream) == set(json.loads((folder / "MANIFEST.json").read_text())["keys"]) == set(stored(model))
    model.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert set(saved) == set(upstream)
    assert all(torch.equal(saved[key], upstream[key]) for key in saved)


def test_a_config_saved_again_by_transformers_gives_the_same_complements(folder, golden):
    # As text "10" stands before "2": upstream, which takes the map's values in their order, pairs other tokens.
    upstream = json.loads((folder / "config.json").read_text())
    assert list(upstream["complement_map"])[:4] == ["0", "1", "10", "11"]
    config = CaduceusConfig(**passport_of_family("caduceus").translate(upstream))
    assert config.complement_ids == [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]
    without_buffers = CaduceusForMaskedLM(config).eval()
    state = {key: each for key, each in load_file(folder / "model.safetensors").items() if "complement" not in key}
    without_buffers.load_state_dict(state, strict=False)
    without_buffers.tie_weights()
    torch.testing.assert_close(run(without_buffers, golden["input_ids"]).logits, golden["logits"], **LOGITS)
