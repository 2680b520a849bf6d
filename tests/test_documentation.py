"""Every example in the README and the docs runs, and every figure stands in the results of a benchmark."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.cli.main import main
from hf_dnalm.data.simulate import SPLICE_SITES_SIMULATED, simulate_splice_sites
from hf_dnalm.inference.unscored import REASONS
from hf_dnalm.suites import benchmark_tasks
from tests.benchmarking.conftest import write_benchmarks
from tests.fuzz.targets import TARGETS

REPOSITORY = Path(__file__).resolve().parent.parent
PUBLISHED = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path, monkeypatch, upstream_v2):
    """A folder with the files that the examples name; the published id is a tiny folder in the same layout."""
    rows = simulate_splice_sites(90, seed=1)
    names = SPLICE_SITES_SIMULATED.label_names
    lines = [f"{row['name']},{row['sequence']},{names[row['labels']]}" for row in rows]
    for name in ("promoters.csv", "held_out.csv"):
        (tmp_path / name).write_text("\n".join(["name,sequence,label", *lines]) + "\n")
    (tmp_path / "new_sequences.fa").write_text(">a\nACGTNACGT\n>b\nacgtacgtacgt\n")
    letters = rows[0]["sequence"]
    (tmp_path / "genome.fa").write_text(f">chr1\n{letters}\n")
    head = "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    alt = "A" if letters[29] != "A" else "C"
    (tmp_path / "variants.vcf").write_text(f"{head}1\t30\trs1\t{letters[29]}\t{alt}\t.\t.\t.\n")
    species = [f"{row['name']},{row['sequence']},{'ab'[number % 2]}" for number, row in enumerate(rows)]
    (tmp_path / "species.csv").write_text("\n".join(["name,sequence,label", *species]) + "\n")
    write_benchmarks(tmp_path / "tasks")
    monkeypatch.chdir(tmp_path)
    return upstream_v2


def run_commands(page: Path, checkpoint: Path) -> None:
    """Run the console blocks of a page, on the tiny checkpoint and for one epoch."""
    commands = "".join(_blocks(page, "console")).splitlines()
    assert commands
    for line in commands:
        command = shlex.split(line.removeprefix("$ ").replace(PUBLISHED, str(checkpoint)))
        assert command[0] == "dnalm"
        quick = {"finetune": ["--num-train-epochs", "1", "--bootstrap", "20"], "evaluate": ["--bootstrap", "20"]}
        quick["benchmark"] = quick["finetune"]
        main(command[1:] + quick.get(command[1], []))


def test_the_commands_of_the_readme_run(workplace, tmp_path):
    run_commands(REPOSITORY / "README.md", workplace)
    assert len((tmp_path / "predictions.tsv").read_text().splitlines()) == 3
    assert (tmp_path / "tuned" / "report" / "report.html").exists()
    assert (tmp_path / "shipped" / "tokenizer.json").exists()
    written = {path.name for path in tmp_path.iterdir()}
    assert {"vectors.parquet", "bits_per_base.tsv", "scored.vcf.gz"} <= written
    assert {"substitutions.tsv", "logo.png", "clusters.json"} <= written


def test_the_commands_of_the_guide_run(workplace, tmp_path, capsys):
    run_commands(REPOSITORY / "docs" / "fine_tune.md", workplace)
    assert "acceptor" in (tmp_path / "predictions.tsv").read_text()
    assert (tmp_path / "predictions.parquet").exists()
    assert (tmp_path / "checked" / "report.html").exists()
    assert "## Results" in (tmp_path / "for_the_hub" / "README.md").read_text()


def test_the_guide_to_variant_effects_runs_and_lists_every_reason(workplace, tmp_path):
    page = REPOSITORY / "docs" / "variants.md"
    run_commands(page, workplace)
    assert (tmp_path / "annotated.vcf.gz.tbi").exists()
    assert re.findall(r"^\| `(\w+)` \|", page.read_text(), flags=re.MULTILINE) == list(REASONS)


def test_the_guide_to_embedding_runs(workplace, tmp_path):
    page = REPOSITORY / "docs" / "embed.md"
    run_commands(page, workplace)
    namespace: dict = {}
    exec("\n".join(_blocks(page, "python")).replace(PUBLISHED, str(workplace)), namespace)
    assert namespace["means"].shape == (2, 32)
    assert [each.shape for each in namespace["bases"]] == [(18, 32), (16, 32)]
    for name in ("bases.npz", "of_a_file.npz"):
        with np.load(tmp_path / name) as file:
            assert np.diff(file["offsets"]).tolist() == [9, 12]  # bp of the sequences
    assert {"means.parquet", "middle.safetensors"} <= {path.name for path in tmp_path.iterdir()}


def test_the_commands_and_the_python_of_the_benchmark_guide_run(workplace, tmp_path, capsys):
    page = REPOSITORY / "docs" / "benchmarking.md"
    run_commands(page, workplace)
    exec("\n".join(_blocks(page, "python")), {})
    assert "gue/splice_reconstructed" in capsys.readouterr().out
    for name in re.findall(r"^board/(\S+)", page.read_text(), flags=re.MULTILINE):
        assert (tmp_path / "board" / name.rstrip(",")).exists()
    methods = json.loads((tmp_path / "board" / "leaderboard.json").read_text())["contestants"]
    assert methods == ["majority", "kmer", "cnn", "nt (full)", "nt (probe)"]


def test_the_python_of_the_readme_runs(workplace):
    code = "\n".join(_blocks(REPOSITORY / "README.md", "python")).replace(PUBLISHED, str(workplace))
    namespace: dict = {}
    exec(code.replace('output_dir="tuned_in_python"', 'output_dir="tuned_in_python", num_train_epochs=1'), namespace)
    assert namespace["vectors"].shape == (2, 32)
    assert [each.shape for each in namespace["per_base"]] == [(18, 32), (16, 32)]


def test_the_python_of_the_page_on_the_stack_runs(workplace):
    namespace: dict = {}
    exec("\n".join(_blocks(REPOSITORY / "docs" / "stack.md", "python")).replace(PUBLISHED, str(workplace)), namespace)
    assert namespace["again"].num_labels == 2
    assert namespace["logits"].shape == (2, 2)


def test_every_promise_names_tests_that_exist_and_every_reader_that_is_fuzzed():
    page = (REPOSITORY / "docs" / "reliability.md").read_text()
    named = re.findall(r"`(tests/[\w/.]+)`", page)
    assert len(named) > 20
    assert [path for path in named if not (REPOSITORY / path).exists()] == []
    table = page.split("| reader |")[1].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if line.startswith("|")]
    assert sorted(row[0] for row in rows) == sorted(TARGETS)
    for reader, *texts in rows:
        counts = [int(text.replace(",", "")) for text in texts]  # inputs, read, refused, faults
        assert counts[0] == counts[1] + counts[2], reader
        assert counts[3] == 0, reader


def test_the_counts_of_checkpoints_tasks_and_suites_are_the_code_s():
    tasks = sum(map(len, benchmark_tasks().values()))
    readme, changelog = ((REPOSITORY / name).read_text() for name in ("README.md", "CHANGELOG.md"))
    assert f"{tasks} published benchmark tasks load by name" in readme
    assert f"{len(benchmark_tasks())} benchmark suites ({tasks} tasks)" in changelog
    rows = readme.split("| family | checkpoints |")[1].split("\n\n")[0].splitlines()[2:]
    counts = [int(row.split("|")[2]) for row in rows]
    assert sum(counts) == sum(len(passport.checkpoints) for passport in PASSPORTS)


def test_every_figure_of_the_readme_stands_in_a_result():
    results = "\n".join(path.read_text() for path in (REPOSITORY / "speed" / "results").glob("*.md"))
    section = (REPOSITORY / "README.md").read_text().split("## How fast")[1].split("\n## ")[0]
    figures = re.findall(r"([\d,.]*\d)(?=×| MB/s| tokens/s| s\b)", section)
    assert len(figures) > 9
    for figure in figures:
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d])", results), (
            f"{figure} is in no file of speed/results"
        )
