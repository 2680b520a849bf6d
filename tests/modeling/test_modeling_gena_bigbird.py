"""GENA-LM's BigBird beside transformers' own, and what transformers' own gets wrong: latching, batches, padding."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
import transformers

from hf_dnalm.modeling.configuration_gena_bigbird import GenaBigBirdConfig
from tests.toys.gena_bigbird import SEQUENCES, SHAPE, toy_model, toy_tokenizer, upstream_config

CLOSE = {"atol": 1e-5, "rtol": 0}
DENSE, SPARSE = 14, 39  # tokens; the toy reads up to 14 densely


def ids(batch_size: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(5, SHAPE["vocab_size"], (batch_size, length), generator=torch.Generator().manual_seed(seed))


def native(model, *, training_blocks: bool, **changes):
    """transformers' own model with the same weights; it draws blocks only in layers that think they are trained."""
    name = type(model).__name__.replace("Gena", "")
    config = transformers.BigBirdConfig(**upstream_config(num_labels=3, **changes))
    theirs = getattr(transformers, name)(config).eval()
    state = {key.replace("token_classifier", "classifier"): each for key, each in model.state_dict().items()}
    theirs.load_state_dict(state)
    for layer in theirs.get_submodule("" if name == "BigBirdModel" else "bert").encoder.layer:
        layer.attention.self.train(training_blocks)
    return theirs


@pytest.fixture(autouse=True)
def numpy_state():
    """transformers' BigBird seeds numpy's global generator."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("random_blocks", ["training", "zeros"])
@pytest.mark.parametrize("length", [DENSE, DENSE + 1, 16, SPARSE, 128])
def test_the_numbers_are_those_of_transformers_in_either_kind_of_blocks(length, random_blocks, implementation):
    model = toy_model("base", add_pooler=True, random_blocks=random_blocks, attn_implementation=implementation)
    theirs = native(model, training_blocks=random_blocks == "training")
    input_ids = ids(2, length)
    with torch.no_grad():
        got, expected = model(input_ids), theirs(input_ids)
    torch.testing.assert_close(got.last_hidden_state, expected.last_hidden_state, **CLOSE)
    torch.testing.assert_close(got.pooler_output, expected.pooler_output, **CLOSE)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("length", [16, SPARSE])
def test_padded_batches_are_those_of_transformers_where_the_layout_is_the_batchs(length, implementation):
    model = toy_model("base", add_pooler=True, layout_of="batch", attn_implementation=implementation)
    mask = torch.ones(3, length, dtype=torch.long)
    mask[0, length - 3 :], mask[1, :5], mask[2, 4:9] = 0, 0, 0
    with torch.no_grad():
        got = model(ids(3, length), mask).last_hidden_state
        expected = native(model, training_blocks=True)(ids(3, length), mask).last_hidden_state
    torch.testing.assert_close(got, expected, **CLOSE)


@pytest.mark.parametrize("head", ["masked_lm", "sequence", "token"])
def test_the_heads_are_those_of_transformers(head):
    model = toy_model(head, add_pooler=True, random_blocks="zeros")
    with torch.no_grad():
        got = model(ids(2, SPARSE)).logits
        expected = native(model, training_blocks=False)(ids(2, SPARSE)).logits
    torch.testing.assert_close(got, expected, **CLOSE)


def test_bigbird_long_input_after_a_short_one_gives_the_same_numbers(caplog):
    model = toy_model("base", add_pooler=True, random_blocks="zeros")
    theirs = native(model, training_blocks=False)
    short, long = ids(1, DENSE), ids(1, SPARSE)
    with torch.no_grad():
        before, their_before = model(long).last_hidden_state, theirs(long).last_hidden_state
        with caplog.at_level(logging.ERROR, "transformers"):
            model(short), theirs(short)
        after, their_after = model(long).last_hidden_state, theirs(long).last_hidden_state
    assert torch.equal(after, before)
    torch.testing.assert_close(before, their_before, **CLOSE)
    assert (their_after - their_before).abs().max() > 0.1  # where this fails, transformers has mended it


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Sequences that are laid out in three ways, and one that is read densely."""
    return toy_tokenizer()(list(SEQUENCES), padding=True, return_tensors="pt")


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_sequence_is_the_same_in_any_company_with_padding_on_either_side(batch, implementation):
    model = toy_model("base", attn_implementation=implementation)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    assert sorted(lengths) == [9, 18, 33, 37]
    left = {key: each.clone() for key, each in batch.items()}
    for row, length in enumerate(lengths):
        for each in left.values():
            each[row] = each[row].roll(37 - length)
    with torch.no_grad():
        together, shifted = model(**batch).last_hidden_state, model(**left).last_hidden_state
        for row, length in enumerate(lengths):
            alone = model(batch["input_ids"][row : row + 1, :length]).last_hidden_state[0]
            torch.testing.assert_close(together[row, :length], alone, **CLOSE)
            torch.testing.assert_close(shifted[row, 37 - length :], alone, **CLOSE)


def test_the_batchs_own_layout_depends_on_company(batch):
    model = toy_model("base", layout_of="batch")
    with torch.no_grad():
        together = model(**batch).last_hidden_state[1, :18]
        alone = model(batch["input_ids"][1:2, :18]).last_hidden_state[0]
    assert (together - alone).abs().max() > 0.1


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_what_stands_in_padding_and_holes_changes_nothing(batch, implementation):
    model = toy_model("base", attn_implementation=implementation)
    mask = batch["attention_mask"].clone()
    mask[0, 5:9], mask[1, 17], mask[2] = 0, 0, 0  # the third sequence has no real token at all
    real = mask.bool()
    with torch.no_grad():
        hidden = model(batch["input_ids"], mask).last_hidden_state
        again = model(batch["input_ids"].where(real, 7), mask).last_hidden_state
    assert torch.equal(hidden[real], again[real])
    assert again.isfinite().all()


