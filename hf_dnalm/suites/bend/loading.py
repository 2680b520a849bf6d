"""A task of BEND as splits of labelled sequences, as other suites are loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial

import pyarrow as pa
from datasets import (
    Dataset,
    DatasetDict,
    Features,
    IterableDataset,
    IterableDatasetDict,
    List,
    Value,
    concatenate_datasets,
)

from hf_dnalm.data.files import dataset_in_memory
from hf_dnalm.data.leakage import leaks_noted
from hf_dnalm.data.splits import SplitRule
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.reading import BendData
from hf_dnalm.suites.task_definition import Benchmark

_SPLITS = {"valid": "validation"}  # the files' word, and ours


def load_bend(
    task: BendTask,
    *,
    data_dir: str | os.PathLike[str] | None,
    reference: str | os.PathLike[str] | None,
    streaming: bool = False,
    splits: Sequence[str] | None = None,
    seed: int = 0,
    deduplicate: bool = False,
    rule: SplitRule | None = None,
) -> Benchmark:
    """The splits of a task: `name` (1-based place), `sequence`, `labels`, and of variants `sequence2`.

    Labels are a list of 0 and 1 (tracks), a list of classes (nucleotides) or of 0 and 1 (bins), or a class.
    `sequence2` is the sequence with the variant's letter. See `load_benchmark` for the arguments.

    Raises:
        FileNotFoundError: no such folder or file.
        ValueError: neither folder nor reference, an unknown split, or whatever is refused in the files.
    """
    if data_dir is None and task.bed is None:
        raise ValueError(
            f"{task.name} is not on the Hub: pass data_dir=, a folder with {task.name}/{task.name}.bed of the "
            "authors' archive (docs/bend.md says where it is)."
        )
    if reference is None:
        raise ValueError(
            f"{task.name} is coordinates: pass reference=, a FASTA file of {task.assembly or 'its genome'}."
        )
    with BendData(task, data_dir, reference) as data:
        there = {_SPLITS.get(split, split): split for split in data.regions.split_names}
    wanted = list(there) if splits is None else [_SPLITS.get(split, split) for split in splits]
    unknown = [split for split in wanted if split not in there]
    if unknown:
        raise ValueError(f"{data.regions.path}: no split {unknown[0]!r}; there are: {', '.join(there)}.")

    features = _features(task)
    if streaming:
        if rule:
            raise ValueError(f"{task.name}: folds and splits by chromosome need all rows; leave out streaming=True.")
        streams = {
            split: IterableDataset.from_generator(
                partial(_rows, task, data_dir, reference, there[split]), features=features
            )
            for split in wanted
        }
        return Benchmark(IterableDatasetDict(streams), task.as_task())
    loaded = DatasetDict(
        {split: _in_memory(_rows(task, data_dir, reference, there[split]), features) for split in wanted}
    )
    described = task.as_task()
    if rule and rule.folds is not None and task.cross_validation:
        loaded = _published_fold(loaded, rule, task.name)
        described = described.with_note(f"splits are fold {rule.fold} (counted from 0) of the {rule.folds} parts")
    elif rule:
        loaded = rule.apply(loaded, seed=seed, stratify=described.stratifies)
        described = described.with_note(rule.note(seed))
    return Benchmark(*leaks_noted(loaded, described, deduplicate=deduplicate))


def _published_fold(parts: DatasetDict, rule: SplitRule, name: str) -> DatasetDict:
    """One part is the test, the next one (after the last, the first) the validation; the rest trains."""
    order = sorted(parts, key=lambda part: (len(part), part))  # part2 before part10
    if rule.folds != len(order) or rule.fold is None or not 0 <= rule.fold < len(order):
        raise ValueError(
            f"{name} is published in {len(order)} parts, which are its folds: folds is {len(order)} and fold 0 to "
            f"{len(order) - 1}, not folds={rule.folds} and fold={rule.fold}."
        )
    if len(order) < 3:
        raise ValueError(f"{name}: {len(order)} parts are too few; one tests, one validates and the rest trains.")
    test, validation = order[rule.fold], order[(rule.fold + 1) % len(order)]
    train = [parts[part] for part in order if part not in (test, validation)]
    return DatasetDict(train=concatenate_datasets(train), validation=parts[validation], test=parts[test])


def _rows(
    task: BendTask, data_dir: str | os.PathLike[str] | None, reference: str | os.PathLike[str], split: str
) -> Iterator[dict[str, object]]:
    with BendData(task, data_dir, reference) as data:
        for row in data.regions.rows_of(split):
            interval = data.regions.intervals[row]
            region = data[row]
            record = {
                "name": f"{interval.contig}:{interval.start + 1}-{interval.end}",
                "sequence": region.sequence,
                "labels": region.labels.tolist(),
            }
            yield record | ({"sequence2": data.alternative(row)} if task.is_zero_shot else {})


def _features(task: BendTask) -> Features:
    one = Value("int64")
    labels: object = one if task.is_zero_shot else List(one)
    if task.level == "sequence" and task.loss == "cross_entropy":
        labels = one
    if task.level == "bin" and task.outputs > 1 and task.loss == "binary_cross_entropy":
        labels = List(List(one))
    columns = {"name": Value("string"), "sequence": Value("string"), "labels": labels}
    return Features(columns | ({"sequence2": Value("string")} if task.is_zero_shot else {}))


def _in_memory(rows: Iterator[dict[str, object]], features: Features) -> Dataset:
    """The rows as a Dataset; they move to Arrow memory some thousand at a time."""
    schema = features.arrow_schema
    parts: list[pa.RecordBatch] = []
    waiting: list[dict[str, object]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == 1000:
            parts.append(pa.RecordBatch.from_pylist(waiting, schema=schema))
            waiting = []
    if waiting:
        parts.append(pa.RecordBatch.from_pylist(waiting, schema=schema))
    return dataset_in_memory(pa.Table.from_batches(parts, schema=schema), features)
