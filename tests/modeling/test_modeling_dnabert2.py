"""DNABERT-2's models: padding, holes, dtypes, gradients and heads."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.configuration_dnabert2 import DnaBert2Config
from hf_dnalm.modeling.modeling_dnabert2 import DnaBert2Model
from tests.toys.dnabert2 import CLASSES, SHAPE, toy_model

CLS, SEP, PAD = 1, 2, 3
LENGTHS = (9, 6, 3)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    input_ids = torch.randint(5, SHAPE["vocab_size"], (3, 9))
    input_ids[:, 0] = CLS
    attention_mask = torch.ones_like(input_ids)
    for row, length in enumerate(LENGTHS):
        input_ids[row, length - 1] = SEP
        input_ids[row, length:], attention_mask[row, length:] = PAD, 0
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def shifted(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The batch with its padding on the left."""
    rolled = {key: value.clone() for key, value in batch.items()}
    for key, value in batch.items():
        for row, length in enumerate(LENGTHS):
            rolled[key][row] = value[row].roll(9 - length)
    return rolled


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean", "max"])
def test_a_batch_gives_what_each_sequence_gives_alone_with_padding_on_either_side(batch, pooling, implementation):
    model = toy_model("sequence", classifier_pooling=pooling, attn_implementation=implementation)
    with torch.no_grad():
        logits = model(**batch).logits
        for row, length in enumerate(LENGTHS):
            alone = model(batch["input_ids"][row : row + 1, :length]).logits[0]
            torch.testing.assert_close(logits[row], alone, atol=1e-5, rtol=0)
        torch.testing.assert_close(model(**shifted(batch)).logits, logits, atol=1e-5, rtol=0)


def test_what_stands_in_padding_changes_nothing_and_gives_zero(batch):
    model = toy_model("base")
    other = batch | {"input_ids": batch["input_ids"].where(batch["attention_mask"].bool(), 7)}
    with torch.no_grad():
        hidden, again = (model(**each).last_hidden_state for each in (batch, other))
    assert torch.equal(hidden, again)
    assert hidden[batch["attention_mask"] == 0].abs().max() == 0


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_masks_of_pairs_boolean_or_added_are_read_beside_the_distances(batch, implementation):
    model = toy_model("base", attn_implementation=implementation)
    keys = batch["attention_mask"].bool()
    pairs = keys[:, None, None, :].expand(-1, 1, 9, -1)
    added = torch.zeros(pairs.shape).masked_fill(~pairs, -torch.inf)
    with torch.no_grad():
        expected = model(**batch).last_hidden_state[keys]
        for mask in (pairs, added):
            got = model(batch["input_ids"], attention_mask=mask).last_hidden_state[keys]
            torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_eager_attention_gives_its_probabilities_and_sdpa_none(batch):
    for implementation, known in (("eager", 2), ("sdpa", 0)):
        model = toy_model("base", attn_implementation=implementation)
        with torch.no_grad():
            attentions = model(**batch, output_attentions=implementation == "eager").attentions or ()
        assert len(attentions) == known
        for probabilities in attentions:
            assert probabilities.shape == (3, 6, 9, 9)
            assert probabilities[1, :, :6, 6:].abs().max() == 0


def test_longer_sequences_than_in_pretraining_are_read():
    model = toy_model("base", max_position_embeddings=8)
    with torch.no_grad():
        assert model(torch.randint(5, 17, (1, 700))).last_hidden_state.isfinite().all()


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")  # the one in 5.5
@pytest.mark.parametrize("head", ["masked_lm", "sequence", "token"])
def test_every_parameter_learns_and_checkpointing_gives_the_same_gradients(batch, head):
    labels = torch.tensor([0, 1, 2]) if head == "sequence" else batch["input_ids"].clamp(max=2)
    gradients = []
    for checkpointing in (False, True):
        model = toy_model(head, hidden_dropout_prob=0.0).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        loss = model(**batch, token_type_ids=torch.arange(9).expand(3, -1) % 2, labels=labels).loss
        loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    plain, recomputed = gradients
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in plain.values())
    for name, gradient in plain.items():
        torch.testing.assert_close(recomputed[name], gradient)


