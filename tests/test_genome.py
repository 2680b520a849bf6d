"""Intervals, variants and the letters of a genome: 0-based inside, 1-based in words, contigs with and without chr."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.genome import Genome, Interval, Variant, read_variants
from hf_dnalm.sequence import reverse_complement

pysam = pytest.importorskip("pysam", reason="pysam is not installed")

LETTERS = "ACGTNacgtrYTTTTTGCGCAC"


@pytest.fixture
def fasta(tmp_path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1 first\n{LETTERS[:10]}\n{LETTERS[10:20]}\n{LETTERS[20:]}\n>MT\nACGT\n>scaffold_9\nGGG\n")
    return path


@pytest.fixture
def genome(fasta):
    with Genome(fasta) as genome:
        yield genome


def vcf(path: Path, *rows: str) -> Path:
    head = "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(head + "".join(f"{row}\t.\t.\t.\n" for row in rows))
    return path


def test_letters_are_upper_case_and_ambiguous_ones_are_n(genome):
    assert genome.sequence(Interval("chr1", 0, 22)) == "ACGTNACGTNNTTTTTGCGCAC"
    assert genome.sequence(Interval("chr1", 8, 12)) == "TNNT"
    assert genome.sequence(Interval("chr1", 5, 8, "-")) == "CGT"
    assert genome.sequence(Interval("chr1", 3, 3)) == ""


@pytest.mark.parametrize(
    ("name", "found"), [("1", "chr1"), ("chr1", "chr1"), ("chrM", "MT"), ("MT", "MT"), ("scaffold_9", "scaffold_9")]
)
def test_contigs_are_found_with_and_without_chr(genome, name, found):
    assert genome.contig(name) == found
    assert genome.sequence(Interval(name, 0, 3)) == {"chr1": "ACG", "MT": "ACG", "scaffold_9": "GGG"}[found]


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (Interval("chr7", 0, 1), "genome.fa has no contig 'chr7', with or without 'chr'; it has chr1, MT, scaffold_9$"),
        (Interval("1", 20, 23), r"1:21-23 reaches past the end of chr1, which is 22 bp in .*genome.fa"),
        (Interval("1", -1, 3), "1:0-3 reaches past the end of chr1"),
    ],
)
def test_places_that_are_not_there_are_refused(genome, interval, message):
    with pytest.raises(ValueError, match=message):
        genome.sequence(interval)


@pytest.mark.parametrize(
    ("start", "end", "letters"),
    [(-3, 2, "NNNAC"), (20, 24, "ACNN"), (0, 3, "ACG"), (-5, -2, "NNN"), (30, 33, "NNN"), (-1, 24, None)],
)
def test_windows_past_the_ends_are_filled_with_n(genome, start, end, letters):
    window = genome.window("1", start, end)
    assert len(window) == end - start
    assert window == (letters or "NACGTNACGTNNTTTTTGCGCACNN")


def test_a_variant_of_another_reference_is_refused_with_position_and_both_alleles(genome):
    genome.check(Variant("1", 5, "AC", "G"))
    with pytest.raises(ValueError, match=r"1:6 is AC in .*genome.fa, but REF is AG; the variants are of another ref"):
        genome.check(Variant("1", 5, "AG", "G"))


@pytest.mark.parametrize(
    ("variant", "moved"),
    [
        (Variant("1", 15, "T", "TT"), Variant("1", 10, "N", "NT")),  # one more T anywhere in the run is the same change
        (Variant("1", 14, "TT", "T"), Variant("1", 10, "NT", "N")),
        (Variant("1", 18, "GCA", "GA"), Variant("1", 18, "GC", "G")),
        (Variant("1", 6, "CGT", "CAT"), Variant("1", 7, "G", "A")),
        (Variant("MT", 0, "AC", "C"), Variant("MT", 0, "AC", "C")),
        (Variant("MT", 0, "A", "GA"), Variant("MT", 0, "A", "GA")),
        (Variant("1", 5, "A", "A"), Variant("1", 5, "A", "A")),
    ],
)
def test_changes_are_moved_as_far_left_as_they_go(genome, variant, moved):
    assert genome.left_normalised(variant) == moved


@given(st.text("AC", min_size=6, max_size=12), st.data())
def test_moving_a_change_does_not_change_the_haplotype(tmp_path_factory, letters, data):
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text(f">c\n{letters}\n")
    start = data.draw(st.integers(0, len(letters) - 2))
    ref = letters[start : start + data.draw(st.integers(1, 3))]
    alt = data.draw(st.text("AC", min_size=1, max_size=3))
    with Genome(path) as genome:
        moved = genome.left_normalised(Variant("c", start, ref, alt))
        genome.check(moved)

    def haplotype(variant: Variant) -> str:
        return letters[: variant.start] + variant.alt + letters[variant.end :]

    assert haplotype(moved) == haplotype(Variant("c", start, ref, alt))
    assert moved.start <= start or ref == alt or len(ref) == len(alt) or ref[0] == alt[0]


def test_vcf_gives_one_variant_for_each_alternative(tmp_path):
    path = vcf(tmp_path / "a.vcf", "1\t6\trs1\tA\tg,TT", "1\t7\t.\tCG\tC")
    assert list(read_variants(path)) == [
        Variant("1", 5, "A", "G", "rs1"),
        Variant("1", 5, "A", "TT", "rs1"),
        Variant("1", 6, "CG", "C"),
    ]
    assert str(Variant("1", 6, "CG", "C")) == "1:7 CG>C"
    assert [variant.is_snv for variant in read_variants(path)] == [True, False, False]
    assert Variant("1", 6, "CG", "C").end == 8


def test_alleles_that_are_no_letters_are_refused_with_their_record(tmp_path):
    path = vcf(tmp_path / "a.vcf", "1\t6\t.\tA\tG", "1\t9\t.\tA\t<DEL>")
    message = r"a.vcf: record 2 \(1:9\): allele '<DEL>' is not of the letters A C G T N; leave the record out"
    with pytest.raises(ValueError, match=message):
        list(read_variants(path))


def test_files_that_are_no_vcf_are_refused(tmp_path, capfd):
    (tmp_path / "a.vcf").write_text("hello\n")
    with pytest.raises(ValueError, match=r"a.vcf: not a readable VCF file"):
        list(read_variants(tmp_path / "a.vcf"))
    with pytest.raises(FileNotFoundError, match=r"b.vcf: no such file"):
        list(read_variants(tmp_path / "b.vcf"))
    assert capfd.readouterr().err == ""


def test_a_genome_that_cannot_be_indexed_is_refused(tmp_path, capfd):
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(b">chr1\nACGT\n"))
    with pytest.raises(ValueError, match=r"a.fa.gz: cannot be indexed .* must be unpacked, and may be packed again"):
        Genome(tmp_path / "a.fa.gz")
    with pytest.raises(FileNotFoundError, match=r"none.fa: no such file"):
        Genome(tmp_path / "none.fa")
    assert capfd.readouterr().err == ""


def test_the_index_goes_elsewhere_where_the_folder_cannot_be_written(fasta, monkeypatch):
    monkeypatch.setattr("os.access", lambda *arguments: False)
    with Genome(fasta) as genome:
        assert genome.sequence(Interval("MT", 1, 3)) == "CG"
    assert not Path(f"{fasta}.fai").exists()


def test_without_pysam_the_error_says_what_to_install(fasta, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysam", None)
    with pytest.raises(ImportError, match=r'pip install "hf_dnalm\[genome\]"'):
        Genome(fasta)


def test_every_reference_allele_of_real_variants_stands_in_the_genome(shared, tmp_path):
    packed = tmp_path / "chr1.fa.gz"
    shutil.copy(shared / "data" / "genomes" / "human_hg38_chr1_first1Mb.fa.gz", packed)
    variants = [
        variant
        for kind in ("snv", "indel")
        for variant in read_variants(shared / "data" / "variants" / f"human_hg38_chr1_OR4F5_spliceai_{kind}.vcf")
    ]
    assert len(variants) == 888
    with Genome(packed) as genome:
        for variant in variants:  # the file says 1, the genome chr1
            genome.check(variant)
            genome.check(genome.left_normalised(variant))
        wrong = variants[0]._replace(ref=reverse_complement(variants[0].ref))
        with pytest.raises(ValueError, match=r"1:69,091 is A .* but REF is T"):
            genome.check(wrong)
