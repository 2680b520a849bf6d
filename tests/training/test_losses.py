"""Losses equal transformers' own, and do not depend on how a batch is divided."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from hf_dnalm.tasks import Task
from hf_dnalm.training.losses import TaskLoss, balanced_class_weights, given_class_weights
from tests.toys.nucleotide_transformer import toy_model

SINGLE = Task("single", "single_label_classification", ("a", "b", "c"), metric="mcc")
MULTI = Task("multi", "multi_label_classification", ("a", "b", "c"), metric="auroc")
VALUE = Task("value", "regression", ("a",), metric="r2")
VALUES = Task("values", "regression", ("a", "b", "c"), metric="r2")
BASES = Task("bases", "single_label_classification", ("a", "b", "c"), metric="mcc", level="nucleotide")


def example(task: Task, rows: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    if task.level == "nucleotide":
        labels = torch.randint(-1, 3, (rows, 5), generator=generator)
        return torch.randn(rows, 5, 3, generator=generator), labels.where(labels >= 0, -100)
    logits = torch.randn(rows, task.num_labels, generator=generator)
    match task.problem_type:
        case "single_label_classification":
            return logits, torch.randint(0, 3, (rows,), generator=generator)
        case "multi_label_classification":
            return logits, torch.randint(0, 2, (rows, 3), generator=generator).float()
        case _:
            shape = (rows,) if task.num_labels == 1 else (rows, task.num_labels)
            return logits, torch.randn(shape, generator=generator)


@pytest.mark.parametrize("task", [SINGLE, MULTI, VALUE, VALUES], ids=lambda task: task.name)
def test_without_weights_the_loss_is_the_model_s_own(task):
    model = toy_model("sequence", id2label=task.id2label, problem_type=task.problem_type)
    _, labels = example(task)
    outputs = model(torch.arange(6, 42).reshape(6, 6), labels=labels)
    assert_close(TaskLoss(task.problem_type)(outputs, labels), outputs.loss)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 3.0])], ids=["plain", "weighted"])
@pytest.mark.parametrize("task", [SINGLE, MULTI, VALUE, VALUES, BASES], ids=lambda task: task.name)
def test_losses_of_partial_batches_add_up_to_the_loss_of_the_batch(task, weights):
    if task.problem_type == "regression":
        weights = None
    logits, labels = example(task)
    loss = TaskLoss(task.problem_type, weights=weights)
    items = labels.ne(-100).sum()  # as Trainer counts them
    parts = [loss({"logits": logits[part]}, labels[part], items) for part in (slice(0, 1), slice(1, 6))]
    assert_close(sum(parts), loss({"logits": logits}, labels))


def test_balanced_weights_are_n_over_classes_times_count():
    assert_close(balanced_class_weights(SINGLE, [0, 0, 0, 1, 1, 2]), torch.tensor([6 / 9, 6 / 6, 6 / 3]))


def test_balanced_weights_leave_the_size_of_the_loss_alone():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    assert_close(balanced_class_weights(SINGLE, labels.tolist())[labels].mean(), torch.tensor(1.0))


def test_balanced_weights_of_tracks_are_negatives_over_positives():
    assert_close(
        balanced_class_weights(MULTI, [[1, 0, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1]]), torch.tensor([3, 1 / 3, 1 / 3])
    )


def test_balanced_weights_of_bases_count_bases_and_no_padding():
    assert_close(balanced_class_weights(BASES, [[0, 0, 1], [2, -100]]), torch.tensor([4 / 6, 4 / 3, 4 / 3]))


def test_label_smoothing_is_torch_s():
    logits, labels = example(SINGLE)
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert_close(TaskLoss("single_label_classification", label_smoothing=0.1)({"logits": logits}, labels), expected)


def test_bf16_logits_have_a_float32_loss():
    logits, labels = example(SINGLE)
    assert TaskLoss("single_label_classification")({"logits": logits.bfloat16()}, labels).dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: balanced_class_weights(VALUE, [0.1]),
            "'value' is a regression and has no classes. Set class_weights",
        ),
        (lambda: balanced_class_weights(SINGLE, [0, 2, 2]), "no example of 'b'. Use class_weights='none'"),
        (lambda: balanced_class_weights(MULTI, [[1, 0, 1]]), "no example of 'b'"),
        (lambda: TaskLoss("regression", label_smoothing=0.1), "label smoothing is for single-label"),
        (
            lambda: TaskLoss("ranking")({"logits": torch.zeros(1, 1)}, torch.zeros(1)),
            "no loss for problem type 'ranking'",
        ),
    ],
)
def test_what_has_no_loss_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("task", "setting", "expected"),
    [(MULTI, "8", [8, 8, 8]), (MULTI, "1, 2,3", [1, 2, 3]), (SINGLE, "1,100,100", [1, 100, 100])],
)
def test_weights_can_be_written_out(task, setting, expected):
    assert given_class_weights(task, setting).tolist() == expected


@pytest.mark.parametrize("setting", ["1,2", "rare", "1,0,1", "1,inf,1", ""])
def test_weights_that_are_not_one_for_each_label_are_refused(setting):
    with pytest.raises(ValueError, match=r"must be 'none', 'balanced', or 3 numbers above 0 separated by commas"):
        given_class_weights(SINGLE, setting)
    with pytest.raises(ValueError, match="is a regression and has no classes"):
        given_class_weights(VALUE, setting)


def test_the_loss_of_bins_is_that_of_their_mean_logits():
    logits = torch.tensor([[[0.0], [2.0], [4.0], [8.0]]])
    labels = torch.tensor([[[3.0], [-100.0]]])
    loss = TaskLoss("regression", bin_bp=2)
    assert_close(loss({"logits": logits}, labels), torch.tensor(4.0))  # (1 - 3)², and the second bin has no label
    assert_close(loss({"logits": logits}, labels, 4), torch.tensor(1.0))
