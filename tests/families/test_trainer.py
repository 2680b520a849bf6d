"""transformers' Trainer reads signatures and configs of models: ours keep what it takes for granted."""

from __future__ import annotations

import pytest
import torch
import transformers
from transformers.utils.generic import find_labels

import hf_dnalm
from hf_dnalm.tasks import Task


def test_labels_are_the_one_parameter_that_trainer_takes_for_labels(family, labelled_head):
    assert find_labels(family.toy.CLASSES[labelled_head]) == ["labels"]


def test_a_body_takes_no_labels(family):
    assert find_labels(family.toy.CLASSES["base"]) == []


def test_a_trainer_reports_the_loss_that_chooses_the_best_model(family, labelled_head, tmp_path):
    model = family.model(labelled_head)
    batch = family.batch(rows=[0])
    row = {key: value[0] for key, value in (batch | {"labels": family.labels(labelled_head, batch)}).items()}
    arguments = transformers.TrainingArguments(
        tmp_path, max_steps=1, eval_strategy="steps", eval_steps=1, save_steps=1, load_best_model_at_end=True,
        per_device_train_batch_size=1, report_to=[], use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=[row], eval_dataset=[row])
    trainer.train()
    (measured,) = [entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry]
    assert trainer.state.best_metric == measured


@pytest.mark.parametrize(
    ("problem_type", "labels", "num_labels"),
    [
        ("single_label_classification", [1], 3),
        ("multi_label_classification", [[0.0, 1.0, 1.0]], 3),
        ("regression", [0.3], 1),
    ],
)
def test_the_first_labels_say_in_the_config_what_the_outputs_are(family, problem_type, labels, num_labels, tmp_path):
    model = family.model("sequence", num_labels=num_labels)
    assert model.config.problem_type is None
    model(**family.alone(0))
    assert model.config.problem_type is None
    model(**family.alone(0), labels=torch.tensor(labels))
    assert model.config.problem_type == problem_type
    model.save_pretrained(tmp_path)
    config = hf_dnalm.AutoConfig.from_pretrained(tmp_path)
    assert Task.from_config(config).problem_type == problem_type


def test_labels_that_do_not_fit_say_nothing_about_the_outputs(family):
    model = family.model("sequence")
    with pytest.raises(ValueError, match="do not fit single_label_classification"):
        model(**family.alone(0), labels=torch.tensor([[0, 1, 1]]))
    assert model.config.problem_type is None


def test_labels_that_were_shifted_elsewhere_give_the_same_loss(family):
    if "causal_lm" not in family.heads:
        pytest.skip("a masked language model shifts nothing")
    model = family.model("causal_lm")
    batch = family.batch()
    labels = family.labels("causal_lm", batch)
    shifted = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
    with torch.no_grad():
        expected = model(**batch, labels=labels).loss
        torch.testing.assert_close(model(**batch, shift_labels=shifted).loss, expected)
