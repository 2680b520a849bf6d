"""What a forward pass returns: shapes, hidden states, attentions, tuples, and vectors in place of ids."""

from __future__ import annotations

import inspect
import re

import pytest
import torch

pytestmark = pytest.mark.every_flavour


def run(model, inputs, **options):
    with torch.no_grad():
        return model(**inputs, **options)


def test_outputs_have_a_row_for_each_sequence_and_token(family, head):
    model = family.model(head, num_labels=5)
    batch = family.batch()
    shape = tuple(batch["input_ids"].shape)
    got = run(model, batch)
    match head:
        case "base":
            assert got.last_hidden_state.shape == (*shape, family.hidden_widths(model.config)[-1])
        case "masked_lm" | "causal_lm":
            assert got.logits.shape[:2] == shape
            assert got.logits.shape[2] >= model.config.vocab_size
        case "sequence":
            assert got.logits.shape == (shape[0], 5)
        case "token":
            assert got.logits.shape == (*shape, 5)
    assert got[0].isfinite().all()


def test_a_head_takes_the_inputs_of_its_body_in_the_same_order(family, head):
    own, body = (list(inspect.signature(family.toy.CLASSES[each].forward).parameters) for each in (head, "base"))
    shared = [name for name in own if name in body and name != "kwargs"]
    assert shared == body[: len(shared)] == own[: len(shared)]
    assert {"input_ids", "attention_mask", "inputs_embeds"} <= set(shared)


def test_hidden_states_are_as_many_and_as_wide_as_the_config_says(family, head):
    model = family.model(head)
    batch = family.batch()
    got = run(model, batch, output_hidden_states=True)
    widths = family.hidden_widths(model.config)
    assert [tuple(states.shape) for states in got.hidden_states] == [(*batch["input_ids"].shape, w) for w in widths]
    assert run(model, batch).hidden_states is None
    if head == "base":
        assert torch.equal(got.hidden_states[-1], got.last_hidden_state)
        assert torch.equal(run(model, batch).last_hidden_state, got.last_hidden_state)
        assert not torch.equal(got.hidden_states[0], got.hidden_states[1])


def test_attentions_come_from_eager_alone_and_leave_out_padding(family, implementation):
    if not family.gives_attentions:
        assert family.model("base", implementation=implementation).config.to_dict().get("output_attentions") is not True
        pytest.skip("the family computes no attention that could be looked at")
    model = family.model("base", implementation=implementation)
    batch = family.batch()
    attentions = run(model, batch, output_attentions=implementation == "eager").attentions or ()
    assert len(attentions) == (model.config.num_hidden_layers if implementation == "eager" else 0)
    rows, tokens = batch["input_ids"].shape
    real = batch["attention_mask"].bool()
    for probabilities in attentions:
        assert probabilities.shape == (rows, model.config.num_attention_heads, tokens, tokens)
        of_tokens = probabilities.transpose(1, 2)[real]  # of queries that are tokens
        torch.testing.assert_close(of_tokens.sum(-1), torch.ones(of_tokens.shape[:-1]))
        padding = ~real[:, None, None, :].expand_as(probabilities)
        assert probabilities[padding & real[:, None, :, None]].abs().max() == 0


def test_attention_implementations_agree(family, head):
    if family.implementations == [None]:
        assert not family.toy.CLASSES[head]._supports_flash_attn
        pytest.skip("the family has no attention")
    model = family.model(head, implementation="sdpa")
    batch = family.batch()
    expected = run(model, batch)[0]
    model.set_attn_implementation("eager")
    real = slice(None) if head == "sequence" else batch["attention_mask"].bool()
    torch.testing.assert_close(run(model, batch)[0][real], expected[real], **family.close)


def test_outputs_come_as_a_tuple_when_asked(family, head):
    model = family.model(head)
    inputs = family.alone(0)
    assert torch.equal(run(model, inputs, return_dict=False)[0], run(model, inputs)[0])


def refused(model, inputs) -> str | None:
    """The message of the ValueError that these inputs raise, or None."""
    try:
        run(model, inputs)
    except ValueError as error:
        return str(error)
    return None


def test_vectors_in_place_of_ids_give_the_same_and_neither_or_both_is_refused(family, head):
    if not family.takes(head, "inputs_embeds"):
        with pytest.raises(TypeError):
            run(family.model(head), {"inputs_embeds": torch.zeros(1, 4, 8)})
        pytest.skip("the family takes ids alone")
    model = family.model(head)
    batch = family.batch()
    ids = batch.pop("input_ids")
    vectors = model.get_input_embeddings()(ids)
    for wrong in ({}, {"input_ids": ids, "inputs_embeds": vectors}):
        with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
            run(model, wrong | batch)
    refusal = refused(model, {"inputs_embeds": vectors, **batch})
    if refusal is not None:
        assert re.search(family.declared("REFUSES")["inputs_embeds"], refusal)
        return
    got = run(model, {"inputs_embeds": vectors, **batch})[0]
    real = slice(None) if head == "sequence" else batch["attention_mask"].bool()
    torch.testing.assert_close(got[real], run(model, {"input_ids": ids, **batch})[0][real], **family.close)


def test_a_mask_of_another_shape_is_refused(family):
    inputs = family.alone(0)
    mask = torch.ones(1, inputs["input_ids"].shape[1] + 3)
    with pytest.raises(ValueError, match="attention_mask has shape"):
        run(family.model("base"), inputs | {"attention_mask": mask})


def test_token_logits_are_spread_over_the_nucleotides(family):
    model = family.model("token")
    batch = family.batch()
    bases = family.bases(batch)
    sequences = family.declared("SEQUENCES")
    per_token = run(model, batch).logits
    per_base = run(model, batch, bases_per_token=bases).logits
    assert per_base.shape == (len(sequences), max(map(len, sequences)), 3)
    for row, sequence in enumerate(sequences):
        expected = per_token[row].repeat_interleave(bases[row], dim=0)
        assert torch.equal(per_base[row, : len(sequence)], expected)
        assert not per_base[row, len(sequence) :].any()
