"""The numbers are those of the authors' code: reference files of tiny checkpoints in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm import AutoModel, AutoModelForMaskedLM, AutoTokenizer, embed

# Float32 on a CPU: fused kernels add in another order than the originals.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}

pytestmark = pytest.mark.parametrize("implementation", ["eager", "sdpa"])


@pytest.fixture(scope="module")
def dnabert(shared) -> Path:
    return shared / "goldens" / "dnabert3"


@pytest.fixture(scope="module")
def grover(shared) -> Path:
    return shared / "goldens" / "grover"


def golden_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


def run(model, **inputs):
    with torch.no_grad():
        return model.eval()(**inputs)


def test_dnabert_hidden_states_and_logits_with_the_corrected_mask(dnabert, implementation):
    golden = golden_of(dnabert)
    model = AutoModelForMaskedLM.from_pretrained(dnabert, attn_implementation=implementation)
    inputs = {name: golden[name] for name in ("input_ids", "attention_mask")}
    got = run(model, **inputs, output_hidden_states=True)
    torch.testing.assert_close(torch.stack(got.hidden_states), golden["hidden_states"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)
    torch.testing.assert_close(run(model, input_ids=golden["input_ids"]).logits, golden["logits_no_mask"], **LOGITS)
    real = inputs["attention_mask"].bool()
    assert (golden["logits_fork_mask_bug"] - got.logits)[real].abs().max() > 0.01  # not the official batch's


def test_a_batch_of_dnabert_gives_what_the_official_code_gives_for_single_sequences(dnabert, implementation):
    golden = golden_of(dnabert)
    model = AutoModelForMaskedLM.from_pretrained(dnabert, attn_implementation=implementation)
    batch = run(model, input_ids=golden["input_ids"], attention_mask=golden["attention_mask"]).logits
    for row, length in enumerate(golden["attention_mask"].sum(1).tolist()):
        alone = golden[f"logits_unpadded_{row}"][0]
        torch.testing.assert_close(run(model, input_ids=golden["input_ids"][row : row + 1, :length]).logits[0], alone)
        torch.testing.assert_close(batch[row, :length], alone, **LOGITS)


def test_dnaberts_head_adds_its_bias_twice_as_it_was_trained_and_once_on_request(dnabert, implementation):
    golden = golden_of(dnabert)
    inputs = {name: golden[name] for name in ("input_ids", "attention_mask")}
    load = {"attn_implementation": implementation}
    once = AutoModelForMaskedLM.from_pretrained(dnabert, mlm_bias="once", **load)
    bias = once.cls.predictions.bias.detach()
    assert bias.abs().max() > 0.01
    torch.testing.assert_close(run(once, **inputs).logits + bias, golden["logits"], **LOGITS)


def test_the_model_without_a_head_has_the_stored_pooler(dnabert, implementation):
    golden = golden_of(dnabert)
    model = AutoModel.from_pretrained(dnabert, attn_implementation=implementation)
    got = run(model, input_ids=golden["input_ids"], attention_mask=golden["attention_mask"])
    torch.testing.assert_close(got.last_hidden_state, golden["last_hidden_state"], **HIDDEN)
    torch.testing.assert_close(got.pooler_output, golden["pooler_output"], **HIDDEN)


def test_raw_dna_gives_the_reference_batch(dnabert, implementation):
    golden, sequences = golden_of(dnabert), json.loads((dnabert / "sequences.json").read_text())["seqs"]
    tokenizer = AutoTokenizer.from_pretrained(dnabert)
    batch = tokenizer(sequences, padding=True, return_tensors="pt")
    for name in ("input_ids", "attention_mask"):
        torch.testing.assert_close(batch[name], golden[name])
    model = AutoModel.from_pretrained(dnabert, attn_implementation=implementation)
    torch.testing.assert_close(run(model, **batch).last_hidden_state, golden["last_hidden_state"], **HIDDEN)


def test_grover_hidden_states_and_logits(grover, implementation):
    golden = golden_of(grover)
    # The folder has no tokenizer, so nothing tells it from another BERT but the name.
    model = AutoModelForMaskedLM.from_pretrained(grover, family="grover", attn_implementation=implementation)
    inputs = {name: golden[name] for name in ("input_ids", "attention_mask")}
    got = run(model, **inputs, output_hidden_states=True)
    torch.testing.assert_close(torch.stack(got.hidden_states), golden["hidden_states"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)


@pytest.mark.parametrize("name", ["dnabert3", "grover"])
def test_the_state_dicts_go_back_to_the_upstream_keys(shared, name, implementation):
    folder = shared / "goldens" / name
    family = {"dnabert3": "dnabert", "grover": "grover"}[name]
    upstream = torch.load(folder / "pytorch_model.bin", weights_only=True)
    model = AutoModelForMaskedLM.from_pretrained(folder, family=family, attn_implementation=implementation)
    pooler = AutoModel.from_pretrained(folder, family=family).pooler.state_dict(prefix="bert.pooler.")
    stored = model.state_dict() | pooler
    assert set(stored) == set(upstream)
    assert all(torch.equal(stored[key], upstream[key]) for key in stored)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert model.cls.predictions.decoder.bias is model.cls.predictions.bias


def test_a_sequence_beyond_512_tokens_is_read_by_windows(dnabert, implementation):
    sequence = json.loads((dnabert / "sequences.json").read_text())["long"]
    model = AutoModel.from_pretrained(dnabert, attn_implementation=implementation)
    tokenizer = AutoTokenizer.from_pretrained(dnabert)
    with pytest.raises(ValueError, match="1,300 tokens are more than the 512"):
        run(model, **tokenizer(sequence, return_tensors="pt", verbose=False))
    vectors = embed(model, tokenizer, [sequence, sequence[:512]], overflow="windows", dtype=torch.float32).vectors
    whole = run(model, **tokenizer(sequence[:512], return_tensors="pt", verbose=False)).last_hidden_state[0].mean(0)
    torch.testing.assert_close(torch.tensor(vectors[1]), whole, **HIDDEN)
    assert abs(vectors[0] - vectors[1]).max() > 0.01
