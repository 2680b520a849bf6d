"""Nucleotide Transformer and AgroNT at the doors: version 1 beside transformers' own ESM, the authors' examples."""

from __future__ import annotations

import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from hf_dnalm import AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm import AutoModelForSequenceClassification as AutoSequence
from hf_dnalm import AutoModelForTokenClassification as AutoToken
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer
from tests.checkpoint_folder import changed


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_version_1_computes_what_transformers_own_esm_computes(upstream_v1, attention):
    ids = torch.tensor([[3, 6, 7, 2, 8, 9], [3, 20, 30, 40, 1, 1]])
    original = transformers.EsmForMaskedLM.from_pretrained(upstream_v1, attn_implementation=attention)
    ours = AutoModelForMaskedLM.from_pretrained(upstream_v1, attn_implementation=attention)
    assert ours.config._attn_implementation == attention
    mask = (ids != 1).long()
    torch.testing.assert_close(ours(ids, mask).logits, original(ids, mask).logits, atol=2e-5, rtol=1e-5)


def test_the_tokenizer_gives_the_ids_of_transformers_own(upstream_v1):
    ours = AutoTokenizer.from_pretrained(upstream_v1)
    original = transformers.EsmTokenizer.from_pretrained(upstream_v1)
    assert type(ours) is KmerTokenizer
    assert (ours.model_max_length, ours.name_or_path) == (64, str(upstream_v1))
    for text in ["ACGTTTNACGA", "acgTTT", "", "ACG<mask>TT", "AC GTT-A"]:
        assert ours(text).input_ids == original(text).input_ids


def test_version_2s_extra_tensors_are_no_part_of_version_1(upstream_v1, tmp_path):
    name = "esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq"
    folder = changed(upstream_v1, tmp_path / "v1", add={name: torch.ones(4)})
    with pytest.raises(ValueError, match="inv_freq"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_an_end_token_is_refused(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "eos")
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<eos>"}')
    with pytest.raises(ValueError, match=r"asks for eos_token '<eos>' after every sequence.*set it to null"):
        AutoTokenizer.from_pretrained(folder)


# ---- the published usage examples, with one import changed


def test_the_published_example_of_agront_runs(upstream_v1):
    agro_nt_model = AutoModelForMaskedLM.from_pretrained(upstream_v1)
    agro_nt_tokenizer = AutoTokenizer.from_pretrained(upstream_v1)
    assert agro_nt_model.num_parameters() > 0
    sequences = ["ATATACGGCCGNC", "GGGTATCGCTTCCGAC"]
    token_budget = agro_nt_tokenizer(sequences, padding="longest")["input_ids"]
    assert agro_nt_tokenizer.batch_decode(token_budget)[0].startswith("<cls> ATA TAC")
    torch_batch_tokens = torch.tensor(token_budget)
    attention_mask = torch_batch_tokens != agro_nt_tokenizer.pad_token_id
    outs = agro_nt_model(
        torch_batch_tokens,
        attention_mask=attention_mask,
        encoder_attention_mask=attention_mask,
        output_hidden_states=True,
    )
    assert outs["hidden_states"][-1].detach().numpy().shape == (*torch_batch_tokens.shape, 16)
    expected = transformers.EsmForMaskedLM.from_pretrained(upstream_v1)(torch_batch_tokens, attention_mask).logits
    torch.testing.assert_close(outs["logits"], expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("upstream", ["upstream_v1", "upstream_v2"])
def test_the_published_example_of_the_nucleotide_transformer_runs(upstream, request):
    folder = request.getfixturevalue(upstream)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True, model_max_length=32)
    model = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True)
    max_length = tokenizer.model_max_length
    sequences = ["ATTCCGATTCCGATTCCG", "ATTTCTCTCTCTCTCTGAGATCGATCGATCGAT"]
    tokens_ids = tokenizer.batch_encode_plus(
        sequences, return_tensors="pt", padding="max_length", max_length=max_length
    )["input_ids"]
    attention_mask = tokens_ids != tokenizer.pad_token_id
    torch_outs = model(
        tokens_ids,
        attention_mask=attention_mask,
        encoder_attention_mask=attention_mask,
        output_hidden_states=True,
    )
    embeddings = torch_outs["hidden_states"][-1].detach()
    assert embeddings.shape == (2, 32, model.config.hidden_size)
    attention_mask = torch.unsqueeze(attention_mask, dim=-1)
    means = torch.sum(attention_mask * embeddings, axis=-2) / torch.sum(attention_mask, axis=1)
    assert torch.isfinite(means).all()


# ---- the reference checkpoints


@pytest.mark.parametrize("version", ["nt_v1", "nt_v2"])
@pytest.mark.parametrize("weights", ["", "bin"])
def test_reference_checkpoints_load_whole_and_exact(version, weights, shared):
    folder = shared / "goldens" / version
    golden = load_file(folder / "golden.safetensors")
    model, info = AutoModelForMaskedLM.from_pretrained(
        folder / weights, output_loading_info=True, attn_implementation="eager"
    )
    assert not any(info.values())
    logits = model(golden["input_ids"], attention_mask=golden["attention_mask"]).logits
    torch.testing.assert_close(logits, golden["logits"], atol=3e-5, rtol=0)


@pytest.mark.parametrize(("file", "door"), [("seqcls", AutoSequence), ("tokcls", AutoToken)])
def test_reference_classifiers_load_with_their_heads(file, door, shared, tmp_path):
    folder = shared / "goldens" / "nt_v2"
    golden = load_file(folder / "golden.safetensors")
    weights = load_file(folder / f"{file}.safetensors")
    shutil.copy(folder / "config.json", tmp_path)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    labels = golden[f"{file}.logits"].shape[-1]
    model, info = door.from_pretrained(tmp_path, num_labels=labels, output_loading_info=True)
    assert not any(info.values())
    logits = model(golden["input_ids"], attention_mask=golden["attention_mask"]).logits
    torch.testing.assert_close(logits, golden[f"{file}.logits"], atol=3e-5, rtol=0)
