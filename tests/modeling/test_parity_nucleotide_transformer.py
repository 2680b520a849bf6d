"""The numbers are those of the original models: of transformers' ESM, of formulas written out, of reference files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import EsmConfig, EsmForMaskedLM

from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
)

# Float32 on a CPU: fused kernels add in another order than the originals. Hidden states are of size 1 to 5, logits 20.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 3e-5, "rtol": 0}

ESM_SHAPES = {
    "version 1": {"position_embedding_type": "absolute", "token_dropout": True},
    "AgroNT, heads of 75": {"position_embedding_type": "absolute", "hidden_size": 150},
    "rotary": {"position_embedding_type": "rotary", "hidden_size": 48},
    "normalised embeddings": {"position_embedding_type": "absolute", "emb_layer_norm_before": True},
}


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("shape", ESM_SHAPES)
def test_equal_to_transformers_own_esm(shape, implementation, batch):
    fields = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
    fields |= {"vocab_size": 75, "max_position_embeddings": 34, "pad_token_id": 1, "mask_token_id": 2}
    fields |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    fields |= {
        "tie_word_embeddings": False,
        "layer_norm_eps": 1e-12,
        "emb_layer_norm_before": False,
        **ESM_SHAPES[shape],
    }
    torch.manual_seed(0)
    theirs = EsmForMaskedLM._from_config(EsmConfig(**fields), attn_implementation="eager").eval()
    config = NucleotideTransformerConfig(**fields, feed_forward="gelu")
    ours = NucleotideTransformerForMaskedLM._from_config(config, attn_implementation=implementation).eval()
    loaded = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not loaded.missing_keys
    assert all("contact_head" in key or key.endswith("inv_freq") for key in loaded.unexpected_keys)
    labels = batch["input_ids"].where(batch["attention_mask"].bool(), -100)
    for inputs in (batch, {"input_ids": batch["input_ids"]}):
        with torch.no_grad():
            expected = theirs(**inputs, labels=labels, output_hidden_states=True)
            got = ours(**inputs, labels=labels, output_hidden_states=True)
        torch.testing.assert_close(got.hidden_states, expected.hidden_states, **HIDDEN)
        torch.testing.assert_close(got.logits, expected.logits, **LOGITS)
        torch.testing.assert_close(got.loss, expected.loss)


def _version_2_written_out(state: dict, input_ids: torch.Tensor, heads: int, layers: int) -> torch.Tensor:
    """Logits (n, v) of one sequence, from the formulas alone, with rotations as multiplications of complex numbers."""

    def normalise(name, x):
        return functional.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-12)

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state.get(f"{name}.bias", 0.0)

    x = state["esm.embeddings.word_embeddings.weight"][input_ids]
    n, hidden = x.shape
    d = hidden // heads
    angles = torch.arange(n)[:, None] * 10_000.0 ** (-2 * torch.arange(d // 2) / d)
    turns = torch.polar(torch.ones_like(angles), angles)
    for layer in range(layers):
        at = f"esm.encoder.layer.{layer}"
        y = normalise(f"{at}.attention.LayerNorm", x)
        q, k, v = (linear(f"{at}.attention.self.{name}", y).view(n, heads, d) for name in ("query", "key", "value"))
        q, k = (torch.complex(part[..., : d // 2], part[..., d // 2 :]) * turns[:, None] for part in (q, k))
        scores = torch.einsum("ihc,jhc->hij", q, k.conj()).real / d**0.5
        mixed = torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).reshape(n, hidden)
        x = x + linear(f"{at}.attention.output.dense", mixed)
        gate, values = linear(f"{at}.intermediate.dense", normalise(f"{at}.LayerNorm", x)).chunk(2, -1)
        x = x + linear(f"{at}.output.dense", gate * gate.sigmoid() * values)
    x = normalise("esm.encoder.emb_layer_norm_after", x)
    x = linear("lm_head.dense", x)
    x = normalise("lm_head.layer_norm", x * 0.5 * (1 + torch.erf(x / 2**0.5)))
    return linear("lm_head.decoder", x) + state["lm_head.bias"]


def test_version_2_is_its_formulas(small_model):
    model = small_model(NucleotideTransformerForMaskedLM, "version_2", num_attention_heads=4).double()
    input_ids = torch.randint(3, 75, (40,))
    with torch.no_grad():
        expected = _version_2_written_out(model.state_dict(), input_ids, heads=4, layers=2)
        # double precision throughout but for the angles, which the model keeps in float32
        torch.testing.assert_close(model(input_ids[None]).logits[0], expected, atol=3e-5, rtol=0)


# ---- reference checkpoints: tiny, in the layout of the published ones, with outputs of the authors' own code

UNUSED = ("contact_head", "position_ids", "rotary_embeddings.inv_freq")


def _config(folder: Path, **changes) -> NucleotideTransformerConfig:
    upstream = json.loads((folder / "config.json").read_text())
    fields = {name: upstream[name] for name in NucleotideTransformerConfig.__annotations__ if name in upstream}
    gated = upstream.get("add_bias_fnn") is False
    return NucleotideTransformerConfig(**fields, feed_forward="silu_gated" if gated else "gelu", **changes)


def _load(model_class, folder: Path, file: str = "model.safetensors", implementation: str = "sdpa", **changes):
    """The model, and the checkpoint's tensors less those it does not use."""
    config = _config(folder, **changes)
    model = model_class._from_config(config, attn_implementation=implementation).eval()
    unused = (*UNUSED, "position_embeddings") if config.position_embedding_type == "rotary" else UNUSED
    state = {key: value for key, value in load_file(folder / file).items() if not any(name in key for name in unused)}
    model.load_state_dict(state)
    return model, state


