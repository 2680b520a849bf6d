"""Small benchmark files in the published layouts, with labels that depend on the sequences, and a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

GUE = ["gue/prom_core_tata", "gue/splice_reconstructed"]
PGB = ["pgb/promoter_strength.leaf", "pgb/chromatin_access.setaria_italica"]
ROWS = {"train": 40, "validation": 16, "test": 24}
# Little enough that a cell of a tiny model takes about a second.
QUICK = {"allow_subset": True, "bootstrap": 50, "num_train_epochs": 1, "per_device_train_batch_size": 8}


def sequences(rows: int, length: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(each) for each in generator.choice(list("ACGT"), size=(rows, length))]


def shares(sequence: str) -> dict[str, float]:
    return {letter: sequence.count(letter) / len(sequence) for letter in "ACGT"}


def write_benchmarks(folder: Path) -> Path:
    """GUE's and the Plant Genomic Benchmark's layout: two classes, three classes, one number, nine tracks."""
    for seed, (split, rows) in enumerate(ROWS.items()):
        letters = sequences(rows, 30, seed)
        name = {"validation": "dev"}.get(split, split)
        two = [int(shares(each)["G"] + shares(each)["C"] > 0.5) for each in letters]
        three = [int(np.argmax([shares(each)[letter] for letter in "ACG"])) for each in letters]
        for task, labels in (("prom/prom_core_tata", two), ("splice/reconstructed", three)):
            path = folder / "GUE" / task / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [f"{each},{label}" for each, label in zip(letters, labels, strict=True)]
            path.write_text("\n".join(["sequence,label", *lines]) + "\n")
        strength = [f"{shares(each)['A']:.3f}" for each in letters]
        tracks = ["|".join(str(int(shares(each)[letter] > 0.25)) for letter in "ACGTACGTA") for each in letters]
        for task, labels in (("promoter_strength/leaf", strength), ("chromatin_access/setaria_italica", tracks)):
            path = folder / f"{task}_{split}.fa"
            path.parent.mkdir(parents=True, exist_ok=True)
            records = [f">{row}|{label}\n{each}" for row, (each, label) in enumerate(zip(letters, labels, strict=True))]
            path.write_text("\n".join(records) + "\n")
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    return write_benchmarks(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A pretrained model as a folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    toy_model("masked_lm", hidden_size=16, intermediate_size=32, num_hidden_layers=1).save_pretrained(folder)
    toy_tokenizer(model_max_length=30).save_pretrained(folder)
    return folder
