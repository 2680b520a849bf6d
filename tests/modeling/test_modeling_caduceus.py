"""Caduceus' models: both strands exactly alike, masks that leave no trace, heads, and first weights."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.modeling import layers_caduceus
from hf_dnalm.modeling.configuration_caduceus import CaduceusConfig
from hf_dnalm.modeling.modeling_caduceus import CaduceusForMaskedLM, CaduceusModel
from tests.toys.caduceus import toy_config, toy_model

LAYOUTS = ("ps", "ph", "plant")


def sequences(layout: str, sequences: int = 3, tokens: int = 11, *, seed: int = 1) -> torch.Tensor:
    low, high = (3, 7) if layout == "plant" else (7, 12)
    return torch.randint(low, high, (sequences, tokens), generator=torch.Generator().manual_seed(seed))


def opposite(model, ids: torch.Tensor) -> torch.Tensor:
    return torch.tensor(model.config.complement_ids)[ids].flip(1)


def run(model, *inputs, **options):
    with torch.no_grad():
        return model(*inputs, **options)


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(st.integers(1, 5), st.integers(1, 40)), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
@pytest.mark.parametrize("layout", ["ps", "plant"])
def test_the_other_strand_gives_the_same_numbers_to_the_bit(layout, shape, dtype):
    model = toy_model("masked_lm", layout).to(dtype)
    ids = sequences(layout, *shape)
    here, there = (run(model, each, output_hidden_states=True) for each in (ids, opposite(model, ids)))
    assert torch.equal(there.logits.flip(1)[..., model.config.complement_ids], here.logits)
    for each, turned in zip(here.hidden_states, there.hidden_states, strict=True):
        assert torch.equal(turned.flip((1, 2)), each)


def test_padding_turns_with_the_strand():
    model = toy_model("base", "ps")
    ids = sequences("ps")
    mask = torch.tensor([[1] * 11, [0] * 4 + [1] * 7, [1] * 6 + [0] * 5])
    here = run(model, ids, mask).last_hidden_state
    there = run(model, opposite(model, ids), mask.flip(1)).last_hidden_state
    assert torch.equal(there.flip((1, 2)), here)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=25, deadline=None)
@given(mask=st.lists(st.lists(st.booleans(), min_size=11, max_size=11), min_size=3, max_size=3))
def test_what_a_mask_leaves_out_might_as_well_not_be_there(layout, mask):
    model = toy_model("base", layout).double()  # in float32 a few rows are normalised to 7e-5 of each other
    ids, real = sequences(layout), torch.tensor(mask)
    got = run(model, ids, real.long(), output_hidden_states=True)
    other = run(model, ids.where(real, 2), real)
    assert torch.equal(other.last_hidden_state, got.last_hidden_state)
    assert not any(each[~real].any() for each in got.hidden_states)
    for row in range(3):
        if real[row].any():
            alone = run(model, ids[row][real[row]][None]).last_hidden_state[0]
            torch.testing.assert_close(got.last_hidden_state[row, real[row]], alone, atol=1e-5, rtol=0)


def test_without_a_mask_padding_is_read_like_any_token():
    model = toy_model("base")
    ids = sequences("ps")
    padded = torch.cat([ids, torch.full((3, 2), 4)], dim=1)
    assert (run(model, padded)[0][:, :11] - run(model, ids)[0]).abs().max() > 1e-3


@pytest.mark.parametrize("shape", [(3, 1, 11, 11), (3, 10), (1, 11)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"attention_mask has shape .* one number for each of its \(3, 11\) tokens"):
        toy_model("base")(sequences("ps"), torch.ones(shape))


def test_both_directions_share_one_projection_in_and_one_out():
    # In the authors' code the second direction's are tied after loading: on transformers 5 they stay random.
    for layout in LAYOUTS:
        names = [name for name, _ in toy_model("base", layout).named_parameters()]
        assert sum("in_proj" in name for name in names) == sum("out_proj" in name for name in names) == 2
        assert not any("mamba_rev.in_proj" in name or "mamba_rev.out_proj" in name for name in names)


def test_the_stream_is_kept_in_float32_where_the_config_says_so(monkeypatch):
    kept = []
    forward = layers_caduceus.CaduceusLayer.forward

    def spy(self, *args):
        out = forward(self, *args)
        kept.append(out[1].dtype)
        return out

    monkeypatch.setattr(layers_caduceus.CaduceusLayer, "forward", spy)
    for layout in ("ps", "plant"):
        run(toy_model("base", layout).bfloat16(), sequences(layout))
    assert kept == [torch.bfloat16] * 2 + [torch.float32] * 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sequence_head_reads_both_strands_where_the_model_does(layout):
    for pooling in ("mean", "max", "cls"):
        model = toy_model("sequence", layout, classifier_pooling=pooling)
        ids = sequences(layout)
        here, there = (run(model, each).logits for each in (ids, opposite(model, ids)))
        if model.config.rcps:
            assert torch.equal(here, there)
        else:
            assert (here - there).abs().max() > 1e-3
        mask = torch.ones_like(ids).index_fill(1, torch.tensor([0, 9, 10]), 0)
        short = run(model, ids[:, 1:9]).logits
        torch.testing.assert_close(run(model, ids, mask).logits, short, atol=1e-5, rtol=0)


def test_conjoin_averages_the_scores_of_both_strands():
    plain, both = (toy_model("sequence", "ph", conjoin=conjoin) for conjoin in (False, True))
    ids = sequences("ph")
    mask = torch.tensor([[1] * 11, [0] * 4 + [1] * 7, [1] * 6 + [0] * 5])
    turned = run(plain, opposite(plain, ids), mask.flip(1)).logits
    expected = (run(plain, ids, mask).logits + turned) / 2
    torch.testing.assert_close(run(both, ids, mask).logits, expected)
    torch.testing.assert_close(run(both, opposite(both, ids), mask.flip(1)).logits, expected)
    vectors = both.get_input_embeddings()(ids)
    with pytest.raises(ValueError, match="conjoin reads the reverse complement of input_ids; inputs_embeds have none"):
        both(inputs_embeds=vectors)


def test_a_token_head_gives_a_nucleotide_the_same_class_on_both_strands():
    model = toy_model("token", "ps")
    ids = sequences("ps")
    assert torch.equal(run(model, opposite(model, ids)).logits.flip(1), run(model, ids).logits)


def test_labels_of_a_masked_language_model_are_read():
    # The authors' code hands None to the loss for the token to leave out, and fails.
    model = toy_model("masked_lm")
    ids = sequences("ps")
    labels = torch.full_like(ids, -100)
    labels[0, 2] = 8
    out = run(model, ids, labels=labels)
    expected = torch.nn.functional.cross_entropy(out.logits[0, 2:3], labels[0, 2:3])
    torch.testing.assert_close(out.loss, expected)


def test_vectors_of_one_strand_are_refused_where_two_are_read():
    model = toy_model("masked_lm", "ps")
    one_strand = torch.nn.functional.embedding(sequences("ps"), model.get_input_embeddings().weight)
    with pytest.raises(ValueError, match=r"inputs_embeds are 12 wide, and this model needs 24: for each token the vec"):
        model(inputs_embeds=one_strand)


def test_tokens_that_are_added_or_taken_away_keep_the_complements_of_the_others():
    model = toy_model("masked_lm")
    expected = run(model, sequences("ps")).logits
    model.resize_token_embeddings(20)
    assert model.config.complement_ids[-5:] == [15, 16, 17, 18, 19]
    ids = sequences("ps")
    torch.testing.assert_close(run(model, ids).logits[..., :16], expected)
    assert run(model, torch.tensor([[19, 7, 18]])).logits.shape == (1, 3, 20)
    model.resize_token_embeddings(12)
    torch.testing.assert_close(run(model, ids).logits, expected[..., :12])
    assert model.lm_head.lm_head.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_new_model_starts_as_the_authors_do(layout):
    torch.manual_seed(0)
    model = CaduceusModel(toy_config(layout, d_model=64, dt_rank=4))
    for name, parameter in model.named_parameters():
        if name.endswith("A_log"):
            torch.testing.assert_close(parameter.exp(), torch.arange(1.0, 17.0).expand(128, -1))
        elif name.endswith(("D", "norm.weight", "norm_f.weight")):
            assert (parameter == 1).all()
        elif name.endswith("dt_proj.bias"):
            steps = torch.nn.functional.softplus(parameter)
            assert 0.0009 < steps.min() < steps.max() < 0.11
        elif name.endswith("out_proj.weight"):
            assert 0.9 < parameter.abs().max() * math.sqrt(128) * math.sqrt(2) <= 1.001
        elif name.endswith("in_proj.weight"):
            assert 0.9 < parameter.abs().max() * math.sqrt(64) <= 1.001


def test_the_scan_of_the_config_is_the_one_that_runs():
    with pytest.raises(ImportError, match="scan='mamba_ssm' needs that package"):
        toy_model("base", scan="mamba_ssm")(sequences("ps"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layer": 0}, "n_layer is 0; it must be at least 1"),
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'mean', 'max', 'cls'"),
        ({"scan": "cuda"}, "scan is 'cuda'; choose from 'auto', 'torch', 'mamba_ssm'"),
        ({"pad_token_id": 16}, "pad_token_id 16 is outside of the 16 token ids"),
        ({"conjoin": True}, "conjoin is for models that read one strand"),
        ({"vocab_size": 9, "complement_ids": None}, "complement_ids is None: to read both strands over 9 tokens"),
        ({"vocab_size": 9, "complement_ids": None, "rcps": False, "conjoin": True}, "complement_ids is None"),
        ({"complement_ids": [1, 2, 0]}, "the complement of a token's complement must be that token"),
        ({"complement_ids": [0, 3]}, "the complement of a token's complement must be that token"),
    ],
)
def test_configs_that_cannot_be_built_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CaduceusConfig(**changes)


def test_the_width_of_the_vectors_is_that_of_both_strands():
    for layout, width in (("ps", 24), ("ph", 12)):
        model = toy_model("base", layout)
        assert run(model, sequences(layout))[0].shape[-1] == model.config.hidden_size == width
    assert CaduceusConfig().num_hidden_layers == CaduceusConfig().n_layer == 16
    assert CaduceusConfig(d_model=118).dt_rank == 8
    assert CaduceusForMaskedLM(toy_config(d_model=118)).config.d_inner == 236
