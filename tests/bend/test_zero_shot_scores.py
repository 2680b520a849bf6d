"""Zero-shot variants: known distances, windows embedded once, and the published index that misses the variant."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from hf_dnalm.bend.embedders import ModelEmbedder, one_hot
from hf_dnalm.bend.published_embedders import PublishedEmbedder
from hf_dnalm.bend.zero_shot_scores import PublishedReading, cosine_distance, zero_shot
from hf_dnalm.genome import Genome, Variant
from hf_dnalm.inference import score_variants
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import find_task
from hf_dnalm.tokenization import build_overlapping_kmer_tokenizer
from tests.bend.layout import CONTIGS, letters_of, write_bed, write_genome

TASK = BendTask("mine", ("none", "effect"), level="variant", loss=None, context_bp=8)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture
def folder(tmp_path):
    """Two variants at one place, one at the start of a contig and one at its end."""
    write_genome(tmp_path)
    rows = []
    for contig, place, label in (("chr1", 100, 1), ("chr2", 0, 0), ("chr1", 999, 1), ("chr1", 100, 0)):
        ref = letters_of(contig)[place]
        alt = OTHER[ref] if len(rows) < 3 else OTHER[OTHER[ref]]
        rows.append(f"{contig} {place} {place + 1} {ref} {alt} {label}")
    write_bed(tmp_path, "mine", "chromosome start end ref alt label", rows)
    return tmp_path


def scored(folder, embedder, **options):
    return zero_shot(TASK, embedder, reference=folder / "genome.fa", data_dir=folder, **options)


def toy(family, **changes):
    module = importlib.import_module(f"tests.toys.{family}")
    return module.toy_model("base", **changes), module.toy_tokenizer()


def test_letters_that_differ_are_at_right_angles(folder):
    result = scored(folder, one_hot)
    assert result.scores.tolist() == [1.0] * 4
    assert result.labels.tolist() == [1, 0, 1, 0]
    assert result.refs == [
        letters_of(contig)[place] for contig, place in (("chr1", 100), ("chr2", 0), ("chr1", 999))
    ] + [letters_of("chr1")[100]]
    assert result.index == 8


@pytest.mark.parametrize(("context", "lengths"), [("both", {17}), ("left", {17})])
def test_windows_are_around_the_variant_or_before_it_and_no_window_is_embedded_twice(folder, context, lengths):
    seen = []

    def embedder(window):
        seen.append(window)
        return one_hot(window)

    result = scored(folder, embedder, context=context)
    assert len(seen) == len(set(seen)) == result.windows == 3 + 4  # two variants share a reference
    assert {len(window) for window in seen} == lengths
    contig = letters_of("chr1")
    first = contig[92:109] if context == "both" else contig[84:101]
    assert first in seen
    end = contig[991:] + "N" * 8 if context == "both" else contig[983:]
    assert end in seen
    assert CONTIGS["chr1"] == 1000


@pytest.mark.parametrize("family", ["gpn", "nucleotide_transformer", "dnabert2"])
def test_models_give_the_distances_of_score_variants(folder, family):
    model, tokenizer = toy(family)
    result = scored(folder, ModelEmbedder(model, tokenizer))
    variants = [
        Variant(interval.contig, interval.start, ref, alt)
        for interval, ref, alt in zip(result.intervals, result.refs, result.alts, strict=True)
    ]
    with Genome(folder / "genome.fa") as genome:
        expected = score_variants(
            model, tokenizer, variants, genome, method="cosine", window_bp=17, strands="forward"
        ).scores
    np.testing.assert_allclose(result.scores, expected, atol=1e-6)
    assert (result.scores > 0).all()


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr("hf_dnalm.bend.zero_shot_scores._WINDOWS_AT_ONCE", 2)


def stopping_after(windows):
    """An embedder that dies at some window, and the windows that it was given."""
    seen = []

    def embedder(window):
        if len(seen) == windows:
            raise KeyboardInterrupt
        seen.append(window)
        return one_hot(window) + np.arange(5)

    return embedder, seen


def test_scores_of_a_stopped_call_are_kept(folder, small_shards):
    whole_embedder, every_window = stopping_after(None)
    whole = scored(folder, whole_embedder)
    assert len(every_window) == whole.windows == 7  # variants at one place share a window
    result = folder / "scores.tsv"
    stopping, first = stopping_after(4)
    with pytest.raises(KeyboardInterrupt):
        scored(folder, stopping, result=result)
    going_on, rest = stopping_after(None)
    done = []
    again = scored(folder, going_on, result=result, progress=done.append)
    assert first[:3] + rest == every_window  # the place with two variants was finished, the fourth window was not
    assert (again.scores.tolist(), again.windows) == (whole.scores.tolist(), 7)
    assert sum(done) == 4
    again.write(result)
    assert sorted(path.name for path in folder.iterdir() if "scores" in path.name) == ["scores.tsv"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"made_by": {"model": "b"}}, "is of another run: model was a and is b"),
        ({"made_by": {"model": "a"}, "context": "left"}, "context was both and is left"),
        ({}, "model was a and is None"),
    ],
)
def test_scores_of_another_run_are_refused(folder, other, message):
    result = folder / "scores.tsv"
    scored(folder, one_hot, result=result, made_by={"model": "a"})
    with pytest.raises(ValueError, match=message):
        scored(folder, one_hot, result=result, **other)


def test_scores_of_other_variants_are_refused(folder):
    result = folder / "scores.tsv"
    scored(folder, one_hot, result=result)
    ref = letters_of("chr1")[7]
    write_bed(folder, "mine", "chromosome start end ref alt label", [f"chr1 7 8 {ref} {OTHER[ref]} 1"])
    with pytest.raises(ValueError, match=r"variants was \w+ and is \w+"):
        scored(folder, one_hot, result=result)


@pytest.mark.parametrize("family", ["hyenadna", "awd_lstm"])
def test_the_published_place_of_models_from_left_to_right_sees_no_variant(folder, family):
    model, tokenizer = toy(family)
    reading = PublishedReading(PublishedEmbedder(model, tokenizer), context_bp=8)
    assert (reading.context, reading.index) == ("left", 15)
    blind = scored(folder, reading, context=reading.context, index=reading.index).scores
    np.testing.assert_allclose(blind, 0, atol=1e-12)  # HyenaDNA's Fourier transforms round
    right = scored(folder, ModelEmbedder(model, tokenizer), context="left")
    assert right.index == -1
    assert (right.scores > 0).all()


def test_published_places_are_those_of_the_paper():
    places = {}
    for family in ("gpn", "nucleotide_transformer", "dnabert2", "hyenadna"):
        reading = PublishedReading(PublishedEmbedder(*toy(family)))
        places[family] = (reading.context, reading.index)
    both = ("both", 256)
    assert places == {"gpn": both, "nucleotide_transformer": both, "dnabert2": both, "hyenadna": ("left", 511)}


def test_the_published_place_of_dnabert_counts_k_mers(folder):
    model, tokenizer = toy("dnabert")
    reading = PublishedReading(PublishedEmbedder(model, tokenizer), context_bp=8)
    assert reading.index == 8 - (tokenizer.k - 1) // 2
    vectors = reading("ACGTTGCAACGTTGCAA")
    assert len(vectors) == 17 - tokenizer.k + 1
    result = scored(folder, reading, context=reading.context, index=reading.index)
    right = scored(folder, ModelEmbedder(model, tokenizer))
    np.testing.assert_allclose(result.scores[0], right.scores[0], atol=1e-6)  # the k-mer whose centre the variant is


def test_the_published_place_of_6_mers_is_254_and_has_the_variant_in_its_centre():
    tokenizer = build_overlapping_kmer_tokenizer(6, model_max_length=512)
    model = importlib.import_module("tests.toys.dnabert").toy_model(
        "base", vocab_size=len(tokenizer), max_position_embeddings=512
    )
    reading = PublishedReading(PublishedEmbedder(model, tokenizer))
    assert reading.index == 254
    window = "".join(np.random.default_rng(0).choice(list("ACGT"), 513))
    np.testing.assert_allclose(reading(window)[254], ModelEmbedder(model, tokenizer)(window)[256], atol=1e-6)


def test_the_report_has_auroc_and_auprc_of_the_distances(folder):
    wanted = iter([0.9, 0.2, 0.5, 0.4])
    result = scored(folder, one_hot)
    result.scores[:] = [next(wanted) for _ in range(4)]
    report = result.report(bootstrap=100)
    assert report["metrics"]["auroc"]["value"] == 1.0
    assert report["metrics"]["auroc"]["low"] == 1.0
    assert (report["variants"], report["with_effect"], report["windows_embedded"]) == (4, 2, 7)
    result.scores[0] = 0.3  # below one of the two without an effect
    assert result.report(bootstrap=0)["metrics"]["auroc"] == {"value": 0.75, "low": None, "high": None}
    result.labels[:] = 1
    assert result.report(bootstrap=10)["metrics"]["auroc"]["value"] is None


def test_every_variant_is_written_with_its_score(folder):
    result = scored(folder, one_hot)
    result.write(folder / "scores.parquet")
    table = pq.read_table(folder / "scores.parquet")
    assert table.column_names == ["contig", "start", "end", "ref", "alt", "label", "score"]
    assert table["start"].to_pylist() == [100, 0, 999, 100]
    assert table["contig"].to_pylist() == ["chr1", "chr2", "chr1", "chr1"]
    assert table["score"].to_pylist() == result.scores.tolist()


def test_groups_keep_variants_of_one_place_together(tmp_path):
    write_genome(tmp_path)
    rows = [
        f"chr1 {place} {place + 1} {alt} 0"
        for alt in "ACGT"
        for place in range(100, 200)
        if letters_of("chr1")[place] != alt
    ]
    write_bed(tmp_path, "mine", "chromosome start end alt label", rows)
    done = []
    result = scored(tmp_path, one_hot, progress=done.append)
    assert result.windows == 300 + 100
    assert len(done) > 1
    assert sum(done) == 300


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [((1, 0), (1, 0), 0.0), ((1, 0), (-2, 0), 2.0), ((1, 1), (1, 0), 1 - math.sqrt(0.5)), ((0, 3), (5, 0), 1.0)],
)
def test_cosine_distances(one, other, distance):
    assert cosine_distance(np.array(one, float), np.array(other, float)) == pytest.approx(distance)


def test_what_cannot_be_scored_is_refused(folder):
    with pytest.raises(ValueError, match="'gene_finding' is not zero-shot \\(its level is 'nucleotide'\\)"):
        zero_shot(find_task("gene_finding"), one_hot, reference=folder / "genome.fa", data_dir=folder)
    with pytest.raises(ValueError, match="context is 'right'; it must be one of both, left"):
        scored(folder, one_hot, context="right")
    with pytest.raises(ValueError, match=r"window of 17 bp has shape \(17, 5\); .* have a vector at index 17"):
        scored(folder, one_hot, index=17)
    with pytest.raises(ValueError, match=r"row 1 .*the vector of an allele is zero or not finite"):
        scored(folder, lambda window: np.zeros((len(window), 3)))
    with pytest.raises(
        ValueError, match=r"row \d+ \(line \d+, chr1:101-101\): 1 of \d+ output values is not finite \(nan\)"
    ):
        scored(
            folder, lambda window: np.pad(np.full((1, 1), np.nan), ((0, len(window) - 1), (0, 0)), constant_values=1)
        )


def test_the_wrong_reference_is_refused_with_position_and_alleles(folder):
    letters = letters_of("chr1")
    path = folder / "genome.fa"
    path.write_text(f">chr1\n{letters[:100]}{OTHER[letters[100]]}{letters[101:]}\n>chr2\n{letters_of('chr2')}\n")
    with pytest.raises(
        ValueError, match=rf"chr1:101-101\) is {OTHER[letters[100]]} in .*, but ref is '{letters[100]}'"
    ):
        scored(folder, one_hot)
