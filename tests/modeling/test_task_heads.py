"""Predictions per token, per nucleotide and per sequence, and their losses, by hand-checkable numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.modeling_outputs import BaseModelOutput

from hf_dnalm.modeling.task_heads import (
    causal_lm_output,
    logits_per_nucleotide,
    multi_label_token_loss,
    sequence_loss,
    token_loss,
    token_output,
)

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
NATS = torch.tensor([math.log(1 + math.exp(-2)), math.log(1 + math.exp(1)), math.log(2)])  # of class 0 in each row


def test_each_nucleotide_reads_the_token_that_covers_it():
    logits = torch.tensor([[[9.0], [1.0], [2.0], [3.0]], [[9.0], [4.0], [9.0], [9.0]]])
    bases = torch.tensor([[0, 6, 1, 3], [0, 2, 0, 0]])
    expanded = logits_per_nucleotide(logits, bases).squeeze(-1)
    assert expanded.tolist() == [[1, 1, 1, 1, 1, 1, 2, 3, 3, 3], [4, 4, 0, 0, 0, 0, 0, 0, 0, 0]]


def test_padding_on_the_left_covers_nothing():
    logits = torch.tensor([[[7.0], [9.0], [1.0], [2.0]]])
    assert logits_per_nucleotide(logits, torch.tensor([[0, 0, 1, 2]])).flatten().tolist() == [1, 2, 2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=1, max_size=4))
def test_per_nucleotide_is_repetition_of_each_row(bases):
    if not any(map(sum, bases)):
        bases[0][0] = 1
    logits = torch.arange(len(bases) * 4 * 2, dtype=torch.float32).view(len(bases), 4, 2) + 1
    expanded = logits_per_nucleotide(logits, torch.tensor(bases))
    for row, counts in enumerate(bases):
        expected = logits[row].repeat_interleave(torch.tensor(counts), dim=0)
        assert torch.equal(expanded[row, : len(expected)], expected)
        assert not expanded[row, len(expected) :].any()


def test_a_token_loss_averages_over_the_labels_there_are():
    labels = torch.tensor([[0, -100, 0]])
    torch.testing.assert_close(token_loss(LOGITS[None], labels), (NATS[0] + NATS[2]) / 2)
    torch.testing.assert_close(token_loss(LOGITS[None], labels, num_items_in_batch=4), (NATS[0] + NATS[2]) / 4)


def test_token_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"labels have shape \(1, 2\), the predictions \(1, 3\)"):
        token_loss(LOGITS[None], torch.zeros(1, 2, dtype=torch.long))


def test_a_class_is_scored_by_cross_entropy():
    loss = sequence_loss(LOGITS, torch.zeros(3, dtype=torch.long), "single_label_classification")
    torch.testing.assert_close(loss, NATS.mean())


def test_labels_are_scored_one_by_one():
    labels = torch.tensor([[1, 0], [0, 1], [0, 0]])
    expected = torch.tensor([math.log(1 + math.exp(x)) for x in (-2, 0, 0, -1, 0, 0)]).mean()
    torch.testing.assert_close(sequence_loss(LOGITS, labels, "multi_label_classification"), expected)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.tensor([[1.0], [2.0]]), torch.tensor([0.0, 4.0])),
        (torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [4.0]])),
        (torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])),
        (torch.tensor([[1.0], [2.0]]), torch.tensor([0, 4])),
    ],
    ids=["one value", "one value in a column", "two values", "whole numbers"],
)
def test_values_are_scored_by_their_squared_error(logits, labels):
    assert sequence_loss(logits, labels, "regression").item() == 2.5


@pytest.mark.parametrize(
    ("logits", "labels", "problem_type"),
    [
        (torch.randn(3, 1), torch.randn(3), "regression"),
        (torch.randn(3, 2), torch.tensor([0, 1, 1]), "single_label_classification"),
        (torch.randn(3, 2), torch.tensor([[0.0, 1], [1, 1], [0, 0]]), "multi_label_classification"),
    ],
)
def test_without_a_problem_type_the_labels_decide(logits, labels, problem_type):
    assert torch.equal(sequence_loss(logits, labels, None), sequence_loss(logits, labels, problem_type))


@pytest.mark.parametrize(
    ("labels", "problem_type"),
    [
        (torch.zeros(3), "regression"),  # against (3, 2) this would broadcast to nonsense
        (torch.zeros(3, 1), "multi_label_classification"),
        (torch.zeros(2, dtype=torch.long), "single_label_classification"),
        (torch.zeros(3, 2, dtype=torch.long), "single_label_classification"),
    ],
)
def test_labels_that_do_not_fit_the_problem_are_refused(labels, problem_type):
    with pytest.raises(ValueError, match=rf"labels of shape \(.*\) do not fit {problem_type}"):
        sequence_loss(LOGITS, labels, problem_type)


def test_an_unknown_problem_is_refused():
    with pytest.raises(ValueError, match="problem_type is 'ranking'; choose from 'single_label_classification'"):
        sequence_loss(LOGITS, torch.zeros(3), "ranking")


def test_a_causal_model_is_asked_for_the_next_token():
    logits = torch.tensor([[[0.0, 3.0], [2.0, 0.0], [9.0, 9.0]]])  # says 1, then 0; the last position is not asked
    output = causal_lm_output(BaseModelOutput(), logits, torch.tensor([[0, 1, 0]]))
    expected = (math.log1p(math.exp(-3)) + math.log1p(math.exp(-2))) / 2
    assert output.loss.item() == pytest.approx(expected)
    assert output.logits is logits
    assert output.hidden_states is None
    assert causal_lm_output(BaseModelOutput(), logits, None).loss is None
    shifted = causal_lm_output(BaseModelOutput(), logits, torch.tensor([[0, 0, 0]]), None, torch.tensor([[1, 0, -100]]))
    assert shifted.loss.item() == pytest.approx(expected)


def test_several_labels_of_a_token_are_scored_one_by_one():
    logits = torch.tensor([[[0.0, 0.0, 3.0], [1.0, -1.0, 9.0]]])
    labels = torch.tensor([[[1, -100, -100], [0, 1, -100]]])
    expected = -sum(math.log(1 / (1 + math.exp(-x))) for x in (0.0, -1.0, -1.0)) / 3
    assert multi_label_token_loss(logits, labels).item() == pytest.approx(expected)


def test_several_labels_of_a_nucleotide_are_those_of_its_token():
    logits = torch.tensor([[[9.0, 9.0], [0.0, 0.0]]])
    labels = torch.ones(1, 3, 2)
    output = token_output(
        BaseModelOutput(), logits, labels, torch.tensor([[0, 3]]), problem_type="multi_label_classification"
    )
    assert output.logits.shape == (1, 3, 2)
    assert output.loss.item() == pytest.approx(math.log(2))
