"""Intervals, variants and genomes: 0-based positions, 1-based in messages, contigs with and without chr."""

from __future__ import annotations

import gzip
import os
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
        (Interval("chr7", 0, 1), r"has no contig 'chr7', with or without 'chr'; it has chr1, MT, scaffold_9\.$"),
        (Interval("1", 20, 23), r"1:21-23 reaches past the end of chr1, which is 22 bp in .*genome.fa"),
        (Interval("1", -1, 3), "1:0-3 reaches past the end of chr1"),
    ],
)
def test_intervals_outside_the_genome_are_refused(genome, interval, message):
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


def test_alleles_that_are_no_letters_are_read_as_they_are(tmp_path):
    path = vcf(tmp_path / "a.vcf", "1\t6\t.\ta\tg,<Del>,*", "1\t0\t.\tA\tG]17:198982]", "1\t9\t.\tA\t.")
    assert [(each.start, each.ref, each.alt) for each in read_variants(path)] == [
        *((5, "A", "G"), (5, "A", "<Del>"), (5, "A", "*"), (-1, "A", "G]17:198982]"))
    ]


HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ROW = "1\t6\trs1\tA\tG\t.\t.\t.\n"


@pytest.mark.parametrize(
    "data",
    [
        HEADER + ROW,
        (HEADER + ROW).replace("\n", "\r\n"),
        "\ufeff" + HEADER + ROW,
        HEADER + "\n" + ROW.rstrip("\n"),
        HEADER.replace("INFO", "INFO\tFORMAT\tsample") + ROW.rstrip("\n") + "\tGT\t0/1\n",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, "bgzip"])
def test_vcf_is_read_plain_and_packed_with_marks_and_line_ends_of_all_kinds(tmp_path, data, pack):
    path = tmp_path / ("a.vcf" if pack is bytes else "a.vcf.gz")
    if pack == "bgzip":
        with pysam.BGZFile(str(path), "w", index=None) as file:
            file.write(data.encode())
    else:
        path.write_bytes(pack(data.encode()))
    assert list(read_variants(path)) == [Variant("1", 5, "A", "G", "rs1")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (ROW, r"a.vcf: line 1: a record without a header before it\. A VCF file begins with ##fileformat=VCFv4.2 and"),
        (
            "##fileformat=VCFv4.2\n",
            r"a.vcf: no line of column names \(#CHROM POS .* by tabs\); this is not a VCF file",
        ),
        (
            HEADER.replace("\t", " ") + ROW,
            r"a.vcf: line 2 is separated by spaces; VCF has, in this order, #CHROM",
        ),
        (
            HEADER.replace("REF\tALT", "ALT\tREF"),
            r"a.vcf: line 2 has other columns; VCF has, in this order, #CHROM",
        ),
        (HEADER + ROW.replace("\t", " "), r"a.vcf: line 3 is separated by spaces; VCF has at least 8: #CHROM POS"),
        (HEADER + "1\t6\trs1\tA\n", r"a.vcf: line 3 has 4 columns separated by tabs; VCF has at least 8: #CHROM"),
        (
            HEADER + ROW.replace("6", "6.0"),
            r"a.vcf: line 3: POS is '6.0', but must be a whole number",
        ),
        (HEADER + ROW.replace("6", "-1"), r"a.vcf: line 3: POS is '-1', but must be a whole number"),
        (HEADER + ROW.replace("\tA\t", "\t\t"), r"a.vcf: line 3: REF is empty\."),
        (HEADER + ROW.replace("1\t6", "\t6"), r"a.vcf: line 3: CHROM is empty\."),
        (HEADER + ROW.replace("rs1", "\0"), r"a.vcf: line 3 has a NUL byte; the file is damaged\."),
        (
            (HEADER + ROW).encode() + b"1\t6\t\xe9\tA\tG\t.\t.\t.\n",
            r"a.vcf: line 4 is not UTF-8 text .*; save",
        ),
        (b"BCF\x02\x02\xff", r"a.vcf: the file is BCF; convert it with `bcftools view -O z`\."),
        (b"", r"a.vcf: the file is empty"),
    ],
)
def test_files_that_are_no_vcf_are_refused_with_their_line(tmp_path, data, message):
    (tmp_path / "a.vcf").write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ValueError, match=message):
        list(read_variants(tmp_path / "a.vcf"))


