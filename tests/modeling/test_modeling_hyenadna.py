"""HyenaDNA: causal whatever stands beside the sequence, float32 where it must be, generation, shapes and refusals."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.inference.batches import prepared
from hf_dnalm.modeling import layers_hyenadna
from hf_dnalm.modeling.configuration_hyenadna import HyenaDnaConfig
from tests.toys.hyenadna import LONGEST, toy_config, toy_model, toy_tokenizer

SEQUENCES = ["ACGTTTGCATACGGATTC", "GATTACA", "CCATGCAAT"]
EXACT = {"atol": 1e-5, "rtol": 1e-5}


def run(model, ids, **inputs):
    with torch.no_grad():
        return model(ids, **inputs)


def ids_of(sequence: str) -> torch.Tensor:
    return torch.tensor([toy_tokenizer()(sequence, add_special_tokens=False)["input_ids"]])


def test_later_tokens_change_nothing_earlier():
    model, ids = toy_model(), ids_of(SEQUENCES[0])
    changed = ids.clone()
    changed[:, 10:] = 7
    assert not torch.equal(changed, ids)
    got, expected = run(model, changed).logits, run(model, ids).logits
    torch.testing.assert_close(got[:, :10], expected[:, :10], **EXACT)
    assert (got[:, 10:] - expected[:, 10:]).abs().max() > 0.1


def test_padding_on_the_right_changes_nothing_even_without_a_mask():
    model, ids = toy_model(), ids_of(SEQUENCES[0])
    padded = torch.nn.functional.pad(ids, (0, 9), value=4)
    torch.testing.assert_close(run(model, padded).logits[:, : ids.shape[1]], run(model, ids).logits, **EXACT)


@pytest.mark.parametrize("head", ["base", "causal_lm", "sequence", "token"])
def test_what_a_mask_leaves_out_is_passed_over(head):
    # between the tokens, before them and behind them at once
    model, ids = toy_model(head), ids_of(SEQUENCES[0])
    places = torch.tensor([1, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 21, 22, 25])
    spread = torch.full((1, 30), 9).scatter(1, places[None], ids)
    mask = torch.zeros(1, 30, dtype=torch.long).scatter(1, places[None], 1)
    got, expected = run(model, spread, attention_mask=mask)[0], run(model, ids)[0]
    torch.testing.assert_close(got if head == "sequence" else got[:, places], expected, **EXACT)
    assert head != "base" or not got[mask == 0].any()


@pytest.mark.parametrize(("pooling", "expected"), [("last", -1), ("mean", None), ("max", None)])
def test_sequence_heads_read_what_they_are_told_to(pooling, expected):
    model, ids = toy_model("sequence", classifier_pooling=pooling), ids_of(SEQUENCES[0])
    states = run(model.hyena, ids).last_hidden_state[0]
    pooled = {"last": states[-1], "mean": states.mean(0), "max": states.amax(0)}[pooling]
    torch.testing.assert_close(run(model, ids).logits[0], model.score(pooled), **EXACT)


def test_more_tokens_than_it_reads_are_refused_in_bp():
    with pytest.raises(ValueError, match=r"input is 49 tokens long \(1 bp each, .*\) and this model reads 48\. Cut"):
        toy_model()(torch.full((1, LONGEST + 1), 7))


def test_masks_of_pairs_are_refused():
    ids = ids_of("ACGT")
    with pytest.raises(ValueError, match=r"attention_mask has shape \(1, 1, 4, 4\), the tokens \(1, 4\)"):
        toy_model()(ids, attention_mask=torch.ones(1, 1, 4, 4))
    with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
        toy_model()()


@pytest.mark.parametrize("at_a_time", [1, 100, 700])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_taking_turns_gives_the_same_numbers_with_a_mask_and_in_half_precision(at_a_time, dtype, monkeypatch):
    model = toy_model().to(dtype)
    batch = toy_tokenizer()(SEQUENCES, padding=True, padding_side="left", return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    at_once = run(model, ids, attention_mask=mask).logits
    taken, convolve = [], layers_hyenadna.long_convolution

    def spy(signal, *others):
        taken.append(signal.shape[1])
        return convolve(signal, *others)

    monkeypatch.setattr(layers_hyenadna, "_NUMBERS_AT_A_TIME", at_a_time)
    monkeypatch.setattr(layers_hyenadna, "long_convolution", spy)
    in_turns = run(model, ids, attention_mask=mask).logits
    assert taken == {1: [1] * 24, 100: [1] * 24, 700: [12] * 2}[at_a_time]
    # In half precision torch rounds products of other shapes at other places.
    torch.testing.assert_close(in_turns, at_once, **(EXACT if dtype is torch.float32 else {"atol": 0.05, "rtol": 0}))


def test_training_takes_no_turns(monkeypatch):
    monkeypatch.setattr(layers_hyenadna, "_NUMBERS_AT_A_TIME", 1)
    ids = ids_of(SEQUENCES[0])
    model = toy_model()
    model(ids, labels=ids).loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    "cast", [lambda m: m.to(torch.bfloat16), lambda m: m.half(), lambda m: m.to("cpu", torch.bfloat16).to("cpu")]
)
def test_filters_stay_in_float32_when_the_model_is_cast(cast):
    model, exact = toy_model(), toy_model().state_dict()
    cast(model)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        assert (tensor.dtype is torch.float32) == ("filter_fn" in name), name
        assert "filter_fn" not in name or torch.equal(tensor, exact[name])


def test_filters_stay_in_float32_when_the_model_is_loaded_in_bfloat16(tmp_path):
    toy_model().save_pretrained(tmp_path)
    model = type(toy_model()).from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {each.dtype for name, each in model.named_parameters() if "filter_fn" in name} == {torch.float32}
    assert {each.dtype for name, each in model.named_parameters() if "filter_fn" not in name} == {torch.bfloat16}


def test_filters_stay_in_float32_in_the_inference_loop():
    model = toy_model()
    with prepared(model, device=torch.device("cpu"), dtype=torch.bfloat16):
        assert {each.dtype for name, each in model.named_parameters() if "filter_fn" in name} == {torch.float32}
        assert model.lm_head.weight.dtype is torch.bfloat16
    assert {each.dtype for each in model.parameters()} == {torch.float32}


def test_points_in_time_far_out_are_told_apart_in_bfloat16():
    model = toy_model("base", max_position_embeddings=4000).eval()
    ids = torch.randint(7, 11, (1, 4000), generator=torch.Generator().manual_seed(0))
    exact = run(model, ids).last_hidden_state
    rounded = run(model.to(torch.bfloat16), ids).last_hidden_state.float()
    assert (rounded - exact).square().mean().sqrt() < 0.05 * exact.std()


def test_generation_continues_with_the_likeliest_letters():
    model, ids = toy_model(), ids_of("ACGTT")
    expected = ids
    for _ in range(6):
        expected = torch.cat([expected, run(model, expected).logits[:, -1:].argmax(-1)], dim=1)
    for options in ({}, {"use_cache": True}):
        assert torch.equal(model.generate(ids, max_new_tokens=6, do_sample=False, **options), expected)
    assert model.generate(ids, max_new_tokens=4, do_sample=False, num_beams=3).shape == (1, 9)


def test_generation_from_a_batch_padded_on_the_left_is_that_of_each_alone():
    model = toy_model()
    batch = toy_tokenizer()(SEQUENCES, padding=True, padding_side="left", add_special_tokens=False, return_tensors="pt")
    together = model.generate(**batch, max_new_tokens=5, do_sample=False)
    for row, sequence in zip(together, SEQUENCES, strict=True):
        alone = model.generate(ids_of(sequence), max_new_tokens=5, do_sample=False)
        assert torch.equal(row[-alone.shape[1] :], alone[0])


def test_only_the_last_logits_are_computed_on_request():
    model, ids = toy_model(), ids_of(SEQUENCES[0])
    full = run(model, ids).logits
    torch.testing.assert_close(run(model, ids, logits_to_keep=2).logits, full[:, -2:])
    torch.testing.assert_close(run(model, ids, logits_to_keep=torch.tensor([0, 3])).logits, full[:, [0, 3]])


def test_a_new_model_starts_with_waves_and_decays():
    config = HyenaDnaConfig(hidden_size=8, num_hidden_layers=1, max_position_embeddings=5, filter_embedding_size=5)
    filters = layers_hyenadna.HyenaDnaFilter(config)
    z, t = filters.pos_emb.initial_z(), filters.pos_emb.t
    assert t.flatten().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert torch.equal(z[..., 0], t[..., 0])
    angle = 2 * torch.pi / 5  # at the second point in time, of the faster of two waves
    torch.testing.assert_close(z[0, 1, 2].item(), torch.tensor(angle).cos().item())
    torch.testing.assert_close(z[0, 1, 4].item(), -torch.tensor(angle).sin().item())
    deltas = filters.modulation.initial_deltas().flatten().abs()
    torch.testing.assert_close((-deltas[[0, -1]] * torch.tensor([1.5, 0.3])).exp(), torch.tensor([0.01, 0.01]))


def test_a_models_first_weights_are_upstreams():
    torch.manual_seed(0)
    model = type(toy_model())(HyenaDnaConfig(hidden_size=64, num_hidden_layers=2, max_position_embeddings=32))
    mixer = model.hyena.backbone.layers[1].mixer
    assert torch.equal(mixer.filter_fn.pos_emb.z, mixer.filter_fn.pos_emb.initial_z())
    assert torch.equal(mixer.filter_fn.pos_emb.t, mixer.filter_fn.pos_emb.initial_t())
    assert torch.equal(mixer.filter_fn.modulation.deltas, mixer.filter_fn.modulation.initial_deltas())
    assert mixer.filter_fn.implicit_filter["1"].freq.unique().tolist() == [10]
    assert 0.5 < mixer.filter_fn.bias.std() < 1.5
    assert 0.8 < mixer.in_proj.weight.std() / 0.02 < 1.2
    assert 0.8 < mixer.out_proj.weight.std() / 0.01 < 1.2  # of two layers with two branches each
    assert (model.hyena.backbone.ln_f.weight == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classifier_pooling": "cls"}, "classifier_pooling is 'cls'; choose from 'last', 'mean', 'max'"),
        ({"hidden_size": 0}, "hidden_size is 0; it must be at least 1"),
        ({"short_filter_size": 0}, "short_filter_size is 0"),
        ({"filter_inner_layers": -1}, "filter_inner_layers is -1; it must not be negative"),
        ({"filter_embedding_size": 1}, "filter_embedding_size is 1; it must be odd and at least 3"),
        ({"pad_token_id": 16}, "pad_token_id 16 is outside of the 16 token ids"),
        ({"use_cache": True}, "use_cache is True; a HyenaDNA recomputes the whole sequence"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        toy_config(**change)


def test_a_vocabulary_is_filled_up_once(tmp_path):
    config = toy_config(vocab_size=12, pad_vocab_size_multiple=8)
    assert config.vocab_size == 16
    model = type(toy_model())(config)
    model.resize_token_embeddings(19)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.config.vocab_size == len(again.lm_head.weight) == 19


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_filters_may_have_any_number_of_layers(layers):
    model = toy_model(filter_inner_layers=layers)
    names = set(model.hyena.backbone.layers[0].mixer.filter_fn.implicit_filter)
    assert names == {"1", *(str(2 * i) for i in range(layers + 2))}
    assert run(model, ids_of("ACGT")).logits.isfinite().all()
