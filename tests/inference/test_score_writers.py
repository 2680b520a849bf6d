"""Scores as tables and as VCF: the same numbers, every record, in order."""

from __future__ import annotations

import csv
import re

import numpy as np
import pyarrow.parquet
import pytest

from hf_dnalm.genome import read_variants
from hf_dnalm.inference import Likelihoods, Mutagenesis, VariantScores
from hf_dnalm.inference.output_files import write_table_file
from hf_dnalm.inference.score_writers import likelihood_table, mutagenesis_table, write_variant_scores
from hf_dnalm.inference.variants import LETTERS, WINDOW

pysam = pytest.importorskip("pysam", reason="pysam is not installed")

# As in real files: contigs and fields missing from the header, no or two alternatives, unusual fields, a sample.
VCF = """\
##fileformat=VCFv4.2
##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	sample
1	5	rs1	A	C,G	29.5	PASS	DP=3;ODD=1,2.123456789;FLAG	GT:XX	0/1:3
1	6	.	A	.	.	q10	.	GT	0/0
chr2	9	x;y	a	AT	1e-10	.	DP=7	GT	./.
"""


@pytest.fixture
def vcf(tmp_path):
    path = tmp_path / "in.vcf"
    path.write_text(VCF)
    return path


@pytest.fixture
def scores(vcf):
    numbers = np.array([-1.25, 2.00000001, 1 / 3])
    return VariantScores(list(read_variants(vcf)), numbers, [LETTERS, LETTERS, WINDOW], [""] * 3, "llr", "both", 512)


def _rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_a_table_has_a_row_for_each_alternative(tmp_path, scores):
    write_variant_scores(scores, tmp_path / "x.tsv")
    rows = _rows(tmp_path / "x.tsv")
    assert [tuple(row.values()) for row in rows] == [
        ("1", "5", "A", "C", "rs1", "-1.25", LETTERS, ""),
        ("1", "5", "A", "G", "rs1", "2.0", LETTERS, ""),
        ("chr2", "9", "A", "AT", "x;y", "0.33333334", WINDOW, ""),
    ]
    write_variant_scores(scores, tmp_path / "x.parquet")
    written = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row | {"score": np.float32(row["score"])} for row in written] == [
        row | {"position": int(row["position"]), "score": np.float32(row["score"])} for row in rows
    ]


def test_vcf_holds_every_record_with_its_scores_and_nothing_is_lost(tmp_path, vcf, scores):
    write_variant_scores(scores, tmp_path / "x.vcf", vcf=vcf, model='a "b"\\c')
    lines = (tmp_path / "x.vcf").read_text().splitlines()
    body = [line for line in lines if not line.startswith("#")]
    added = [";DNALM=-1.25,2", "", ";DNALM=0.333333"]
    expected = VCF.splitlines()[3:]
    assert [re.sub(";DNALM=[^\t]*", "", line) for line in body] == expected
    for line, addition in zip(body, added, strict=True):
        assert line.split("\t")[7].endswith(addition)
    head = [line for line in lines if line.startswith("##")]
    assert set(VCF.splitlines()[:2]) <= set(head)
    (header,) = [line for line in head if "ID=DNALM" in line]
    assert header == (
        '##INFO=<ID=DNALM,Number=A,Type=Float,Description="log p(alt) - log p(ref) in nats; method llr; window 512 bp; '
        f'both strands; model a \\"b\\"\\\\c; estimated by: {LETTERS}; {WINDOW}",Source="hf_dnalm">'
    )


def test_bgzip_holds_the_same_vcf_with_its_index(tmp_path, scores):
    whole = VCF.replace("##INFO", "##contig=<ID=1>\n##contig=<ID=chr2>\n##INFO", 1)
    (tmp_path / "in.vcf").write_text(whole)
    write_variant_scores(scores, tmp_path / "x.vcf", vcf=tmp_path / "in.vcf")
    write_variant_scores(scores, tmp_path / "x.vcf.gz", vcf=tmp_path / "in.vcf")
    with pysam.BGZFile(str(tmp_path / "x.vcf.gz")) as file:
        assert file.read() == (tmp_path / "x.vcf").read_bytes()
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        (record,) = file.fetch("chr2", 0, 20)
        assert record.info["DNALM"] == (pytest.approx(1 / 3, rel=1e-5),)


