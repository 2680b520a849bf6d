"""What is AWD-LSTM's own: its gates and resets, its dropouts, and what its config refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_dnalm.modeling.configuration_awd_lstm import AwdLstmConfig
from hf_dnalm.modeling.layers_awd_lstm import LockedDropout
from tests.toys.awd_lstm import toy_model

RESET = 2
LENGTHS = (20, 13, 6, 1)


def step_by_step(model, ids: torch.Tensor, reset: int | None = None) -> torch.Tensor:
    """The model without its head written out token by token, as upstream has it: a reset is done in place, to the state
    and so to the output that it is a view of, when the token after next to the first one, or any later one, is read."""
    inputs = model.embedding(ids)
    for layer in model.encoder.lstm:
        hidden = cell = torch.zeros(len(ids), layer.size_out)
        outputs: list[torch.Tensor] = []
        for place in range(ids.shape[1]):
            if reset is not None and place > 1:
                rows = ids[:, place - 1] == reset
                hidden[rows] = 0
                cell[rows] = 0
            gates = layer.module["i2h"](inputs[:, place]) + nn.functional.linear(
                hidden, layer.weight_raw, layer.module["h2h"].bias
            )
            entry, forget, out, new = gates.chunk(4, dim=-1)
            cell = forget.sigmoid() * cell + entry.sigmoid() * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            outputs.append(hidden)
        inputs = torch.stack(outputs, dim=1)
    return inputs


@pytest.fixture
def ids() -> torch.Tensor:
    """Four rows with reset tokens in every place that matters: first, second, one in the middle, last but one, last."""
    torch.manual_seed(0)
    ids = torch.randint(3, 7, (4, 20))
    ids[0, [0, 9, 10, 18]] = RESET
    ids[1, [1, 12]] = RESET
    ids[2, [4, 5]] = RESET
    ids[3, 0] = RESET
    return ids


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("reset", [None, RESET])
def test_the_lstm_is_upstreams_step_by_step(ids, reset, layers):
    model = toy_model("base", num_hidden_layers=layers, reset_token_id=reset)
    with torch.no_grad():
        torch.testing.assert_close(model(ids).last_hidden_state, step_by_step(model, ids, reset), atol=1e-6, rtol=0)


@pytest.mark.parametrize("reset", [None, RESET])
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_changes_nothing_with_resets_either(ids, reset, side):
    model = toy_model("base", reset_token_id=reset)
    mask = torch.stack([torch.arange(20) < length for length in LENGTHS]).long()
    padded = ids.where(mask.bool(), RESET)
    if side == "left":
        padded = torch.stack([row.roll(20 - length) for row, length in zip(padded, LENGTHS, strict=True)])
        mask = mask.flip(1)
    with torch.no_grad():
        batch = model(padded, mask).last_hidden_state
        assert batch[mask == 0].abs().max() == 0
        for row, length in enumerate(LENGTHS):
            alone = step_by_step(model, ids[row : row + 1, :length], reset)[0]
            torch.testing.assert_close(batch[row][mask[row].bool()], alone, atol=1e-6, rtol=0)


def test_a_first_token_that_resets_does_so_where_the_config_asks_for_it():
    ids = torch.tensor([[RESET, 3, 4, 5]])
    upstream, asked = (toy_model("base", reset_token_id=RESET, reset_after_first_token=each) for each in (False, True))
    with torch.no_grad():
        rest = asked(ids[:, 1:]).last_hidden_state
        torch.testing.assert_close(asked(ids).last_hidden_state[:, 1:], rest, atol=1e-6, rtol=0)
        assert asked(ids).last_hidden_state[:, 0].abs().max() == 0
        assert not torch.allclose(upstream(ids).last_hidden_state[:, 1:], rest, atol=1e-3)


def test_no_token_knows_what_follows(ids):
    model = toy_model("causal_lm")
    changed = ids.clone()
    changed[:, 10:] = 6
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits[:, :10], model(changed).logits[:, :10], atol=0, rtol=0)


def test_the_loss_is_of_the_next_token(ids):
    model = toy_model("causal_lm")
    with torch.no_grad():
        logits = model(ids).logits
        loss = model(ids, labels=ids.where(ids != RESET, -100)).loss
    expected = nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), ids[:, 1:].where(ids[:, 1:] != RESET, -100).flatten()
    )
    torch.testing.assert_close(loss, expected)


def test_recurrent_weights_are_dropped_in_training_alone(ids):
    quiet = {"input_dropout_prob": 0.0, "hidden_dropout_prob": 0.0, "dropout_prob": 0.0}
    model = toy_model("base", **quiet, weight_dropout_prob=0.5).train()
    weights = model.encoder.lstm[0].weight_raw.detach().clone()
    with torch.no_grad():
        first, second = (model(ids).last_hidden_state for _ in range(2))
        assert torch.equal(first[:, 0], second[:, 0])  # nothing recurs yet
        assert not torch.equal(first[:, 1], second[:, 1])
        assert torch.equal(model.encoder.lstm[0].weight_raw, weights)
        model.eval()
        assert torch.equal(model(ids).last_hidden_state, model(ids).last_hidden_state)


def test_locked_dropout_drops_the_same_numbers_at_every_token():
    dropped = LockedDropout(0.5).train()(torch.ones(3, 9, 16))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])


def test_what_stands_in_the_place_of_the_input_weights_is_called(ids):
    class Doubled(nn.Module):
        """An adapter in small."""

        def __init__(self, base: nn.Linear):
            super().__init__()
            self.base = base

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.base(x) * 2

    model, other = toy_model("base"), toy_model("base")
    for layer, same in zip(model.encoder.lstm, other.encoder.lstm, strict=True):
        layer.module["i2h"] = Doubled(layer.module["i2h"])
        same.module["i2h"].weight.data *= 2
        same.module["i2h"].bias.data *= 2
    with torch.no_grad():
        torch.testing.assert_close(model(ids)[0], other(ids)[0], atol=1e-6, rtol=0)


def test_the_state_is_kept_in_float32_whatever_the_weights():
    model = toy_model("base", num_hidden_layers=1)
    half = toy_model("base", num_hidden_layers=1).to(torch.bfloat16)
    for parameter, other in zip(half.parameters(), model.parameters(), strict=True):
        other.data.copy_(parameter.float())
    ids = torch.randint(3, 7, (1, 2000))
    with torch.no_grad():
        exact, rounded = model(ids).last_hidden_state, half(ids).last_hidden_state
    assert rounded.dtype == torch.bfloat16
    assert torch.equal(rounded, exact.to(torch.bfloat16))  # rounded once, at the end


def test_it_goes_on_with_a_sequence():
    model = toy_model("causal_lm")
    start = torch.tensor([[3, 4, 5]])
    with torch.no_grad():
        best = model(start).logits[0, -1].argmax()
    made = model.generate(start, attention_mask=torch.ones_like(start), max_new_tokens=4, do_sample=False)
    assert made.shape == (1, 7)
    assert made[0, 3] == best


def test_left_padded_prompts_go_on_as_they_do_alone():
    model = toy_model("causal_lm")
    prompts, mask = torch.tensor([[0, 0, 3, 4], [5, 6, 3, 3]]), torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    settings = {"max_new_tokens": 5, "do_sample": False}
    together = model.generate(prompts, attention_mask=mask, **settings)
    alone = model.generate(prompts[:1, 2:], attention_mask=mask[:1, 2:], **settings)
    assert torch.equal(together[0, 4:], alone[0, 2:])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "exactly one of input_ids and inputs_embeds"),
        (
            {"inputs_embeds": torch.zeros(1, 4, 12)},
            "config.reset_token_id is 2, which cannot be found in inputs_embeds",
        ),
        ({"input_ids": torch.zeros(1, 4).long(), "attention_mask": torch.ones(1, 4, 4)}, "pass one number per token"),
    ],
)
def test_inputs_that_say_too_little_are_refused(inputs, message):
    with pytest.raises(ValueError, match=message):
        toy_model("base", reset_token_id=RESET)(**inputs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classifier_pooling": "cls"}, "classifier_pooling is 'cls'; choose from 'mean', 'max', 'last'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"reset_token_id": 7}, "reset_token_id 7 is outside of the 7 token ids"),
        ({"reset_after_first_token": True}, "reset_after_first_token=True needs a reset_token_id"),
    ],
)
def test_a_shape_that_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        AwdLstmConfig(**fields)


@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_every_pooling_reads_real_tokens(pooling):
    model = toy_model("sequence", classifier_pooling=pooling)
    ids = torch.tensor([[3, 4, 5, 6]])
    padded, mask = torch.tensor([[0, 3, 4, 5, 6, 0]]), torch.tensor([[0, 1, 1, 1, 1, 0]])
    with torch.no_grad():
        torch.testing.assert_close(model(padded, mask).logits, model(ids).logits, atol=1e-6, rtol=0)
