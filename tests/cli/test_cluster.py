"""`dnalm cluster`: species of different composition are separated, and classes too small for a test are reported."""

from __future__ import annotations

import importlib.util
import json
import random

import pytest

from hf_dnalm.cli.main import main
from tests.cli.language_models import refused, save

SCORES = ["vectors", "ari", "nmi", "homogeneity", "completeness"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


def write_species(path, counts) -> str:
    """Sequences of species whose letters are of different shares: anybody can tell them apart."""
    letters, generator = {"rich": "ACGTGCGC", "poor": "ACGTATAT"}, random.Random(0)
    rows = [
        f"{name}{number},{''.join(generator.choices(letters[name], k=60))},{name}"
        for name, count in counts.items()
        for number in range(count)
    ]
    path.write_text("\n".join(["name,sequence,label", *rows]) + "\n")
    return str(path)


def test_model_and_baseline_stand_side_by_side(model, tmp_path, capsys):
    table = write_species(tmp_path / "x.csv", {"rich": 14, "poor": 12})
    out = tmp_path / "report.json"
    drawn = tmp_path / "map.svg"
    main(["cluster", model, table, "--test-per-class", "8", "--output", str(out), "--map", str(drawn)])
    assert drawn.read_text().count("26 sequences, 2 classes") == 2
    printed = capsys.readouterr().out.splitlines()
    header = [cell for cell in printed[0].split("  ") if cell]
    assert [cell.strip() for cell in header] == [*SCORES, "F1, 1 per class", "F1, 2 per class"]
    assert [line.split()[0] for line in printed[1:3]] == [model.rsplit("/", 1)[1], "tetranucleotides"]
    assert printed[3] == (
        "few-shot classification with 5, 10, 20 sequences per class is left out: the smallest class, 'poor', has 12 "
        "sequences, and 8 of them are reserved for the test (--test-per-class)."
    )
    report = json.loads(out.read_text())
    assert (report["sequences"], report["classes"]) == (26, {"poor": 12, "rich": 14})
    baseline = report["scores"]["tetranucleotides"]
    assert baseline["clustering"]["ari"] > 0.8
    assert len(baseline["clustering_by_seed"]["ari"]) == 5
    assert baseline["few_shot_macro_f1"]["2"] > 0.7
    assert f"{baseline['clustering']['ari']:.3f}" == printed[2].split()[1]


def test_a_map_that_cannot_be_drawn_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    line = refused(capsys, "cluster", "nowhere", "x.csv", "--map", tmp_path / "m.png", "--map-method", "umap")
    assert 'pip install "hf_dnalm[umap]", or pass --map-method tsne.' in line
    line = refused(capsys, "cluster", "nowhere", "x.csv", "--map", tmp_path / "m.pdf")
    assert "the extension must be one of .png, .svg" in line


def test_classes_too_small_for_a_test_are_clustered_alone(model, tmp_path, capsys):
    main(["cluster", model, write_species(tmp_path / "x.csv", {"rich": 14, "poor": 12})])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == SCORES
    assert printed[3].startswith("few-shot classification with 1, 2, 5, 10, 20 sequences per class is left out")


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("name,sequence\na,ACGT\n", [], "'labels'"),
        ("name,sequence,label\na,ACGT,x\nb,ACGT,x\n", [], "cannot be classes"),
        ("name,sequence,label\na,ACGT,x\nb,ACN,y\n", [], "sequence 2 has no stretch of four bases; leave it out"),
        ("name,sequence,label\na,ACGT,x\nb,ACGT,y\n", ["--output", "x.txt"], "the extension must be one of .json"),
        ("name,sequence,label\na,ACGT,x\nb,ACGT,y\n", ["--test-per-class", "0"], "--test-per-class is 0; it must be 1"),
    ],
)
def test_what_cannot_be_clustered_is_one_line(model, tmp_path, monkeypatch, capsys, text, flags, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(text)
    assert message in refused(capsys, "cluster", model, "x.csv", *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
