"""The doors: folders of upstream and ours, strict weights, all arguments; the rest falls through."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
import transformers
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
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary
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


@pytest.fixture(scope="session")
def upstream_v1(tmp_path_factory) -> Path:
    """Version 1 as the Hub holds it, made by transformers' own ESM, with an unused contact head and position_ids."""
    folder = tmp_path_factory.mktemp("upstream_v1")
    config = transformers.EsmConfig(
        vocab_size=73, mask_token_id=2, pad_token_id=1, token_dropout=True, tie_word_embeddings=False,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=66,
        emb_layer_norm_before=False, **SHAPE,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.EsmForMaskedLM(config).save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    weights["esm.embeddings.position_ids"] = torch.arange(66)[None]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.txt").write_text("\n".join(kmer_vocabulary(3, "nucleotide_transformer_v1")))
    (folder / "tokenizer_config.json").write_text('{"eos_token": null, "model_max_length": 64}')
    return folder


def changed(folder: Path, to: Path, *, drop: tuple[str, ...] = (), add: dict | None = None, config: dict | None = None):
    """A copy of a checkpoint with other weights or another config."""
    shutil.copytree(folder, to)
    weights = {name: each for name, each in load_file(to / "model.safetensors").items() if name not in drop}
    save_file(weights | (add or {}), to / "model.safetensors", metadata={"format": "pt"})
    described = json.loads((to / "config.json").read_text()) | (config or {})
    (to / "config.json").write_text(json.dumps(described))
    return to


# ---- upstream folders


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
    with pytest.raises(ValueError, match=f"^{tmp_path}: Validation error for field 'hidden_size': TypeError"):
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


# ---- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"drop": ("esm.encoder.layer.1.attention.self.key.weight",)},
            r"incomplete, NucleotideTransformerForMaskedLM misses esm\.encoder\.layer\.1\.attention\.self\.key\.weight",
        ),
        ({"drop": ("lm_head.decoder.weight",)}, r"incomplete, .* misses lm_head\.decoder\.weight"),
        (
            {"add": {"esm.pooler.dense.bias": torch.ones(3)}},
            r"hold esm\.pooler\.dense\.bias, for which .* has no place",
        ),
        ({"add": {"lm_head.extra": torch.ones(3)}}, r"hold lm_head\.extra"),
        (
            {"config": {"intermediate_size": 48}},
            r"esm\.encoder\.layer\.0\.intermediate\.dense\.weight has shape \(128, 32\) .* and \(96, 32\)",
        ),
        ({"config": {"is_folding_model": True}}, "changed: config.json has is_folding_model = True"),
        (
            {"config": {"architectures": ["Other"]}},
            "of no family that hf_dnalm or transformers .* family=.*trust_remote",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change, message, upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "changed", **change)
    with pytest.raises(ValueError, match=message) as refused:
        AutoModelForMaskedLM.from_pretrained(folder)
    assert "\n" not in str(refused.value)


def test_version_2s_extra_tensors_are_no_part_of_version_1(upstream_v1, tmp_path):
    name = "esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq"
    folder = changed(upstream_v1, tmp_path / "v1", add={name: torch.ones(4)})
    with pytest.raises(ValueError, match="inv_freq"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_weights_that_are_cut_short_are_refused(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "cut")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="the weights cannot be read, cut short or damaged"):
        AutoModel.from_pretrained(folder)


def test_a_damaged_json_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"adapter_config\.json is not JSON"):
        AutoModel.from_pretrained(tmp_path)


def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id():
    with pytest.raises(FileNotFoundError, match="no such folder"):
        AutoModel.from_pretrained("/not/there")
    with pytest.raises(OSError, match=r"81b29e57.*revision='main'"):
        AutoModel.from_pretrained("InstaDeepAI/nucleotide-transformer-v2-50m-multi-species", cache_dir="/not/there")