def test_a_cut_vcf_is_refused(tmp_path):
    packed = gzip.compress((HEADER + ROW * 100).encode())
    (tmp_path / "a.vcf.gz").write_bytes(packed[:-20])
    with pytest.raises(ValueError, match=r"a.vcf.gz: the gzip file is cut off"):
        list(read_variants(tmp_path / "a.vcf.gz"))


def test_a_vcf_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"b.vcf: no such file"):
        list(read_variants(tmp_path / "b.vcf"))


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
        folder = Path(genome._folder.name)
        assert (folder / "genome.fai").exists()
    assert not Path(f"{fasta}.fai").exists()
    assert not folder.exists()


def contents(genome: Genome) -> dict[str, str]:
    return {contig: genome.sequence(Interval(contig, 0, length)) for contig, length in genome.lengths.items()}


def bgzipped(path: Path, text: str) -> Path:
    with pysam.BGZFile(str(path), "w", index=None) as file:
        file.write(text.encode())
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_an_index_that_is_older_than_its_file_is_made_again(tmp_path, packed):
    write = bgzipped if packed else (lambda path, text: path.write_text(text))
    path = tmp_path / ("g.fa.gz" if packed else "g.fa")
    write(path, ">chr1\nAAAACCCC\n")
    Genome(path).close()
    write(path, ">longer_name\nGGGGAAAACCCC\n")
    later = os.stat(path).st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))
    with Genome(path) as genome:
        assert contents(genome) == {"longer_name": "GGGGAAAACCCC"}


@pytest.mark.parametrize("packed", [False, True])
def test_an_index_of_another_file_is_made_again_though_it_is_newer(tmp_path, packed):
    write = bgzipped if packed else (lambda path, text: path.write_text(text))
    suffix = ".gz" if packed else ""
    write(tmp_path / f"other.fa{suffix}", ">chr1\nAAAACCCC\n>chr2\nGGGG\n")
    write(tmp_path / f"g.fa{suffix}", ">chr1 and more\nTTTTGGGG\n>chr2\nCCCC\n")
    Genome(tmp_path / f"other.fa{suffix}").close()
    for ending in (".fai", ".gzi")[: 1 + packed]:
        shutil.copy(tmp_path / f"other.fa{suffix}{ending}", tmp_path / f"g.fa{suffix}{ending}")
    with Genome(tmp_path / f"g.fa{suffix}") as genome:
        assert contents(genome) == {"chr1": "TTTTGGGG", "chr2": "CCCC"}


@pytest.mark.parametrize("damage", [b"", b"chr1\t9", b"chr1\tx\t6\t8\t9\n", b"chr1\t80\t6\t8\t9\n", b"\xff"])
def test_a_damaged_index_is_made_again(tmp_path, damage):
    (tmp_path / "g.fa").write_text(">chr1\nAAAACCCC\n")
    (tmp_path / "g.fa.fai").write_bytes(damage)
    with Genome(tmp_path / "g.fa") as genome:
        assert contents(genome) == {"chr1": "AAAACCCC"}


def test_an_index_that_fits_is_not_made_again(fasta):
    Genome(fasta).close()
    made = os.stat(f"{fasta}.fai").st_mtime_ns
    Genome(fasta).close()
    assert os.stat(f"{fasta}.fai").st_mtime_ns == made
    assert [path.name for path in fasta.parent.iterdir()] == ["genome.fa", "genome.fa.fai"]


