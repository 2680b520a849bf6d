"""Adapters through the doors: with their base model, its head and its tokenizer, or refused with the way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from peft import IA3Config, LoraConfig, get_peft_model

from hf_dnalm import AutoModelForSequenceClassification as AutoSequence
from hf_dnalm import AutoModelForTokenClassification as AutoToken
from hf_dnalm import AutoTokenizer
from hf_dnalm.auto import models
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer

IDS = torch.tensor([[3, 6, 7, 70, 8, 9], [3, 20, 30, 40, 1, 1]])
MASK = (IDS != 1).long()


def train_adapter(door, base: Path, to: Path, *, with_config: bool, method: str = "lora", **head) -> torch.Tensor:
    """Save an adapter whose weights are far from their start; returns its predictions."""
    model = door.from_pretrained(base, **head)
    kind = {"task_type": "TOKEN_CLS" if door is AutoToken else "SEQ_CLS", "modules_to_save": ["classifier"]}
    if method == "lora":
        adapted = get_peft_model(model, LoraConfig(target_modules=["query", "value"], r=2, **kind))
    else:
        adapted = get_peft_model(model, IA3Config(target_modules=["key", "value"], feedforward_modules=[], **kind))
    torch.manual_seed(1)
    for each in adapted.parameters():
        if each.requires_grad:
            torch.nn.init.normal_(each, std=0.4)
    adapted.eval().save_pretrained(to)
    if with_config:
        model.config.save_pretrained(to)
    return adapted(IDS, MASK).logits.detach()


@pytest.mark.parametrize("method", ["lora", "ia3"])
@pytest.mark.parametrize("door", [AutoSequence, AutoToken])
@pytest.mark.parametrize("with_config", [True, False])
def test_a_reloaded_adapter_predicts_as_at_the_end_of_training(
    method, door, with_config, upstream_v2, tmp_path, caplog
):
    head = {"num_labels": 3} | ({"classifier_pooling": "mean", "problem_type": "regression"} if with_config else {})
    expected = train_adapter(door, upstream_v2, tmp_path / "adapter", with_config=with_config, method=method, **head)
    caplog.clear()
    model, info = door.from_pretrained(tmp_path / "adapter", output_loading_info=True)
    assert torch.equal(model(IDS, MASK).logits, expected)
    assert type(model).__name__ == door.__name__.replace("AutoModel", "NucleotideTransformer")
    assert (model.num_labels, model.config.problem_type) == (3, head.get("problem_type"))
    assert not caplog.records
    assert not info["unexpected_keys"]


def test_a_reloaded_adapter_saves_itself_again(upstream_v2, tmp_path):
    expected = train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=False, num_labels=3)
    AutoSequence.from_pretrained(tmp_path / "adapter").save_pretrained(tmp_path / "again")
    config = json.loads((tmp_path / "again" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(upstream_v2)
    assert torch.equal(AutoSequence.from_pretrained(tmp_path / "again")(IDS, MASK).logits, expected)


def test_labels_of_an_adapter_can_be_given(upstream_v2, tmp_path):
    train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=True, num_labels=2)
    model = AutoSequence.from_pretrained(
        tmp_path / "adapter", id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1}
    )
    assert model.config.id2label == {0: "no", 1: "yes"}
    with pytest.raises(ValueError, match=r"the adapter does not fit .* \(classifier"):
        AutoSequence.from_pretrained(tmp_path / "adapter", num_labels=7)


def test_an_adapter_without_its_base_model_is_refused_with_the_way_out(upstream_v2, tmp_path):
    train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=True)
    config = tmp_path / "adapter" / "adapter_config.json"
    written = json.loads(config.read_text())
    config.write_text(json.dumps(written | {"base_model_name_or_path": str(tmp_path / "gone")}))
    with pytest.raises(
        ValueError, match=r"names the base model '.*gone', which cannot be read.*base_model_name_or_path"
    ):
        AutoSequence.from_pretrained(tmp_path / "adapter")
    config.write_text(json.dumps(written | {"base_model_name_or_path": None}))
    with pytest.raises(ValueError, match="names no base model"):
        AutoSequence.from_pretrained(tmp_path / "adapter")


def test_an_adapter_of_another_class_is_refused(upstream_v2, tmp_path):
    train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=True)
    with pytest.raises(ValueError, match="the adapter does not fit NucleotideTransformerForTokenClassification"):
        AutoToken.from_pretrained(tmp_path / "adapter")


def test_an_adapter_without_peft_says_how_to_install_it(upstream_v2, tmp_path, monkeypatch):
    train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=True)
    monkeypatch.setattr(models, "is_peft_available", lambda: False)
    with pytest.raises(ImportError, match=r'needs peft: pip install "hf_dnalm\[train\]"'):
        AutoSequence.from_pretrained(tmp_path / "adapter")


def test_an_adapter_on_another_family_is_left_to_transformers(tmp_path):
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=40, **size)
    base = transformers.AutoModelForSequenceClassification.from_config(config)
    base.save_pretrained(tmp_path / "base")
    kind = LoraConfig(task_type="SEQ_CLS", target_modules=["query"])
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    get_peft_model(plain, kind).save_pretrained(tmp_path / "adapter")
    assert type(AutoSequence.from_pretrained(tmp_path / "adapter")) is transformers.BertForSequenceClassification


def test_the_tokenizer_of_an_adapter_without_one_is_its_base_models(upstream_v2, tmp_path):
    train_adapter(AutoSequence, upstream_v2, tmp_path / "adapter", with_config=False)
    assert type(AutoTokenizer.from_pretrained(tmp_path / "adapter")) is KmerTokenizer
