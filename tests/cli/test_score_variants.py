"""`dnalm score-variants`: tables and VCF agree, on made and on real variants, and the wrong reference is refused."""

from __future__ import annotations

import csv
import gzip
import shutil

import numpy as np
import pyarrow.parquet
import pytest
import torch

from hf_dnalm.cli.main import main
from hf_dnalm.genome import Genome, read_variants
from hf_dnalm.inference import score_variants, score_variants_file
from tests.cli.language_models import GENOME, refused, save, write_fasta, write_vcf
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

pysam = pytest.importorskip("pysam", reason="pysam is not installed")

ROWS = ["1\t4\trs1\tT\tA,C", "1\t31\t.\tT\tTG", "1\t35\t.\tC\t."]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def genome(tmp_path):
    return write_fasta(tmp_path / "genome.fa", {"chr1": GENOME})


@pytest.fixture
def vcf(tmp_path):
    return write_vcf(tmp_path / "in.vcf", *ROWS)


def run(model, vcf, genome, out, *flags):
    main(["score-variants", model, vcf, "--reference", genome, "--output", str(out), "--dtype", "float32", *flags])


def agree(tsv, parquet, vcf) -> int:
    """Check that the three files hold the same numbers in the same order; returns how many there are."""
    with open(tsv, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    table = pyarrow.parquet.read_table(parquet).to_pylist()
    with pysam.VariantFile(str(vcf)) as records:
        scored = [
            (record.contig, record.pos, record.ref, alt, score)
            for record in records
            for alt, score in zip(record.alts or (), record.info.get("DNALM", ()), strict=True)
        ]
    keys = [(row["contig"], int(row["position"]), row["ref"], row["alt"]) for row in rows]
    assert keys == [(row["contig"], row["position"], row["ref"], row["alt"]) for row in table]
    assert keys == [row[:4] for row in scored]
    scores = np.array([float(row["score"]) for row in rows])
    np.testing.assert_array_equal(scores.astype(np.float32), np.array([row["score"] for row in table], np.float32))
    np.testing.assert_allclose([row[4] for row in scored], scores, rtol=1e-5)  # VCF's numbers have six digits
    return len(rows)


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--method", "cosine", "--strands", "forward"], {"method": "cosine", "strands": "forward"}),
        (["--window-bp", "24"], {"window_bp": 24}),
    ],
)
def test_all_formats_hold_what_the_function_computes(model, vcf, genome, tmp_path, flags, options):
    for extension in ("tsv", "parquet", "vcf"):
        run(model, vcf, genome, tmp_path / f"x.{extension}", *flags)
    assert agree(tmp_path / "x.tsv", tmp_path / "x.parquet", tmp_path / "x.vcf") == 3
    toy = toy_model("masked_lm", initializer_range=0.5)
    with Genome(genome) as reference:
        expected = score_variants(
            toy, toy_tokenizer(), list(read_variants(vcf)), reference, dtype=torch.float32, **options
        )
    written = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    np.testing.assert_allclose(written["score"].to_numpy(), expected.scores, rtol=1e-3, atol=1e-5)
    assert written["estimator"].to_pylist() == expected.estimators
    lines = [line for line in (tmp_path / "x.vcf").read_text().splitlines() if not line.startswith("#")]
    assert ["\t".join(line.split("\t")[:5]) for line in lines] == ROWS


def test_packed_vcf_and_another_field(model, vcf, genome, tmp_path):
    run(model, vcf, genome, tmp_path / "x.vcf.gz", "--info-field", "MINE")
    with pysam.VariantFile(str(tmp_path / "x.vcf.gz")) as file:
        assert "model" in file.header.info["MINE"].description
        assert [len(record.info.get("MINE", ())) for record in file] == [2, 1, 0]


def test_shards_give_the_scores_of_one_call(model, vcf, genome, tmp_path):
    run(model, vcf, genome, tmp_path / "whole.parquet")
    run(model, vcf, genome, tmp_path / "shards.parquet", "--shard-variants", "1")
    whole, shards = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "shards"))
    np.testing.assert_allclose(shards["score"].to_numpy(), whole["score"].to_numpy(), rtol=1e-4, atol=1e-6)
    assert shards.drop_columns("score") == whole.drop_columns("score")
    assert not (tmp_path / "shards.parquet.shards").exists()


@pytest.mark.parametrize(("flags", "what"), [(["--window-bp", "24"], "window_bp"), (["--method", "cosine"], "method")])
def test_shards_of_another_run_are_refused(model, vcf, genome, tmp_path, monkeypatch, capsys, flags, what):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hf_dnalm.inference.score_writers.write_table_file", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(model, vcf, genome, tmp_path / "x.tsv")
    capsys.readouterr()
    files = [vcf, "--reference", genome, "--output", tmp_path / "x.tsv"]
    message = refused(capsys, "score-variants", model, *files, "--dtype", "float32", *flags)
    assert f"x.tsv.shards is of another run: {what} was" in message


def test_a_file_without_variants_is_written_without_rows(model, genome, tmp_path):
    run(model, write_vcf(tmp_path / "none.vcf"), genome, tmp_path / "x.tsv")
    assert len((tmp_path / "x.tsv").read_text().splitlines()) == 1


