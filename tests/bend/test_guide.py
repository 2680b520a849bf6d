"""Every example of the guide runs, on a small genome."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from hf_dnalm.bend.shards import find_shards
from hf_dnalm.cli.main import main
from hf_dnalm.suites.bend.published_tasks import TASKS
from tests.bend.layout import letters_of, write_bed, write_gene_finding, write_genome, write_histone

QUICK = {"train": ["--epochs", "1", "--bootstrap", "10"], "zero-shot": ["--bootstrap", "10"]}
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "bend.md"
PUBLISHED = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """The files that the guide speaks of."""
    write_histone(tmp_path / "bend")
    write_gene_finding(tmp_path / "bend")
    write_genome(tmp_path).rename(tmp_path / "GRCh38.fa")
    add_rows(tmp_path / "bend" / "histone_modification", "chr2 20 532 + 3 valid", "chr1 50 562 + 0 test")
    rows = ["chr1 0 300 0 train", "chr1 300 600  train", "chr2 0 300 0 valid", "chr2 300 600 1 test"]
    rows += ["chr2 100 400 1 valid", "chr2 400 700 0 test"]
    write_bed(tmp_path, "open_regions", "chromosome start end label split", rows).rename(tmp_path / "open_regions.bed")
    variants = [
        f"chr1 {place} {place + 1} {'ACGT'.replace(letters_of('chr1')[place], '')[0]} {place % 2}" for place in (9, 300)
    ]
    write_bed(tmp_path / "bend", "variant_effects_disease", "chromosome start end alt label", variants)
    write_bed(tmp_path, "leaf_eqtl", "chromosome start end alt label", variants).rename(tmp_path / "leaf_eqtl.bed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def add_rows(folder, *rows):
    """More rows for the BED file of a folder."""
    path = folder / f"{folder.name}.bed"
    path.write_text(path.read_text() + "\n".join(row.replace(" ", "\t") for row in rows) + "\n")


def test_the_guide_runs_from_top_to_bottom(workplace, upstream_v2, capsys):
    (workplace / Path(PUBLISHED).name).symlink_to(upstream_v2)
    blocks = re.findall(r"^```(console|python|yaml)\n(.*?)^```", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert {language for language, _ in blocks} == {"console", "python", "yaml"}
    for language, text in blocks:
        if language == "yaml":
            (workplace / f"{text.splitlines()[0].removeprefix('name: ')}.yaml").write_text(text)
        elif language == "python" and text.startswith("# composition.py"):
            (workplace / "composition.py").write_text(text)
        elif language == "python":
            exec(text, {})
        else:
            for line in text.splitlines():
                command = shlex.split(line.removeprefix("$ dnalm ").replace(PUBLISHED, Path(PUBLISHED).name))
                main(command + QUICK.get(command[1], []))
    sys.modules.pop("composition")
    printed = capsys.readouterr().out
    assert "3 18\n" in printed  # rows that train, tracks
    assert "0 (300, 2) [1 0]\n1 (300, 2) [0 0]\n" in printed
    folder = workplace / "embeddings"
    for name in (Path(PUBLISHED).name, "nt-v2-published"):
        assert len(find_shards(folder / "histone_modification" / name)) == 3
    assert len(find_shards(folder / "gene_finding" / "onehot")) == 2
    for name in ("nt-v2", "basset", "open_regions"):
        assert json.loads((workplace / "trained" / name / "result.json").read_text())["test"]["regions"] == 2
    for name, context_bp in (("clinvar", 256), ("leaf_eqtl", 128)):
        report = json.loads((workplace / f"{name}.json").read_text())
        assert (report["variants"], report["context_bp"]) == (2, context_bp)
    assert {path.name for path in (folder / "open_regions").iterdir()} == {"onehot", "composition", "in_python"}


def test_the_guide_names_every_task():
    text = GUIDE.read_text()
    assert all(f"| `{name}` |" in text for name in TASKS)


def test_the_defaults_in_the_guide_are_those_of_a_task():
    import dataclasses

    from hf_dnalm.suites.bend.definition import BendTask

    defaults = {field.name: field.default for field in dataclasses.fields(BendTask)}
    section = GUIDE.read_text().split("keys and their defaults:")[1].split("```")[0]
    named = dict(re.findall(r"`(\w+): ([\w.]+)`", section.split("A BED file without")[0].replace("\n", " ")))
    named.pop("loss", None)  # named twice, once with the other value
    assert len(named) > 8
    for key, value in named.items():
        assert str(defaults[key]).lower() == value, key
