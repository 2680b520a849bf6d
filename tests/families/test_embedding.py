"""Vectors of tokens and nucleotides, for every family: one for each base of any DNA, and those of a single pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_dnalm.inference import embed_tokens
from hf_dnalm.sequence import normalize
from hf_dnalm.tokenization.tokenization_overlapping_kmer import OverlappingKmerTokenizer

FLOAT32 = {"dtype": torch.float32}  # the default is bfloat16 on some machines
AWKWARD = ["A", "n", "acg", "ACGTNACGTN", "N" * 23, "RyACGTTTGCATACGGATT", "TTACGcgaaatgccata"]
CONTEXT = 12  # tokens; the toys read more
dna = st.text("ACGTNacgtnR", min_size=1, max_size=40)


def shortest(family) -> int:
    """bp; overlapping k-mers make no token of fewer than k bases."""
    return family.tokenizer.k if isinstance(family.tokenizer, OverlappingKmerTokenizer) else 1


def of_single_pass(family, model, sequence: str, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """(tokens, hidden) without special tokens, and (bp, hidden)."""
    letters = normalize(sequence)
    ids = np.array(family.tokenizer(letters)["input_ids"])
    with torch.no_grad():
        outputs = model(torch.tensor(ids[None]), output_hidden_states=True)
    hidden = outputs.last_hidden_state if layer == -1 else outputs.hidden_states[layer]
    if hasattr(family.tokenizer, "bases_in"):
        bases = family.tokenizer.bases_in(ids, letters)
    else:
        bases = family.tokenizer.bases_per_token(ids)
    special = set(family.tokenizer.all_special_ids) - {family.tokenizer.unk_token_id}
    is_dna = np.array([token not in special for token in ids.tolist()])
    return hidden[0].numpy()[is_dna], hidden[0].numpy().repeat(bases, axis=0)


@pytest.mark.every_flavour
@pytest.mark.parametrize("layer", [-1, 1])
def test_vectors_are_those_of_single_passes(family, layer):
    model = family.model("base")
    sequences = [each for each in (*family.declared("SEQUENCES"), *AWKWARD) if len(each) >= shortest(family)]
    of_tokens = embed_tokens(model, family.tokenizer, sequences, per="token", layer=layer, **FLOAT32)
    of_bases = embed_tokens(model, family.tokenizer, sequences, layer=layer, **FLOAT32)
    assert of_bases.names == [str(number + 1) for number in range(len(sequences))]
    for sequence, tokens, bases in zip(sequences, of_tokens.vectors, of_bases.vectors, strict=True):
        assert bases.dtype == np.float32
        assert len(bases) == len(sequence)
        expected_tokens, expected_bases = of_single_pass(family, model, sequence, layer)
        np.testing.assert_allclose(tokens, expected_tokens, **family.close)
        np.testing.assert_allclose(bases, expected_bases, **family.close)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences=st.lists(dna, max_size=6), budget=st.integers(1, 200))
def test_every_base_has_a_vector_in_every_batch_and_through_windows(family, sequences, budget):
    model = family.model("base")
    sequences = [each for each in sequences if len(each) >= shortest(family)]
    whole = embed_tokens(model, family.tokenizer, sequences, token_budget=budget, **FLOAT32).vectors
    assert [each.shape for each in whole] == [(len(sequence), model.config.hidden_size) for sequence in sequences]
    tokenizer = family.toy.toy_tokenizer()
    tokenizer.model_max_length = CONTEXT
    cut = embed_tokens(model, tokenizer, sequences, overflow="windows", **FLOAT32).vectors
    assert [each.shape for each in cut] == [each.shape for each in whole]
    short = [len(tokenizer(normalize(sequence))["input_ids"]) <= CONTEXT for sequence in sequences]
    for one, other, fits in zip(whole, cut, short, strict=True):
        assert np.isfinite(other).all()
        if fits:
            np.testing.assert_allclose(other, one, **family.close)