@pytest.mark.parametrize("text", [">a\nACGT\n>a\nGGG\n>b\nTT\n", ">a\nACGT\n>b\nGGG\n>a\nTT\n"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("indexed", [False, True])
def test_two_contigs_of_one_name_are_refused(tmp_path, text, packed, indexed, capfd):
    path = tmp_path / ("g.fa.gz" if packed else "g.fa")
    if packed:
        bgzipped(path, text)
    else:
        path.write_text(text)
    if indexed:  # as samtools writes it, without the second contig
        pysam.faidx(str(path))
        capfd.readouterr()
    with pytest.raises(ValueError, match=r"g.fa.*: two contigs are named 'a'; rename or remove one"):
        Genome(path)
    assert {each.suffix for each in tmp_path.iterdir()} <= {".fa", ".gz", ".fai", ".gzi"}


def test_blank_lines_and_windows_line_ends_between_contigs_are_read(tmp_path):
    (tmp_path / "g.fa").write_bytes(b"\r\n>a x\r\nACG\r\nT\r\n\r\n>b\r\nGG\r\n\r\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert contents(genome) == {"a": "ACGT", "b": "GG"}
    made = os.stat(tmp_path / "g.fa.fai").st_mtime_ns
    Genome(tmp_path / "g.fa").close()
    assert os.stat(tmp_path / "g.fa.fai").st_mtime_ns == made


def test_a_nul_byte_is_refused_where_it_is_read(tmp_path):
    (tmp_path / "g.fa").write_bytes(b">a\nACGT\0CGT\n")
    with pytest.raises(ValueError, match=r"g.fa: the letters before byte 10 cannot be indexed; look for NUL bytes"):
        Genome(tmp_path / "g.fa")


@pytest.mark.parametrize(
    "error", [OSError(2, "No such file or directory"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")]
)
def test_what_pysam_raises_while_it_reads_names_file_and_place(genome, monkeypatch, error):
    def fetch(*_: object) -> str:
        raise error

    monkeypatch.setattr(genome, "_fasta", type("Cut", (), {"fetch": fetch, "close": lambda _: None})())
    with pytest.raises(ValueError, match=r"genome.fa: chr1:1-8: cannot be read \(.*\)\. The file is damaged"):
        genome.sequence(Interval("chr1", 0, 8))


def test_a_file_that_gives_fewer_letters_than_its_index_says_is_refused(genome, monkeypatch):
    monkeypatch.setattr(genome, "_fasta", type("Cut", (), {"fetch": lambda *_: "ACG", "close": lambda _: None})())
    with pytest.raises(ValueError, match=r"genome.fa: chr1:1-8 has 8 letters by the index, but the file gives 3; it"):
        genome.sequence(Interval("chr1", 0, 8))


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_genome(tmp_path, packed):
    path = tmp_path / ("g.fa.gz" if packed else "g.fa")
    text = "\ufeff>a\nACGT\n"
    if packed:
        bgzipped(path, text)
    else:
        path.write_text(text)
    genome = Genome(path)
    folder = Path(genome._folder.name)
    assert contents(genome) == {"a": "ACGT"}
    genome.close()
    assert not folder.exists()


def test_a_genome_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.fa")
    with pytest.raises(FileNotFoundError, match=r"pipe.fa: not a regular file, so it cannot be indexed\."):
        Genome(tmp_path / "pipe.fa")


def test_a_base_of_an_iupac_code_is_right(genome):
    code = LETTERS.upper().index("R")  # A or G
    genome.check(Variant("1", code, "A", "T"))
    genome.check(Variant("1", code - 1, "TG", "T"))
    with pytest.raises(ValueError, match=r"1:10 is N in .* but REF is C"):
        genome.check(Variant("1", code, "C", "T"))
    with pytest.raises(ValueError, match=r"1:5 is N in .* but REF is A"):  # VCF has N in REF there
        genome.check(Variant("1", 4, "A", "T"))


def test_without_pysam_the_error_says_what_to_install(fasta, monkeypatch):
    monkeypatch.setitem(sys.modules, "pysam", None)
    with pytest.raises(ImportError, match=r'pip install "hf_dnalm\[genome\]"'):
        Genome(fasta)


def test_every_reference_allele_of_real_variants_matches_the_genome(shared, tmp_path):
    packed = tmp_path / "chr1.fa.gz"
    shutil.copy(shared / "data" / "genomes" / "human_hg38_chr1_first1Mb.fa.gz", packed)
    variants = [
        variant
        for kind in ("snv", "indel")
        for variant in read_variants(shared / "data" / "variants" / f"human_hg38_chr1_OR4F5_spliceai_{kind}.vcf")
    ]
    assert len(variants) == 888
    with Genome(packed) as genome:
        for variant in variants:  # the file uses 1, the genome chr1
            genome.check(variant)
            genome.check(genome.left_normalised(variant))
        wrong = variants[0]._replace(ref=reverse_complement(variants[0].ref))
        with pytest.raises(ValueError, match=r"1:69,091 is A .* but REF is T"):
            genome.check(wrong)
