"""The length of an indel alone has no effect on its score, for models that ignore the context.

Every estimator, kind of tokenizer and strand is tested with every kind of variant. One model is uniform, the other has
a fixed probability for each letter. Both ignore the sequence, so each expected score can be computed by hand.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hf_dnalm import score_variants
from hf_dnalm.inference.variants import CAUSAL, LETTERS, TOKENS, WINDOW
from hf_dnalm.sequence import reverse_complement
from tests.toys import awd_lstm, dnabert, dnabert2, gpn, hyenadna, nucleotide_transformer

pytest.importorskip("pysam", reason="pysam is not installed")

from hf_dnalm.genome import Genome, Variant

CONTIG = "GATTACAGGCTTNACGTACCGTAGGATCCATTTGCAAAAACCGTACGATCGATCGGGCTAAATTCG"
WINDOW_BP = 24
VARIANTS = {
    "single nucleotide": Variant("1", 30, CONTIG[30], "G"),
    "deletion": Variant("1", 30, CONTIG[30:36], CONTIG[30]),
    "insertion": Variant("1", 20, CONTIG[20], CONTIG[20] + "GTTACC"),
    "insertion of one letter": Variant("1", 20, CONTIG[20], CONTIG[20] + "A"),
    "several nucleotides": Variant("1", 40, CONTIG[40:43], "TGT"),
    "several for fewer": Variant("1", 46, CONTIG[46:52], "TTG"),
    "next to an N": Variant("1", 11, CONTIG[11], "TACG"),
    "deletion at the start": Variant("1", 0, CONTIG[:3], CONTIG[0]),
    "insertion at the end": Variant("1", 64, CONTIG[64], CONTIG[64] + "ACGTA"),
}
PAIRS = [(one, other) for one in "ACGT" for other in "ACGT"]
LOG_CHANCES = {"A": math.log(0.1), "C": math.log(0.2), "G": math.log(0.3), "T": math.log(0.4)}


def byte_pairs():
    """The tiny DNABERT-2 model with all sixteen pairs of letters as tokens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnabert2, "MERGES", PAIRS)
        patch.setitem(dnabert2.SHAPE, "vocab_size", 9 + len(PAIRS))
        return dnabert2.toy_model("masked_lm"), dnabert2.toy_tokenizer()


# kind of tokenizer → model and tokenizer, the estimator for single nucleotides and that for all others
KINDS = {
    "3-mers": (lambda: (nucleotide_transformer.toy_model(), nucleotide_transformer.toy_tokenizer()), LETTERS, WINDOW),
    "overlapping 3-mers": (lambda: (dnabert.toy_model(), dnabert.toy_tokenizer()), TOKENS, WINDOW),
    "byte pairs": (byte_pairs, LETTERS, WINDOW),
    "published byte pairs": (lambda: (dnabert2.toy_model(), dnabert2.toy_tokenizer()), TOKENS, WINDOW),
    "nucleotides": (lambda: (gpn.toy_model(), gpn.toy_tokenizer()), LETTERS, WINDOW),
    "nucleotides, causal": (lambda: (awd_lstm.toy_model(), gpn.toy_tokenizer()), CAUSAL, CAUSAL),
    "nucleotides, causal without biases": (lambda: (hyenadna.toy_model(), hyenadna.toy_tokenizer()), CAUSAL, CAUSAL),
}
KNOW_LETTERS = [kind for kind in KINDS if kind not in ("published byte pairs", "nucleotides, causal without biases")]


@torch.no_grad()
def with_logits(model, logits: torch.Tensor | None = None):
    """The model with these logits at every position of every sequence; None gives zeros."""
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name.split(".")[0] in ("lm_head", "cls", "decoder") and len(parameter) == model.config.vocab_size:
            parameter.zero_()
            if parameter.dim() == 1 and logits is not None:
                parameter.copy_(logits)
    return model


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chr1\n{CONTIG}\n")
    with Genome(tmp_path / "genome.fa") as genome:
        yield genome