def test_eager_attention_gives_probabilities_that_are_zero_where_no_block_is_seen(batch):
    with torch.no_grad():
        attentions = toy_model("base", attn_implementation="eager")(**batch, output_attentions=True).attentions
    assert [each.shape for each in attentions] == [(4, 3, 37, 37)] * 2
    probabilities = attentions[0]
    torch.testing.assert_close(probabilities[0].sum(dim=-1), torch.ones(3, 37))
    assert (probabilities[0, 0, 10] > 0).sum() in (
        10,
        11,
        12,
    )  # neighbours, first, last of one token, drawn
    assert (probabilities[0, 0, :2] > 0).all()
    assert probabilities[1, :, :18, 18:].abs().max() == 0
    assert (probabilities[2, :, :9, :9] > 0).all()  # nine tokens are read densely in any company


def test_hidden_states_are_as_long_as_the_input():
    with torch.no_grad():
        states = toy_model("base")(ids(2, SPARSE), output_hidden_states=True).hidden_states
    assert [each.shape for each in states] == [(2, SPARSE, 24)] * 3


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")  # the one in 5.5
def test_training_after_inference_and_checkpointing_give_the_gradients_of_all_pairs(batch):
    gradients = []
    for implementation, checkpointing in (("eager", False), ("sdpa", False), ("sdpa", True)):
        model = toy_model(
            "masked_lm", attn_implementation=implementation, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        )
        with torch.inference_mode():
            model(**batch)
        if checkpointing:
            model.gradient_checkpointing_enable()
        labels = batch["input_ids"].where(batch["attention_mask"].bool(), -100)
        model.train()(**batch, labels=labels).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert all(each is not None for each in gradients[0].values())
    for name, expected in gradients[0].items():
        for other in gradients[1:]:
            torch.testing.assert_close(other[name], expected, atol=2e-5, rtol=1e-3)


def test_blocks_have_no_dropout_of_probabilities_and_dense_attention_has():
    model = toy_model("base", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.5).train()
    for length, random in ((DENSE, True), (SPARSE, False)):
        first, second = (model(ids(1, length)).last_hidden_state for _ in range(2))
        assert torch.equal(first, second) is not random


def test_a_short_batch_compiles_to_one_graph(batch):  # a long one does with a break: tests/families/test_numerics.py
    model = toy_model("base")
    short = {key: each[2:3, :9] for key, each in batch.items()}
    with torch.no_grad():
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(**short).last_hidden_state, model(**short).last_hidden_state, **CLOSE)


def test_full_attention_is_a_choice():
    model = toy_model("base", add_pooler=True, attention_type="original_full")
    with torch.no_grad():
        expected = native(model, training_blocks=False, attention_type="original_full")(ids(2, SPARSE))
        torch.testing.assert_close(model(ids(2, SPARSE)).last_hidden_state, expected.last_hidden_state, **CLOSE)


def test_a_mask_of_pairs_is_read_densely_and_refused_where_blocks_are():
    model = toy_model("base")
    pairs = torch.ones(1, 1, DENSE, DENSE, dtype=torch.bool)
    with torch.no_grad():
        expected = model(ids(1, DENSE)).last_hidden_state
        torch.testing.assert_close(model(ids(1, DENSE), pairs).last_hidden_state, expected, **CLOSE)
    message = r"attention_mask has shape \(1, 1, 39, 39\), the tokens \(1, 39\): beyond 14 tokens"
    with pytest.raises(ValueError, match=message):
        model(ids(1, SPARSE), torch.ones(1, 1, SPARSE, SPARSE))


def test_more_tokens_than_positions_are_refused():
    with pytest.raises(ValueError, match="129 tokens are more than the 128 this model has learned positions for"):
        toy_model("base")(ids(1, 129))


def test_the_pooler_is_read_by_the_body_and_carried_by_heads():
    assert toy_model("base")(ids(1, 5)).pooler_output is None
    body, head = toy_model("base", add_pooler=True), toy_model("masked_lm", add_pooler=True)
    assert body(ids(1, 5)).pooler_output.shape == (1, 24)
    assert {"pooler.weight", "pooler.bias"} <= {name for name, _ in body.named_parameters()}
    assert {"bert.pooler.weight", "bert.pooler.bias"} <= set(head.state_dict())
    assert not [name for name, _ in head.named_parameters() if "pooler" in name]


def test_the_vocabulary_grows_with_the_tied_decoder_and_its_bias():
    model = toy_model("masked_lm")
    model.resize_token_embeddings(30)
    predictions = model.cls.predictions
    assert predictions.decoder.weight is model.get_input_embeddings().weight
    assert predictions.decoder.bias is predictions.bias
    assert model(ids(1, SPARSE)).logits.shape == (1, SPARSE, 30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 25}, "hidden_size 25 cannot be shared among 3 heads"),
        ({"block_size": 0}, "block_size is 0; it must be at least 1"),
        ({"num_random_blocks": -1}, "num_random_blocks is -1; it must be at least 0"),
        ({"random_blocks": "none"}, "random_blocks is 'none'; choose from 'training', 'zeros'"),
        ({"layout_of": "all"}, "layout_of is 'all'; choose from 'sequence', 'batch'"),
        ({"attention_type": "sparse"}, "attention_type is 'sparse'; choose from 'block_sparse', 'original_full'"),
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'cls', 'mean', 'max'"),
        ({"pad_token_id": 99}, "pad_token_id 99 is outside of the 26 token ids"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GenaBigBirdConfig(**(SHAPE | changes))
