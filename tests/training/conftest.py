"""Small tasks that a tiny model trains on in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict

from hf_dnalm.tasks import Task
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

TASKS = {
    "single": Task("single", "single_label_classification", ("a", "b"), metric="mcc"),
    "multi": Task("multi", "multi_label_classification", ("a", "b", "c"), metric="auroc"),
    "value": Task("value", "regression", ("a",), metric="r2"),
    "values": Task("values", "regression", ("a", "b"), metric="spearman"),
    "bases": Task("bases", "single_label_classification", ("a", "b"), metric="f1", level="nucleotide"),
}


def labelled(task: Task, rows: int, *, seed: int) -> Dataset:
    """Random sequences of 9 to 40 bp; labels count G and C, or mark them at nucleotide level."""
    generator = np.random.default_rng(seed)
    sequences = ["".join(generator.choice(list("ACGT"), size=size)) for size in generator.integers(9, 41, size=rows)]
    share = [[sum(map(each.count, letters)) / len(each) for letters in ("GC", "GA", "GT")] for each in sequences]
    match task.name:
        case "single":
            labels = [int(row[0] > 0.5) for row in share]
        case "multi":
            labels = [[int(value > 0.5) for value in row] for row in share]
        case "value":
            labels = [row[0] for row in share]
        case "values":
            labels = [row[:2] for row in share]
        case "bases":
            labels = [[int(letter in "GC") for letter in each] for each in sequences]
    return Dataset.from_dict({"name": [str(row) for row in range(rows)], "sequence": sequences, "labels": labels})


def splits_of(task: Task, *, train: int = 24) -> DatasetDict:
    return DatasetDict(
        {
            "train": labelled(task, train, seed=1),
            "validation": labelled(task, 11, seed=2),
            "test": labelled(task, 13, seed=3),
        }
    )


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory) -> Path:
    """A pretrained model as a folder: what adapters are trained over."""
    folder = tmp_path_factory.mktemp("base")
    toy_model("masked_lm", hidden_size=16, intermediate_size=32, num_hidden_layers=1).save_pretrained(folder)
    toy_tokenizer(model_max_length=30).save_pretrained(folder)
    return folder