def test_distances_take_a_fine_tuned_model(tmp_path, vcf, genome):
    tuned = save(tmp_path / "tuned", head="sequence")
    run(tuned, vcf, genome, tmp_path / "x.tsv", "--method", "l2")
    assert len((tmp_path / "x.tsv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("row", "flags", "message"),
    [
        ("1\t4\trs1\tC\tA", [], "1:4 is T in "),
        ("1\t4\trs1\tC\tA", [], "but REF is C; the variants are of another reference genome"),
        ("7\t4\trs1\tC\tA", [], "has no contig '7'"),
        ("1\t4\trs1\tT\t<DEL>", ["--strict"], "1:4 T><DEL> cannot be scored: ALT is symbolic, such as <DEL>."),
        ("1\t4\trs1\tT\tA", ["--output", "x.bed"], "the extension must be one of .tsv, .tsv.gz, .csv, .parquet, .vcf"),
        ("1\t4\trs1\tT\tA", ["--window-bp", "0"], "--window-bp is 0; it must be 1 or more"),
        ("1\t4\trs1\tT\tA", ["--shard-variants", "0"], "--shard-variants is 0; it must be 1 or more"),
        ("1\t4\trs1\tT\tA", ["--output", "x.vcf", "--info-field", "a b"], "'a b' is not a valid name of an INFO field"),
        ("1\t4\trs1\tT\tA", ["--reference", "absent.fa"], "absent.fa: no such file"),
        ("1\t4\trs1\tT\tA", ["--window-bp", "90000"], "window of 90,000 bp"),
    ],
)
def test_what_cannot_be_scored_is_one_line(model, genome, tmp_path, monkeypatch, capsys, row, flags, message):
    monkeypatch.chdir(tmp_path)
    vcf = write_vcf(tmp_path / "bad.vcf", row)
    out = tmp_path / "x.tsv"
    assert message in refused(capsys, "score-variants", model, vcf, "--reference", genome, "--output", out, *flags)
    assert not {path.name for path in tmp_path.iterdir()} & {"x.tsv", "x.bed", "x.vcf"}


def test_alleles_that_cannot_be_scored_stay_in_every_output_with_counts_at_the_end(model, genome, tmp_path, caplog):
    rows = [*ROWS, "1\t36\t.\tA\t<DEL>,*", "9\t3\t.\tA\tC", "1\t30\t.\tN\t<NON_REF>", "1\t0\t.\tN\tG"]
    vcf = write_vcf(tmp_path / "in.vcf", *rows)
    for extension in ("tsv", "parquet", "vcf"):
        run(model, vcf, genome, tmp_path / f"x.{extension}")
    with open(tmp_path / "x.tsv", newline="") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    reasons = [
        "",
        "",
        "",
        "symbolic_allele",
        "spanning_deletion",
        "contig_not_in_genome",
        "any_alternative",
        "position_0",
    ]
    assert [row["reason"] for row in table] == reasons
    assert [bool(row["score"]) for row in table] == [not reason for reason in reasons]
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet")["reason"].to_pylist() == reasons
    body = [line for line in (tmp_path / "x.vcf").read_text().splitlines() if not line.startswith("#")]
    assert ["\t".join(line.split("\t")[:5]) for line in body] == rows
    assert body[3].endswith("DNALM=.,.;DNALM_REASON=symbolic_allele,spanning_deletion")
    assert "5 of 8 alternative alleles have no score: 1 symbolic_allele (ALT is symbolic, such as <DEL>" in caplog.text


def test_real_variants_agree_in_every_format(model, shared, tmp_path):
    packed = tmp_path / "chr1.fa.gz"  # a copy: its index is written next to it
    shutil.copy(shared / "data" / "genomes" / "human_hg38_chr1_first1Mb.fa.gz", packed)
    for kind, count in (("snv", 717), ("indel", 171)):
        vcf = tmp_path / f"{kind}.vcf"
        shutil.copy(shared / "data" / "variants" / f"human_hg38_chr1_OR4F5_spliceai_{kind}.vcf", vcf)
        for extension in ("tsv", "parquet", "vcf"):
            run(model, str(vcf), str(packed), tmp_path / f"{kind}.out.{extension}", "--window-bp", "48")
        outputs = [tmp_path / f"{kind}.out.{extension}" for extension in ("tsv", "parquet", "vcf")]
        assert agree(*outputs) >= count
        before, after = (
            [line for line in path.read_text().splitlines() if not line.startswith("#")] for path in (vcf, outputs[2])
        )
        assert len(before) == len(after) == count
        assert [line.split(";DNALM=")[0] for line in after] == before


def test_real_variants_are_refused_on_a_genome_that_is_off_by_one_base(model, shared, tmp_path, capsys):
    with gzip.open(shared / "data" / "genomes" / "human_hg38_chr1_first1Mb.fa.gz", "rt") as lines:
        letters = "".join(line.strip() for line in lines if not line.startswith(">"))
    (tmp_path / "off.fa").write_text(f">chr1\n{letters[1:80_000]}\n")
    vcf = tmp_path / "x.vcf"
    shutil.copy(shared / "data" / "variants" / "human_hg38_chr1_OR4F5_spliceai_snv.vcf", vcf)
    line = refused(
        capsys, "score-variants", model, vcf, "--reference", tmp_path / "off.fa", "--output", tmp_path / "x.tsv"
    )
    assert f"1:69,091 is {letters[69_091]} in " in line
    assert "but REF is A" in line
    assert not (tmp_path / "x.tsv").exists()


def test_the_function_returns_what_was_written(vcf, genome, tmp_path):
    options = {"reference": genome, "window_bp": 24, "dtype": torch.float32}
    written = score_variants_file(toy_model(), toy_tokenizer(), vcf, tmp_path / "x.tsv", **options)
    assert (written.output, written.variants, written.scored, written.unscored) == (tmp_path / "x.tsv", 3, 3, {})
    with pytest.raises(AttributeError):
        written.scored = 4
