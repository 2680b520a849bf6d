"""The reasons for alleles without a score, one case each, and the detection of a wrong genome."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm import score_variants
from hf_dnalm.inference.unscored import REASONS, reasons_unscored
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

pytest.importorskip("pysam", reason="pysam is not installed")

from hf_dnalm.genome import Genome, Variant

CONTIG = "GATTACAGGCTTNACGTACRGTAGGATCC"
FINE = [Variant("1", place, CONTIG[place], "N") for place in range(4)]
CASES = {
    "missing_allele": [Variant("1", 3, "T", ""), Variant("1", 3, ".", "A")],
    "spanning_deletion": [Variant("1", 3, "T", "*")],
    "any_alternative": [Variant("1", 3, "T", "<*>"), Variant("1", 3, "T", "<NON_REF>")],
    "symbolic_allele": [Variant("1", 3, "T", "<DEL>"), Variant("1", 3, "T", "<INS:ME:ALU>")],
    "breakend": [Variant("1", 3, "T", "T]chr9:100]"), Variant("1", 3, "T", "[9:1[T"), Variant("1", 3, "T", ".TGCA")],
    "iupac_allele": [Variant("1", 3, "T", "R"), Variant("1", 19, "R", "A")],
    "not_dna": [Variant("1", 3, "T", "U"), Variant("1", 3, "T", "A-")],
    "position_0": [Variant("1", -1, "N", "G")],
    "contig_not_in_genome": [Variant("GL000192.1", 3, "T", "A")],
    "past_contig_end": [Variant("1", 28, "CC", "C"), Variant("1", 500, "A", "C")],
    "reference_mismatch": [Variant("1", 3, "A", "C")],
    "longer_than_window": [Variant("1", 3, "T", "T" * 21), Variant("1", 3, CONTIG[3:27].replace("R", "A"), "T")],
}


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chr1\n{CONTIG}\n")
    with Genome(tmp_path / "genome.fa") as genome:
        yield genome


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_given_for_its_alleles_and_refused_when_strict(reason, genome):
    variants = [*FINE, *CASES[reason]]
    assert reasons_unscored(variants, genome, window_bp=20) == [""] * 4 + [reason] * len(CASES[reason])
    with pytest.raises(ValueError, match=r"cannot be scored: .*\. Leave out the record,|has no contig|but REF is A"):
        reasons_unscored(variants, genome, window_bp=20, strict=True)
    assert reasons_unscored(FINE, genome, window_bp=20, strict=True) == [""] * 4


def test_the_way_out_of_a_long_allele_is_a_longer_window(genome):
    with pytest.raises(ValueError, match=r"1:4 T>T{21} cannot be .* pass a larger window_bp .*, or keep such records"):
        reasons_unscored([Variant("1", 3, "T", "T" * 21)], genome, window_bp=20, strict=True)


def test_variants_without_a_score_do_not_change_those_of_the_others(genome):
    model_and_tokenizer = toy_model("masked_lm"), toy_tokenizer()
    mixed = [CASES["symbolic_allele"][0], FINE[1], *CASES["contig_not_in_genome"], FINE[3]]
    result = score_variants(*model_and_tokenizer, mixed, genome, window_bp=20)
    alone = score_variants(*model_and_tokenizer, [FINE[1], FINE[3]], genome, window_bp=20)
    assert np.isnan(result.scores).tolist() == [True, False, True, False]
    np.testing.assert_allclose(result.scores[[1, 3]], alone.scores, rtol=1e-5)
    assert result.estimators == ["", alone.estimators[0], "", alone.estimators[1]]
    assert result.variants == mixed


def test_a_wrong_genome_stops_the_run(genome):
    wrong = [Variant("1", place, "C" if CONTIG[place] != "C" else "G", "N") for place in range(4)]
    assert reasons_unscored([*FINE, *wrong], genome, window_bp=20).count("reference_mismatch") == 4  # half of them
    with pytest.raises(ValueError, match=r"1:1 is G in .*genome.fa, but REF is C; the variants are of another"):
        reasons_unscored([*FINE[:3], *wrong], genome, window_bp=20)
    late = [*FINE * 26, *wrong * 100]  # only the first hundred are compared
    assert reasons_unscored(late, genome, window_bp=20).count("reference_mismatch") == 400


def test_a_genome_without_any_of_the_contigs_stops_the_run(genome):
    absent = Variant("7", 3, "T", "A")
    with pytest.raises(ValueError, match=r"genome.fa has no contig '7', with or without 'chr'; it has chr1"):
        reasons_unscored([absent, absent, *CASES["symbolic_allele"]], genome, window_bp=20)
    assert reasons_unscored([absent, FINE[0]], genome, window_bp=20) == ["contig_not_in_genome", ""]
