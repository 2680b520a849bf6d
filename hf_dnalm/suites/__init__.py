"""Published benchmarks as splits of labelled sequences; one file for each suite."""

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
from hf_dnalm.suites.definition import Benchmark, PublishedTask
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
    """Every suite, and for each the tasks by the name that `load_benchmark` takes."""
    suites = {
        suite: {name: published.task for name, published in content.tasks.items()} for suite, content in _SUITES.items()
    }
    return suites | {bend.SUITE: {name: task.as_task() for name, task in bend.TASKS.items()}}


def published_task(suite: str, name: str) -> PublishedTask | None:
    """Where a task's files are and how many rows they have; None for BEND, whose regions are defined apart."""
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
    """The splits of a published task, checked as `read_file` checks, and the task itself.

    Labels of every record are checked against the task. Names may repeat, as they do in published files. Where there
    is no validation file, validation is drawn from the training rows by `seed` (10 %, by class where there are
    classes, equal sequences kept together), unless streaming; the task's description notes it.

    Args:
        suite: "plant-genomic-benchmark" (or "pgb"), "nt-downstream" and "nt-downstream-revised" (two suites that share
            names of tasks and no data), "gue", "gue-plus", "genomic-benchmarks", "plant-multi-species", "gena-lm",
            "long-range", "dnabert-s" or "bend".
        task: as in `benchmark_tasks`; common other spellings are understood.
        data_dir: a local folder in the repo's layout or that of the authors' archive, files plain or .gz, instead of
            the Hub; "bend" has no other place. Splits whose file is not there are left out.
        reference: FASTA of the assembly, for tasks whose files hold coordinates; indexed where it is not. Where
            classes are of different genomes (human or worm), one for each class: `{"human": …, "worm": …}`.
        sequence_length: bp of the windows that long-range tasks cut from it, and to which DNABERT-S cuts its sequences;
            None is what was published.
        streaming: iterable splits that are read record by record, from the Hub (tables are downloaded first) or from
            `data_dir`. Row counts are not checked then.
            `Dataset.from_list(list(splits["train"].take(100_000)))` makes a part of one a Dataset.
        splits: only these, and a drawn validation where none was published. Files of several GB (chromatin training
            data) are downloaded only when named here.
        revision: of the repo; None is the pinned commit, or the main branch where none is pinned; row counts belong
            to that one.
        seed: of a drawn validation split.
        allow_subset: accept a file with another number of rows than was published, and note it in the task.
        deduplicate: leave out training and validation rows whose sequence, or its reverse complement, stands in a split
            that is scored later. Without it such rows are kept, counted in the task's description and logged.
        folds, fold: make the splits anew, as fold number `fold` (counted from 0) of a k-fold cross-validation with
            `folds` folds, drawn by `seed`; see `cross_validation`. A published test split stays the test, and
            published parts ("part1", "part2", … of BEND) are the folds.
        validation_chromosomes, test_chromosomes: make the splits anew by the chromosome in the rows' names; see
            `split_by_chromosome`.

    Raises:
        ValueError: unknown suite, task or split; a record that is refused; a number of rows that differs from the
            published one; a file too large to download unasked.
        FileNotFoundError: no such folder or file, or the Hub cannot be reached.
    """
    # With datasets, which listing tasks does not need.
    from hf_dnalm.data.splits import SplitRule
    from hf_dnalm.suites.labelled_files import load_published

    rule = SplitRule(folds, fold, tuple(validation_chromosomes), tuple(test_chromosomes))
    if suite == bend.SUITE:
        from hf_dnalm.suites.bend.loading import load_bend

        if revision is not None:
            raise ValueError(
                f"bend is not on the Hub and has no revision {revision!r}; the files are those of data_dir."
            )
        if sequence_length is not None or isinstance(reference, Mapping):
            raise ValueError("a task of bend has one reference, and its regions are as long as its BED file says.")
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
        ValueError: there is no such suite.
    """
    suite = _SUITE_ALIASES.get(suite, suite)
    if suite not in _SUITES and suite != bend.SUITE:
        known = ", ".join([*_SUITES, *_SUITE_ALIASES, bend.SUITE])
        raise ValueError(f"no benchmark suite {suite!r}; there are: {known}.")
    return suite


def _find(suite: str, task: str) -> PublishedTask:
    tasks, aliases = _SUITES[suite]
    name = aliases.get(task, task)
    if name not in tasks:
        close = difflib.get_close_matches(task, [*tasks, *aliases], n=3)
        advice = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(tasks)}"
        raise ValueError(f"no task {task!r} in {suite}; {advice}.")
    return tasks[name]
