"""What is special in DNABERT-2: zeros in padding, masks of pairs beside distances, any length, its pooler."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.configuration_dnabert2 import DnaBert2Config
from hf_dnalm.modeling.modeling_dnabert2 import DnaBert2Model
from tests.toys.dnabert2 import SHAPE, toy_model

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


def test_hidden_states_are_zero_in_padding(batch):
    with torch.no_grad():
        hidden = toy_model("base")(**batch).last_hidden_state
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


def test_longer_sequences_than_in_pretraining_are_read():
    model = toy_model("base", max_position_embeddings=8)
    with torch.no_grad():
        assert model(torch.randint(5, 17, (1, 700))).last_hidden_state.isfinite().all()


def test_the_padding_vector_stays_as_it_is_in_training(batch):
    model = toy_model("base").train()
    model(**batch).last_hidden_state.square().sum().backward()
    assert model.embeddings.word_embeddings.weight.grad[PAD].abs().max() == 0


def test_labels_of_minus_100_are_left_out_and_label_0_is_not(batch):
    model = toy_model("masked_lm")
    labels = torch.full((3, 9), -100)
    labels[0, 2], labels[1, 3] = 0, 7
    with torch.no_grad():
        out = model(**batch, labels=labels)
    asked = torch.nn.functional.cross_entropy(out.logits[[0, 1], [2, 3]], torch.tensor([0, 7]))
    torch.testing.assert_close(out.loss, asked)


def test_the_vocabulary_grows_with_the_tied_decoder(batch):
    model = toy_model("masked_lm")
    model.resize_token_embeddings(20)
    assert model.cls.predictions.decoder.weight is model.get_input_embeddings().weight
    assert model(**batch).logits.shape == (3, 9, 20)


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