@pytest.mark.parametrize("strands", ["forward", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_prefers_no_word_scores_every_variant_exactly_zero(kind, strands, genome):
    make, of_single, of_others = KINDS[kind]
    model, tokenizer = make()
    result = score_variants(
        with_logits(model), tokenizer, list(VARIANTS.values()), genome, window_bp=WINDOW_BP, strands=strands
    )
    assert dict(zip(VARIANTS, result.scores, strict=True)) == dict.fromkeys(VARIANTS, 0.0)
    assert result.estimators == [
        of_single if genome.left_normalised(each).is_snv else of_others for each in result.variants
    ]


def letters_above_chance(window: str, k: int) -> float:
    """For each run of letters without N: log 4p of each letter, once per k-mer that contains it (k = 1: once)."""
    total = 0.0
    for run in window.split("N"):
        words = [run[start : start + k] for start in range(len(run) - k + 1)]
        total += sum(math.log(4) + LOG_CHANCES[letter] for word in words for letter in word)
    return total


def letters_alone(variant: Variant, k: int, *, backwards: bool) -> float:
    """The expected score: the letters of the alternative window minus those of the reference window, on one strand."""
    longer = max(len(variant.ref), len(variant.alt))
    left = (WINDOW_BP - longer) // 2
    padded = "N" * 50 + CONTIG + "N" * 50
    before, after = padded[: 50 + variant.start], padded[50 + variant.end :]
    scores = []
    for allele in (variant.alt, variant.ref):
        if backwards:  # both windows share the right end; that of the shorter allele extends further to the left
            right = WINDOW_BP - longer - left
            window = reverse_complement((before + allele + after[:right])[-WINDOW_BP:])
        else:
            window = (before[len(before) - left :] + allele + after)[:WINDOW_BP]
        scores.append(letters_above_chance(window, k))
    return scores[0] - scores[1]


@pytest.mark.parametrize("strands", ["forward", "both"])
@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("kind", KNOW_LETTERS)
def test_a_model_of_independent_letters_scores_a_variant_by_its_letters_alone(kind, name, strands, genome):
    make, _, _ = KINDS[kind]
    model, tokenizer = make()
    logits = torch.zeros(model.config.vocab_size)
    for word, token in tokenizer.get_vocab().items():
        if set(word.upper()) <= set("ACGT"):
            logits[token] = sum(LOG_CHANCES[letter] for letter in word.upper())
    if kind == "overlapping 3-mers":
        logits /= 2  # DNABERT's head adds its bias twice
    (score,) = score_variants(
        with_logits(model, logits), tokenizer, [VARIANTS[name]], genome, window_bp=WINDOW_BP, strands=strands
    ).scores

    moved = VARIANTS[name] if VARIANTS[name].is_snv else genome.left_normalised(VARIANTS[name])
    k = 3 if kind == "overlapping 3-mers" else 1
    each = [letters_alone(moved, k, backwards=backwards) for backwards in (False, True)[: 1 + (strands == "both")]]
    assert score == pytest.approx(sum(each) / len(each), abs=2e-4)


def test_a_deletion_is_not_scored_by_the_nats_of_the_letters_that_it_removes(genome):
    """A sum of plain log-probabilities would give a deletion of 5 bp about 5 × log(vocabulary) nats."""
    model, tokenizer = KINDS["nucleotides"][0]()
    deletion = VARIANTS["deletion"]
    uniform = score_variants(with_logits(model), tokenizer, [deletion], genome, window_bp=WINDOW_BP).scores
    np.testing.assert_array_equal(uniform, [0.0])


def test_both_windows_hold_equally_many_letters_and_begin_alike(genome):
    from hf_dnalm.inference.variants import _pairs

    for name, variant in VARIANTS.items():
        forward, backward = _pairs(genome, [variant], WINDOW_BP, "both")
        for pair in (forward, backward):
            assert len(pair.reference) == len(pair.alternative) == WINDOW_BP, name
            assert pair.reference[: pair.start] == pair.alternative[: pair.start]
