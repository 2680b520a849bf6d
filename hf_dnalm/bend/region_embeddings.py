"""The embeddings of a task's regions, written as shards: chunk by chunk, by one process or by many."""

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

CHUNK_SIZE = 50_000  # samples of a shard, as published
SETTINGS = "embedding.json"
_GROUP_BP = 2**17  # letters embedded at once: half a GB of vectors of 1,024 numbers


class Embedded(NamedTuple):
    """What a call did.

    Attributes:
        folder: `<output>/<task>/<name>`.
        written: shards that were made.
        kept: shards that were there.
        samples: in the shards that were made.
        skipped: samples of theirs that were left out, as the published code does; 0 in the correct mode.
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
    """Write `<output>/<task>/<name>/<split>_<chunk>.tar.gz` for every split and chunk that is not there.

    A shard is there whole or not at all, so a call that was stopped is taken up again by the same call, and calls with
    different `splits`, `chunks` or `rank` may run at the same time.

    Args:
        task: a task, the name of a published one, or the path of a YAML file.
        embedder: one vector for each letter; see `hf_dnalm.bend.embedders`.
        name: of the embedder, for its folder.
        reference: FASTA of the task's assembly.
        data_dir: folder with the task's BED (and HDF5) file, where the task does not name them itself.
        splits: as the BED file calls them; None is all.
        chunks: of each split, counted from 0; None is all.
        chunk_size: samples of a shard.
        rank, ranks: of several processes with the same arguments, which is this, and how many there are: each takes
            its share of the chunks.
        settings: what else says how the vectors were made; a folder holds shards of one setting alone.
        skip_wrong_lengths: leave out a sample whose embedding is not as long as its sequence, as the published code
            does, and count it. Otherwise it is refused.
        progress: called with the number of samples embedded since the last call.

    Raises:
        FileNotFoundError: a file that is not there.
        ValueError: a zero-shot task, an unknown split or chunk, a folder with shards of other settings, an embedding
            of another shape than (L, D), or whatever is refused in the task's files.
    """
    task = find_task(task) if isinstance(task, str) else task
    if task.is_zero_shot:
        raise ValueError(f"{task.name} is zero-shot: variants are embedded and scored at once, nothing is written")
    if chunk_size < 1 or not 0 <= rank < ranks:
        raise ValueError(f"chunk_size is {chunk_size} and rank {rank} of {ranks}; sizes start at 1, ranks at 0")
    if not name or name in (".", "..") or set(name) & set("/\\"):
        raise ValueError(f"the embedder's name is {name!r}; it names a folder, and must be one word without slashes")
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
        logger.warning("%s, %s: %d samples left out: wrong length", task.name, name, skipped)
    return Embedded(folder, written, kept, samples, skipped)


def _work(
    data: BendData, folder: Path, splits: Sequence[str] | None, chunks: Sequence[int] | None, chunk_size: int
) -> list[Shard]:
    """The shards that are asked for; every process makes the same list."""
    work = []
    for split in data.regions.split_names if splits is None else splits:
        count = -(-len(data.regions.rows_of(split)) // chunk_size)
        wanted = range(count) if chunks is None else chunks
        unknown = [chunk for chunk in wanted if not 0 <= chunk < count]
        if unknown:
            raise ValueError(
                f"{data.regions.path}: split {split!r} has no chunk {unknown[0]}; in chunks of {chunk_size:,} it has "
                f"0 to {count - 1}"
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
    """The samples of (number in the split, row of the file), group by group."""
    for group in _groups(data, rows):
        sequences = [sequence for _, _, sequence in group]
        vectors = embeddings_of(embedder, sequences, [data.regions.where(row) for _, row, _ in group])
        for (number, row, sequence), array in zip(group, vectors, strict=True):
            if len(array) != len(sequence):
                message = (
                    f"{data.regions.where(row)}: the embedding has {len(array):,} vectors for {len(sequence):,} bp"
                )
                if not skip_wrong_lengths:
                    raise ValueError(f"{message}; an embedder must give one for each letter")
                logger.info("%s; left out", message)
                continue
            yield Sample(number, array, data.labels[row])
        if progress is not None:
            progress(len(group))


def _groups(data: BendData, rows: list[tuple[int, int]]) -> Iterator[list[tuple[int, int, str]]]:
    """Some rows at a time, with their letters."""
    group: list[tuple[int, int, str]] = []
    held = 0
    for number, row in rows:
        sequence = data.sequence(row)
        if group and held + len(sequence) > _GROUP_BP:
            yield group
            group, held = [], 0
        group.append((number, row, sequence))
        held += len(sequence)
    if group:
        yield group


def _check_settings(folder: Path, settings: dict[str, str]) -> None:
    """Refuse a folder whose shards were made in another way; note how, where it is new."""
    path = folder / SETTINGS
    if not path.is_file():
        # Several processes may do this at once, each with a file of its own and the same content.
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{SETTINGS}.", delete=False) as file:
            json.dump(settings, file, indent=2)
        os.replace(file.name, path)
    refuse_another_run(read_json(path), settings, folder, "Take another name or output folder, or delete this one")
