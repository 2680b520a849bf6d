"""Defaults suit fine-tuning on DNA, and every flag of transformers overrides them."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from transformers import HfArgumentParser, TrainingArguments

from hf_dnalm.training import DataArguments, FineTuningArguments, MethodArguments, ModelArguments, finetune
from hf_dnalm.training.arguments import TASK_METRIC


def parse(*flags: str):
    parser = HfArgumentParser([ModelArguments, DataArguments, MethodArguments, FineTuningArguments])
    return parser.parse_args_into_dataclasses(["--model", "m", "--train", "t", *flags], look_for_args_file=False)


def test_every_flag_of_transformers_is_a_flag_here():
    ours = {field.name for field in dataclasses.fields(FineTuningArguments)}
    assert {field.name for field in dataclasses.fields(TrainingArguments)} <= ours


def test_defaults_keep_the_best_epoch_by_the_task_s_metric(tmp_path):
    arguments = FineTuningArguments(output_dir=str(tmp_path))
    assert (arguments.eval_strategy, arguments.save_strategy) == ("epoch", "epoch")
    assert arguments.load_best_model_at_end
    assert arguments.metric_for_best_model == TASK_METRIC
    assert arguments.train_sampling_strategy == "group_by_length"
    assert arguments.report_to == []


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--learning_rate", "3e-4"], {"learning_rate": 3e-4}),
        (["--num-train-epochs", "2"], {"num_train_epochs": 2}),
        (["--bf16"], {"bf16": True}),
        (["--eval_strategy", "steps", "--eval_steps", "7"], {"save_strategy": "steps", "save_steps": 7}),
        (["--eval_strategy", "no"], {"save_strategy": "no", "load_best_model_at_end": False}),
        (["--no_load_best_model_at_end"], {"load_best_model_at_end": False}),
        (["--metric_for_best_model", "loss"], {"metric_for_best_model": "loss", "greater_is_better": False}),
        (
            ["--save_strategy", "steps", "--eval_strategy", "steps", "--eval_steps", "2", "--save_steps", "4"],
            {"save_steps": 4},
        ),
        (["--train_sampling_strategy", "random"], {"train_sampling_strategy": "random"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flags_override_defaults(flags, expected, tmp_path):
    arguments = parse("--output_dir", str(tmp_path), *flags)[-1]
    assert {name: getattr(arguments, name) for name in expected} == expected


def test_the_python_function_and_the_flags_have_the_same_settings():
    signature = inspect.signature(finetune).parameters
    for field in dataclasses.fields(MethodArguments):
        assert signature[field.name].default == field.default, field.name


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (ModelArguments, {}, "give either --model .* or --config"),
        (ModelArguments, {"model": "m", "config": "c"}, "give either --model .* or --config"),
        (DataArguments, {}, "give either --task SUITE/NAME .* or --train FILE"),
        (DataArguments, {"task": "a/b", "train": "t"}, "give either --task SUITE/NAME .* or --train FILE"),
        (
            DataArguments,
            {"task": "a/b", "test": "t", "metric": "f1"},
            "--test, --metric can only be used with --train FILE",
        ),
        (DataArguments, {"train": "t", "data_dir": "d"}, "--sequence-length and --allow-subset are for --task"),
        (DataArguments, {"train": "t", "reference": "g.fa"}, "--reference, --sequence-length and .* are for --task"),
        (MethodArguments, {"resume": True, "overwrite": True}, "give only one of them"),
        (MethodArguments, {"lora_rank": 0}, "--lora-rank is 0; it must be at least 1"),
        (MethodArguments, {"early_stopping_patience": 0}, "--early-stopping-patience is 0; it must be at least 1"),
        (MethodArguments, {"max_tokens": -1}, "--max-tokens is -1; it must be at least 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(**settings)
