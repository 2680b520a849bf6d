"""The numbers are those of the official code: reference files of a tiny checkpoint in the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForMaskedLM

# Float32 on a CPU: fused kernels add in another order than the originals.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}
LENGTHS = (320, 768, 1000, 1024, 1088)  # dense, the general rule, padded to the paper's length, that length, general
KINDS = {"training": "seeded", "zeros": "evalzeros"}


@pytest.fixture(scope="module")
def folder(shared) -> Path:
    return shared / "goldens" / "gena_bigbird"


@pytest.fixture(scope="module")
def golden(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


def load(folder: Path, **options):
    return AutoModelForMaskedLM.from_pretrained(folder, family="gena_bigbird", **options).eval()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("random_blocks", KINDS)
@pytest.mark.parametrize("length", LENGTHS)
def test_hidden_states_and_logits_of_padded_batches(folder, golden, length, random_blocks, implementation):
    model = load(folder, attn_implementation=implementation, random_blocks=random_blocks, layout_of="batch")
    kind = f"{KINDS[random_blocks]}_L{length}"
    with torch.no_grad():
        got = model(golden[f"input_ids_L{length}"], golden[f"attention_mask_L{length}"], output_hidden_states=True)
    torch.testing.assert_close(got.hidden_states[1], golden[f"hidden1_{kind}"][:, :length], **HIDDEN)
    torch.testing.assert_close(got.hidden_states[-1], golden[f"last_hidden_state_{kind}"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden[f"logits_{kind}"], **LOGITS)


@pytest.mark.parametrize("length", LENGTHS)
def test_by_default_a_sequence_without_padding_has_the_official_numbers_in_any_batch(folder, golden, length):
    model = load(folder)
    with torch.no_grad():
        logits = model(golden[f"input_ids_L{length}"], golden[f"attention_mask_L{length}"]).logits
    torch.testing.assert_close(logits[0], golden[f"logits_seeded_L{length}"][0], **LOGITS)


def test_a_short_input_before_does_not_latch_as_it_did(folder, golden):
    model = load(folder, random_blocks="zeros", layout_of="batch")
    with torch.no_grad():
        model(golden["input_ids_L320"], golden["attention_mask_L320"])
        logits = model(golden["input_ids_L1024"], golden["attention_mask_L1024"]).logits
        model.config.attention_type = "original_full"  # what the official model has become by now
        latched = model(golden["input_ids_L1024"], golden["attention_mask_L1024"]).logits
    torch.testing.assert_close(logits, golden["logits_evalzeros_L1024"], **LOGITS)
    torch.testing.assert_close(latched, golden["logits_after_short_L1024"], **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys(folder):
    upstream = torch.load(folder / "pytorch_model.bin", weights_only=True)
    stored = load(folder).state_dict()
    assert set(stored) == set(upstream) == set(json.loads((folder / "MANIFEST.json").read_text())["keys"])
    assert all(torch.equal(stored[key], upstream[key]) for key in stored)
    body = AutoModel.from_pretrained(folder, family="gena_bigbird").state_dict()
    assert {f"bert.{key}" for key in body} == {key for key in upstream if key.startswith("bert.")}


def test_the_folder_is_recognised_by_its_vocabulary(folder):
    assert type(AutoModelForMaskedLM.from_pretrained(folder)).__name__ == "GenaBigBirdForMaskedLM"
