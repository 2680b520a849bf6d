"""Log-likelihoods agree with the straightforward computation, and with the value of an uninformed model."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_dnalm import log_likelihood
from tests.inference.naive import pseudo_log_likelihood
from tests.toys import dnabert2, nucleotide_transformer

SEQUENCES = ["ACGTACGTAC", "TTTNACG", "GATTACAGATTACA"]


@pytest.fixture(params=[nucleotide_transformer, dnabert2], ids=["k-mers", "byte pairs"])
def model_and_tokenizer(request):
    toy = request.param
    return toy.toy_model("masked_lm", initializer_range=0.5), toy.toy_tokenizer()


def test_masked_models_are_asked_for_every_token_alone(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    result = log_likelihood(model, tokenizer, SEQUENCES, names=["a", "b", "c"])
    expected = [pseudo_log_likelihood(model, tokenizer, sequence) for sequence in SEQUENCES]
    np.testing.assert_allclose(result.nats, expected, rtol=1e-4)
    assert result.names == ["a", "b", "c"]
    assert result.estimator == "masked pseudo-log-likelihood"
    assert result.bases.tolist() == [len(sequence) for sequence in SEQUENCES]
    np.testing.assert_allclose(result.bits_per_base, -result.nats / result.bases / math.log(2))


def test_batches_change_nothing(model_and_tokenizer):
    few, many = (log_likelihood(*model_and_tokenizer, SEQUENCES, token_budget=budget).nats for budget in (8, 4096))
    np.testing.assert_allclose(few, many, rtol=1e-4)


def test_a_model_that_knows_nothing_pays_the_logarithm_of_the_vocabulary():
    model, tokenizer = nucleotide_transformer.toy_model("masked_lm"), nucleotide_transformer.toy_tokenizer()
    for parameter in model.lm_head.parameters():
        torch.nn.init.zeros_(parameter)
    result = log_likelihood(model, tokenizer, ["ACGACGACG"])
    assert result.nats[0] == pytest.approx(-3 * math.log(75), rel=1e-5)
    assert result.bits_per_base[0] == pytest.approx(3 * math.log2(75) / 9, rel=1e-5)
    assert result.tokens.tolist() == [3]


def test_tokens_masked_together_are_spread_evenly_and_all_scored():
    model, tokenizer = nucleotide_transformer.toy_model("masked_lm"), nucleotide_transformer.toy_tokenizer()
    alone = log_likelihood(model, tokenizer, ["ACGTTT" * 4])
    one_pass = log_likelihood(model, tokenizer, ["ACGTTT" * 4], masked_at_once=1.0)
    in_full = log_likelihood(model, tokenizer, ["ACGTTT" * 4], masked_at_once=1 / 100)
    assert one_pass.tokens.tolist() == alone.tokens.tolist() == [8]
    assert one_pass.nats[0] != pytest.approx(alone.nats[0])
    np.testing.assert_allclose(in_full.nats, alone.nats, rtol=1e-5)


def test_a_dataset_keeps_its_names_and_order():
    model, tokenizer = nucleotide_transformer.toy_model("masked_lm"), nucleotide_transformer.toy_tokenizer()
    data = Dataset.from_dict({"name": ["x", "y"], "sequence": ["ACGACG", "TTTTTTTTT"]})
    result = log_likelihood(model, tokenizer, data)
    assert result.names == ["x", "y"]
    np.testing.assert_allclose(result.nats, log_likelihood(model, tokenizer, data["sequence"][:]).nats)


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_shares_that_are_none_are_refused(share):
    model, tokenizer = nucleotide_transformer.toy_model("masked_lm"), nucleotide_transformer.toy_tokenizer()
    with pytest.raises(ValueError, match=r"masked_at_once is .*; it is a share of the tokens, above 0 and at most 1"):
        log_likelihood(model, tokenizer, SEQUENCES, masked_at_once=share)


def test_models_and_tokenizers_that_cannot_be_asked_are_refused():
    tokenizer = nucleotide_transformer.toy_tokenizer()
    with pytest.raises(ValueError, match=r"TransformerModel is not a language model: .* AutoModelForMaskedLM or"):
        log_likelihood(nucleotide_transformer.toy_model("base"), tokenizer, SEQUENCES)
    tokenizer.mask_token = None
    with pytest.raises(ValueError, match="KmerTokenizer has no mask token"):
        log_likelihood(nucleotide_transformer.toy_model("masked_lm"), tokenizer, SEQUENCES)
