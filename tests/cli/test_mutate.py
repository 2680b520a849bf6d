"""`dnalm mutate`: a row for every letter of every position, and a logo."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet
import pytest
import torch

from hf_dnalm import mutagenesis
from hf_dnalm.cli.main import main
from tests.cli.language_models import SEQUENCES, refused, save, write_fasta
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "x.fa")


@pytest.mark.parametrize("strands", ["forward", "both"])
def test_the_table_holds_what_the_function_computes(model, fasta, tmp_path, strands):
    out = tmp_path / "x.parquet"
    main(["mutate", model, fasta, "--output", str(out), "--strands", strands, "--dtype", "float32"])
    table = pyarrow.parquet.read_table(out)
    toy = toy_model("masked_lm", initializer_range=0.5)
    expected = [
        mutagenesis(toy, toy_tokenizer(), [sequence], strands=strands, dtype=torch.float32)[0]
        for sequence in SEQUENCES.values()
    ]
    written = table["score"].to_numpy().reshape(-1, 4)
    np.testing.assert_allclose(written, np.concatenate([each.scores for each in expected]), rtol=1e-3, atol=1e-4)
    assert table["alt"].to_pylist()[:4] == list("ACGT")
    assert "".join(table["ref"].to_pylist()[::4]) == "ACGTACGTAA" + "ACGNN" + "GGG" * 20
    assert table["position"].to_pylist()[::4] == [*range(10), *range(5), *range(60)]


@pytest.mark.parametrize(("name", "head"), [("logo.svg", b"<?xml"), ("logo.png", b"\x89PNG")])
def test_a_logo_is_drawn(model, fasta, tmp_path, name, head):
    main(["mutate", model, fasta, "--output", str(tmp_path / "x.tsv"), "--logo", str(tmp_path / name)])
    assert (tmp_path / name).read_bytes().startswith(head)
    assert len((tmp_path / "x.tsv").read_text().splitlines()) == 1 + 4 * 75


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output", "x.bed"], "the extension must be one of .tsv, .tsv.gz, .csv, .parquet"),
        (["--logo", "x.pdf"], "the extension must be one of .png, .svg"),
        (["--logo", "absent/x.png"], "there is no folder absent"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(model, fasta, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "mutate", model, fasta, "--output", "x.tsv", *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["x.fa"]


def test_a_long_sequence_is_refused_by_its_name(tmp_path, fasta, capsys):
    short = save(tmp_path / "short", model_max_length=12)
    line = refused(capsys, "mutate", short, fasta, "--output", tmp_path / "x.tsv")
    assert "sequence 'c' is 60 bp = 21 tokens; the model reads 12" in line
    many = write_fasta(tmp_path / "many.fa", {"long": "ACGT" * 1001})
    line = refused(capsys, "mutate", short, many, "--output", tmp_path / "x.tsv", "--logo", tmp_path / "x.png")
    assert "a logo of 4,004 bp has 41 lines of 100 bp, more than 40" in line
