"""A published task: labelled FASTA files in a dataset repo of the Hub, or the same files in a local folder."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from datasets import Dataset, DatasetDict, Features, IterableDataset, IterableDatasetDict, List, Value
from huggingface_hub import HfFileSystem, hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError

from hf_dnalm.data.benchmarks.definition import Benchmark, PublishedTask
from hf_dnalm.data.compression import open_bytes
from hf_dnalm.data.fasta import fasta_records
from hf_dnalm.data.files import checked_records, dataset_from_records
from hf_dnalm.data.labels import LabelParser
from hf_dnalm.data.splits import split_validation
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
) -> Benchmark:
    """Read a published task; see `load_benchmark` for the arguments."""
    name = published.task.name
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
    revision = revision or published.revision
    if streaming:
        return Benchmark(_stream(published, places, None if data_dir is not None else revision), published.task)
    notes = []
    data = DatasetDict()
    for split, place in places.items():
        path = place if data_dir is not None else _download(published.repo, place, revision)
        data[split] = _read(path, published.task)
        expected = published.rows.get(split) if revision == published.revision else None
        if expected is not None and len(data[split]) != expected:
            if not allow_subset:
                raise ValueError(
                    f"{path}: {len(data[split]):,} records, but {split} of {name} was published with {expected:,}; "
                    f"copy the whole file, or pass allow_subset=True to use what is there"
                )
            notes.append(f"{split} has {len(data[split]):,} of {expected:,} published rows")
    if "train" in data and "validation" not in data and (splits is None or "validation" not in published.files):
        stratify = published.task.problem_type == "single_label_classification"
        drawn = split_validation(data["train"], fraction=VALIDATION_FRACTION, seed=seed, stratify=stratify)
        data = DatasetDict(drawn | {split: rows for split, rows in data.items() if split != "train"})
        notes.append(f"validation is {VALIDATION_FRACTION:.0%} of these train rows, drawn with seed {seed}")
    task = published.task
    if notes:
        task = dataclasses.replace(task, description=f"{task.description} Here: {'; '.join(notes)}.")
    return Benchmark(data, task)


def _local_files(
    published: PublishedTask, folder: Path, wanted: Sequence[str], *, must_have_all: bool
) -> dict[str, str]:
    """Split to path of its file in `folder`, plain or .gz, in the repo's layout."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found = {}
    for split in wanted:
        paths = (folder / published.files[split], folder / f"{published.files[split]}.gz")
        match = next((path for path in paths if path.is_file()), None)
        if match is not None:
            found[split] = str(match)
        elif must_have_all:
            raise FileNotFoundError(f"{folder}: has neither {published.files[split]} nor {published.files[split]}.gz")
    if not found:
        expected = ", ".join(published.files[split] for split in wanted)
        raise FileNotFoundError(f"{folder}: has no file of {published.task.name}; expected {expected} (or .gz)")
    return found


def _download(repo: str, file: str, revision: str) -> str:
    try:
        return hf_hub_download(repo, file, repo_type="dataset", revision=revision)
    except LocalEntryNotFoundError:
        raise FileNotFoundError(
            f"{repo}/{file}: not in the local cache, and the Hub cannot be reached; "
            f"go online, or pass data_dir= with a folder that holds {file}"
        ) from None


def _read(path: str, task: Task) -> Dataset:
    # Names may repeat: published files do that, and rows are matched by number.
    with open_bytes(path) as lines:
        records = fasta_records(lines, path, labelled=True)
        return dataset_from_records(records, source=path, task=task, labels_required=True, unique_names=False)


def _stream(published: PublishedTask, places: Mapping[str, str], revision: str | None) -> IterableDatasetDict:
    """The splits read record by record, again from the start in every epoch; from the Hub when there is a revision."""
    single = Value("float64" if published.task.problem_type == "regression" else "int64")
    several = published.task.problem_type != "single_label_classification" and published.task.num_labels > 1
    features = Features(
        {"name": Value("string"), "sequence": Value("string"), "labels": List(single) if several else single}
    )
    splits = IterableDatasetDict()
    for split, place in places.items():
        where = place if revision is None else f"datasets/{published.repo}@{revision}/{place}"
        rows = partial(_stream_rows, where, revision is not None, published.task)
        splits[split] = IterableDataset.from_generator(rows, features=features)
    return splits


def _stream_rows(where: str, remote: bool, task: Task) -> Iterator[dict[str, object]]:
    parse = LabelParser(task)
    with _open_remote(where) if remote else open_bytes(where) as lines:
        records = fasta_records(lines, where, labelled=True)
        for record in checked_records(records, source=where, labels_required=True, unique_names=False):
            labels = parse(record.label, length_bp=len(record.sequence), where=record.where(where))
            yield {"name": record.name, "sequence": record.sequence, "labels": labels}


def _open_remote(where: str) -> AbstractContextManager[BinaryIO]:
    # The buffer makes reading line by line quick; fsspec's own readline is slow.
    return cast("AbstractContextManager[BinaryIO]", io.BufferedReader(HfFileSystem().open(where, "rb"), 2**20))