def test_the_padding_vector_stays_as_it_is_in_training(batch):
    model = toy_model("base").train()
    model(**batch).last_hidden_state.square().sum().backward()
    assert model.embeddings.word_embeddings.weight.grad[PAD].abs().max() == 0


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_bfloat16_and_autocast_are_close_to_float32(batch, implementation):
    model = toy_model("base", attn_implementation=implementation, initializer_range=0.1)
    with torch.no_grad():
        expected = model(**batch).last_hidden_state
        with torch.autocast("cpu", torch.bfloat16):
            autocast = model(**batch).last_hidden_state.float()
        half = model.to(torch.bfloat16)(**batch).last_hidden_state.float()
    for got in (autocast, half):
        torch.testing.assert_close(got, expected, atol=0.1, rtol=0)
        assert (got - expected).square().mean() < 1e-3


def test_labels_of_minus_100_are_left_out_and_label_0_is_not(batch):
    model = toy_model("masked_lm")
    labels = torch.full((3, 9), -100)
    labels[0, 2], labels[1, 3] = 0, 7
    with torch.no_grad():
        out = model(**batch, labels=labels)
    asked = torch.nn.functional.cross_entropy(out.logits[[0, 1], [2, 3]], torch.tensor([0, 7]))
    torch.testing.assert_close(out.loss, asked)


def test_token_logits_are_spread_over_the_nucleotides(batch):
    model = toy_model("token")
    bases = torch.tensor([[0, 1, 4, 1, 1, 2, 1, 1, 0], [0, 2, 1, 1, 1, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0, 0, 0, 0]])
    with torch.no_grad():
        per_token = model(**batch).logits
        out = model(**batch, bases_per_token=bases, labels=torch.zeros(3, 11, dtype=torch.long))
    assert per_token.shape == (3, 9, 3)
    assert out.logits.shape == (3, 11, 3)
    assert torch.equal(out.logits[0], per_token[0].repeat_interleave(bases[0], dim=0))
    assert out.logits[2, 3:].abs().max() == 0
    assert out.loss.isfinite()


def test_vectors_in_place_of_ids_and_neither_or_both(batch):
    model = toy_model("base")
    vectors = model.get_input_embeddings()(batch["input_ids"])
    with torch.no_grad():
        expected = model(**batch).last_hidden_state
        got = model(inputs_embeds=vectors, attention_mask=batch["attention_mask"]).last_hidden_state
    assert torch.equal(got, expected)
    for inputs in ({}, {"input_ids": batch["input_ids"], "inputs_embeds": vectors}):
        with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
            model(**inputs)


def test_the_vocabulary_grows_with_the_tied_decoder(batch):
    model = toy_model("masked_lm")
    model.resize_token_embeddings(20)
    assert model.cls.predictions.decoder.weight is model.get_input_embeddings().weight
    assert model(**batch).logits.shape == (3, 9, 20)


def test_the_meta_device_is_enough_to_build_every_model():
    with torch.device("meta"):
        for model_class in CLASSES.values():
            assert all(parameter.is_meta for parameter in model_class(DnaBert2Config()).parameters())
            assert not list(model_class(DnaBert2Config(**SHAPE)).buffers())


def test_the_pooler_is_there_where_the_config_asks():
    assert DnaBert2Model(DnaBert2Config(**SHAPE)).pooler is None
    assert toy_model("base", add_pooler=True)(torch.tensor([[1, 5, 2]])).pooler_output.shape == (1, 24)
    assert toy_model("sequence", classifier_pooling="mean").bert.pooler is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 25}, "hidden_size 25 cannot be shared among 6 heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'pooler', 'cls', 'mean', 'max'"),
        ({"pad_token_id": 17}, "pad_token_id 17 is outside of the 17 token ids"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DnaBert2Config(**(SHAPE | changes))
