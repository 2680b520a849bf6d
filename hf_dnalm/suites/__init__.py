"""Suites of published benchmark tasks, loaded by name. Each suite is defined in its own file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hf_dnalm.suites import (
    dnabert_s,
    gena_lm,
    genomic_benchmarks,
    gue,
    long_range,
    nt_downstream,
    plant_genomic_benchmark,
    plant_multi_species,
)
from hf_dnalm.suites.bend import published_tasks as bend
from hf_dnalm.suites.task_definition import Benchmark, PublishedTask
from hf_dnalm.tasks import Task

__all__ = ["Benchmark", "benchmark_tasks", "load_benchmark", "published_suite"]


class _Suite(NamedTuple):
    tasks: Mapping[str, PublishedTask]
    aliases: Mapping[str, str]


_SUITES = {
    plant_genomic_benchmark.SUITE: _Suite(plant_genomic_benchmark.TASKS, plant_genomic_benchmark.ALIASES),
    nt_downstream.SUITE: _Suite(nt_downstream.TASKS, nt_downstream.ALIASES),
    nt_downstream.REVISED_SUITE: _Suite(nt_downstream.REVISED_TASKS, nt_downstream.ALIASES),
    gue.SUITE: _Suite(gue.TASKS, gue.ALIASES),
    gue.PLUS_SUITE: _Suite(gue.PLUS_TASKS, gue.PLUS_ALIASES),
    genomic_benchmarks.SUITE: _Suite(genomic_benchmarks.TASKS, {}),
    plant_multi_species.SUITE: _Suite(plant_multi_species.TASKS, {}),
    gena_lm.SUITE: _Suite(gena_lm.TASKS, gena_lm.ALIASES),
    long_range.SUITE: _Suite(long_range.TASKS, {}),
    dnabert_s.SUITE: _Suite(dnabert_s.TASKS, {}),
}
_SUITE_ALIASES = {"pgb": plant_genomic_benchmark.SUITE, "genomics-long-range-benchmark": long_range.SUITE}


def benchmark_tasks() -> dict[str, dict[str, Task]]:
    """All tasks as {suite: {name: task}}, with the names that `load_benchmark` takes."""
    suites = {
        suite: {name: published.task for name, published in content.tasks.items()} for suite, content in _SUITES.items()
    }
    return suites | {bend.SUITE: {name: task.as_task() for name, task in bend.TASKS.items()}}


def published_task(suite: str, name: str) -> PublishedTask | None:
    """Where a task's files are and how many rows they have; None for BEND, which has its own definitions."""
    return None if suite == bend.SUITE else _SUITES[suite].tasks[name]


