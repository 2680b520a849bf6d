"""docs/benchmarks.md: it is what the definitions say, it holds every task, and its examples run."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pytest

from hf_dnalm.cli.main import main
from hf_dnalm.suites import benchmark_tasks
from hf_dnalm.suites.page import render_benchmarks_page, write_benchmarks_page

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = REPOSITORY / "docs" / "benchmarks.md"
PUBLISHED = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"


def test_the_tables_are_what_the_definitions_say(tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    assert page == render_benchmarks_page(page), "write it again: make cards"
    (tmp_path / "x.md").write_text(
        re.sub(r"(<!-- tasks of [^>]* -->\n).*?(<!-- end -->)", r"\1\2", page, flags=re.DOTALL)
    )
    assert write_benchmarks_page(tmp_path / "x.md").read_text(encoding="utf-8") == page


def test_a_page_without_a_place_for_a_suite_is_refused():
    with pytest.raises(ValueError, match="the page has no <!-- tasks of plant-genomic-benchmark --> followed by"):
        render_benchmarks_page("# Benchmarks")


def test_the_page_holds_every_task_with_its_meaning():
    page = PAGE.read_text(encoding="utf-8")
    for tasks in benchmark_tasks().values():
        for name, task in tasks.items():
            assert f"| `{name}` |" in page
            assert " ".join(task.description.split(" Rows: ")[0].split()) in " ".join(page.split()), name


def test_the_readme_leads_to_the_page():
    assert "docs/benchmarks.md" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path, monkeypatch, upstream_v2) -> Path:
    """A folder with files in the layouts that the examples name."""
    generator = random.Random(0)

    def letters(length: int) -> str:
        return "".join(generator.choices("ACGT", k=length))

    def write(path: str, *lines: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("\n".join(lines) + "\n")

    for name, rows in (("train", 24), ("dev", 8), ("test", 8)):
        table = (f"{letters(70)},{row % 2}" for row in range(rows))
        write(f"GUE/prom/prom_core_tata/{name}.csv", "sequence,label", *table)
    write("genome.fa", ">chr1", letters(3_000))
    for split, first in (("train", 0), ("test", 40)):
        for name in ("negative", "positive"):
            starts = (60 * (first + 2 * row + (name == "positive")) for row in range(20 if split == "train" else 4))
            places = (f"{row},chr1,{start},{start + 40},+" for row, start in enumerate(starts))
            write(f"intervals/human_enhancers_cohn/{split}/{name}.csv", "id,region,start,end,strand", *places)
    species = (f"{letters(90)}\t{'ab'[row % 2]}" for row in range(16))
    write("species/reference/clustering_0.tsv", "sequence\tspecies", *species)
    monkeypatch.chdir(tmp_path)
    return upstream_v2


def test_the_python_of_the_page_runs(workplace, capsys):
    (code,) = blocks("python")
    exec(code, {})
    assert "promoter" in capsys.readouterr().out


def test_the_commands_of_the_page_run(workplace, tmp_path):
    pytest.importorskip("pysam")
    for line in "".join(blocks("console")).splitlines():
        command = shlex.split(line.removeprefix("$ ").replace(PUBLISHED, str(workplace)))
        assert command[0] == "dnalm"
        quick = {"finetune": ["--num-train-epochs", "1", "--bootstrap", "20"]}
        main(command[1:] + quick.get(command[1], []))
    assert (tmp_path / "clusters.json").exists()
    assert (tmp_path / "enhancers" / "report" / "report.html").exists()
    assert "fold 0" in (tmp_path / "fold_0" / "report" / "report.md").read_text()