def test_an_allele_without_a_score_keeps_its_place_with_the_reason(tmp_path, vcf):
    vcf.write_text(VCF.replace("\tC,G\t", "\tC,<DEL>\t").replace("\tAT\t", "\t*\t"))
    numbers, reasons = np.array([-1.25, np.nan, np.nan]), ["", "symbolic_allele", "spanning_deletion"]
    scores = VariantScores(list(read_variants(vcf)), numbers, [LETTERS, "", ""], reasons, "llr", "both", 512)
    write_variant_scores(scores, tmp_path / "x.tsv")
    cells = [(row["alt"], row["score"], row["estimator"], row["reason"]) for row in _rows(tmp_path / "x.tsv")]
    expected = [("C", "-1.25", LETTERS, ""), ("<DEL>", "", "", "symbolic_allele"), ("*", "", "", "spanning_deletion")]
    assert cells == expected
    write_variant_scores(scores, tmp_path / "x.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet")["score"].to_pylist() == [-1.25, None, None]
    write_variant_scores(scores, tmp_path / "x.vcf", vcf=vcf)
    lines = (tmp_path / "x.vcf").read_text().splitlines()
    infos = [line.split("\t")[7] for line in lines if not line.startswith("#")]
    assert infos[0].endswith(";FLAG;DNALM=-1.25,.;DNALM_REASON=.,symbolic_allele")
    assert infos[1] == "."
    assert infos[2].endswith(";DNALM=.;DNALM_REASON=spanning_deletion")
    (header,) = [line for line in lines if "ID=DNALM_REASON" in line]
    assert header == (
        '##INFO=<ID=DNALM_REASON,Number=A,Type=String,Description="Why an allele has no DNALM. spanning_deletion: ALT '
        "is *, a deletion that another record describes; symbolic_allele: ALT is symbolic, such as "
        '<DEL>",Source="hf_dnalm">'
    )
    with pysam.VariantFile(str(tmp_path / "x.vcf")) as file:  # other programs can read it
        assert [record.info.get("DNALM") for record in file] == [(-1.25, None), None, (None,)]


