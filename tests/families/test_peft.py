"""PEFT by itself, without this package's fine-tuning: its defaults, its saves, what it trains and what it merges."""

from __future__ import annotations

import json
import re

import pytest
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

import hf_dnalm
from hf_dnalm.registry import config_class
from tests.families.test_saving import natural_class

TASK_TYPES = {"sequence": "SEQ_CLS", "token": "TOKEN_CLS"}


def logits(family, model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**family.batch()).logits


def test_a_config_class_reads_the_published_config(family, published, caplog):
    ours = config_class(family.passport)
    read = ours.from_pretrained(published)
    assert type(read) is ours
    assert read.to_diff_dict() == hf_dnalm.AutoConfig.from_pretrained(published).to_diff_dict()
    assert not caplog.records


def test_a_config_class_refuses_the_config_of_another_model_by_its_file(family, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "roberta", "no_such_field": 3}))
    with pytest.raises(ValueError, match=rf"^{tmp_path}: .*config.json"):
        config_class(family.passport).from_pretrained(tmp_path)


def test_a_trainers_checkpoint_of_an_adapter_holds_the_adapter_and_reloads(family, published, tmp_path):
    model = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(published, num_labels=2)
    adapted = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=2))
    arguments = transformers.TrainingArguments(
        tmp_path, max_steps=2, save_steps=2, per_device_train_batch_size=1, report_to=[], use_cpu=True,
        disable_tqdm=True, learning_rate=1e-1,
    )  # fmt: skip
    rows = [dict(family.tokenizer(sequence), labels=1) for sequence in family.declared("SEQUENCES")]
    transformers.Trainer(adapted, arguments, train_dataset=rows, processing_class=family.tokenizer).train()
    folder = tmp_path / "checkpoint-2"
    heads = (family.passport.heads["AutoModelForSequenceClassification"], *family.passport.poolers)
    names = [name.removeprefix("base_model.model.") for name in load_file(folder / "adapter_model.safetensors")]
    assert any("lora_" in name for name in names)
    assert all("lora_" in name or name.startswith(heads) for name in names)
    again = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(folder)
    torch.testing.assert_close(logits(family, again), logits(family, adapted))


def trained(family, published, level: str, folder, *, task_type: str | None, heads_too: bool = True, **settings):
    """An adapter of a model with a new head, far from its start, written by PEFT; returns its predictions."""
    model = getattr(hf_dnalm, family.heads[level]).from_pretrained(published, num_labels=2)
    if not heads_too:  # as a process without this package leaves them
        model.newly_initialised = frozenset()
    adapted = get_peft_model(model, LoraConfig(task_type=task_type, r=2, **settings))
    torch.manual_seed(1)
    for each in adapted.parameters():
        if each.requires_grad:
            torch.nn.init.normal_(each, std=0.3)
    adapted.save_pretrained(folder)
    return logits(family, adapted)


@pytest.mark.parametrize("named", [True, False], ids=["task_type", "no_task_type"])
@pytest.mark.parametrize("level", TASK_TYPES)
def test_an_adapter_by_peft_alone_predicts_the_same_at_every_loading(family, published, level, named, tmp_path):
    expected = trained(family, published, level, tmp_path, task_type=TASK_TYPES[level] if named else None)
    door = getattr(hf_dnalm, family.heads[level])
    for _ in range(2):
        torch.testing.assert_close(logits(family, door.from_pretrained(tmp_path)), expected)
    for trainable in (False, True):
        base = door.from_pretrained(published, num_labels=2)
        again = PeftModel.from_pretrained(base, tmp_path, is_trainable=trainable)
        torch.testing.assert_close(logits(family, again), expected)


@pytest.mark.parametrize("named", [True, False], ids=["task_type", "no_task_type"])
@pytest.mark.parametrize("level", TASK_TYPES)
def test_an_adapter_without_what_it_was_trained_with_is_refused(family, published, level, named, tmp_path):
    task_type = TASK_TYPES[level] if named else None
    trained(family, published, level, tmp_path, task_type=task_type, heads_too=False)
    door = getattr(hf_dnalm, family.heads[level])
    base, info = door.from_pretrained(published, num_labels=2, output_loading_info=True)
    poolers = {name for name in family.passport.poolers if any(name in key for key in info["missing_keys"])}
    missing = poolers if named else poolers | {family.passport.heads[family.heads[level]].removesuffix(".")}
    if not missing:
        door.from_pretrained(tmp_path)
        PeftModel.from_pretrained(base, tmp_path)
        return
    for load in (
        lambda: door.from_pretrained(tmp_path, num_labels=2),
        lambda: PeftModel.from_pretrained(base, tmp_path),
    ):
        with pytest.raises(
            ValueError, match=rf"^{tmp_path}: the adapter was trained with .* modules_to_save="
        ) as refused:
            load()
        assert all(repr(name) in str(refused.value) for name in missing)


def test_an_adapter_of_a_language_model_may_get_a_head(family, published, tmp_path, caplog):
    auto_class = next(name for head, name in family.heads.items() if head.endswith("lm"))
    if auto_class != natural_class(published):
        pytest.skip("the published weights hold no head of a language model")
    language_model = getattr(hf_dnalm, auto_class).from_pretrained(published)
    get_peft_model(language_model, LoraConfig(r=2)).save_pretrained(tmp_path)
    _, info = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert info["missing_keys"]
    assert "newly initialised" in caplog.text


@pytest.mark.every_flavour
def test_no_module_that_peft_can_adapt_is_used_by_its_weight_alone(family, head):
    model = family.model(head)
    called = set()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: called.add(name))
    with torch.no_grad():
        model(**family.batch())
    kinds = (torch.nn.Linear, torch.nn.Embedding, torch.nn.Conv1d, torch.nn.Conv2d)
    adaptable = {name: module for name, module in model.named_modules() if isinstance(module, kinds)}
    # the layer itself looks whether an adapter stands in place of this one, as the next test shows
    silent = {name for name in adaptable if name not in called and not name.endswith(".module.i2h")}
    assert not silent


@pytest.mark.every_flavour
def test_adapters_of_all_linear_layers_learn_and_merging_changes_no_output(family, labelled_head):
    model = family.model(labelled_head, **family.dropout(0.0))
    adapted = get_peft_model(
        model, LoraConfig(task_type=TASK_TYPES.get(labelled_head), target_modules="all-linear", r=2)
    )
    adapters = {name: each for name, each in adapted.named_parameters() if "lora_" in name}
    torch.manual_seed(0)
    for each in adapters.values():  # as after some steps: at the start one half of each is zero
        torch.nn.init.normal_(each, std=0.1)
    batch = family.batch()
    adapted.train()(**batch, labels=family.labels(labelled_head, batch)).loss.backward()
    exempt = family.declared("NO_GRADIENT")
    silent = {name for name, each in adapters.items() if each.grad is None or not each.grad.any()}
    base = "base_model.model."
    layers = {name.removeprefix(base).partition(".lora_")[0] for name in silent}
    assert not {name for name in layers if not any(re.fullmatch(each, f"{name}.weight") for each in exempt)}
    expected = logits(family, adapted)
    merged = logits(family, adapted.merge_and_unload())
    torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(merged, logits(family, family.model(labelled_head)), atol=1e-2)
