"""Embed the regions of a task and write them as shards, chunk by chunk, with one process or several."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hf_dnalm.bend.embedders import BatchEmbedder, Embedder, embeddings_of
from hf_dnalm.bend.shards import Sample, Shard, shard_path, write_shard
from hf_dnalm.damage import read_json
from hf_dnalm.outputs import claimed
from hf_dnalm.same_run import refuse_another_run
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import find_task
from hf_dnalm.suites.bend.reading import BendData

logger = logging.getLogger(__name__)

CHUNK_SIZE = 50_000  # samples in a shard, as published
SETTINGS = "embedding.json"
_GROUP_BP = 2**17  # bases embedded at once: half a GB of float32 vectors of size 1,024


class Embedded(NamedTuple):
    """The result of `embed_task`.

    Attributes:
        folder: `<output>/<task>/<name>`.
        written: shards that this call wrote.
        kept: shards that already existed.
        samples: number of samples in the written shards.
        skipped: number of samples left out of the written shards, as in the published code; 0 in the correct mode.
    """

    folder: Path
    written: list[Shard]
    kept: list[Shard]
    samples: int
    skipped: int


def embed_task(
    task: BendTask | str,
    embedder: Embedder | BatchEmbedder,
    output: str | os.PathLike[str],
    *,
    name: str,
    reference: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    splits: Sequence[str] | None = None,
    chunks: Sequence[int] | None = None,
    chunk_size: int = CHUNK_SIZE,
    rank: int = 0,
    ranks: int = 1,
    settings: dict[str, str] | None = None,
    skip_wrong_lengths: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Embedded:
    """Write the missing shards `<output>/<task>/<name>/<split>_<chunk>.tar.gz` of a task.

    A shard is written completely or not at all. To continue an interrupted call, repeat it. Calls with different
    `splits`, `chunks` or `rank` may run at the same time.

    Args:
        task: a task, the name of a published task, or the path of a YAML file.
        embedder: makes one vector for each nucleotide; see `hf_dnalm.bend.embedders`.
        name: name of the embedder, which becomes the name of its folder.
        reference: FASTA of the task's genome assembly.
        data_dir: folder with the task's BED (and HDF5) file, if the task does not name the files itself.
        splits: names in the split column of the BED file; None: all.
        chunks: numbers of the chunks of each split, counted from 0; None: all.
        chunk_size: samples in a shard.
        rank, ranks: number of this process, from 0, and number of processes with the same arguments. Each process
            embeds its share of the chunks.
        settings: further settings that the vectors depend on. A folder has shards of one setting only.
        skip_wrong_lengths: leave out and count samples whose embedding is not as long as the sequence, as the published
            code does. If False, such a sample is an error.
        progress: called with the number of samples embedded since the last call.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the task is zero-shot, a split or chunk does not exist, the folder has shards of other settings, an
            embedding does not have shape (L, D), or the task's files are invalid.
    """
    task = find_task(task) if isinstance(task, str) else task
    if task.is_zero_shot:
        raise ValueError(f"task {task.name!r} is zero-shot and has no embeddings. Score it with dnalm bend zero-shot.")
    if chunk_size < 1 or not 0 <= rank < ranks:
        raise ValueError(
            f"chunk_size is {chunk_size} and rank is {rank} of {ranks}; chunk_size must be at least 1, and rank from 0 "
            "to ranks - 1."
        )
    if not name or name in (".", "..") or set(name) & set("/\\"):
        raise ValueError(f"the embedder's name is {name!r}; it must be a folder name without slashes.")
    with BendData(task, data_dir, reference) as data:
        folder = Path(output) / task.name / name
        work = _work(data, folder, splits, chunks, chunk_size)[rank::ranks]
        folder.mkdir(parents=True, exist_ok=True)
        _check_settings(folder, {"chunk_size": str(chunk_size), "data": data.digest()} | (settings or {}))
        written, kept, samples, skipped = [], [], 0, 0
        for shard in work:
            if shard.path.is_file():
                kept.append(shard)
                continue
            rows = list(enumerate(data.regions.rows_of(shard.split)))
            rows = rows[shard.chunk * chunk_size : (shard.chunk + 1) * chunk_size]
            with claimed(shard.path):
                count = write_shard(shard.path, _samples(data, rows, embedder, skip_wrong_lengths, progress))
            written.append(shard)
            samples += count
            skipped += len(rows) - count
    if skipped:
        logger.warning("%s, %s: left out %d samples whose embedding has another length", task.name, name, skipped)
    return Embedded(folder, written, kept, samples, skipped)


def _work(
    data: BendData, folder: Path, splits: Sequence[str] | None, chunks: Sequence[int] | None, chunk_size: int
) -> list[Shard]:
    """The requested shards; the list is the same in every process."""
    work = []
    for split in data.regions.split_names if splits is None else splits:
        count = -(-len(data.regions.rows_of(split)) // chunk_size)
        wanted = range(count) if chunks is None else chunks
        unknown = [chunk for chunk in wanted if not 0 <= chunk < count]
        if unknown:
            raise ValueError(
                f"{data.regions.path}: split {split!r} has no chunk {unknown[0]}; with {chunk_size:,} samples in a "
                f"chunk, it has chunks 0 to {count - 1}. Choose one of these."
            )
        work += [Shard(shard_path(folder, split, chunk), split, chunk) for chunk in wanted]
    return work


def _samples(
    data: BendData,
    rows: list[tuple[int, int]],
    embedder: Embedder | BatchEmbedder,
    skip_wrong_lengths: bool,
    progress: Callable[[int], object] | None,
) -> Iterator[Sample]:
    """Embed the rows, given as (number in the split, row of the file), group by group."""
    for group in _groups(data, rows):
        sequences = [sequence for _, _, sequence in group]
        vectors = embeddings_of(embedder, sequences, [data.regions.where(row) for _, row, _ in group])
        for (number, row, sequence), array in zip(group, vectors, strict=True):
            if len(array) != len(sequence):
                message = (
                    f"{data.regions.where(row)}: the embedding has {len(array):,} vectors for {len(sequence):,} bp"
                )
                if not skip_wrong_lengths:
                    raise ValueError(f"{message}. An embedder must return one vector for each letter.")
                logger.info("%s; left out", message)
                continue
            yield Sample(number, array, data.labels[row])
        if progress is not None:
            progress(len(group))


def _groups(data: BendData, rows: list[tuple[int, int]]) -> Iterator[list[tuple[int, int, str]]]:
    """Groups of rows with their sequences, of at most `_GROUP_BP` bases (or one row)."""
    group: list[tuple[int, int, str]] = []
    group_bp = 0
    for number, row in rows:
        sequence = data.sequence(row)
        if group and group_bp + len(sequence) > _GROUP_BP:
            yield group
            group, group_bp = [], 0
        group.append((number, row, sequence))
        group_bp += len(sequence)
    if group:
        yield group


def _check_settings(folder: Path, settings: dict[str, str]) -> None:
    """Write the settings into a new folder; refuse a folder whose shards have other settings."""
    path = folder / SETTINGS
    if not path.is_file():
        # Several processes may do this at the same time, each with its own temporary file of the same content.
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{SETTINGS}.", delete=False) as file:
            json.dump(settings, file, indent=2)
        os.replace(file.name, path)
    refuse_another_run(read_json(path), settings, folder, "Choose another name or output folder, or delete this one")
