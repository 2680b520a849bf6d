"""Likelihoods, variants and mutagenesis work in groups that fit into memory, with the same results as all at once."""

import numpy as np
import pytest
import torch

from hf_dnalm.genome import Genome, Variant
from hf_dnalm.inference import log_likelihood, log_probabilities, mutagenesis, score_variants, variants
from tests.toys import dnabert2, hyenadna, nucleotide_transformer

LETTERS = "GATTACAGGCTTACGTACCGTAGGATCCATTTGCAAAAACCGT"
FLOAT32 = {"dtype": torch.float32}
MODELS = [
    (toy.toy_model(head), toy.toy_tokenizer())
    for toy, head in ((nucleotide_transformer, "masked_lm"), (dnabert2, "masked_lm"), (hyenadna, "causal_lm"))
]


@pytest.fixture
def calls(monkeypatch):
    """Tokens of each call of the inference loop, when at most 60 tokens or letters are in memory."""
    tokens: list[int] = []
    for module in (log_probabilities, variants):
        loop = module.run_batches

        def counted(model, token_ids, *arguments, loop=loop, **options):
            tokens.append(sum(map(len, token_ids)))
            return loop(model, token_ids, *arguments, **options)

        monkeypatch.setattr(module, "run_batches", counted)
    return tokens


def few_at_a_time(monkeypatch, calls):
    calls.clear()
    monkeypatch.setattr(log_probabilities, "MAX_IN_MEMORY", 60)


@pytest.mark.parametrize(("model", "tokenizer"), MODELS)
def test_likelihoods(monkeypatch, calls, model, tokenizer):
    sequences = [LETTERS, LETTERS[:9], LETTERS[::-1]]
    whole = log_likelihood(model, tokenizer, sequences, **FLOAT32)
    assert len(calls) == 1
    few_at_a_time(monkeypatch, calls)
    np.testing.assert_allclose(log_likelihood(model, tokenizer, sequences, **FLOAT32).nats, whole.nats, rtol=1e-5)
    assert len(calls) > 1
    assert max(calls) <= 60


@pytest.mark.parametrize(("model", "tokenizer"), MODELS)
def test_mutagenesis(monkeypatch, calls, model, tokenizer):
    whole = mutagenesis(model, tokenizer, [LETTERS[:20]], **FLOAT32)[0].scores
    few_at_a_time(monkeypatch, calls)
    np.testing.assert_allclose(mutagenesis(model, tokenizer, [LETTERS[:20]], **FLOAT32)[0].scores, whole, atol=1e-4)
    assert len(calls) > 1
    assert max(calls) <= 60


@pytest.mark.parametrize("method", ["llr", "cosine"])
@pytest.mark.parametrize(("model", "tokenizer"), MODELS)
def test_variants(monkeypatch, calls, tmp_path, model, tokenizer, method):
    pytest.importorskip("pysam")
    (tmp_path / "x.fa").write_text(f">1\n{LETTERS}\n")
    variants_of_chr1 = [
        Variant("1", place, LETTERS[place], "A" if LETTERS[place] != "A" else "C", "") for place in range(8, 30, 4)
    ]
    variants_of_chr1.append(Variant("1", 20, LETTERS[20], LETTERS[20] + "TTA", ""))
    options = {"method": method, "window_bp": 14, **FLOAT32}
    with Genome(tmp_path / "x.fa") as genome:
        whole = score_variants(model, tokenizer, variants_of_chr1, genome, **options)
        few_at_a_time(monkeypatch, calls)
        parts = score_variants(model, tokenizer, variants_of_chr1, genome, **options)
    np.testing.assert_allclose(parts.scores, whole.scores, atol=1e-4)
    assert parts.estimators == whole.estimators
    assert len(calls) > 1
    assert max(calls) <= 60
