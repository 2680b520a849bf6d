"""Load a published task: its files become checked splits, from a Hub dataset repository or a local folder."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
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

from hf_dnalm.data.fasta import EXTENSIONS as FASTA
from hf_dnalm.data.fasta import fasta_records
from hf_dnalm.data.files import checked_records, dataset_from_records
from hf_dnalm.data.labels import LabelParser
from hf_dnalm.data.leakage import leaks_noted
from hf_dnalm.data.records import Record
from hf_dnalm.data.splits import SplitRule, split_validation
from hf_dnalm.genome import Genome
from hf_dnalm.suites.dataset_files import download, download_all, hub_files, local_files, open_remote
from hf_dnalm.suites.reader_table import READERS
from hf_dnalm.suites.readers import FILE_SPLITS, Request
from hf_dnalm.suites.task_definition import Benchmark, PublishedTask
from hf_dnalm.tasks import Task

logger = logging.getLogger(__name__)

Reference = str | Path | Mapping[str, str | Path] | None  # FASTA of the assembly, or one FASTA per class

VALIDATION_FRACTION = 0.1  # of the training rows, if no validation split was published


def load_published(
    published: PublishedTask,
    *,
    data_dir: str | Path | None = None,
    reference: Reference = None,
    sequence_length: int | None = None,
    streaming: bool = False,
    splits: Sequence[str] | None = None,
    revision: str | None = None,
    seed: int = 0,
    allow_subset: bool = False,
    deduplicate: bool = False,
    rule: SplitRule | None = None,
) -> Benchmark:
    """Load a published task; see `load_benchmark` for the arguments."""
    rule = rule or SplitRule()
    _check_options(published, reference=reference, sequence_length=sequence_length, streaming=streaming, rule=rule)
    if published.folds and not rule.validation_chromosomes:
        published, rule = _with_published_folds(published, rule)
    wanted = _wanted(published, splits)
    if data_dir is not None:
        places = local_files(published, Path(data_dir), wanted, must_have_all=splits is not None)
    else:
        places = hub_files(published, wanted, splits_named=splits is not None or streaming)
    check_counts = revision in (None, published.revision)
    revision = revision or published.revision or "main"
    references = _references(published, reference)
    source = _Source(published, None if data_dir is not None else revision, references, sequence_length)
    if streaming:
        if published.reader == "singles or pairs":
            source = source._replace(published=dataclasses.replace(published, task=source.task_of_columns(places)))
        return Benchmark(_stream(source, places), source.published.task)
    notes: list[str] = []
    task = published.task if not published.classes_in_data else source.task_of_data(places)
    data = DatasetDict()
    for split, paths in places.items():
        data[split] = source.read(split, paths, task, notes)
        expected = published.rows.get(split) if check_counts else None
        if expected is not None and len(data[split]) != expected:
            if not allow_subset:
                raise ValueError(
                    f"{', '.join(paths)}: {len(data[split]):,} records, but {split} of {published.task.name} was "
                    f"published with {expected:,}; copy the complete file, or pass allow_subset=True to use this one."
                )
            notes.append(f"{split} has {len(data[split]):,} of {expected:,} published rows")
    if any("sequence2" in rows.column_names for rows in data.values()):
        task = dataclasses.replace(task, pair=True)
    if rule:
        data = rule.apply(data, seed=seed, stratify=task.stratifies)
        notes.append(rule.note(seed))
    elif "train" in data and "validation" not in data and (splits is None or "validation" not in published.files):
        drawn = split_validation(data["train"], fraction=VALIDATION_FRACTION, seed=seed, stratify=task.stratifies)
        data = DatasetDict(drawn | {split: rows for split, rows in data.items() if split != "train"})
        notes.append(f"validation is {VALIDATION_FRACTION:.0%} of these train rows, drawn with seed {seed}")
    task = task if not notes else task.with_note("; ".join(notes))
    return Benchmark(*leaks_noted(data, task, deduplicate=deduplicate))


def _check_options(
    published: PublishedTask,
    *,
    reference: Reference,
    sequence_length: int | None,
    streaming: bool,
    rule: SplitRule,
) -> None:
    name = published.task.name
    if rule and streaming:
        raise ValueError(f"{name}: folds and splits by chromosome need all rows in memory; leave out streaming=True.")
    if published.classes_in_data and streaming:
        raise ValueError(f"{name}: its label names are read from all rows; leave out streaming=True.")
    if reference is not None and not published.assembly:
        raise ValueError(f"{name}: its files contain sequences, not coordinates; leave out reference=.")
    if sequence_length is not None and published.sequence_length is None:
        raise ValueError(f"{name}: its sequence lengths are fixed; leave out sequence_length=.")


def _wanted(published: PublishedTask, splits: Sequence[str] | None) -> list[str]:
    wanted = list(published.files) if splits is None else list(splits)
    unknown = [split for split in wanted if split not in published.files]
    if unknown:
        raise ValueError(
            f"{published.task.name} has no split {unknown[0]!r}; published are {', '.join(published.files)}"
            + (
                "."
                if "validation" in published.files or "train" not in published.files
                else " (validation is drawn from train)."
            )
        )
    return wanted


def _with_published_folds(published: PublishedTask, rule: SplitRule) -> tuple[PublishedTask, SplitRule]:
    """The task with one published fold as its splits: the last file is test, the one before validation, the rest train.

    Raises:
        ValueError: `folds` differs from the published number, or no such fold.
    """
    count = published.fold_count
    if rule.folds not in (None, count):
        raise ValueError(f"{published.task.name} was published in {count} folds; pass folds={count}.")
    fold = rule.fold or 0
    if not 0 <= fold < count:
        raise ValueError(f"fold is {fold}; with {count} folds it is 0 to {count - 1}.")
    turned = [(number + fold) % count + 1 for number in range(count)]
    parts = {"train": turned[:-2], "validation": turned[-2:-1], "test": turned[-1:]}

    def files(pattern: str) -> dict[str, str]:
        return {split: ",".join(pattern.format(number) for number in numbers) for split, numbers in parts.items()}

    how = f"splits are fold {fold} (counted from 0) of the {count} that were published"
    return (
        dataclasses.replace(
            published,
            files=files(published.folds[0]),
            layouts=tuple(files(pattern) for pattern in published.folds[1:]),
            task=published.task.with_note(how),
        ),
        SplitRule(),
    )


def _references(published: PublishedTask, reference: Reference) -> dict[str, str]:
    """The files of the references by class, "" for that of all classes; from a string also as `class=file,class=file`.

    Raises:
        ValueError: a class that the task does not have, or one reference where classes are of different genomes.
    """
    if reference is None:
        return {}
    names = published.task.label_names
    if isinstance(reference, str) and any(reference.startswith(f"{name}=") for name in names):
        reference = dict(each.split("=", 1) for each in reference.split(",") if "=" in each)
    if not isinstance(reference, Mapping):
        if published.reference_per_class:
            some = ", ".join(f"{name!r}: …" for name in names)
            raise ValueError(
                f"{published.task.name}: its classes are of different genomes ({published.assembly}); pass reference="
                f"{{{some}}}, or on the command line --reference {','.join(f'{name}=FILE' for name in names)}."
            )
        return {"": str(reference)}
    unknown = [name for name in reference if name not in names]
    if unknown:
        raise ValueError(f"{published.task.name} has no class {unknown[0]!r}; the classes are {', '.join(names)}.")
    return {name: str(path) for name, path in reference.items()}


class _Source(NamedTuple):
    """Where a task's files are read from, and with which reference.

    Attributes:
        revision: commit or branch on the Hub; None for local files.
        references: FASTA files by class, "" for all classes.
    """

    published: PublishedTask
    revision: str | None
    references: Mapping[str, str]
    sequence_length: int | None

    def local(self, place: str, split: str) -> str:
        """The local path of a file; downloads it, and the files it needs next to it, if it is on the Hub."""
        if self.revision is None:
            return place
        published = self.published
        path = download(published.repo, place, self.revision)
        others = [pattern.format(split=FILE_SPLITS.get(split, split)) for pattern in published.beside]
        if others:
            download_all(published.repo, others, self.revision)
        return path

    def records(self, path: str, split: str, notes: list[str]) -> Iterator[Record]:
        """The unchecked, labelled records of a file or a folder."""
        with ExitStack() as stack:
            genomes = {name: stack.enter_context(Genome(file)) for name, file in self.references.items()}
            request = Request(split, genomes, self.sequence_length, notes)
            yield from READERS[self.published.reader](path, self.published, request)

    def read(self, split: str, paths: Sequence[str], task: Task, notes: list[str]) -> Dataset:
        parts = []
        for place in paths:
            path = self.local(place, split)
            # Names may repeat, as they do in published files; rows are matched by number.
            parts.append(
                dataset_from_records(
                    _some(
                        self.records(path, split, notes),
                        f"{path}: no record of {split} is left; check the file and the options.",
                    ),
                    source=path,
                    task=task,
                    labels_required=True,
                    unique_names=False,
                )
            )
        return parts[0] if len(parts) == 1 else concatenate_datasets(parts)

    def task_of_columns(self, places: Mapping[str, Sequence[str]]) -> Task:
        """The task; it is a task of pairs if the first record is a pair."""
        split, paths = next(iter(places.items()))
        first = next(self.records(self.local(paths[0], split), split, []))
        return dataclasses.replace(self.published.task, pair=first.sequence2 is not None)

    def task_of_data(self, places: Mapping[str, Sequence[str]]) -> Task:
        """The task with the label names found in the files, sorted so that every machine gets the same order."""
        found = {
            str(record.label)
            for split, paths in places.items()
            for place in paths
            for record in self.records(self.local(place, split), split, [])
        }
        return dataclasses.replace(self.published.task, label_names=tuple(sorted(found)))


def _some(records: Iterator[Record], message: str) -> Iterator[Record]:
    """The records; an error if there are none."""
    first = next(records, None)
    if first is None:
        raise ValueError(message)
    yield first
    yield from records


def _stream(source: _Source, places: Mapping[str, Sequence[str]]) -> IterableDatasetDict:
    """The splits as iterables that restart in every epoch; read from the Hub if the source has a revision."""
    task = source.published.task
    kind = Value("float64" if task.problem_type == "regression" else "int64")
    several = task.problem_type != "single_label_classification" and task.num_labels > 1
    label = List(kind) if several or task.problem_type == "multi_label_classification" else kind
    columns = {"name": Value("string"), "sequence": Value("string")}
    columns |= {"sequence2": Value("string")} if task.pair else {}
    features = Features(columns | {"labels": label if task.level == "sequence" else List(label)})
    splits = IterableDatasetDict()
    for split, paths in places.items():
        splits[split] = IterableDataset.from_generator(partial(_stream_rows, source, split, paths), features=features)
    return splits


def _stream_rows(source: _Source, split: str, places: Sequence[str]) -> Iterator[dict[str, object]]:
    """The checked rows of a split. FASTA on the Hub is streamed; other files are downloaded first."""
    published, revision = source.published, source.revision
    for place in places:
        if revision is not None and place.endswith(FASTA):
            where = f"datasets/{published.repo}@{revision}/{place}"
            with open_remote(where) as lines:
                yield from _rows(fasta_records(lines, where, labelled=True), where, published.task)
            continue
        path = source.local(place, split)
        notes: list[str] = []
        yield from _rows(source.records(path, split, notes), path, published.task)
        for note in notes:
            logger.warning("%s: %s", published.task.name, note)


def _rows(records: Iterable[Record], source: str, task: Task) -> Iterator[dict[str, object]]:
    parse = LabelParser(task)
    for record in checked_records(records, source=source, labels_required=True, unique_names=False):
        labels = parse(record.label, length_bp=len(record.sequence), where=record.where(source))
        second = {} if record.sequence2 is None else {"sequence2": record.sequence2}
        listed = labels.tolist() if isinstance(labels, np.ndarray) else labels
        yield {"name": record.name, "sequence": record.sequence, **second, "labels": listed}
