"""Variant effects agree with the straightforward computation, on both strands, for every kind of tokenizer."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from hf_dnalm import score_variants
from hf_dnalm.inference.variants import LETTERS, MASKED_AT_ONCE, TOKENS, VECTORS, WINDOW
from hf_dnalm.sequence import reverse_complement
from tests.inference.naive import above_chance, letter_log_odds, masked_log_probabilities, window_above_chance
from tests.toys import dnabert2, nucleotide_transformer

pytest.importorskip("pysam", reason="pysam is not installed")

from hf_dnalm.genome import Genome, Variant, read_variants

LETTERS_OF_CHR1 = "GATTACAGGCTTNACGTACCGTAGGATCCATTTGCAAAAACCGT"
KMERS = (nucleotide_transformer.toy_model("masked_lm", initializer_range=0.5), nucleotide_transformer.toy_tokenizer())
PAIRS = (dnabert2.toy_model("masked_lm"), dnabert2.toy_tokenizer())


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chr1\n{LETTERS_OF_CHR1}\n")
    with Genome(tmp_path / "genome.fa") as genome:
        yield genome


def snv(place: int, alt: str) -> Variant:
    return Variant("1", place, LETTERS_OF_CHR1[place], alt)


def test_a_masked_word_says_how_likely_each_letter_is(genome):
    variants = [snv(20, "A"), snv(20, "T"), snv(21, "C"), snv(24, "T")]
    result = score_variants(*KMERS, variants, genome, window_bp=17, strands="forward")
    expected = []
    for variant in variants:
        start = variant.start - 8
        window = LETTERS_OF_CHR1[start : start + 17]
        expected.append(letter_log_odds(*KMERS, window, 8, variant.alt, variant.ref))
    np.testing.assert_allclose(result.scores, expected, rtol=1e-3, atol=1e-4)
    assert result.estimators == [LETTERS] * 4
    assert (result.variants, result.method, result.window_bp) == (variants, "llr", 17)


def test_both_strands_are_the_mean_of_each(genome):
    variant = snv(20, "A")
    window = LETTERS_OF_CHR1[12:29]
    forward = letter_log_odds(*KMERS, window, 8, "A", variant.ref)
    other = letter_log_odds(*KMERS, reverse_complement(window), 8, "T", reverse_complement(variant.ref))
    result = score_variants(*KMERS, [variant], genome, window_bp=17)
    assert result.scores[0] == pytest.approx((forward + other) / 2, abs=1e-4)


def test_byte_pairs_that_differ_are_masked_together(genome):
    model, tokenizer = PAIRS
    for place, alt in ((20, "A"), (21, "C"), (30, "G")):
        result = score_variants(model, tokenizer, [snv(place, alt)], genome, window_bp=17, strands="forward")
        window = LETTERS_OF_CHR1[place - 8 : place + 9]
        changed = window[:8] + alt + window[9:]
        score = 0.0
        for sign, sequence, other in ((1, changed, window), (-1, window, changed)):
            ids, others = tokenizer(sequence)["input_ids"], tokenizer(other)["input_ids"]
            left = next(i for i in range(len(ids)) if ids[i] != others[i])
            right = next(i for i in range(1, len(ids)) if ids[-i] != others[-i])
            masked = list(range(left, len(ids) - right + 1))
            answers = masked_log_probabilities(model, tokenizer, sequence, masked)
            score += sign * sum(above_chance(tokenizer, answers[at], ids[at]) for at in masked)
        assert result.scores[0] == pytest.approx(score, abs=1e-3)
        assert result.estimators == [TOKENS]


@pytest.mark.parametrize("model_and_tokenizer", [KMERS, PAIRS], ids=["k-mers", "byte pairs"])
def test_changes_of_length_compare_whole_windows(model_and_tokenizer, genome):
    variants = [
        Variant("1", 30, LETTERS_OF_CHR1[30:33], LETTERS_OF_CHR1[30]),
        Variant("1", 20, LETTERS_OF_CHR1[20], "GTT"),
    ]
    result = score_variants(*model_and_tokenizer, variants, genome, window_bp=20, strands="forward")
    for variant, score in zip(variants, result.scores, strict=True):
        moved = genome.left_normalised(variant)
        start = moved.start - (20 - max(len(moved.ref), len(moved.alt))) // 2
        reference = LETTERS_OF_CHR1[start : start + 20]
        place = moved.start - start
        changed = LETTERS_OF_CHR1[start : moved.start] + moved.alt + LETTERS_OF_CHR1[moved.end :]
        assert changed[:place] == reference[:place]
        alt, ref = (
            window_above_chance(*model_and_tokenizer, window, round(1 / MASKED_AT_ONCE))
            for window in (changed[:20], reference)
        )
        assert score == pytest.approx(alt - ref, abs=1e-3)
    assert result.estimators == [WINDOW] * 2


def test_the_same_change_has_the_same_score_wherever_it_is_written(genome):
    run = LETTERS_OF_CHR1.index("AAAAA")
    places = [Variant("1", run + i, "A", "AA") for i in range(5)]
    assert len(set(score_variants(*KMERS, places, genome, window_bp=20).scores)) == 1


def test_no_change_and_letters_without_a_probability(genome):
    same = score_variants(*KMERS, [Variant("1", 20, LETTERS_OF_CHR1[20], LETTERS_OF_CHR1[20])], genome, window_bp=20)
    assert same.scores[0] == pytest.approx(0, abs=1e-6)
    unknown = score_variants(*KMERS, [Variant("1", 20, LETTERS_OF_CHR1[20], "N")], genome, window_bp=20)
    assert np.isfinite(unknown.scores[0])
    assert unknown.estimators == [TOKENS]


def test_windows_at_the_ends_of_a_contig_are_filled_with_n(genome):
    ends = [snv(0, "C"), snv(len(LETTERS_OF_CHR1) - 1, "C")]
    assert np.isfinite(score_variants(*KMERS, ends, genome, window_bp=40).scores).all()


@pytest.mark.parametrize("method", VECTORS)
@pytest.mark.parametrize("model_and_tokenizer", [KMERS, PAIRS], ids=["k-mers", "byte pairs"])
def test_distances_compare_the_vectors_at_the_alleles(model_and_tokenizer, method, genome):
    model, tokenizer = model_and_tokenizer
    result = score_variants(model, tokenizer, [snv(21, "C")], genome, method=method, window_bp=17, strands="forward")
    window = LETTERS_OF_CHR1[13:30]
    vectors = []
    for sequence in (window, window[:8] + "C" + window[9:]):
        ids = torch.tensor([tokenizer(sequence)["input_ids"]])
        ends = np.cumsum(tokenizer.bases_per_token(ids[0].numpy()))
        with torch.no_grad():
            hidden = model.base_model(input_ids=ids).last_hidden_state[0]
        vectors.append(hidden[int(np.searchsorted(ends, 8, side="right"))])
    ref, alt = vectors
    expected = {
        "cosine": 1 - torch.cosine_similarity(ref, alt, dim=0),
        "l2": (ref - alt).norm(),
        "dot": ref @ alt,
    }[method]
    assert result.scores[0] == pytest.approx(expected.item(), rel=1e-3, abs=1e-4)
    assert result.estimators == [VECTORS[method]]


def test_distances_need_no_head(genome):
    body = KMERS[0].base_model
    with_head, without = (
        score_variants(model, KMERS[1], [snv(21, "C")], genome, method="l2", window_bp=17).scores
        for model in (KMERS[0], body)
    )
    np.testing.assert_allclose(with_head, without, rtol=1e-5)
    with pytest.raises(ValueError, match="is not a language model"):
        score_variants(body, KMERS[1], [snv(21, "C")], genome, window_bp=17)


@pytest.mark.parametrize(
    ("variant", "options", "message"),
    [
        (Variant("1", 20, "T", "A"), {}, r"1:21 is G in .*genome.fa, but REF is T; the variants are of another"),
        (snv(20, "A"), {"method": "fancy"}, "method is 'fancy'; choose from llr, cosine, l2, dot"),
        (snv(20, "A"), {"strands": "minus"}, "strands is 'minus'; choose from both, forward"),
        (
            snv(20, "A"),
            {"window_bp": 10_000},
            "sequence 'window of 10,000 bp' is 10,000 bp = .* tokens; the model reads",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(variant, options, message, genome):
    with pytest.raises(ValueError, match=message):
        score_variants(*KMERS, [variant], genome, **options)


def test_no_variants_give_no_scores(genome):
    for method in ("llr", "cosine"):
        assert score_variants(*KMERS, [], genome, method=method).scores.shape == (0,)


def test_real_variants_are_scored_whole(shared, tmp_path):
    packed = tmp_path / "chr1.fa.gz"
    shutil.copy(shared / "data" / "genomes" / "human_hg38_chr1_first1Mb.fa.gz", packed)
    folder = shared / "data" / "variants"
    snvs = list(read_variants(folder / "human_hg38_chr1_OR4F5_spliceai_snv.vcf"))[:30]
    indels = list(read_variants(folder / "human_hg38_chr1_OR4F5_spliceai_indel.vcf"))[:10]
    with Genome(packed) as genome:
        result = score_variants(*KMERS, snvs + indels, genome, window_bp=96)
    assert np.isfinite(result.scores).all()
    assert result.estimators == [LETTERS] * 30 + [WINDOW] * 10
