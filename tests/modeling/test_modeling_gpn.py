"""What is GPN's own: its kinds of layers, its one-hot letters, its heads, and what its config refuses."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.configuration_gpn import GpnConfig
from tests.toys.gpn import BYTENET, CLASSES, FLAVOURS, PRE_NORM, SHAPE, toy_config, toy_model

IDS = torch.tensor([[3, 4, 5, 6, 3, 1, 2, 4, 5, 6, 6, 3]])


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_letter_is_felt_as_far_as_the_config_says_and_no_further(flavour):
    model = toy_model("base", **FLAVOURS[flavour])
    reach = model.config.receptive_field_bp // 2
    ids = torch.full((1, 4 * reach + 1), 3)
    changed = ids.clone()
    changed[0, 2 * reach] = 5
    with torch.no_grad():
        moved = (model(ids).last_hidden_state - model(changed).last_hidden_state).abs().amax(-1)[0] > 0
    assert moved.nonzero().flatten().tolist() == list(range(reach, 3 * reach + 1))


def test_one_hot_letters_and_vectors_in_their_place_are_the_same():
    model = toy_model("base")
    vectors = torch.nn.functional.one_hot(IDS, model.config.hidden_size).float()
    with torch.no_grad():
        torch.testing.assert_close(model(inputs_embeds=vectors)[0], model(IDS)[0], atol=0, rtol=0)
        assert torch.equal(model(IDS, output_hidden_states=True).hidden_states[0], vectors)


def test_a_number_that_is_no_token_is_refused():
    with pytest.raises(IndexError):
        toy_model("base")(torch.tensor([[7]]))


def test_ids_and_vectors_together_or_neither_are_refused():
    for inputs in ({}, {"input_ids": IDS, "inputs_embeds": torch.zeros(1, 12, 16)}):
        with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
            toy_model("base")(**inputs)


def test_a_mask_of_pairs_is_refused():
    with pytest.raises(ValueError, match="pass one number per token"):
        toy_model("base")(IDS, torch.ones(1, 1, 12, 12))


def test_outputs_are_made_positive_where_the_config_asks_for_it():
    plain, positive = (toy_model("sequence", regression_softplus=each) for each in (False, True))
    with torch.no_grad():
        logits = plain(IDS).logits
        assert logits.min() < 0
        torch.testing.assert_close(positive(IDS).logits, torch.nn.functional.softplus(logits))


def test_the_sequence_head_averages_over_real_letters():
    model = toy_model("sequence")
    mask = torch.ones_like(IDS)
    mask[0, 9:] = 0
    with torch.no_grad():
        torch.testing.assert_close(model(IDS, mask).logits, model(IDS[:, :9]).logits, atol=1e-5, rtol=0)
        assert not torch.allclose(model(IDS, mask).logits, model(IDS).logits, atol=1e-3)


def test_a_learned_embedding_may_be_shared_with_the_head():
    model = toy_model("masked_lm", **BYTENET, tie_word_embeddings=True)
    assert model.cls.decoder.weight is model.model.embeddings.word_embeddings.weight
    apart = toy_model("masked_lm", **BYTENET)
    assert apart.cls.decoder.weight is not apart.model.embeddings.word_embeddings.weight


def test_convolutions_start_as_upstreams_do():
    model = toy_model("base", initializer_range=1e-6, hidden_size=64)
    weight = model.encoder[1].conv["1"].weight
    bound = (64 * SHAPE["rest_kernel_size"]) ** -0.5
    assert 0.9 * bound < weight.abs().max() <= bound
    assert model.encoder[1].ffn["0"].weight.abs().max() < 1e-4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"block": "roformer"}, "block is 'roformer'; choose from 'post_norm', 'pre_norm', 'bytenet'"),
        ({"classifier_pooling": "cls"}, "classifier_pooling is 'cls'; choose from 'mean', 'max'"),
        ({"dilation_cycle": 0}, "dilation_cycle is 0; it must be at least 1"),
        ({"rest_kernel_size": 0}, "rest_kernel_size is 0; it must be at least 1"),
        ({"hidden_size": 6}, "hidden_size 6 has no room for 7 one-hot tokens"),
        ({"mask_token_id": 7}, "mask_token_id 7 is outside of the 7 token ids"),
    ],
)
def test_a_shape_that_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        GpnConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"slim": True}, "slim needs block 'bytenet', not 'post_norm'"),
        ({"mlm_head_transform": False}, "mlm_head_transform=False needs block 'pre_norm' or 'bytenet'"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings=True needs learned_embedding=True"),
        (PRE_NORM | {"slim": True}, "slim needs block 'bytenet', not 'pre_norm'"),
        (PRE_NORM | {"tie_word_embeddings": True}, "without learned vectors there is nothing to share"),
    ],
)
def test_fields_that_would_be_idle_are_refused_when_a_model_is_made(fields, message):
    config = toy_config(**fields)
    for model_class in CLASSES.values():
        with pytest.raises(ValueError, match=message):
            model_class(config)
