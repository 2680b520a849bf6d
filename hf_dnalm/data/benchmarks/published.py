"""A published task: labelled files in a dataset repo of the Hub, or the same files in a local folder."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from datasets import DatasetDict, Features, IterableDataset, IterableDatasetDict, List, Value
from huggingface_hub import HfFileSystem, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from hf_dnalm.data.benchmarks.definition import Benchmark, PublishedTask
from hf_dnalm.data.fasta import EXTENSIONS as FASTA
from hf_dnalm.data.fasta import fasta_records
from hf_dnalm.data.files import checked_records, dataset_from_records, file_records
from hf_dnalm.data.labels import LabelParser
from hf_dnalm.data.leakage import leaks_noted
from hf_dnalm.data.records import Record
from hf_dnalm.data.splits import SplitRule, split_validation
from hf_dnalm.tasks import Task

VALIDATION_FRACTION = 0.1  # of the training rows, where the Hub has no validation split


def load_published(
    published: PublishedTask,
    *,
    data_dir: str | Path | None = None,
    streaming: bool = False,
    splits: Sequence[str] | None = None,
    revision: str | None = None,
    seed: int = 0,
    allow_subset: bool = False,
    deduplicate: bool = False,
    rule: SplitRule,
) -> Benchmark:
    """Read a published task; see `load_benchmark` for the arguments."""
    name = published.task.name
    if rule and streaming:
        raise ValueError(f"{name}: folds and splits by chromosome need all rows at hand; leave out streaming=True")
    wanted = list(published.files) if splits is None else list(splits)
    unknown = [split for split in wanted if split not in published.files]
    if unknown:
        raise ValueError(
            f"{name} has no split {unknown[0]!r}; published are {', '.join(published.files)}"
            + ("" if "validation" in published.files else " (validation is drawn from train)")
        )
    if data_dir is not None:
        places = _local_files(published, Path(data_dir), wanted, must_have_all=splits is not None)
    else:
        too_big = [split for split in wanted if split in published.large]
        if too_big and splits is None and not streaming:
            split = too_big[0]
            rest = tuple(split for split in wanted if split not in published.large)
            raise ValueError(
                f"{name}: {split} is {published.large[split]} GB and is not downloaded unasked. Pass streaming=True, "
                f"splits={rest} to leave it out, splits={tuple(wanted)} to download it, or data_dir= with the files"
            )
        places = {split: published.files[split] for split in wanted}
    held_to_counts = revision in (None, published.revision)
    revision = revision or published.revision or "main"
    if streaming:
        return Benchmark(_stream(published, places, None if data_dir is not None else revision), published.task)
    notes = []
    data = DatasetDict()
    for split, place in places.items():
        path = place if data_dir is not None else _download(published.repo, place, revision)
        # Names may repeat: published files do that, and rows are matched by number.
        data[split] = dataset_from_records(
            _records(path, published), source=path, task=published.task, labels_required=True, unique_names=False
        )
        expected = published.rows.get(split) if held_to_counts else None
        if expected is not None and len(data[split]) != expected:
            if not allow_subset:
                raise ValueError(
                    f"{path}: {len(data[split]):,} records, but {split} of {name} was published with {expected:,}; "
                    f"copy the whole file, or pass allow_subset=True to use what is there"
                )
            notes.append(f"{split} has {len(data[split]):,} of {expected:,} published rows")
    stratify = published.task.stratifies
    if rule:
        data = rule.apply(data, seed=seed, stratify=stratify)
        notes.append(rule.note(seed))
    elif "train" in data and "validation" not in data and (splits is None or "validation" not in published.files):
        drawn = split_validation(data["train"], fraction=VALIDATION_FRACTION, seed=seed, stratify=stratify)
        data = DatasetDict(drawn | {split: rows for split, rows in data.items() if split != "train"})
        notes.append(f"validation is {VALIDATION_FRACTION:.0%} of these train rows, drawn with seed {seed}")
    task = published.task if not notes else published.task.with_note("; ".join(notes))
    return Benchmark(*leaks_noted(data, task, deduplicate=deduplicate))


def _local_files(
    published: PublishedTask, folder: Path, wanted: Sequence[str], *, must_have_all: bool
) -> dict[str, str]:
    """Split to path of its file in `folder`, plain or .gz, in the first layout that has one."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found: dict[str, str] = {}
    for layout in (published.files, *published.layouts):
        for split in wanted:
            paths = [] if split not in layout else _matches(folder, layout[split])
            if paths:
                found[split] = str(paths[0])
        if found:
            break
    missing = [split for split in wanted if split not in found]
    if found and missing and must_have_all:
        raise FileNotFoundError(f"{folder}: has neither {layout[missing[0]]} nor {layout[missing[0]]}.gz")
    if not found:
        expected = ", ".join(published.files[split] for split in wanted)
        others = "".join(f", or {next(iter(layout.values()))} and so on" for layout in published.layouts)
        raise FileNotFoundError(f"{folder}: has no file of {published.task.name}; expected {expected} (or .gz){others}")
    return {split: found[split] for split in wanted if split in found}


