"""Scoring all substitutions together gives the score of each substitution alone."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm import mutagenesis
from hf_dnalm.inference import Mutagenesis
from hf_dnalm.inference.variants import LETTERS, TOKENS
from hf_dnalm.sequence import reverse_complement
from tests.inference.naive import letter_log_odds
from tests.toys import dnabert2, nucleotide_transformer

KMERS = (nucleotide_transformer.toy_model("masked_lm", initializer_range=0.5), nucleotide_transformer.toy_tokenizer())
PAIRS = (dnabert2.toy_model("masked_lm"), dnabert2.toy_tokenizer())


def test_masked_words_give_every_substitution_of_every_letter():
    sequence = "ACGTTANCG"  # ACG TTA N C G: full words, an N, single letters
    (result,) = mutagenesis(*KMERS, [sequence])
    assert result.scores.shape == (9, 4)
    assert result.estimator == LETTERS
    for place, ref in enumerate(sequence):
        if ref == "N":
            assert np.isnan(result.scores[place]).all()
            continue
        for letter, alt in enumerate("ACGT"):
            expected = letter_log_odds(*KMERS, sequence, place, alt, ref)
            assert result.scores[place, letter] == pytest.approx(expected, abs=1e-4)


def test_byte_pairs_are_scored_one_substitution_at_a_time():
    (result,) = mutagenesis(*PAIRS, ["ACGTTACG"])
    assert result.estimator == TOKENS
    assert [result.scores[place, "ACGT".index(letter)] for place, letter in enumerate("ACGTTACG")] == [0.0] * 8
    assert np.isfinite(result.scores).all()


@pytest.mark.parametrize("model_and_tokenizer", [KMERS, PAIRS], ids=["k-mers", "byte pairs"])
def test_both_strands_are_the_mean_and_turn_with_the_sequence(model_and_tokenizer):
    sequence = "ACGTTACGGATC"
    forward = mutagenesis(*model_and_tokenizer, [sequence])[0].scores
    other = mutagenesis(*model_and_tokenizer, [reverse_complement(sequence)])[0].scores
    both = mutagenesis(*model_and_tokenizer, [sequence], strands="both")[0].scores
    np.testing.assert_allclose(both, (forward + other[::-1, ::-1]) / 2, atol=1e-5)


def test_shares_and_the_heights_of_a_logo_by_hand():
    scores = np.log([[1.0, 1, 1, 1], [1, 0.5, 0.5, 1e-30], [np.nan] * 4])
    result = Mutagenesis("AAN", scores, LETTERS)
    np.testing.assert_allclose(result.probabilities()[:2], [[0.25] * 4, [0.5, 0.25, 0.25, 0]], atol=1e-9)
    # Entropies 2 and 1.5 bits.
    np.testing.assert_allclose(result.information()[:2], [[0] * 4, [0.25, 0.125, 0.125, 0]], atol=1e-9)
    assert np.isnan(result.information()[2]).all()


def test_soft_masked_letters_count():
    np.testing.assert_array_equal(mutagenesis(*KMERS, ["acgtta"])[0].scores, mutagenesis(*KMERS, ["ACGTTA"])[0].scores)


@pytest.mark.parametrize(("sequence", "message"), [("", "sequence '1' is empty"), ("ACXG", "'X'")])
def test_what_is_no_dna_is_refused(sequence, message):
    with pytest.raises(ValueError, match=message):
        mutagenesis(*KMERS, [sequence])


def test_a_sequence_of_n_alone_has_no_scores():
    assert np.isnan(mutagenesis(*KMERS, ["NNN"])[0].scores).all()


def test_each_of_many_sequences_is_scored_as_it_is_alone():
    sequences = ["ACGTTACG", "GGNCAT", "TTT"]
    many = mutagenesis(*KMERS, sequences, names=["a", "b", "c"], strands="both")
    for sequence, result in zip(sequences, many, strict=True):
        (alone,) = mutagenesis(*KMERS, [sequence], strands="both")
        assert result.sequence == alone.sequence == sequence
        np.testing.assert_array_equal(result.scores, alone.scores)


def test_a_bad_sequence_is_named_before_any_is_scored():
    with pytest.raises(ValueError, match="sequence 'b'"):
        mutagenesis(*KMERS, ["ACGT", "AC!T"], names=["a", "b"], progress=lambda _: pytest.fail("scored"))
    with pytest.raises(ValueError, match="must be a list of strings"):
        mutagenesis(*KMERS, "ACGT")
    with pytest.raises(ValueError, match="strands is 'reverse'; choose from both, forward"):
        mutagenesis(*KMERS, ["ACGT"], strands="reverse")