@pytest.fixture(params=["nt_v1", "nt_v2"])
def checkpoint(request, shared) -> Path:
    return shared / "goldens" / request.param


@pytest.fixture
def golden(checkpoint) -> dict[str, torch.Tensor]:
    return load_file(checkpoint / "golden.safetensors")


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_reference_checkpoint_gives_its_reference_numbers(checkpoint, golden, implementation):
    model, _ = _load(NucleotideTransformerForMaskedLM, checkpoint, implementation=implementation)
    eager = implementation == "eager"
    inputs = {name: golden[name] for name in ("input_ids", "attention_mask", "labels")}
    with torch.no_grad():
        got = model(**inputs, output_hidden_states=True, output_attentions=eager)
    assert len(got.hidden_states) == model.config.num_hidden_layers + 1
    for index, hidden_states in enumerate(got.hidden_states):
        torch.testing.assert_close(hidden_states, golden[f"hidden_states.{index}"], **HIDDEN)
    torch.testing.assert_close(got.logits, golden["logits"], **LOGITS)
    torch.testing.assert_close(got.loss, golden["loss"][0])
    for index, probabilities in enumerate(got.attentions or ()):
        torch.testing.assert_close(probabilities, golden[f"attentions.{index}"], atol=1e-5, rtol=0)
    assert bool(got.attentions) is eager


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_reference_numbers_without_mask_alone_and_padded_on_the_left(checkpoint, golden, implementation):
    model, _ = _load(NucleotideTransformerForMaskedLM, checkpoint, implementation=implementation)
    cases = {"nomask": {"input_ids": golden["input_ids"]}}
    cases["left"] = {name: golden[f"left.{name}"] for name in ("input_ids", "attention_mask")}
    cases |= {f"single.{row}": {"input_ids": golden[f"single.{row}.input_ids"]} for row in range(5)}
    for name, inputs in cases.items():
        with torch.no_grad():
            got = model(**inputs, output_hidden_states=True)
        torch.testing.assert_close(got.logits, golden[f"{name}.logits"], **LOGITS)
        if name != "left":
            torch.testing.assert_close(got.hidden_states[-1], golden[f"{name}.last_hidden"], **HIDDEN)


def test_version_2_reference_numbers_of_a_long_sequence_and_of_vectors(shared):
    folder = shared / "goldens" / "nt_v2"
    golden = load_file(folder / "golden.safetensors")
    model, _ = _load(NucleotideTransformerForMaskedLM, folder)
    with torch.no_grad():
        long = model(golden["long.input_ids"]).logits[:, ::25]
        vectors = model.get_input_embeddings()(golden["input_ids"])
        from_vectors = model(inputs_embeds=vectors, attention_mask=golden["attention_mask"]).logits
    torch.testing.assert_close(long, golden["long.logits"], **LOGITS)
    torch.testing.assert_close(from_vectors, golden["inputs_embeds.logits"], **LOGITS)


@pytest.mark.parametrize(
    ("name", "model_class"),
    [
        ("seqcls", NucleotideTransformerForSequenceClassification),
        ("tokcls", NucleotideTransformerForTokenClassification),
    ],
)
def test_version_2_heads_give_their_reference_numbers(shared, name, model_class):
    folder = shared / "goldens" / "nt_v2"
    golden = load_file(folder / "golden.safetensors")
    model, _ = _load(model_class, folder, f"{name}.safetensors", num_labels=3)
    with torch.no_grad():
        logits = model(golden["input_ids"], golden["attention_mask"]).logits
    torch.testing.assert_close(logits, golden[f"{name}.logits"], **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys(checkpoint):
    model, state = _load(NucleotideTransformerForMaskedLM, checkpoint)
    upstream = json.loads((checkpoint / "state_dict_keys.json").read_text())
    returned = model.state_dict()
    assert set(returned) == set(state)
    assert all(torch.equal(returned[key], state[key]) for key in state)
    left_over = set(upstream) - set(returned)
    assert set(returned) <= set(upstream)
    assert all(any(name in key for name in (*UNUSED, "position_embeddings")) for key in left_over)
