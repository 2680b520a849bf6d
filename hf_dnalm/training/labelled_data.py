"""The labelled sequences of a fine-tuning run: a benchmark task, or files of your own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_dnalm.data import infer_task, read_file
from hf_dnalm.data.leakage import leaks_noted
from hf_dnalm.suites import load_benchmark
from hf_dnalm.training.arguments import DataArguments

if TYPE_CHECKING:
    from datasets import Dataset

    from hf_dnalm.tasks import Task


def read_splits(arguments: DataArguments, *, seed: int) -> tuple[Mapping[str, Dataset], Task]:
    """Read the splits that the arguments name; returns them with their task.

    Args:
        seed: of the draw if `folds` are requested, and of the validation split if a benchmark publishes none.

    Raises:
        ValueError: the task does not exist, a record is invalid, or the arguments do not fit the files.
        FileNotFoundError: a file does not exist, or the Hub cannot be reached.
    """
    if arguments.task is not None:
        suite, slash, name = arguments.task.partition("/")
        if not slash:
            raise ValueError(f"--task is {arguments.task!r}; write SUITE/NAME, as listed by `dnalm list --tasks`.")
        return load_benchmark(
            suite,
            name,
            data_dir=arguments.data_dir,
            reference=arguments.reference,
            sequence_length=arguments.sequence_length,
            seed=seed,
            allow_subset=arguments.allow_subset,
            deduplicate=arguments.deduplicate,
            folds=arguments.folds,
            fold=arguments.fold,
            validation_chromosomes=arguments.validation_chromosomes,
            test_chromosomes=arguments.test_chromosomes,
        )
    columns: dict[str, Any] = {
        "sequence_column": arguments.sequence_column,
        "labels_column": arguments.labels_column,
        "name_column": arguments.name_column,
        "missing_labels": arguments.missing_labels,
    }
    files = {"train": arguments.train, "validation": arguments.validation, "test": arguments.test}
    name = Path(arguments.train or "").name
    kind: dict[str, Any] = {"problem_type": arguments.problem_type, "metric": arguments.metric}
    kind |= {"level": arguments.level, "bin_bp": arguments.bin_bp}
    task = infer_task(arguments.train or "", name=name, **kind, **columns)
    if arguments.sequence2_column is not None:
        task = dataclasses.replace(task, pair=True)
        columns["sequence2_column"] = arguments.sequence2_column
    splits = {split: read_file(path, task=task, labels="required", **columns) for split, path in files.items() if path}
    for split, dataset in splits.items():
        if dataset.info.description:  # how many records were dropped
            task = task.with_note(f"{split}: {dataset.info.description}")
    rule = arguments.split_rule
    if rule:
        splits, task = rule.apply(splits, seed=seed, stratify=task.stratifies), task.with_note(rule.note(seed))
    return leaks_noted(splits, task, deduplicate=arguments.deduplicate)
