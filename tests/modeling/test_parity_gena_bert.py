"""The numbers are those of the authors' code: reference files of tiny checkpoints, dense and sparse."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.auto import AutoModel, AutoModelForMaskedLM
from hf_dnalm.modeling.block_layout_gena_bert import drawn_layout

# Float32 on a CPU: fused kernels add in another order than the originals.
HIDDEN = {"atol": 2e-5, "rtol": 0}
LOGITS = {"atol": 5e-5, "rtol": 0}

pytestmark = pytest.mark.parametrize("implementation", ["eager", "sdpa"])


@pytest.fixture(scope="module")
def dense(shared) -> Path:
    return shared / "goldens" / "gena_bert_base"


@pytest.fixture(scope="module")
def sparse(shared) -> Path:
    return shared / "goldens" / "gena_sparse_rope"


def golden(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "golden.safetensors")


def run(model, *inputs, **options):
    with torch.no_grad():
        return model.eval()(*inputs, **options)


def test_hidden_states_attentions_and_logits_of_the_dense_model(dense, implementation):
    expected = golden(dense)
    model = AutoModelForMaskedLM.from_pretrained(dense, attn_implementation=implementation)
    inputs = [expected[name] for name in ("input_ids", "attention_mask", "token_type_ids")]
    got = run(model, *inputs, output_hidden_states=True, output_attentions=implementation == "eager")
    assert len(got.hidden_states) == len(expected["hidden_states"])
    for hidden_states, each in zip(got.hidden_states, expected["hidden_states"], strict=True):
        torch.testing.assert_close(hidden_states, each, **HIDDEN)
    torch.testing.assert_close(got.logits[..., :512], expected["logits"], **LOGITS)
    torch.testing.assert_close(got.logits.double().sum(-1), expected["logits_sum"], atol=1e-3, rtol=0)
    if implementation == "eager":
        torch.testing.assert_close(torch.stack(got.attentions), expected["attentions"], **HIDDEN)
    other_types = run(model, *inputs[:2], expected["token_type_ids_b"])
    torch.testing.assert_close(other_types.logits[..., :512], expected["logits_b"], **LOGITS)


def test_the_body_and_its_pooler(dense, implementation):
    expected = golden(dense)
    model = AutoModel.from_pretrained(dense, attn_implementation=implementation)
    got = run(model, expected["input_ids"], expected["attention_mask"])
    torch.testing.assert_close(got.last_hidden_state, expected["last_hidden_state"], **HIDDEN)
    torch.testing.assert_close(got.pooler_output, expected["pooler_output"], **HIDDEN)
    single = run(model, expected["single_input_ids"]).last_hidden_state
    torch.testing.assert_close(single, expected["single_last_hidden_state"], **HIDDEN)


@pytest.mark.parametrize("length", [16, 64, 128, 256])
@pytest.mark.parametrize(("layout", "name"), [("first_layer", "shared"), ("per_layer", "per_layer")])
def test_the_sparse_rotary_model_at_every_length(sparse, layout, name, length, implementation):
    expected = golden(sparse)
    model = AutoModelForMaskedLM.from_pretrained(
        sparse, family="gena_bert", attn_implementation=implementation, sparse_layout=layout
    )
    inputs = [expected[key][:, :length] for key in ("input_ids", "attention_mask")]
    got = run(model, *inputs, output_hidden_states=True)
    for hidden_states, each in zip(got.hidden_states, expected[f"hidden_states_{name}_L{length}"], strict=True):
        torch.testing.assert_close(hidden_states, each, **HIDDEN)
    torch.testing.assert_close(got.logits, expected[f"logits_{name}_L{length}"], **LOGITS)


def test_a_length_between_blocks_gives_what_whole_blocks_give(sparse, implementation):
    expected = golden(sparse)
    model = AutoModelForMaskedLM.from_pretrained(sparse, attn_implementation=implementation)
    got = run(model, expected["input_ids"][1:, :150])  # its first 150 tokens are real, in blocks of 16
    torch.testing.assert_close(got.logits, expected["logits_shared_L256"][1:, :150], **LOGITS)


def test_the_state_dict_goes_back_to_the_upstream_keys(dense, sparse, implementation):
    for folder, constants in ((dense, 3), (sparse, 4)):
        model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation=implementation)
        stored, upstream = model.state_dict(), torch.load(folder / "pytorch_model.bin", weights_only=True)
        unused = {"bert.embeddings.position_ids", "cls.seq_relationship.weight", "cls.seq_relationship.bias"}
        frequencies = {key for key in upstream if key.endswith("rotary_emb.inv_freq")}
        assert set(upstream) - set(stored) == (unused | frequencies) & set(upstream)
        assert len(set(upstream) - set(stored)) == constants
        assert not set(stored) - set(upstream)
        assert all(torch.equal(stored[key], upstream[key]) for key in stored)


def test_new_layouts_are_drawn_as_upstream_draws_them(sparse, implementation):
    model = AutoModelForMaskedLM.from_pretrained(sparse, attn_implementation=implementation)
    generator = random.Random(1234)  # the seed of the reference files
    for layer in model.bert.encoder.layer:
        stored = layer.attention.self.sparse_self_attention.master_layout
        assert torch.equal(drawn_layout(model.config, generator), stored)
