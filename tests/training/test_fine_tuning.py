"""Fine-tuning from data to a folder that predicts, for each problem type and method."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.cli.finetune import summary
from hf_dnalm.inference import predict
from hf_dnalm.training import finetune, load_for_task
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer
from tests.training.conftest import TASKS, splits_of


@pytest.fixture(autouse=True)
def no_plots(request, monkeypatch):
    """Drawing the report in every test would take longer than the training."""
    if request.node.name not in ("test_the_output_folder_is_complete", "test_baselines_are_scored_on_the_same_splits"):
        monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-3}


def logits_of(folder, task):
    """What a reader of the folder gets for the test split, in fp32."""
    door = AutoModelForTokenClassification if task.level == "nucleotide" else AutoModelForSequenceClassification
    model = door.from_pretrained(folder)
    test = splits_of(task)["test"].remove_columns("labels")
    logits = predict(model, AutoTokenizer.from_pretrained(folder), test, task=task, dtype=torch.float32).logits
    return np.concatenate(logits) if task.level == "nucleotide" else logits


@pytest.mark.parametrize("name", TASKS)
def test_the_output_folder_predicts_what_the_report_says(name, base_folder, tmp_path):
    task = TASKS[name]
    result = finetune(base_folder, splits_of(task), task, output_dir=tmp_path / "out", reverse_complement=True, **QUICK)
    logits = logits_of(tmp_path / "out", task)
    scores = logits[:, 1:] - logits[:, :1] if task.problem_type.startswith("single") else logits
    measured = result.evaluation.outputs.scores
    assert_close(measured[:, -scores.shape[1] :], scores.astype(np.float64), rtol=1e-4, atol=1e-5)
    assert result.evaluation.n == 13
    assert next(iter(result.evaluation.metrics)) == task.metric


def test_the_output_folder_is_complete(base_folder, tmp_path):
    task = TASKS["single"]
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path, **QUICK)
    for folder in (tmp_path, tmp_path / "checkpoint-3"):
        names = {each.name for each in folder.iterdir()}
        assert {"config.json", "model.safetensors", "tokenizer.json", "modeling_nucleotide_transformer.py"} <= names
        config = json.loads((folder / "config.json").read_text())
        assert config["id2label"] == {"0": "a", "1": "b"}
        assert config["problem_type"] == "single_label_classification"
        assert "AutoModelForSequenceClassification" in config["auto_map"]
    assert json.loads((tmp_path / "task.json").read_text())["metric"] == "mcc"
    assert {"report.json", "report.md", "report.html"} <= {each.name for each in (tmp_path / "report").iterdir()}


def test_the_adapter_of_a_seed_does_not_depend_on_what_was_drawn_before(base_folder, tmp_path):
    adapters = []
    for number, seed in enumerate((3, 3, 4)):
        torch.manual_seed(number)  # another state of torch's own generator in every run
        result = finetune(
            base_folder,
            splits_of(TASKS["single"]),
            TASKS["single"],
            output_dir=tmp_path / str(number),
            method="lora",
            **(QUICK | {"seed": seed}),
        )
        adapters.append(load_file(result.output_dir / "adapter" / "adapter_model.safetensors"))
    first, again, other = adapters
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("name", ["single", "bases"])
@pytest.mark.parametrize("method", ["lora", "ia3"])
def test_the_reloaded_adapter_predicts_what_the_merged_model_does(method, name, base_folder, tmp_path):
    task = TASKS[name]
    finetune(
        base_folder, splits_of(task), task, output_dir=tmp_path, method=method, **(QUICK | {"learning_rate": 0.05})
    )
    from_adapter = logits_of(tmp_path / "adapter", task)
    assert_close(from_adapter, logits_of(tmp_path, task), rtol=1e-4, atol=1e-5)
    trained = load_file(tmp_path / "model.safetensors")
    before = load_file(base_folder / "model.safetensors")
    changed = {key for key in before.keys() & trained.keys() if not torch.equal(before[key], trained[key])}
    assert {key.split(".")[-2] for key in changed} <= {"query", "value", "key", "dense"}
    assert any("query" in key for key in changed) is (method == "lora")
    assert any(".attention.output" in key for key in changed) is False


def test_an_adapter_names_the_weights_under_it(base_folder, tmp_path):
    task = TASKS["value"]
    result = finetune(base_folder, splits_of(task), task, output_dir=tmp_path, method="lora", merge=False, **QUICK)
    assert summary(result).endswith(f"The adapter is in {tmp_path / 'adapter'}, the report in {tmp_path / 'report'}")
    with pytest.raises(FileNotFoundError, match=r"an adapter that was not merged: name the folder .*adapter\."):
        AutoModelForSequenceClassification.from_pretrained(tmp_path)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base_folder.resolve())
    assert "classifier" in config["modules_to_save"]
    assert not (tmp_path / "model.safetensors").exists()
    assert logits_of(tmp_path / "adapter", task).shape == (13, 1)


def test_a_probe_trains_the_head_alone(base_folder, tmp_path):
    task = TASKS["values"]
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path, method="probe", **QUICK)
    before, after = load_file(base_folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    for key, tensor in after.items():
        assert key.startswith("classifier.") or torch.equal(tensor, before[key])


def test_a_new_head_follows_from_the_seed_alone(base_folder):
    heads = []
    for seed, noise in ((1, 0), (1, 5), (2, 0)):
        torch.rand(noise)
        heads.append(load_for_task(str(base_folder), TASKS["multi"], seed=seed).classifier.out_proj.weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_head_for_other_labels_is_left_behind(base_folder, tmp_path):
    load_for_task(str(base_folder), TASKS["multi"], seed=0, pooling="mean").save_pretrained(tmp_path)
    model = load_for_task(str(tmp_path), TASKS["single"], seed=0)
    assert model.config.num_labels == 2
    assert model.config.classifier_pooling == "mean"


def trained_weights(task, splits, output_dir, **settings):
    """Weights after training a toy with dropout from the same start."""
    model = toy_model(
        "sequence",
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        hidden_dropout_prob=settings.pop("dropout", 0.1),
        id2label=task.id2label,
        problem_type=task.problem_type,
    )
    result = finetune(model, splits, task, tokenizer=toy_tokenizer(), output_dir=output_dir, **(QUICK | settings))
    return load_file(output_dir / "model.safetensors"), result


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_run_ends_where_an_undisturbed_one_does(workers, tmp_path):
    task = TASKS["single"]
    splits = splits_of(task)
    settings = {"num_train_epochs": 2, "eval_strategy": "steps", "eval_steps": 2, "save_total_limit": None}
    settings |= {"per_device_train_batch_size": 5, "reverse_complement": True, "dataloader_num_workers": workers}
    undisturbed, first = trained_weights(task, splits, tmp_path / "whole", **settings)
    for step in (4, 6):  # in the first epoch and in the second one, each of 5 steps
        folder = tmp_path / f"resumed-{step}"
        shutil.copytree(tmp_path / "whole" / f"checkpoint-{step}", folder / f"checkpoint-{step}")
        shutil.copy(tmp_path / "whole" / "run.json", folder)
        resumed, second = trained_weights(task, splits, folder, resume=True, **settings)
        assert_close(resumed, undisturbed, rtol=0, atol=0)
        assert second.evaluation.metrics == first.evaluation.metrics


@pytest.mark.parametrize("method", ["lora", "probe"])
def test_a_resumed_adapter_or_probe_ends_where_an_undisturbed_one_does(method, base_folder, tmp_path):
    task = TASKS["single"]
    settings = QUICK | {"method": method, "eval_strategy": "steps", "eval_steps": 1, "save_total_limit": None}
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path / "whole", **settings)
    shutil.copytree(tmp_path / "whole" / "checkpoint-2", tmp_path / "resumed" / "checkpoint-2")
    shutil.copy(tmp_path / "whole" / "run.json", tmp_path / "resumed")
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path / "resumed", resume=True, **settings)
    ends = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed")]
    assert_close(*ends, rtol=0, atol=0)


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path, caplog):
    task = TASKS["single"]
    with caplog.at_level("INFO"):
        trained_weights(task, splits_of(task), tmp_path, resume=True)
    assert f"no complete checkpoint in {tmp_path}, starting from the beginning" in caplog.text


@pytest.mark.parametrize("name", ["single", "multi", "value"])
def test_accumulated_batches_train_like_one_large_batch(name, tmp_path):
    task = TASKS[name]
    settings = {"dropout": 0.0, "train_sampling_strategy": "sequential"}
    settings |= {"class_weights": "balanced"} if name != "value" else {}
    one, _ = trained_weights(task, splits_of(task), tmp_path / "one", per_device_train_batch_size=8, **settings)
    accumulated, _ = trained_weights(
        task,
        splits_of(task),
        tmp_path / "accumulated",
        per_device_train_batch_size=3,
        gradient_accumulation_steps=3,
        max_steps=1,
        **settings,
    )
    nine, _ = trained_weights(
        task, splits_of(task), tmp_path / "nine", per_device_train_batch_size=9, max_steps=1, **settings
    )
    assert_close(accumulated, nine, rtol=1e-3, atol=1e-5)
    assert any(not torch.equal(one[key], nine[key]) for key in one)


def test_the_evaluation_loss_does_not_depend_on_batches(tmp_path):
    task = TASKS["value"]
    losses = []
    for size in (2, 11):
        _, result = trained_weights(
            task, splits_of(task), tmp_path / str(size), learning_rate=0.0, per_device_eval_batch_size=size
        )
        losses.append(next(entry["eval_loss"] for entry in result.history if "eval_loss" in entry))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_training_stops_when_the_metric_does_not_improve_and_a_resume_keeps_to_it(tmp_path):
    task = TASKS["single"]
    settings = {"num_train_epochs": 6, "learning_rate": 0.0, "early_stopping_patience": 2}
    stopped, result = trained_weights(task, splits_of(task), tmp_path, **settings)
    evaluations = [entry for entry in result.history if "eval_mcc" in entry]
    assert len(evaluations) == 3
    again, resumed = trained_weights(task, splits_of(task), tmp_path, resume=True, **settings)
    assert_close(again, stopped, rtol=0, atol=0)
    assert resumed.evaluation.metrics == result.evaluation.metrics
    assert [entry for entry in resumed.history if "eval_mcc" in entry] == evaluations


def test_the_best_checkpoint_is_kept_not_the_last(tmp_path):
    task = TASKS["single"]
    _, result = trained_weights(
        task,
        splits_of(task),
        tmp_path,
        num_train_epochs=3,
        metric_for_best_model="loss",
        learning_rate=0.2,
        lr_scheduler_type="constant",
    )
    losses = {entry["step"]: entry["eval_loss"] for entry in result.history if "eval_loss" in entry}
    best = min(losses, key=losses.get)
    assert best != max(losses), "the premise needs a run that gets worse"
    kept = load_file(tmp_path / f"checkpoint-{best}" / "model.safetensors")
    assert_close(load_file(tmp_path / "model.safetensors"), kept, rtol=0, atol=0)


def test_a_run_that_never_evaluates_keeps_the_last_weights(tmp_path):
    task = TASKS["single"]
    _, result = trained_weights(task, splits_of(task), tmp_path, eval_strategy="no")
    assert not any("eval_loss" in entry for entry in result.history)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_bf16_trains(tmp_path):
    task = TASKS["single"]
    weights, _ = trained_weights(task, splits_of(task), tmp_path, bf16=True)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}


def test_outputs_other_than_logits_are_left_out_of_evaluation(tmp_path):
    task = TASKS["single"]
    model = toy_model("sequence", id2label=task.id2label, problem_type=task.problem_type, output_hidden_states=True)
    result = finetune(model, splits_of(task), task, tokenizer=toy_tokenizer(), output_dir=tmp_path, **QUICK)
    assert result.evaluation.n == 13


def test_a_second_run_in_a_folder_must_be_requested(base_folder, tmp_path):
    task = TASKS["single"]
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path, **QUICK)
    with pytest.raises(ValueError, match="is not empty"):
        finetune(base_folder, splits_of(task), task, output_dir=tmp_path, **QUICK)
    finetune(base_folder, splits_of(task), task, output_dir=tmp_path, overwrite=True, method="lora", **QUICK)
    assert (tmp_path / "adapter").is_dir()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_tokens": 5}, r"sequence '.*' is .* bp = .* tokens; the model reads 5\. Pass overflow='truncate'"),
        ({"max_tokens": 31}, "max_tokens is 31, but the model reads at most 30 tokens"),
        ({"method": "lora"}, "method='lora' saves the adapter without .* was not loaded from a folder or a Hub id"),
        ({"tokenizer": None}, "its tokenizer is not known. Pass tokenizer="),
        ({"task": TASKS["value"], "class_weights": "balanced"}, "is a regression and has no classes"),
        ({"task": TASKS["value"], "label_smoothing_factor": 0.1}, "label smoothing is for single-label"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(settings, message, tmp_path):
    task = settings.pop("task", TASKS["single"])
    settings = {"tokenizer": toy_tokenizer(model_max_length=30)} | QUICK | settings
    model = toy_model("sequence", id2label=task.id2label, problem_type=task.problem_type)
    with pytest.raises(ValueError, match=message):
        finetune(model, splits_of(task), task, output_dir=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_truncation_must_be_requested(base_folder, tmp_path):
    task = TASKS["single"]
    result = finetune(
        base_folder, splits_of(task), task, output_dir=tmp_path, max_tokens=5, overflow="truncate", **QUICK
    )
    assert result.evaluation.n == 13


@pytest.mark.parametrize("strategy", ["random", "sequential", "batch_rebalance"])
def test_other_orders_of_the_examples_train_too(strategy, tmp_path):
    task = TASKS["single"]
    _, result = trained_weights(task, splits_of(task), tmp_path, train_sampling_strategy=strategy)
    assert result.evaluation.n == 13


def test_baselines_are_scored_on_the_same_splits(tmp_path):
    task = TASKS["single"]
    _, result = trained_weights(task, splits_of(task), tmp_path, baseline=True)
    assert [each.n for each in result.baselines] == [13, 13]
    assert "5-mer logistic regression" in (tmp_path / "report" / "report.md").read_text()
