"""`dnalm bend embed`: the files, the printed summary, and one-line errors."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hf_dnalm.bend.shards import find_shards, read_shards
from hf_dnalm.cli.main import main
from tests.bend.layout import write_gene_finding, write_genome, write_histone
from tests.toys import dnabert


@pytest.fixture
def flags(tmp_path):
    """What every call of the command has."""
    write_histone(tmp_path)
    write_gene_finding(tmp_path)
    genome = write_genome(tmp_path)
    return ["--data-dir", str(tmp_path), "--reference", str(genome), "--output", str(tmp_path / "out")]


def refusal(capsys, arguments: list[str]) -> str:
    with pytest.raises(SystemExit, match="2"):
        main(["bend", *arguments])
    return capsys.readouterr().err


def test_shards_are_written_and_kept(flags, tmp_path, capsys):
    command = ["bend", "embed", "onehot", "gene_finding", *flags]
    main(command)
    folder = tmp_path / "out" / "gene_finding" / "onehot"
    assert capsys.readouterr().out == f"{folder}: 2 shards written (3 samples), 0 kept\n"
    main(command)
    assert capsys.readouterr().out == f"{folder}: 0 shards written (0 samples), 2 kept\n"
    assert json.loads((folder / "embedding.json").read_text())["mode"] == "correct"
    assert next(read_shards(folder, "test")).embedding.shape == (20, 5)


def test_the_published_mode_writes_letters_as_codes(flags, tmp_path):
    main(["bend", "embed", "onehot", "gene_finding", "--bend-compat", "--name", "codes", *flags])
    sample = next(read_shards(tmp_path / "out" / "gene_finding" / "codes", "test"))
    assert sample.embedding.shape == (20,)
    assert set(sample.embedding.tolist()) <= {0, 1, 2, 4}


def test_a_model_folder_is_embedded_in_both_modes(flags, tmp_path):
    model = dnabert.write_upstream(tmp_path / "dnabert3")
    for name, extra in (("correct", []), ("published", ["--bend-compat"])):
        main(["bend", "embed", str(model), "gene_finding", "--name", name, "--device", "cpu", *extra, *flags])
    folder = tmp_path / "out" / "gene_finding"
    correct, published = (
        {sample.number: sample.embedding for sample in read_shards(folder / name, "train")}
        for name in ("correct", "published")
    )
    assert correct[0].shape == published[0].shape == (30, 24)
    np.testing.assert_allclose(correct[0], published[0], rtol=1e-4, atol=1e-5)  # k = 3, one piece: nothing differs


def test_processes_of_a_launcher_share_the_chunks(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        main(["bend", "embed", "onehot", "gene_finding", "--chunk-size", "1", *flags])
    assert "2 shards written" in capsys.readouterr().out
    assert len(find_shards(tmp_path / "out" / "gene_finding" / "onehot")) == 3


def test_regions_left_out_are_counted(flags, tmp_path, capsys):
    from tests.toys import gena_bert

    folder = gena_bert.write_upstream(tmp_path / "gena")
    genome = tmp_path / "gaps.fa"
    genome.write_text(">chr1\n" + "ACGT" * 2 + "N" * 12 + "ACGTA" * 150 + "\n>chr2\n" + "ACGTA" * 140 + "\n")
    flags[3] = str(genome)
    main(["bend", "embed", str(folder), "gene_finding", "--bend-compat", "--device", "cpu", *flags])
    assert "2 samples, 1 left out: wrong length" in capsys.readouterr().out


def test_refusals_are_one_line(flags, capsys):
    assert "no BEND task 'genes'" in refusal(capsys, ["embed", "onehot", "genes", *flags])
    compat = ["gene_finding", "--bend-compat", *flags]
    assert "Leave out --dtype" in refusal(capsys, ["embed", "onehot", *compat, "--dtype", "float32"])
    assert "leave it out for a function of your own." in refusal(capsys, ["embed", "mine.py:gc", *compat])
    assert "mine.py: no such file" in refusal(capsys, ["embed", "mine.py:gc", "gene_finding", *flags])
    assert "no step 'embedd'; choose from: embed" in refusal(capsys, ["embedd"])


def test_help_names_the_steps(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["bend", "--help"])
    assert "embed" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["bend"])
    with pytest.raises(SystemExit, match="0"):
        main(["bend", "embed", "--help"])
