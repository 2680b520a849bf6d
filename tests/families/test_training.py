"""Every head learns: finite losses of every problem, gradients everywhere, and checkpointing that changes none."""

from __future__ import annotations

import re

import pytest
import torch

pytestmark = pytest.mark.every_flavour


def gradients(family, head: str, *, checkpointing: bool = False) -> dict[str, torch.Tensor | None]:
    model = family.model(head, **family.dropout(0.0)).train()
    if checkpointing:
        model.gradient_checkpointing_enable()
    batch = family.batch()
    if family.takes(head, "token_type_ids"):  # both kinds, else the vector of the second learns nothing
        batch["token_type_ids"] = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"]) % 2
    model(**batch, labels=family.labels(head, batch)).loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def test_every_parameter_gets_a_gradient(family, labelled_head):
    found = gradients(family, labelled_head)
    exceptions = family.declared("NO_GRADIENT")
    silent = {name for name, gradient in found.items() if gradient is None or not gradient.any()}
    assert {name for name in silent if not any(re.fullmatch(each, name) for each in exceptions)} == set()
    for gradient in found.values():
        assert gradient is None or gradient.isfinite().all()


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")  # the one in 5.5
def test_gradient_checkpointing_gives_the_same_gradients(family, labelled_head):
    if "gradient_checkpointing" in family.declared("CANNOT"):
        with pytest.raises(ValueError, match="does not support gradient checkpointing"):
            family.model(labelled_head).gradient_checkpointing_enable()
        return
    model = family.model(labelled_head)
    model.gradient_checkpointing_enable()
    switched = [module for module in model.modules() if getattr(module, "gradient_checkpointing", False) is True]
    assert len(switched) > 1, "a model with checkpointing needs layers that do it"
    recomputed = gradients(family, labelled_head, checkpointing=True)
    for name, gradient in gradients(family, labelled_head).items():
        if gradient is not None:
            torch.testing.assert_close(recomputed[name], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("problem_type", "num_labels"),
    [
        ("single_label_classification", 2),
        ("single_label_classification", 5),
        ("multi_label_classification", 4),
        ("regression", 1),
        ("regression", 3),
    ],
)
def test_a_sequence_head_has_a_loss_for_every_problem(family, problem_type, num_labels):
    model = family.model("sequence", num_labels=num_labels, problem_type=problem_type)
    batch = family.batch()
    labels = family.labels("sequence", batch, num_labels)
    if problem_type != "single_label_classification":
        labels = torch.linspace(0, 1, len(labels) * num_labels).reshape(len(labels), num_labels).round()
    got = model(**batch, labels=labels)
    functions = {
        "single_label_classification": torch.nn.functional.cross_entropy,
        "multi_label_classification": torch.nn.functional.binary_cross_entropy_with_logits,
        "regression": torch.nn.functional.mse_loss,
    }
    assert got.logits.shape == (len(labels), num_labels)
    torch.testing.assert_close(got.loss, functions[problem_type](got.logits, labels))


def test_a_token_head_has_a_loss_per_token_and_per_nucleotide(family):
    model = family.model("token")
    batch = family.batch()
    got = model(**batch, labels=(labels := family.labels("token", batch)))
    torch.testing.assert_close(
        got.loss, torch.nn.functional.cross_entropy(got.logits[labels >= 0], labels[labels >= 0])
    )
    sequences = family.declared("SEQUENCES")
    of_bases = torch.full((len(sequences), max(map(len, sequences))), -100)
    for row, sequence in enumerate(sequences):
        of_bases[row, : len(sequence)] = torch.arange(len(sequence)) % 3
    got = model(**batch, labels=of_bases, bases_per_token=family.bases(batch))
    real = of_bases >= 0
    torch.testing.assert_close(got.loss, torch.nn.functional.cross_entropy(got.logits[real], of_bases[real]))


def test_a_language_models_loss_counts_what_is_asked_and_averages_over_the_whole_step(family):
    head = next(head for head in family.heads if head.endswith("lm"))
    model = family.model(head)
    batch = family.batch()
    labels = torch.full_like(batch["input_ids"], -100)
    labels[0, 2], labels[1, 3] = batch["input_ids"][0, 2], family.another_word(0)
    with torch.no_grad():
        got = model(**batch, labels=labels)
        before = head == "causal_lm"  # the next token is asked for
        asked = got.logits[[0, 1], [2 - before, 3 - before]]
        expected = torch.nn.functional.cross_entropy(asked, labels[[0, 1], [2, 3]])
        torch.testing.assert_close(got.loss, expected)
        torch.testing.assert_close(model(**batch, labels=labels, num_items_in_batch=8).loss, expected / 4)
    assert type(model).accepts_loss_kwargs


def test_dropout_acts_in_training_alone(family):
    rates = family.dropout(0.5)
    model = family.model("base", **rates)
    inputs = family.batch()
    with torch.no_grad():
        evaluated = model(**inputs).last_hidden_state
        assert torch.equal(evaluated, model(**inputs).last_hidden_state)
        torch.testing.assert_close(evaluated, family.model("base").eval()(**inputs).last_hidden_state)
        model.train()
        trained = [model(**inputs).last_hidden_state for _ in range(2)]
    assert torch.equal(*trained) is not any(
        name.startswith(("hidden", "attention", "embed", "resid")) for name in rates
    )
