"""`dnalm embed` writes what `embed` computes."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet
import pytest
import torch

from hf_dnalm import embed
from hf_dnalm.cli.main import main
from tests.cli.language_models import SEQUENCES, refused, save, write_fasta
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "x.fa")


def expected(**options):
    toy = toy_model("masked_lm", initializer_range=0.5)
    tokenizer = toy_tokenizer(model_max_length=options.pop("model_max_length", 2048))
    return embed(toy, tokenizer, list(SEQUENCES.values()), dtype=torch.float32, **options).vectors


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--pooling", "max", "--layer", "1"], {"pooling": "max", "layer": 1}),
        (["--pooling", "cls", "--token-budget", "16"], {"pooling": "cls"}),
    ],
)
def test_the_file_holds_the_vectors_of_the_function(model, fasta, tmp_path, flags, options):
    main(["embed", model, fasta, "--output", str(tmp_path / "x.parquet"), "--dtype", "float32", *flags])
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert table["name"].to_pylist() == list(SEQUENCES)
    np.testing.assert_allclose(np.array(table["embedding"].to_pylist()), expected(**options), atol=2e-5)
    assert table.schema.metadata[b"model"].decode() == model
    assert table.schema.metadata[b"pooling"].decode() == options.get("pooling", "mean")


def test_long_sequences_are_refused_cut_or_read_by_windows(tmp_path, fasta, capsys):
    short = save(tmp_path / "short", model_max_length=12)
    out = tmp_path / "x.npz"
    assert "sequence 'c' is 60 bp = 21 tokens; the model reads 12" in refused(
        capsys, "embed", short, fasta, "--output", out
    )
    assert not out.exists()
    for overflow in ("truncate", "windows"):
        main(["embed", short, fasta, "--output", str(out), "--dtype", "float32", "--overflow", overflow, "--overwrite"])
        with np.load(out) as file:
            vectors, recorded = file["embeddings"], str(file["overflow"])
        assert recorded == overflow
        np.testing.assert_allclose(vectors, expected(model_max_length=12, overflow=overflow), atol=2e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output", "x.npy"], "the extension must be one of .parquet, .safetensors, .h5, .h5ad, .npz"),
        (["--output", "absent/x.npz"], "there is no folder absent"),
        (["--output", "x.npz", "--layer", "9"], "there is no layer 9; the model has hidden states 0 to 2"),
        (["--output", "x.npz", "--device", "toaster"], "--device toaster: "),
        (["--output", "x.npz", "--pooling", "median"], "invalid choice: 'median'"),
    ],
)
def test_bad_options_are_one_line_and_write_nothing(model, fasta, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "embed", model, fasta, *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["x.fa"]


def test_a_missing_extra_is_named_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "h5py", None)
    line = refused(capsys, "embed", "no such model", "no_such_file.fa", "--output", tmp_path / "x.h5")
    assert line == 'dnalm embed: error: h5py is needed to write .h5: pip install "hf_dnalm[hdf5]".'