def _matches(folder: Path, path: str) -> list[Path]:
    """What lies at a layout's path, sorted: files, plain or .gz, or the folder that it names."""
    if path.endswith("/"):
        return [folder / path] if (folder / path).is_dir() else []
    return sorted(match for pattern in (path, f"{path}.gz") for match in folder.glob(pattern) if match.is_file())


def _download(repo: str, file: str, revision: str) -> str:
    try:
        if "*" in file:
            file = _only_match(repo, file, revision)
        return hf_hub_download(repo, file, repo_type="dataset", revision=revision)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        raise FileNotFoundError(
            f"{repo}/{file}: not in the local cache, and the Hub cannot be reached; "
            f"go online, or pass data_dir= with a folder that holds {file}"
        ) from None


def _only_match(repo: str, pattern: str, revision: str) -> str:
    """The one file of a repo whose path fits.

    Raises:
        ValueError: none or several do.
    """
    base = f"datasets/{repo}@{revision}/"
    matches = sorted(HfFileSystem().glob(base + pattern))
    if len(matches) != 1:
        raise ValueError(f"{repo} @ {revision}: {len(matches)} files fit {pattern}, where one is expected")
    return str(matches[0]).split("/", 3)[3]  # datasets/owner/name@revision/path


def _records(path: str, published: PublishedTask) -> Iterator[Record]:
    """The unchecked, labelled records of a file or a folder of classes."""
    if Path(path).is_dir():
        return class_folder_records(path, published.task)
    return file_records(path, header_labels=True, sequence_column=published.sequence_column)


def class_folder_records(path: str, task: Task) -> Iterator[Record]:
    """One text file for each sequence, in a folder for each class; classes in the order of their label names.

    Raises:
        FileNotFoundError: a class has no folder.
    """
    number = 0
    for label, name in enumerate(task.label_names):
        folder = Path(path, name)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; {path} needs one for each of {task.label_names}")
        for file in sorted(folder.glob("*.txt"), key=lambda file: (len(file.stem), file.stem)):  # 2 before 10
            number += 1
            yield Record(number, f"{name}/{file.stem}", file.read_text(encoding="utf-8"), str(label))


def _stream(published: PublishedTask, places: Mapping[str, str], revision: str | None) -> IterableDatasetDict:
    """The splits read record by record, again from the start in every epoch; from the Hub when there is a revision."""
    single = Value("float64" if published.task.problem_type == "regression" else "int64")
    several = published.task.problem_type != "single_label_classification" and published.task.num_labels > 1
    features = Features(
        {"name": Value("string"), "sequence": Value("string"), "labels": List(single) if several else single}
    )
    splits = IterableDatasetDict()
    for split, place in places.items():
        rows = partial(_stream_rows, place, revision, published)
        splits[split] = IterableDataset.from_generator(rows, features=features)
    return splits


def _stream_rows(place: str, revision: str | None, published: PublishedTask) -> Iterator[dict[str, object]]:
    """The checked rows of a file in a folder, or at a revision on the Hub: FASTA as it comes, tables downloaded."""
    if revision is None or not place.endswith(FASTA):
        path = place if revision is None else _download(published.repo, place, revision)
        yield from _rows(_records(path, published), path, published.task)
        return
    where = f"datasets/{published.repo}@{revision}/{place}"
    with _open_remote(where) as lines:
        yield from _rows(fasta_records(lines, where, labelled=True), where, published.task)


def _rows(records: Iterable[Record], source: str, task: Task) -> Iterator[dict[str, object]]:
    parse = LabelParser(task)
    for record in checked_records(records, source=source, labels_required=True, unique_names=False):
        labels = parse(record.label, length_bp=len(record.sequence), where=record.where(source))
        yield {"name": record.name, "sequence": record.sequence, "labels": labels}


def _open_remote(where: str) -> AbstractContextManager[BinaryIO]:
    # The buffer makes reading line by line quick; fsspec's own readline is slow.
    return cast("AbstractContextManager[BinaryIO]", io.BufferedReader(HfFileSystem().open(where, "rb"), 2**20))
