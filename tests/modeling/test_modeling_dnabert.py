"""BERT on DNA: positions and pooler from the first real token, limits in words, the bias that is added twice."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.bert_dna import positions_from_first_token
from tests.toys import dnabert, grover

TOYS = {"dnabert": dnabert, "grover": grover}
IDS = torch.tensor([[2, 5, 9, 14, 8, 3], [2, 6, 7, 8, 12, 3]])


@pytest.mark.parametrize("family", TOYS)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_padding_on_the_left_moves_nothing(family, implementation):
    model = TOYS[family].toy_model("base", add_pooler=True, attn_implementation=implementation)
    padded = torch.cat([torch.zeros(2, 3, dtype=torch.long), IDS], dim=1)
    mask = (padded != 0).long()
    with torch.no_grad():
        expected, got = model(IDS), model(padded, mask)
    torch.testing.assert_close(got.last_hidden_state[:, 3:], expected.last_hidden_state, atol=1e-5, rtol=0)
    torch.testing.assert_close(got.pooler_output, expected.pooler_output, atol=1e-5, rtol=0)


def test_a_hole_keeps_the_positions_behind_it():
    mask = torch.tensor([[1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    model = dnabert.toy_model("base")
    other = IDS.clone()
    other[0, 2] = 20
    with torch.no_grad():
        got, again = (model(ids, mask).last_hidden_state for ids in (IDS, other))
    torch.testing.assert_close(got[mask.bool()], again[mask.bool()])
    assert positions_from_first_token(mask).tolist() == [list(range(6))] * 2


def test_positions_may_be_given():
    model = dnabert.toy_model("base")
    with torch.no_grad():
        expected = model(IDS).last_hidden_state
        shifted = model(IDS, position_ids=torch.arange(4, 10).expand(2, -1)).last_hidden_state
        same = model(IDS, position_ids=torch.arange(6).expand(2, -1)).last_hidden_state
    assert (expected - shifted).abs().max() > 0.01
    torch.testing.assert_close(same, expected)


def test_more_tokens_than_positions_are_refused_with_the_way_out():
    model = dnabert.toy_model("base")
    message = r"41 tokens are more than the 40 .* read it in windows with hf_dnalm\.embed\(…, overflow='windows'\)"
    with pytest.raises(ValueError, match=message):
        model(torch.full((1, 41), 5))
    with pytest.raises(ValueError, match="41 tokens are more than the 40"):
        model(inputs_embeds=torch.zeros(1, 41, 24))
    assert model(torch.full((1, 40), 5)).last_hidden_state.shape == (1, 40, 24)


@pytest.mark.parametrize("inputs", [{}, {"input_ids": IDS, "inputs_embeds": torch.zeros(2, 6, 24)}])
def test_ids_or_vectors_but_not_both(inputs):
    with pytest.raises(ValueError, match="pass exactly one of input_ids and inputs_embeds"):
        dnabert.toy_model("base")(**inputs)


def test_the_bias_is_added_twice_or_once():
    twice, once = (dnabert.toy_model("masked_lm", mlm_bias=each) for each in ("twice", "once"))
    with torch.no_grad():
        torch.testing.assert_close(twice(IDS).logits - once(IDS).logits, once.cls.predictions.bias.expand(2, 6, -1))
    assert not hasattr(grover.toy_config(), "mlm_bias")


@pytest.mark.parametrize("pooling", ["pooler", "cls", "mean", "max"])
def test_a_sequence_head_reads_the_pooling_that_the_config_names(pooling):
    model = dnabert.toy_model("sequence", classifier_pooling=pooling)
    with torch.no_grad():
        hidden = model.bert(IDS).last_hidden_state
        read = {
            "pooler": lambda: torch.tanh(model.bert.pooler.dense(hidden[:, 0])),
            "cls": lambda: hidden[:, 0],
            "mean": lambda: hidden.mean(1),
            "max": lambda: hidden.amax(1),
        }[pooling]()
        torch.testing.assert_close(model(IDS).logits, model.classifier(read), atol=1e-5, rtol=0)
    assert (model.bert.pooler is not None) is (pooling == "pooler")


def test_every_nucleotide_reads_the_token_that_owns_it():
    model, tokenizer = dnabert.toy_model("token"), dnabert.toy_tokenizer()
    ids = torch.tensor([tokenizer("ACGTT").input_ids])
    bases = torch.tensor(tokenizer.bases_per_token(ids))
    with torch.no_grad():
        tokens, nucleotides = model(ids).logits[0], model(ids, bases_per_token=bases).logits[0]
    # ACG owns the first two bases, CGT the third, GTT the last two
    torch.testing.assert_close(nucleotides, tokens[[1, 1, 2, 3, 3]])


def test_resized_embeddings_take_the_bias_along():
    model = dnabert.toy_model("masked_lm")
    model.resize_token_embeddings(72, mean_resizing=False)
    assert model(IDS).logits.shape[-1] == 72
    assert model.cls.predictions.bias is model.cls.predictions.decoder.bias
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
