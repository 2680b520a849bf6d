"""Shards: archives of embeddings and labels, in the layout of BEND's own training code.

A shard is `<split>_<chunk>.tar.gz` with two members for each sample. `sample_<n>.input.npy` is the embedding, (1, L, D)
(or (1, L) integers of a one-hot code), and `sample_<n>.output.npy` has the labels. n counts the split's rows from 0.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hf_dnalm.damage import decoding
from hf_dnalm.inference.archives import add_array, new_archive
from hf_dnalm.inference.output_files import whole_file

_MEMBER = re.compile(r"(?P<name>.+)\.(?P<part>input|output)\.npy")
_AGAIN = "Delete the shard and embed its chunk again."
_FILE = re.compile(r"(?P<split>.+)_(?P<chunk>\d+)\.tar\.gz")


class Sample(NamedTuple):
    """One region of a task.

    Attributes:
        number: row of its split, 0-based.
        embedding: (L, D) floats, or (L,) integers of a one-hot code, for L nucleotides.
        labels: (outputs,), (bins,), (bins, outputs) or (L,), depending on the task.
    """

    number: int
    embedding: np.ndarray
    labels: np.ndarray


class Shard(NamedTuple):
    """The file of one chunk of a split."""

    path: Path
    split: str
    chunk: int


def shard_path(folder: str | os.PathLike[str], split: str, chunk: int) -> Path:
    """The path of the shard of a split's chunk.

    >>> shard_path("gene_finding/dnabert2", "train", 3).as_posix()
    'gene_finding/dnabert2/train_3.tar.gz'
    """
    return Path(folder) / f"{split}_{chunk}.tar.gz"


def find_shards(folder: str | os.PathLike[str], split: str | None = None) -> list[Shard]:
    """The shards of a folder, or of one split in it, sorted by split and number of the chunk.

    Raises:
        FileNotFoundError: the folder does not exist, or has no shard (of the split).
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{os.fspath(folder)}: no such folder. Pass a folder that `dnalm bend embed` wrote.")
    shards = []
    for path in Path(folder).iterdir():
        match = _FILE.fullmatch(path.name)
        if match and not path.name.startswith(".") and split in (None, match["split"]):
            shards.append(Shard(path, match["split"], int(match["chunk"])))
    if not shards:
        of_split = f" of split {split!r}" if split else ""
        raise FileNotFoundError(
            f"{os.fspath(folder)} has no shard{of_split} (<split>_<chunk>.tar.gz). Write it with `dnalm bend embed`."
        )
    return sorted(shards, key=lambda shard: (shard.split, shard.chunk))


def write_shard(path: str | os.PathLike[str], samples: Iterable[Sample]) -> int:
    """Write a shard, sample by sample, completely or not at all; equal samples give identical files.

    Returns:
        Number of samples written.
    """
    count = 0
    with whole_file(Path(path)) as partial, new_archive(partial) as archive:
        for sample in samples:
            add_array(archive, f"sample_{sample.number}.input.npy", sample.embedding[np.newaxis])
            add_array(archive, f"sample_{sample.number}.output.npy", sample.labels)
            count += 1
    return count


def read_shards(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], split: str | None = None
) -> Iterator[Sample]:
    """Read the samples of shards in order, with one sample in memory at a time.

    Args:
        source: a folder of shards, or paths of shards.
        split: read only the shards of this split; for a folder.

    Raises:
        FileNotFoundError: a file or folder does not exist, or a folder has no shards.
        ValueError: a file is damaged, cut short, or has unexpected members; the message names file and member.
    """
    if isinstance(source, str | os.PathLike):
        files: list[Path] = [shard.path for shard in find_shards(source, split)]
    else:
        files = [Path(path) for path in source]
    for path in files:
        yield from _read_shard(path)


def _read_shard(path: Path) -> Iterator[Sample]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file.")
    waiting: dict[str, np.ndarray] = {}
    name = None
    # gzip is opened separately, because tarfile does not notice a stream that is cut between two members.
    with (
        decoding(path, remedy=_AGAIN),
        gzip.open(path) as compressed,
        tarfile.open(fileobj=compressed, mode="r|") as archive,
    ):
        for member in archive:
            match = _MEMBER.fullmatch(member.name)
            if match is None or not re.fullmatch(r"sample_\d+", match["name"]):
                raise ValueError(
                    f"{path}: member {member.name!r} is not named sample_<n>.input.npy or .output.npy. {_AGAIN}"
                )
            if waiting and match["name"] != name:
                raise ValueError(f"{path}: {name} has only its {next(iter(waiting))}.npy. {_AGAIN}")
            name = match["name"]
            waiting[match["part"]] = _array(archive, member, path)
            if len(waiting) == 2:
                yield _sample(path, name, waiting)
                waiting = {}
        while compressed.read(2**20):  # also checks the empty blocks at the end of the archive
            pass
    if waiting:
        raise ValueError(f"{path}: {name} has only its {next(iter(waiting))}.npy. {_AGAIN}")


def _array(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> np.ndarray:
    content = archive.extractfile(member)
    if content is None:
        raise ValueError(f"{path}: member {member.name!r} is not a file. {_AGAIN}")
    with decoding(path, f"member {member.name!r}", remedy=_AGAIN):
        array: np.ndarray = np.load(io.BytesIO(content.read()), allow_pickle=False)
        if array.dtype.kind not in "iufb":
            raise ValueError(f"{path}: member {member.name!r} has dtype {array.dtype}; it must be numbers. {_AGAIN}")
    return array


def _sample(path: Path, name: str, parts: dict[str, np.ndarray]) -> Sample:
    embedding = parts["input"]
    if embedding.ndim not in (2, 3) or len(embedding) != 1:
        raise ValueError(
            f"{path}: {name}.input.npy has shape {embedding.shape}; it must be (1, L, D) or (1, L). {_AGAIN}"
        )
    return Sample(int(name.removeprefix("sample_")), embedding[0], parts["output"])
