"""The notebooks run from top to bottom on a tiny model."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.benchmarking.conftest import write_benchmarks

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
# notebook → what is smaller here, and the files that it leaves
SMALLER = {
    "01_fine_tune": {"n_sequences = 3_000": "n_sequences = 90", "epochs = 3": "epochs = 1"},
    "02_variant_effects": {"window_bp = 512": "window_bp = 48"},
    "03_benchmark_two_models": {
        '"InstaDeepAI/nucleotide-transformer-v2-100m-multi-species"': "{model}",
        "data_dir = None": 'data_dir = "tasks"',
        '"num_train_epochs": 3, "max_train_rows": 5_000': '"num_train_epochs": 1, "max_train_rows": 24',
        ' "gue/human_tf_0",': "",
        "seeds=[0, 1]": "seeds=[0]",
    },
    "04_cluster_species": {
        '"zhihan1996/DNABERT-S"': '"InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"',
        "pieces_of_each = 100": "pieces_of_each = 12",
        "piece_bp = 1_000": "piece_bp = 120",
    },
}
LEAVES = {
    "01_fine_tune": ["splice_sites/report/report.html"],
    "02_variant_effects": ["scored.vcf", "logo.png"],
    "03_benchmark_two_models": ["board/leaderboard.html", "board/leaderboard.json"],
    "04_cluster_species": ["species.png"],
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq", "ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, upstream_v2):
    notebook = nbformat.read(path, as_version=4)
    write_benchmarks(tmp_path / "tasks")
    smaller = {old: new.replace("{model}", repr(str(upstream_v2))) for old, new in SMALLER[path.stem].items()} | {
        '"InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"': repr(str(upstream_v2))
    }
    for old, new in smaller.items():
        assert any(old in cell.source for cell in notebook.cells), f"{path.name} no longer says {old}"
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all((tmp_path / name).exists() for name in LEAVES[path.stem])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