@pytest.mark.parametrize("order", [[3, 2], [1, 3, 2], [1, 3, 1]])
def test_records_that_are_not_sorted_get_no_index_and_a_line_in_the_log(tmp_path, vcf, order, caplog):
    rows = {1: "1\t5\t.\tA\tC\t.\t.\t.\n", 2: "2\t3\t.\tA\tC\t.\t.\t.\n", 3: "2\t9\t.\tA\tC\t.\t.\t.\n"}
    vcf.write_text("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(rows[number] for number in order))
    variants = list(read_variants(vcf))
    n = len(variants)
    scores = VariantScores(variants, np.zeros(n), [LETTERS] * n, [""] * n, "llr", "both", 512)
    (tmp_path / "x.vcf.gz.tbi").write_text("of an earlier file")
    write_variant_scores(scores, tmp_path / "x.vcf.gz", vcf=vcf)
    assert not (tmp_path / "x.vcf.gz.tbi").exists()
    assert (
        "x.vcf.gz: the records are not sorted, so no index was written; sort them with `bcftools sort`" in caplog.text
    )


def test_a_field_that_is_there_is_not_overwritten(tmp_path, vcf, scores):
    write_variant_scores(scores, tmp_path / "once.vcf", vcf=vcf)
    with pytest.raises(ValueError, match=r"once\.vcf already has an INFO field DNALM, .* choose another name"):
        write_variant_scores(scores, tmp_path / "twice.vcf", vcf=tmp_path / "once.vcf")
    write_variant_scores(scores, tmp_path / "twice.vcf", vcf=tmp_path / "once.vcf", info_field="OTHER")
    assert "DNALM=-1.25,2;OTHER=-1.25,2\t" in (tmp_path / "twice.vcf").read_text()


@pytest.mark.parametrize("name", ["", "1A", "a b", "a;b"])
def test_what_is_no_name_of_a_field_is_refused(tmp_path, vcf, scores, name):
    with pytest.raises(ValueError, match="is not a valid name of an INFO field"):
        write_variant_scores(scores, tmp_path / "x.vcf", vcf=vcf, info_field=name)


def test_vcf_needs_the_file_that_was_scored(tmp_path, vcf, scores):
    with pytest.raises(ValueError, match=r"x\.vcf: VCF needs the file that the variants are from; pass vcf=…"):
        write_variant_scores(scores, tmp_path / "x.vcf")
    vcf.write_text(VCF.replace("\tC,G\t", "\tG,C\t"))
    with pytest.raises(ValueError, match=r"in\.vcf: line 4 differs from the variant that was scored; the file"):
        write_variant_scores(scores, tmp_path / "x.vcf", vcf=vcf)
    vcf.write_text("".join(VCF.splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=r"in\.vcf has 2 variants, but 3 were scored; score it again\."):
        write_variant_scores(scores, tmp_path / "x.vcf", vcf=vcf)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf"]


def test_no_variants_make_a_file_without_rows(tmp_path, vcf):
    vcf.write_text("".join(VCF.splitlines(keepends=True)[:3]))
    none = VariantScores([], np.empty(0), [], [], "cosine", "forward", 64)
    write_variant_scores(none, tmp_path / "x.tsv")
    assert (tmp_path / "x.tsv").read_text() == "contig\tposition\tref\talt\tname\tscore\testimator\treason\n"
    write_variant_scores(none, tmp_path / "x.vcf", vcf=vcf)
    header = (tmp_path / "x.vcf").read_text()
    assert "cosine distance of the vectors at the alleles; method cosine; window 64 bp; forward strand" in header


def test_other_extensions_are_refused(tmp_path, scores):
    message = r"the extension must be one of \.tsv, \.tsv\.gz, \.csv, \.parquet, \.vcf, \.vcf\.gz"
    with pytest.raises(ValueError, match=message):
        write_variant_scores(scores, tmp_path / "x.bed")


def test_likelihoods_name_their_estimator(tmp_path):
    table = Likelihoods(["a", "b"], np.array([-2 * np.log(2), -1e6]), np.array([1, 9]), np.array([1, 54]), "causal")
    write_table_file(likelihood_table([table]), tmp_path / "x.tsv")
    first, second = _rows(tmp_path / "x.tsv")
    assert list(first) == ["name", "nats", "tokens", "bases", "bits_per_base", "estimator"]
    assert float(first["nats"]) == -2 * np.log(2)
    assert (first["bits_per_base"], first["estimator"]) == ("2.0", "causal")
    assert (second["name"], second["tokens"], second["bases"]) == ("b", "9", "54")


def test_mutagenesis_has_a_row_for_each_letter_of_each_position(tmp_path):
    scores = np.array([[0, 1, 2, 3], [np.nan] * 4])
    results = [Mutagenesis("AN", scores, LETTERS), Mutagenesis("G", np.array([[0.5, 0, 0, 0]]), WINDOW)]
    write_table_file(mutagenesis_table(zip(["x", "y"], results, strict=True)), tmp_path / "x.tsv")
    rows = [tuple(row.values()) for row in _rows(tmp_path / "x.tsv")]
    assert len(rows) == 12
    assert rows[1] == ("x", "0", "A", "C", "1.0", LETTERS)
    assert rows[4] == ("x", "1", "N", "A", "nan", LETTERS)
    assert rows[8] == ("y", "0", "G", "A", "0.5", WINDOW)
