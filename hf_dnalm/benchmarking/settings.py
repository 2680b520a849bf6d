"""What a benchmark compares: tasks by pattern, models by name, and the settings that make a result what it is."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from hf_dnalm.benchmarking.cells import BASELINES
from hf_dnalm.suites import benchmark_tasks, published_suite
from hf_dnalm.tasks import Task

METHODS = ("full", "lora", "ia3", "probe")
# What the runner itself gives to `finetune`.
_TAKEN = ("output_dir", "seed", "method", "resume", "overwrite", "baseline", "merge", "bootstrap", "tokenizer")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which rows of the published files are used.

    Attributes:
        allow_subset, deduplicate: as in `load_benchmark`.
        max_train_rows: more training rows than that are sampled down; None = all.
        max_eval_rows: the same for validation and test.
        sequence_length: bp of the windows that a long-range task cuts from its reference; None = the published one.
        split_seed: of every draw: validation where none was published, folds, samples. It is not the seed of a run.
    """

    allow_subset: bool = False
    deduplicate: bool = False
    max_train_rows: int | None = None
    max_eval_rows: int | None = None
    sequence_length: int | None = None
    split_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("max_train_rows", "max_eval_rows"):
            value = getattr(self, name)
            if value is not None and value < 2:
                raise ValueError(f"{name} is {value}; it must be at least 2")

    def limit(self, splits: Mapping[str, Dataset], task: Task) -> tuple[DatasetDict, Task]:
        """The splits with no more rows than asked for, and the task, which says what was left out."""
        kept, notes = DatasetDict(splits), []
        for name, split in splits.items():
            most = self.max_train_rows if name == "train" else self.max_eval_rows
            if most is not None and len(split) > most:
                # RandomState, whose stream numpy promises never to change
                rows = np.sort(np.random.RandomState(self.split_seed).permutation(len(split))[:most])
                kept[name] = split.select(rows)
                notes.append(f"{most:,} of {len(split):,} {name} rows, drawn with seed {self.split_seed}")
        return kept, task.with_note("; ".join(notes)) if notes else task


def choose_tasks(suites: Sequence[str] = (), patterns: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Suite and name of every task that is meant, in the order of `benchmark_tasks`.

    Args:
        suites: all of each suite's tasks, or those that a pattern names.
        patterns: `suite/name`, or `name` in one of `suites`; `*`, `?` and `[…]` as in a shell, commas between several.

    Raises:
        ValueError: nothing was asked for, no such suite, or a pattern that fits no task.

    >>> choose_tasks(["gue"], ["prom_core_*"])
    [('gue', 'prom_core_all'), ('gue', 'prom_core_notata'), ('gue', 'prom_core_tata')]
    >>> choose_tasks(patterns=["pgb/promoter_strength.leaf", "gue/emp_H3,gue/emp_H4"])
    [('plant-genomic-benchmark', 'promoter_strength.leaf'), ('gue', 'emp_H3'), ('gue', 'emp_H4')]
    """
    known = [(suite, name) for suite, tasks in benchmark_tasks().items() for name in tasks]
    wanted = [published_suite(suite) for suite in suites]
    asked = [each for pattern in patterns for each in pattern.split(",") if each]
    if not asked and not wanted:
        raise ValueError("name tasks (suite/name) or a suite; `dnalm list --tasks` shows all of them")
    if not asked:
        return [each for each in known if each[0] in wanted]
    chosen: set[tuple[str, str]] = set()
    for pattern in asked:
        suite, slash, name = pattern.rpartition("/")
        if slash:
            places = [published_suite(suite)]
        elif wanted:
            places = wanted
        else:
            raise ValueError(f"task {pattern!r}: write suite/name, or name the suite too")
        fitting = {each for each in known if each[0] in places and fnmatch.fnmatchcase(each[1], name)}
        if not fitting:
            close = difflib.get_close_matches(name, [each[1] for each in known if each[0] in places], n=3)
            advice = f"did you mean {' or '.join(close)}?" if close else "`dnalm list --tasks` shows all"
            raise ValueError(f"no task of {', '.join(places)} fits {name!r}; {advice}")
        chosen |= fitting
    return [each for each in known if each in chosen]


def named_models(models: Mapping[str, str] | Sequence[str | Path]) -> dict[str, str]:
    """Name in the tables → folder or Hub id.

    Args:
        models: such a mapping, or a list of `SOURCE` (named by the last part of its path) and `NAME=SOURCE`.

    Raises:
        ValueError: two of one name, or the name of a baseline.

    >>> named_models(["InstaDeepAI/nucleotide-transformer-v2-50m-multi-species", "mine=runs/7/model"])
    {'nucleotide-transformer-v2-50m-multi-species': 'InstaDeepAI/nucleotide-transformer-v2-50m-multi-species', 'mine': 'runs/7/model'}
    """  # noqa: E501
    if isinstance(models, Mapping):
        pairs = [(name, str(source)) for name, source in models.items()]
    else:
        pairs = []
        for each in map(str, models):
            name, equals, source = each.partition("=")
            pairs.append((name, source) if equals else (Path(each).name, each))
    named = dict(pairs)
    if len(named) < len(pairs):
        repeated = next(name for name, _ in pairs if [other for other, _ in pairs].count(name) > 1)
        raise ValueError(f"two models are called {repeated!r}; tell them apart by writing NAME=SOURCE")
    for name in named:
        if not name:
            raise ValueError("a model has an empty name; write NAME=SOURCE")
        if name in BASELINES:
            raise ValueError(f"{name!r} is the name of a baseline; give your model another by writing NAME=SOURCE")
    return named


def check_training(training: Mapping[str, Any]) -> None:
    """Refuse options of `finetune` that the runner gives itself."""
    taken = [name for name in training if name in _TAKEN]
    if taken:
        raise ValueError(f"{', '.join(taken)}: the benchmark sets this itself, cell by cell; leave it out")


def settings_of(
    source: str | None, rows: Rows, *, bootstrap: int, training: Mapping[str, Any], weights: str | None
) -> dict[str, Any]:
    """What makes a result what it is, as plain JSON values: two results with other settings are never mixed.

    Args:
        source: folder or Hub id; None for a baseline, which reads no training options either.
        weights: digest of a local folder's files.
    """
    settings: dict[str, Any] = {**dataclasses.asdict(rows), "bootstrap": bootstrap}
    if source is not None:
        settings |= {"weights": weights} if weights else {"model": source}
        settings |= {"training": dict(training)}
    return json.loads(json.dumps(settings, default=str))


def digest_of_folder(source: str) -> str | None:
    """A digest of the files of a local folder; None for a Hub id, whose commit the report says."""
    folder = Path(source)
    if not folder.is_dir():
        return None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()
