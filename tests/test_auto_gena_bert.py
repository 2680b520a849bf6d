"""GENA-LM through every door: the silent failures of the past, fine-tuned revisions, never plain BERT."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
import torch
import transformers

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.cli.load import find_model_class
from hf_dnalm.modeling.configuration_gena_bert import GenaBertConfig
from hf_dnalm.modeling.modeling_gena_bert import GenaBertForMaskedLM
from hf_dnalm.source import Source
from tests.toys.gena_bert import toy_backend, toy_model, upstream_config, write_upstream

PASSPORT = passport_of_family("gena_bert")
CHECKPOINTS = {checkpoint.name.removeprefix("gena-lm-"): checkpoint for checkpoint in PASSPORT.checkpoints}
IDS = torch.tensor([[1, 6, 9, 14, 2, 3], [1, 6, 7, 8, 13, 2]])
MASK = (IDS != 3).long()
POOLER = {"bert.pooler.dense"}


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def new_parts(info) -> set[str]:
    return {key.rpartition(".")[0] for key in info["missing_keys"]}


@pytest.mark.parametrize("layout", ["bert-base", "bert-base-t2t", "bigbird-base-sparse", "bigbird-base-sparse-t2t"])
@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"classifier"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_every_layout_through_every_door_with_what_starts_untrained_by_name(layout, door, new, tmp_path, caplog):
    folder = write_upstream(tmp_path, layout)
    if door is AutoModelForSequenceClassification and layout != "bert-base":
        new = new | POOLER
    with caplog.at_level(logging.WARNING, "hf_dnalm"):
        model, info = door.from_pretrained(folder, output_loading_info=True)
    assert new_parts(info) == new
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert all(name in caplog.text for name in new)
    loaded = {key.removeprefix("bert."): value for key, value in model.state_dict().items()}
    upstream = {key.removeprefix("bert."): value for key, value in stored(folder).items()}
    common = loaded.keys() & upstream.keys()
    assert all(torch.equal(loaded[key], upstream[key]) for key in common)
    assert not [key for key in upstream.keys() - common if "encoder" in key and "inv_freq" not in key]


def test_the_masked_lm_door_gives_no_plain_bert_with_new_norms(tmp_path):
    # transformers' own door reads the folder as a stock BERT: its norms have other names, so all of them start anew
    folder = write_upstream(tmp_path)
    _, info = transformers.AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert any("LayerNorm" in key for key in info["missing_keys"])
    model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert type(model) is GenaBertForMaskedLM
    with torch.no_grad():
        assert torch.equal(model.eval()(IDS, MASK).logits, toy_model("masked_lm")(IDS, MASK).logits)


def test_published_usage_runs_with_one_changed_import(tmp_path):
    folder = write_upstream(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, trust_remote_code=True, output_hidden_states=True)
    outputs = model(**tokenizer(["ACGT", "GCTAAA"], return_tensors="pt", padding=True))
    assert outputs["hidden_states"][-1].shape[::2] == (2, 24)
    head = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    assert head.classifier.weight.shape == (2, 24)


def test_an_input_beyond_the_positions_says_so_and_raises_no_index_error(tmp_path):
    folder = write_upstream(tmp_path)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    batch = tokenizer(["C" * 63], return_tensors="pt")
    with pytest.raises(ValueError, match="65 tokens are more than the 64 that this model reads"):
        model(**batch)
    assert model(**tokenizer(["C" * 63], return_tensors="pt", truncation=True)).last_hidden_state.shape[1] == 64


@pytest.mark.parametrize(
    ("layout", "door", "head", "auto_class"),
    [
        ("promoters", AutoModelForSequenceClassification, "sequence", "AutoModelForSequenceClassification"),
        ("splice", AutoModelForTokenClassification, "token", "AutoModelForTokenClassification"),
    ],
)
def test_fine_tuned_revisions_have_their_trained_head(layout, door, head, auto_class, tmp_path):
    folder = write_upstream(tmp_path, layout)
    model, info = door.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    with torch.no_grad():
        assert torch.equal(model.eval()(IDS, MASK).logits, toy_model(head)(IDS, MASK).logits)
    assert model.config.num_labels == 3
    found = Source.of(folder, {}).recognise()
    assert found.auto_class(None) == found.auto_class(list(stored(folder))) == auto_class
    model.save_pretrained(tmp_path / "saved")
    again, info = door.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(info.values())
    with torch.no_grad():
        assert torch.equal(again.eval()(IDS, MASK).logits, model(IDS, MASK).logits)


@pytest.mark.parametrize(
    ("layout", "door", "lost"),
    [
        ("promoters", AutoModelForSequenceClassification, "classifier.weight"),
        ("promoters", AutoModelForSequenceClassification, "bert.pooler.dense.bias"),
        ("splice", AutoModelForTokenClassification, "classifier.bias"),
    ],
)
def test_a_revision_that_lost_its_trained_head_is_refused(layout, door, lost, tmp_path):
    folder = write_upstream(tmp_path, layout)
    state = stored(folder)
    del state[lost]
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=rf"misses (token_)?{lost}"):
        door.from_pretrained(folder)


def test_a_promoter_model_predicts(tmp_path):
    assert find_model_class(str(write_upstream(tmp_path, "promoters"))) == (
        AutoModelForSequenceClassification,
        "sequence",
    )


def test_the_splice_models_name_their_labels_together(tmp_path):
    config = AutoConfig.from_pretrained(write_upstream(tmp_path, "splice"))
    assert config.problem_type == "multi_label_classification"
    assert AutoModel.from_pretrained(tmp_path).pooler is None


@pytest.mark.parametrize(
    "changes", [{}, {"classifier_pooling": "mean"}, {"classifier_pooling": "mean", "num_labels": 2}]
)
def test_a_head_of_tokens_is_not_read_as_a_head_of_sequences(changes, tmp_path):
    # upstream calls both `classifier`, and both have the same shapes
    with pytest.raises(ValueError, match=r"head in the weights .classifier\.bias, classifier\.weight. is of another"):
        AutoModelForSequenceClassification.from_pretrained(write_upstream(tmp_path, "splice"), **changes)


def test_a_head_of_sequences_is_not_read_as_a_head_of_tokens(tmp_path):
    folder = write_upstream(tmp_path, "promoters")
    _, info = AutoModelForTokenClassification.from_pretrained(folder, output_loading_info=True)
    assert new_parts(info) == {"token_classifier"}


@pytest.mark.parametrize("layout", ["bert-base", "promoters"])
def test_a_trained_pooler_stays_with_the_body(layout, tmp_path):
    folder = write_upstream(tmp_path, layout)
    pooler = stored(folder)["bert.pooler.dense.weight"]
    assert torch.equal(AutoModel.from_pretrained(folder).pooler.dense.weight, pooler)
    if layout == "bert-base":  # through a further pre-training into a sequence head
        AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(tmp_path / "saved")
        head, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved", output_loading_info=True)
        assert new_parts(info) == {"classifier"}
        assert torch.equal(head.bert.pooler.dense.weight, pooler)


def test_a_file_without_its_layouts_is_refused_and_not_drawn_anew(tmp_path):
    folder = write_upstream(tmp_path, "bigbird-base-sparse")
    state = {key: value for key, value in stored(folder).items() if "layer.1.attention.self.sparse" not in key}
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"incomplete, GenaBertModel misses .*layer\.1\..*master_layout"):
        AutoModel.from_pretrained(folder)


def test_layouts_of_another_length_are_refused(tmp_path):
    folder = write_upstream(tmp_path, "bigbird-base-sparse")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 128}))
    with pytest.raises(ValueError, match=r"master_layout has shape \(3, 16, 16\) in the weights and \(3, 32, 32\)"):
        AutoModel.from_pretrained(folder)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_published_configs_are_recognised_without_any_other_file(name):
    assert find_passport(json.loads(json.dumps(dict(CHECKPOINTS[name].config)))) is PASSPORT
    assert CHECKPOINTS[name].context_tokens == (4096 if "bigbird" in name else 512)


def test_published_counts_are_ours_and_stored_constants():
    layouts, frequencies = 12 * 12 * 64 * 64, 12 * 16
    assert CHECKPOINTS["bigbird-base-sparse"].parameters + layouts + frequencies == 110_847_680
    assert CHECKPOINTS["bigbird-base-sparse-t2t"].parameters + layouts == 113_994_752
    assert CHECKPOINTS["bert-base-lastln-t2t"].parameters == 110_652_416


def test_only_commits_that_were_checked_are_pinned():
    assert {name: each.revision for name, each in CHECKPOINTS.items() if each.revision} == {
        "bert-base": "416f0553",
        "bert-base-t2t-multi": "4633e5a1",
        "bert-large-t2t": "f997a8a7",
    }
    assert all(each.config_checked == (each.revision is not None) for each in CHECKPOINTS.values())


def test_a_left_out_last_norm_is_there_and_a_stated_one_is_as_stated():
    last_norms = {name: PASSPORT.translate(each.config)["last_layer_norm"] for name, each in CHECKPOINTS.items()}
    assert {name for name, last_norm in last_norms.items() if last_norm} == {
        "bert-base-lastln-t2t",
        "bert-large-t2t",
        "bigbird-base-sparse-t2t",
    }
    assert "last_layer_norm" not in CHECKPOINTS["bert-large-t2t"].config


def test_sparse_configs_are_read_as_they_stand():
    rotary = PASSPORT.translate(CHECKPOINTS["bigbird-base-sparse"].config)
    assert (rotary["position_embedding_type"], rotary["rotary_dim"], rotary["sparse_block_size"]) == ("rotary", 32, 64)
    absolute = PASSPORT.translate(CHECKPOINTS["bigbird-base-sparse-t2t"].config)
    assert (absolute["position_embedding_type"], absolute["sparse_random_blocks"]) == ("absolute", 3)
    whole = PASSPORT.translate(upstream_config("bert-base-t2t") | {"position_embedding_type": "rotary"})
    assert whole["rotary_dim"] == 8  # all numbers of a head, as upstream reads a missing key


DNA, ENGLISH = toy_backend().to_str(), json.dumps({"model": {"vocab": {"[UNK]": 0, "the": 1}}})
CONFIG = dict(CHECKPOINTS["bert-base-t2t"].config)


@pytest.mark.parametrize(
    ("config", "beside", "ours"),
    [
        (CONFIG, {}, True),
        (CONFIG, {"tokenizer.json": DNA}, True),
        (CONFIG, {"tokenizer.json": toy_backend("v1").to_str()}, True),
        (CONFIG | {"vocab_size": 64}, {}, True),
        (CONFIG, {"tokenizer.json": ENGLISH}, False),
        (CONFIG, {"vocab.txt": "[PAD]\nthe"}, False),
        (CONFIG | {"pre_layer_norm": False}, {"tokenizer.json": DNA}, False),
        (CONFIG | {"model_type": "roberta"}, {"tokenizer.json": DNA}, False),
        (transformers.BertConfig(vocab_size=32000, pad_token_id=3).to_dict(), {"tokenizer.json": DNA}, False),
        (GenaBertConfig().to_dict(), {}, True),
    ],
)
def test_recognition_is_by_content(config, beside, ours):
    found = find_passport(config, beside.get)
    assert (found is PASSPORT) is ours
    assert ours or found is None


SPARSE = dict(CHECKPOINTS["bigbird-base-sparse"].config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG | {"hidden_act": "relu"}, "hidden_act = 'relu'; a GENA-LM supports only 'gelu'"),
        (CONFIG | {"position_embedding_type": "relative_key"}, "supports only 'absolute' or 'rotary'"),
        (CONFIG | {"n_experts": 8}, "the key 'n_experts' .= 8., which no GENA-LM has"),
        (SPARSE | {"sparse_config_cls": "deepspeed.ops.sparse_attention:FixedSparsityConfig"}, "sparse_config_cls = "),
        (SPARSE | {"num_attention_heads": 6}, "sparse_attention for 12 heads and num_attention_heads = 6"),
        (
            SPARSE | {"sparse_attention": SPARSE["sparse_attention"] | {"different_layout_per_head": False}},
            "without different_layout_per_head = true",
        ),
        (
            SPARSE | {"sparse_attention": SPARSE["sparse_attention"] | {"attention": "unidirectional"}},
            "sparse_attention with missing or unknown keys: attention",
        ),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(config, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(config)


def test_stored_tensors_that_no_model_reads_are_declared():
    def unused(key: str) -> bool:
        return any(re.fullmatch(pattern, key) for pattern in PASSPORT.unused_keys(GenaBertConfig()))

    assert unused("bert.embeddings.position_ids")
    assert unused("cls.seq_relationship.weight")
    assert unused("bert.encoder.layer.11.attention.self.rotary_emb.inv_freq")
    assert not unused("bert.encoder.layer.11.attention.self.sparse_self_attention.master_layout")
    assert not unused("bert.encoder.last_layer_ln.weight")


def test_branches_are_named_on_the_cards():
    assert {name: set(each.branches) for name, each in CHECKPOINTS.items() if each.branches} == {
        "bert-base-t2t": {"promoters_300_run_1", "spliceai_run_1"},
        "bert-large-t2t": {"promoters_300_run_1", "promoters_2000_run_1", "spliceai_run_1"},
    }
    cards = Path(__file__).parents[1] / "hub_cards"
    for name, checkpoint in CHECKPOINTS.items():
        card = (cards / f"gena-lm-{name}.md").read_text(encoding="utf-8")
        assert all(f"- `{branch}`: {what}" in card for branch, what in checkpoint.branches.items())
        assert ("Fine-tuned revisions" in card) == bool(checkpoint.branches)
