"""GENA-LM: sparse attention equals its written-out form under any mask and length; what is refused, and how."""

from __future__ import annotations

import copy

import pytest
import torch

from hf_dnalm.modeling.configuration_gena_bert import GenaBertConfig
from hf_dnalm.modeling.modeling_gena_bert import GenaBertForMaskedLM
from tests.toys.gena_bert import ROTARY, SPARSE, toy_config, toy_model

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
FLAVOURS = {"sparse": SPARSE, "sparse_rotary": SPARSE | ROTARY, "rotary": ROTARY}

flavours = pytest.mark.parametrize("flavour", FLAVOURS)


def ids(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(6, 26, shape, generator=torch.Generator().manual_seed(seed))


def hidden(model, *inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(*inputs).last_hidden_state


@pytest.mark.parametrize("length", [1, 3, 4, 30, 63, 64])
@flavours
def test_eager_and_blocks_agree_at_every_length_and_under_holes(flavour, length):
    models = [toy_model("base", attn_implementation=each, **FLAVOURS[flavour]) for each in ("eager", "sdpa")]
    mask = torch.ones(2, length, dtype=torch.long)
    mask[1, 1::3] = 0
    for inputs in ((ids(2, length),), (ids(2, length), mask)):
        torch.testing.assert_close(hidden(models[0], *inputs), hidden(models[1], *inputs), **CLOSE)


def test_attentions_of_a_padded_batch_stand_where_their_tokens_stand():
    model = toy_model("base", attn_implementation="eager", **SPARSE)
    sequence, mask = ids(1, 30), torch.ones(1, 30, dtype=torch.long)
    pads = (5, 0)
    with torch.no_grad():
        alone = model(sequence, output_attentions=True).attentions
        padded = model(
            torch.nn.functional.pad(sequence, pads, value=3),
            torch.nn.functional.pad(mask, pads),
            output_attentions=True,
        ).attentions
    for one, other in zip(alone, padded, strict=True):
        torch.testing.assert_close(other[..., 5:, 5:], one, **CLOSE)
        assert other[..., 5:, :5].max() == 0


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_tokens_see_the_listed_blocks_alone(implementation):
    model = toy_model("base", attn_implementation=implementation, num_hidden_layers=1, **SPARSE)
    layout = model.encoder.layer[0].attention.self.sparse_self_attention.master_layout
    one, sequence = hidden(model, ids(1, 64)), ids(1, 64)
    sequence[0, 40] = (sequence[0, 40] - 5) % 20 + 6  # in block 10
    changed = (hidden(model, sequence) != one).any(-1).view(16, 4).any(-1)
    assert torch.equal(changed, layout[:, :, 10].any(0))
    assert not changed.all()


def test_layers_go_by_the_first_list_unless_told_otherwise():
    shared, own = (toy_model("base", sparse_layout=each, **SPARSE) for each in ("first_layer", "per_layer"))
    first, second = (layer.attention.self.sparse_self_attention for layer in shared.encoder.layer)
    assert not torch.equal(first.master_layout, second.master_layout)
    assert not torch.allclose(hidden(shared, ids(1, 64)), hidden(own, ids(1, 64)))
    for model in (shared, own):
        blocks = [layer.attention.self.sparse_self_attention for layer in model.encoder.layer]
        blocks[1].master_layout.copy_(blocks[0].master_layout)
    torch.testing.assert_close(hidden(shared, ids(1, 64)), hidden(own, ids(1, 64)), rtol=0, atol=0)


@pytest.mark.parametrize("way", ["in place", "as a new tensor"])
def test_a_changed_list_is_not_answered_from_memory(way):
    model = toy_model("base", **SPARSE)
    before = hidden(model, ids(1, 64))
    again = hidden(copy.deepcopy(model), ids(1, 64))
    blocks = model.encoder.layer[0].attention.self.sparse_self_attention
    if way == "in place":
        blocks.master_layout.fill_(1)
    else:
        blocks.master_layout = torch.ones_like(blocks.master_layout)
    assert torch.equal(before, again)
    assert not torch.allclose(hidden(model, ids(1, 64)), before)
    dense = toy_model("base")
    dense.load_state_dict({key: value for key, value in model.state_dict().items() if "master_layout" not in key})
    torch.testing.assert_close(hidden(model, ids(1, 64)), hidden(dense, ids(1, 64)), **CLOSE)


def test_layouts_made_in_inference_mode_serve_in_training():
    model = toy_model("masked_lm", **SPARSE)
    with torch.inference_mode():
        model(ids(1, 30))
    model.train()(ids(1, 30), labels=ids(1, 30)).loss.backward()
    assert model.bert.embeddings.word_embeddings.weight.grad.isfinite().all()


def test_sparse_attention_compiles_with_one_break_and_no_other_numbers():
    model = toy_model("base", **SPARSE | ROTARY)
    compiled = torch.compile(model, backend="eager")
    mask = torch.ones(2, 30, dtype=torch.long)
    mask[1, :7] = 0
    torch.testing.assert_close(hidden(compiled, ids(2, 30), mask), hidden(model, ids(2, 30), mask), **CLOSE)


def test_a_new_model_draws_the_same_lists_every_time():
    torch.manual_seed(0)
    first = toy_model("masked_lm", seed=1, **SPARSE)
    torch.manual_seed(9)
    second = toy_model("masked_lm", seed=2, **SPARSE)
    for key in (key for key in first.state_dict() if "master_layout" in key):
        assert torch.equal(first.state_dict()[key], second.state_dict()[key])
        assert first.state_dict()[key].sum(-1).min() >= 4  # two blocks for all, itself and a neighbour


def test_the_last_norm_is_there_where_the_config_says_so():
    names = toy_model("base", last_layer_norm=True).state_dict().keys() - toy_model("base").state_dict().keys()
    assert names == {"encoder.last_layer_ln.weight", "encoder.last_layer_ln.bias"}


def test_the_pooler_of_a_language_model_waits_for_a_sequence_head():
    model = toy_model("masked_lm", add_pooler=True)
    assert not model.bert.pooler.dense.weight.requires_grad
    assert toy_model("sequence", add_pooler=True).bert.pooler.dense.weight.requires_grad
    assert toy_model("token", add_pooler=True).bert.pooler is None
    model.train()(ids(1, 9), labels=ids(1, 9)).loss.backward()
    unread = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert unread == {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}


def test_several_labels_for_every_token():
    model = toy_model("token", problem_type="multi_label_classification")
    labels = torch.zeros(1, 6, 3)
    labels[0, 1, 2], labels[0, 3], labels[0, 4, 0] = 1, -100, -100
    got = model(ids(1, 6), labels=labels)
    asked = labels != -100
    expected = torch.nn.functional.binary_cross_entropy_with_logits(got.logits[asked], labels[asked])
    torch.testing.assert_close(got.loss, expected)
    with pytest.raises(ValueError, match=r"labels of shape \(1, 6\) do not fit multi_label_classification"):
        model(ids(1, 6), labels=torch.zeros(1, 6))


@pytest.mark.parametrize("changes", [{}, SPARSE, SPARSE | ROTARY])
def test_a_longer_input_is_refused_with_its_limit_and_no_index_error(changes):
    model = toy_model("base", **changes)
    assert hidden(model, ids(1, 64)).shape == (1, 64, 24)
    with pytest.raises(ValueError, match="65 tokens are more than the 64 that this model reads, CLS and SEP included"):
        model(ids(1, 65))


def test_masks_of_pairs_are_for_dense_attention():
    mask = torch.ones(1, 1, 8, 8, dtype=torch.bool).tril()
    causal = hidden(toy_model("base"), ids(1, 8), mask)
    assert not torch.allclose(causal, hidden(toy_model("base"), ids(1, 8)))
    for wrong in (mask, torch.ones(1, 7)):
        with pytest.raises(ValueError, match=r"between blocks a mask has one number per token"):
            toy_model("base", **SPARSE)(ids(1, 8), wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position_embedding_type": "relative"}, "position_embedding_type is 'relative'; choose from 'absolute', 'ro"),
        ({"sparse_layout": "each"}, "sparse_layout is 'each'; choose from 'first_layer', 'per_layer'"),
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'pooler', 'cls', 'mean', 'max'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"hidden_size": 25}, "hidden_size 25 cannot be shared among 3 heads"),
        ({"mask_token_id": 26}, "mask_token_id 26 is outside of the 26 token ids"),
        (ROTARY | {"rotary_dim": 3}, "rotary_dim is 3; it must be even and at most 8"),
        (ROTARY | {"rotary_dim": 10}, "rotary_dim is 10; it must be even and at most 8"),
        ({"sparse_block_size": 0}, "sparse_block_size is 0; it must be at least 1, or None for dense attention"),
        ({"sparse_block_size": 5}, "max_position_embeddings 64 is no multiple of sparse_block_size 5"),
        (SPARSE | {"sparse_random_blocks": 17}, "sparse_random_blocks is 17, of 16 blocks"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        toy_config(**changes)


def test_building_on_the_meta_device_costs_nothing():
    with torch.device("meta"):
        model = GenaBertForMaskedLM(GenaBertConfig(sparse_block_size=64, max_position_embeddings=4096))
    assert model.bert.encoder.layer[11].attention.self.sparse_self_attention.master_layout.shape == (12, 64, 64)