def test_an_end_token_is_refused(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "eos")
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<eos>"}')
    with pytest.raises(ValueError, match=r"asks for eos_token '<eos>' after every sequence.*set it to null"):
        AutoTokenizer.from_pretrained(folder)


def test_no_masked_lm_head_is_made_up(tmp_path):
    toy_model("sequence").save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"hold no head for NucleotideTransformerForMaskedLM \(lm_head\.bias, .*AutoModel"
    ):
        AutoModelForMaskedLM.from_pretrained(tmp_path)


def test_a_saved_classifier_without_its_head_is_incomplete(tmp_path):
    toy_model("sequence").save_pretrained(tmp_path / "saved")
    head = tuple(name for name in load_file(tmp_path / "saved/model.safetensors") if name.startswith("classifier"))
    folder = changed(tmp_path / "saved", tmp_path / "changed", drop=head)
    with pytest.raises(ValueError, match="hold no head for NucleotideTransformerForSequenceClassification"):
        AutoSequence.from_pretrained(folder)
    folder = changed(tmp_path / "saved", tmp_path / "half", drop=head[:1])
    with pytest.raises(ValueError, match=r"incomplete, .* misses classifier"):
        AutoSequence.from_pretrained(folder)


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


# ---- what falls through


def other_model(name: str) -> transformers.PreTrainedModel:
    config = {
        "esm2": transformers.EsmConfig(vocab_size=33, position_embedding_type="rotary", pad_token_id=1, **SHAPE),
        "bert": transformers.BertConfig(vocab_size=50, **SHAPE),
        "bigbird": transformers.BigBirdConfig(vocab_size=60, attention_type="original_full", **SHAPE),
        "modernbert": transformers.ModernBertConfig(vocab_size=60, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                                    cls_token_id=1, sep_token_id=2, **SHAPE),
    }[name]  # fmt: skip
    return transformers.AutoModelForMaskedLM.from_config(config).eval()


@pytest.mark.parametrize("name", ["esm2", "bert", "bigbird", "modernbert"])
def test_models_of_other_families_come_as_transformers_gives_them(name, tmp_path):
    model = other_model(name)
    model.save_pretrained(tmp_path)
    loaded, info = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is type(model)
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(model.config)
    assert not info["missing_keys"]
    ids = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_other_vocabularies_come_as_transformers_reads_them(tmp_path):
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWC", "<mask>"])
    )
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    (tmp_path / "config.json").write_text('{"model_type": "esm", "vocab_size": 33}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is transformers.EsmTokenizer
    with pytest.raises(ValueError, match="genome_mode is of tokenizers of DNA, and this one is a Esm"):
        AutoTokenizer.from_pretrained(tmp_path, genome_mode=True)


def test_family_overrides_what_the_content_says(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "nameless", config={"architectures": None})
    with pytest.raises(ValueError, match="of no family"):
        AutoModel.from_pretrained(folder)
    assert type(AutoModel.from_pretrained(folder, family="nucleotide_transformer")) is NucleotideTransformerModel
    assert AutoConfig.from_pretrained(folder, family="nucleotide_transformer").hidden_size == 32
    with pytest.raises(ValueError, match="no family 'evo'"):
        AutoModel.from_pretrained(folder, family="evo")


# ---- the published usage examples, with one import changed


def test_the_published_example_of_agront_runs(upstream_v1):
    agro_nt_model = AutoModelForMaskedLM.from_pretrained(upstream_v1)
    agro_nt_tokenizer = AutoTokenizer.from_pretrained(upstream_v1)
    assert agro_nt_model.num_parameters() > 0
    sequences = ["ATATACGGCCGNC", "GGGTATCGCTTCCGAC"]
    batch_tokens = agro_nt_tokenizer(sequences, padding="longest")["input_ids"]
    assert agro_nt_tokenizer.batch_decode(batch_tokens)[0].startswith("<cls> ATA TAC")
    torch_batch_tokens = torch.tensor(batch_tokens)
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
