"""The samples of a task as padded batches: embeddings streamed from shards, or bases read from the genome."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from hf_dnalm.bend.embedders import letter_codes
from hf_dnalm.bend.folds import Part
from hf_dnalm.bend.region_embeddings import SETTINGS
from hf_dnalm.bend.shards import Sample, find_shards, read_shards
from hf_dnalm.suites.bend.definition import PADDING, BendTask
from hf_dnalm.suites.bend.reading import BendData


class Batch(NamedTuple):
    """Samples padded on the right to the length of the longest.

    Attributes:
        inputs: (b, n, D) float32 vectors, 0 in the padding; or (b, n) int64 codes of bases, -100 in the padding.
        real: (b, n) bool, False in the padding.
        labels: (b, places) int64 classes or (b, places, outputs) zeros and ones, -100 in the padding.
    """

    inputs: torch.Tensor
    real: torch.Tensor
    labels: torch.Tensor


class Source(Protocol):
    """Where samples come from."""

    @property
    def parts(self) -> list[Part]:
        """All parts of the data, by split and chunk."""
        ...

    @property
    def identity(self) -> dict[str, Any]:
        """Plain JSON values that identify the data."""
        ...

    def read(self, part: Part) -> Iterator[Sample]:
        """Read the samples of a part, in the order of the file."""
        ...


class ShardSource:
    """Samples from a folder of shards.

    Raises:
        FileNotFoundError: the folder does not exist or has no shard.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.parts = [Part(shard.split, shard.chunk, shard.path) for shard in find_shards(folder)]
        sizes = {part.path.name: part.path.stat().st_size for part in self.parts if part.path is not None}
        self.identity: dict[str, Any] = {"embeddings": Path(folder).resolve().name, "bytes_of_shards": sizes}
        if (made := Path(folder) / SETTINGS).is_file():
            self.identity["made_by"] = json.loads(made.read_text(encoding="utf-8"))

    def read(self, part: Part) -> Iterator[Sample]:
        """Read the samples of a shard."""
        assert part.path is not None
        return read_shards([part.path])


class LetterSource:
    """Samples whose inputs are the bases of a task's regions, as codes: A C G N T are 0 to 4.

    Raises:
        ValueError, FileNotFoundError: as `BendData`.
    """

    def __init__(
        self, task: BendTask, data_dir: str | os.PathLike[str] | None, reference: str | os.PathLike[str]
    ) -> None:
        self._data = BendData(task, data_dir, reference)
        regions = self._data.regions
        self.parts = [Part(split) for split in regions.split_names]
        self.identity: dict[str, Any] = {
            "reference": os.path.basename(reference),
            "bytes_of_reference": os.path.getsize(reference),
            "bed": os.path.basename(regions.path),
            "bytes_of_bed": os.path.getsize(regions.path),
        }

    def close(self) -> None:
        """Close the files."""
        self._data.close()

    def read(self, part: Part) -> Iterator[Sample]:
        """Read the regions of a split."""
        for number, row in enumerate(self._data.regions.rows_of(part.split)):
            region = self._data[row]
            yield Sample(number, letter_codes(region.sequence), region.labels)


