"""The inputs of a benchmark: tasks by pattern, models by name, and the settings that a result depends on."""

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
# Arguments of `finetune` that the benchmark sets itself.
_RESERVED = ("output_dir", "seed", "method", "resume", "overwrite", "baseline", "merge", "bootstrap", "tokenizer")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which rows of the published files are used.

    Attributes:
        allow_subset, deduplicate: as in `load_benchmark`.
        max_train_rows: a larger training split is sampled down to this number of rows; None: all rows.
        max_eval_rows: the same for validation and test.
        sequence_length: length in bp of the windows that a long-range task cuts from its reference; None: as published.
        split_seed: of validation splits that were not published, folds and samples. The seed of a run is another one.
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
                raise ValueError(f"{name} is {value}; it must be at least 2.")

    def limit(self, splits: Mapping[str, Dataset], task: Task) -> tuple[DatasetDict, Task]:
        """Sample the splits down to the requested number of rows, and note it in the task."""
        kept, notes = DatasetDict(splits), []
        for name, split in splits.items():
            most = self.max_train_rows if name == "train" else self.max_eval_rows
            if most is not None and len(split) > most:
                # numpy guarantees that the stream of RandomState never changes
                rows = np.sort(np.random.RandomState(self.split_seed).permutation(len(split))[:most])
                kept[name] = split.select(rows)
                notes.append(f"{most:,} of {len(split):,} {name} rows, drawn with seed {self.split_seed}")
        return kept, task.with_note("; ".join(notes)) if notes else task


def choose_tasks(suites: Sequence[str] = (), patterns: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Suite and name of every selected task, in the order of `benchmark_tasks`.

    Args:
        suites: names of suites. Without patterns, all their tasks are selected.
        patterns: `suite/name`, or `name` for tasks in `suites`; `*`, `?` and `[…]` as in a shell, several separated by
            commas.

    Raises:
        ValueError: nothing is requested, a suite does not exist, or a pattern matches no task.

    >>> choose_tasks(["gue"], ["prom_core_*"])
    [('gue', 'prom_core_all'), ('gue', 'prom_core_notata'), ('gue', 'prom_core_tata')]
    >>> choose_tasks(patterns=["pgb/promoter_strength.leaf", "gue/emp_H3,gue/emp_H4"])
    [('plant-genomic-benchmark', 'promoter_strength.leaf'), ('gue', 'emp_H3'), ('gue', 'emp_H4')]
    """
    known = [(suite, name) for suite, tasks in benchmark_tasks().items() for name in tasks]
    wanted = [published_suite(suite) for suite in suites]
    requested = [each for pattern in patterns for each in pattern.split(",") if each]
    if not requested and not wanted:
        raise ValueError("no tasks are requested. Name tasks (suite/name) or suites from `dnalm list --tasks`.")
    if not requested:
        return [each for each in known if each[0] in wanted]
    chosen: set[tuple[str, str]] = set()
    for pattern in requested:
        suite, slash, name = pattern.rpartition("/")
        if slash:
            places = [published_suite(suite)]
        elif wanted:
            places = wanted
        else:
            raise ValueError(f"task {pattern!r} has no suite. Write suite/name, or name the suite too.")
        fitting = {each for each in known if each[0] in places and fnmatch.fnmatchcase(each[1], name)}
        if not fitting:
            close = difflib.get_close_matches(name, [each[1] for each in known if each[0] in places], n=3)
            advice = f"Did you mean {' or '.join(close)}?" if close else "`dnalm list --tasks` lists all tasks."
            raise ValueError(f"no task of {', '.join(places)} matches {name!r}. {advice}")
        chosen |= fitting
    return [each for each in known if each in chosen]


def named_models(models: Mapping[str, str] | Sequence[str | Path]) -> dict[str, str]:
    """Models as a mapping from their name in the tables to their folder or Hub id.

    Args:
        models: such a mapping, or a list of `NAME=SOURCE` and `SOURCE`. The name of a `SOURCE` is the last part of its
            path.

    Raises:
        ValueError: two models have the same name, a name is empty, or it is the name of a baseline.

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
        raise ValueError(f"two models have the name {repeated!r}. Give them different names with NAME=SOURCE.")
    for name in named:
        if not name:
            raise ValueError("a model has an empty name. Give it one with NAME=SOURCE.")
        if name in BASELINES:
            raise ValueError(f"{name!r} is the name of a baseline. Give your model another name with NAME=SOURCE.")
    return named


def check_training(training: Mapping[str, Any]) -> None:
    """Refuse options of `finetune` that the benchmark sets itself."""
    reserved = [name for name in training if name in _RESERVED]
    if reserved:
        raise ValueError(f"the benchmark sets {', '.join(reserved)} itself for each result. Leave it out.")


def settings_of(
    source: str | None, rows: Rows, *, bootstrap: int, training: Mapping[str, Any], weights: str | None
) -> dict[str, Any]:
    """The settings that a result depends on, as plain JSON values; a result with other settings is refused.

    Args:
        source: folder or Hub id; None for a baseline, which does not use the training options.
        weights: digest of a local folder's files; None for a Hub id.
    """
    settings: dict[str, Any] = {**dataclasses.asdict(rows), "bootstrap": bootstrap}
    if source is not None:
        settings |= {"weights": weights} if weights else {"model": source}
        settings |= {"training": dict(training)}
    return json.loads(json.dumps(settings, default=str))


def digest_of_folder(source: str) -> str | None:
    """A digest of the files of a local folder; None for a Hub id, whose commit is in the report."""
    folder = Path(source)
    if not folder.is_dir():
        return None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()
