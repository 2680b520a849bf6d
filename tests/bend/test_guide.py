"""Every example of the guide runs, on a small genome."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from hf_dnalm.bend.shards import find_shards
from hf_dnalm.bend.tasks import TASKS
from hf_dnalm.cli.app import main
from tests.bend.layout import write_bed, write_gene_finding, write_genome, write_histone

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "bend.md"
PUBLISHED = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """The files that the guide speaks of."""
    write_histone(tmp_path / "bend")
    write_gene_finding(tmp_path / "bend")
    write_genome(tmp_path).rename(tmp_path / "GRCh38.fa")
    rows = ["chr1 0 300 0 train", "chr1 300 600  train", "chr2 0 300 0,1 valid", "chr2 300 600 1 test"]
    write_bed(tmp_path, "open_regions", "chromosome start end label split", rows).rename(tmp_path / "open_regions.bed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


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
                main(shlex.split(line.removeprefix("$ dnalm ").replace(PUBLISHED, Path(PUBLISHED).name)))
    sys.modules.pop("composition")
    printed = capsys.readouterr().out
    assert "3 18\n" in printed  # rows that train, tracks
    assert "0 (300, 2) [1 0]\n1 (300, 2) [0 0]\n" in printed
    folder = workplace / "embeddings"
    for name in (Path(PUBLISHED).name, "nt-v2-published"):
        assert len(find_shards(folder / "histone_modification" / name)) == 3
    assert len(find_shards(folder / "gene_finding" / "onehot")) == 2
    assert {path.name for path in (folder / "open_regions").iterdir()} == {"onehot", "composition", "in_python"}


def test_the_guide_names_every_task():
    text = GUIDE.read_text()
    assert all(f"| `{name}` |" in text for name in TASKS)


def test_what_the_guide_says_a_yaml_file_leaves_out_is_so():
    import dataclasses

    from hf_dnalm.bend.tasks import BendTask

    defaults = {field.name: field.default for field in dataclasses.fields(BendTask)}
    section = GUIDE.read_text().split("when left out:")[1].split("```")[0]
    named = dict(re.findall(r"`(\w+): ([\w.]+)`", section.split("A BED file without")[0].replace("\n", " ")))
    named.pop("loss", None)  # stands there twice, once for the other value
    assert len(named) > 8
    for key, value in named.items():
        assert str(defaults[key]).lower() == value, key