class Stream:
    """Batches of some parts of a source, for any number of passes.

    Samples are read as they are needed and pass through a shuffle buffer of `memory_bytes`. If all samples fit into the
    buffer, they are shuffled completely and kept in memory for the next pass; otherwise a sample moves only within the
    buffer. The order depends on the seed and the epoch alone.

    Args:
        memory_bytes: size of the shuffle buffer; 0: samples in the order of the files.
        compat: pad bases as published, with A.
    """

    def __init__(
        self, task: BendTask, source: Source, parts: Sequence[Part], *, memory_bytes: int, compat: bool = False
    ) -> None:
        self._task, self._source, self._parts, self._compat = task, source, list(parts), compat
        self._memory_bytes = memory_bytes
        self._kept: dict[Part, list[Sample]] | None = {}
        self._kept_bytes = 0

    def batches(self, size: int, *, order: tuple[int, int] | None = None) -> Iterator[Batch]:
        """Batches of `size` samples; the last batch may have fewer.

        Args:
            order: (seed, epoch) for shuffling; None: the order of the files.

        Raises:
            ValueError: a sample does not fit the task or the samples before it; the message names shard and sample.
        """
        waiting: list[Sample] = []
        for sample in self._samples() if order is None else self._shuffled(order):
            waiting.append(sample)
            if len(waiting) == size:
                yield collate(self._task, waiting, compat=self._compat)
                waiting = []
        if waiting:
            yield collate(self._task, waiting, compat=self._compat)

    def _shuffled(self, order: tuple[int, int]) -> Iterator[Sample]:
        generator = np.random.default_rng(order)
        parts = (
            [self._parts[index] for index in generator.permutation(len(self._parts))] if self._memory_bytes else None
        )
        buffer: list[Sample] = []
        buffer_bytes = 0
        for sample in self._samples(parts):
            buffer.append(sample)
            buffer_bytes += _bytes(sample)
            while buffer and buffer_bytes > self._memory_bytes:
                yield (drawn := _draw(buffer, generator))
                buffer_bytes -= _bytes(drawn)
        while buffer:
            yield _draw(buffer, generator)

    def _samples(self, parts: Sequence[Part] | None = None) -> Iterator[Sample]:
        width = None
        for part in self._parts if parts is None else parts:
            for sample in self._read(part):
                if width is not None and sample.embedding.shape[1:] != width:
                    raise ValueError(
                        f"{_where(part, sample)} has vectors of shape {sample.embedding.shape[1:]}, but the samples "
                        f"before it {width}. The folder mixes shards of two embedders; embed the task again."
                    )
                width = sample.embedding.shape[1:]
                yield sample

    def _read(self, part: Part) -> Iterator[Sample]:
        if self._kept is not None and part in self._kept:
            yield from self._kept[part]
            return
        kept: list[Sample] = []
        for read in self._source.read(part):
            sample = fitted(self._task, read, _where(part, read))
            if self._kept is not None:
                self._kept_bytes += _bytes(sample)
                kept.append(sample)
                if self._kept_bytes > self._memory_bytes:
                    self._kept, kept = None, []
            yield sample
        if self._kept is not None:
            self._kept[part] = kept


def fitted(task: BendTask, sample: Sample, where: str) -> Sample:
    """Check a sample against the task; its labels become (places,) classes or (places, outputs) tracks.

    Raises:
        ValueError: the labels have another size, a value is not a label, or a vector is not finite.
    """
    length = len(sample.embedding)
    places = {"sequence": 1, "nucleotide": length}.get(task.level, length // (task.downsample or 1))
    classes = task.loss == "cross_entropy"
    shape = (places,) if classes else (places, task.outputs)
    labels = np.asarray(sample.labels)
    if labels.size != np.prod(shape):
        raise ValueError(
            f"{where} has labels of shape {labels.shape} for {length:,} vectors; task {task.name!r} needs labels of "
            f"shape {shape}. Use embeddings of this task with one vector for each nucleotide."
        )
    labels = labels.reshape(shape).astype(np.int64)
    wrong = (labels != PADDING) & ((labels < 0) | (labels > (task.outputs - 1 if classes else 1)))
    if wrong.any():
        last = task.outputs - 1 if classes else 1
        raise ValueError(
            f"{where} has a label {labels[wrong][0]}; labels of task {task.name!r} are 0 to {last}. Correct the label."
        )
    if not classes and ((labels == PADDING).any(1) != (labels == PADDING).all(1)).any():
        raise ValueError(
            f"{where} has a place where some labels are {PADDING} (padding) and others are not. Set all or none."
        )
    if not np.isfinite(sample.embedding).all():
        raise ValueError(f"{where} has NaN or infinite values in its embedding. Embed it again.")
    return Sample(sample.number, sample.embedding, labels)


def collate(task: BendTask, samples: Sequence[Sample], *, compat: bool = False) -> Batch:
    """Pad samples to a batch.

    Args:
        compat: pad bases with the code of A, as published; otherwise with -100, which the networks ignore.
    """
    lengths = np.array([len(sample.embedding) for sample in samples])
    places = max(len(sample.labels) for sample in samples)
    first = samples[0].embedding
    letters = first.ndim == 1
    shape = (len(samples), int(lengths.max()), *first.shape[1:])
    inputs = np.full(shape, 0 if compat or not letters else PADDING, dtype=np.int64 if letters else np.float32)
    labels = np.full((len(samples), places, *samples[0].labels.shape[1:]), PADDING, dtype=np.int64)
    for row, sample in enumerate(samples):
        inputs[row, : lengths[row]] = sample.embedding
        labels[row, : len(sample.labels)] = sample.labels
    real = np.arange(shape[1]) < lengths[:, None]
    return Batch(torch.from_numpy(inputs), torch.from_numpy(real), torch.from_numpy(labels))


def _where(part: Part, sample: Sample) -> str:
    return f"{part.path or part.split}: sample_{sample.number}"


def _draw(buffer: list[Sample], generator: np.random.Generator) -> Sample:
    index = int(generator.integers(len(buffer)))
    buffer[index], buffer[-1] = buffer[-1], buffer[index]
    return buffer.pop()


def _bytes(sample: Sample) -> int:
    return sample.embedding.nbytes + sample.labels.nbytes