def load_benchmark(
    suite: str,
    task: str,
    *,
    data_dir: str | Path | None = None,
    reference: str | Path | Mapping[str, str | Path] | None = None,
    sequence_length: int | None = None,
    streaming: bool = False,
    splits: Sequence[str] | None = None,
    revision: str | None = None,
    seed: int = 0,
    allow_subset: bool = False,
    deduplicate: bool = False,
    folds: int | None = None,
    fold: int | None = None,
    validation_chromosomes: Sequence[str] = (),
    test_chromosomes: Sequence[str] = (),
) -> Benchmark:
    """Load a published benchmark task: its splits, and the `Task` that describes the labels.

    Records are checked as in `read_file`, and their labels are checked against the task. Names may repeat, because they
    do in published files. If there is no validation file, 10 % of the training rows become the validation split: drawn
    with `seed`, stratified by class, identical sequences kept together. The task's description notes it. When
    streaming, no validation split is drawn.

    Args:
        suite: "plant-genomic-benchmark" (or "pgb"), "nt-downstream" and "nt-downstream-revised" (two suites
            with the same task names and different data), "gue", "gue-plus", "genomic-benchmarks",
            "plant-multi-species", "gena-lm", "long-range", "dnabert-s" or "bend".
        task: a name from `benchmark_tasks`; common alternative spellings work too.
        data_dir: a local folder to read instead of the Hub, in the layout of the Hub repository or of the authors'
            archive; files may be plain or .gz. Suites that are not on the Hub need it. Splits without a file are
            omitted.
        reference: FASTA of the assembly, for tasks whose files have coordinates; an index is created if it is
            missing. If the classes come from different genomes, one per class: `{"human": …, "worm": …}`.
        sequence_length: length in bp of the windows of long-range tasks, and the length to which DNABERT-S
            sequences are truncated. None uses the published length.
        streaming: return iterable splits that are read record by record from the Hub (tables are downloaded first) or
            from `data_dir`. Row counts are not checked.
            `Dataset.from_list(list(splits["train"].take(100_000)))` turns the first rows into a Dataset.
        splits: load only these (and draw a validation split if none was published). Files of several GB (chromatin
            training data) are downloaded only if their split is named here.
        revision: of the Hub repository. None uses the pinned commit, or the main branch if no commit is pinned; row
            counts are checked only then.
        seed: for drawing a validation split or folds.
        allow_subset: accept a file whose row count differs from the published one, and note it in the task.
        deduplicate: drop training rows whose sequence, or its reverse complement, occurs in validation or test, and
            validation rows whose sequence occurs in test. Otherwise such rows are kept, logged, and counted in the
            task's description.
        folds, fold: replace the splits by fold number `fold` (counted from 0) of a cross-validation with `folds` folds,
            drawn with `seed`; see `cross_validation`. A published test split stays the test split, and published parts
            (BEND's "part1", "part2", …) are used as the folds.
        validation_chromosomes, test_chromosomes: replace the splits by a split on the chromosome in each row's
            name; see `split_by_chromosome`.

    Raises:
        ValueError: unknown suite, task or split; an invalid record; a row count that differs from the published one; a
            file too large to download without naming its split.
        FileNotFoundError: no such folder or file, or the Hub is unreachable and the file is not cached.
    """
    # Imports datasets, which listing tasks does not need.
    from hf_dnalm.data.splits import SplitRule
    from hf_dnalm.suites.load_task import load_published

    rule = SplitRule(folds, fold, tuple(validation_chromosomes), tuple(test_chromosomes))
    if suite == bend.SUITE:
        from hf_dnalm.suites.bend.loading import load_bend

        if revision is not None:
            raise ValueError(
                f"bend is not on the Hub and has no revision {revision!r}; leave out revision=, and pass data_dir=."
            )
        if sequence_length is not None or isinstance(reference, Mapping):
            raise ValueError(
                "BEND tasks have one reference, and their BED file sets the region lengths; pass one FASTA file as "
                "reference=, and leave out sequence_length=."
            )
        return load_bend(
            bend.find_task(task),
            data_dir=data_dir,
            reference=reference,
            streaming=streaming,
            splits=splits,
            seed=seed,
            deduplicate=deduplicate,
            rule=rule,
        )
    suite = published_suite(suite)
    return load_published(
        _find(suite, task),
        data_dir=data_dir,
        reference=reference,
        sequence_length=sequence_length,
        streaming=streaming,
        splits=splits,
        revision=revision,
        seed=seed,
        allow_subset=allow_subset,
        deduplicate=deduplicate,
        rule=rule,
    )


def published_suite(suite: str) -> str:
    """The suite's own name: "plant-genomic-benchmark" for "pgb".

    Raises:
        ValueError: no such suite.
    """
    suite = _SUITE_ALIASES.get(suite, suite)
    if suite not in _SUITES and suite != bend.SUITE:
        known = ", ".join([*_SUITES, *_SUITE_ALIASES, bend.SUITE])
        raise ValueError(f"no benchmark suite {suite!r}; choose one of: {known}.")
    return suite


def _find(suite: str, task: str) -> PublishedTask:
    tasks, aliases = _SUITES[suite]
    name = aliases.get(task, task)
    if name not in tasks:
        close = difflib.get_close_matches(task, [*tasks, *aliases], n=3)
        advice = f"did you mean {' or '.join(close)}?" if close else f"choose one of: {', '.join(tasks)}."
        raise ValueError(f"no task {task!r} in {suite}; {advice}")
    return tasks[name]
