"""Work that outlives a killed process: records cut into shards, each a file in a folder beside the result.

A shard is written whole or not at all and bears the fingerprint of the run, so a folder says by itself what is done and
whether it belongs to the same command. Processes divide the shards among them; nothing else is shared.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate import PartialState
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hf_dnalm.damage import decoding
from hf_dnalm.inference.output_files import whole_file
from hf_dnalm.same_run import refuse_another_run

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerBase


logger = logging.getLogger(__name__)

_WAIT_SECONDS = 0.5


class Shard(NamedTuple):
    """Some records in a row, or a part of one.

    Attributes:
        number: its place among all shards, 0-based.
        first, end: the records, 0-based half-open.
        part, parts: of the one record, where it is divided; 0 and 1 elsewhere.
    """

    number: int
    first: int
    end: int
    part: int = 0
    parts: int = 1


class ShardContent(NamedTuple):
    """What a shard holds: for each of its records a name and how many rows are its own, and all rows."""

    names: list[str]
    counts: np.ndarray  # (n,) int64
    vectors: np.ndarray  # (rows, width)


def plan_shards(lengths_bp: Sequence[int], *, shard_bp: int, divisible: bool) -> list[Shard]:
    """Records in file order, each shard with `shard_bp` or a little more; the plan depends on nothing else.

    Args:
        lengths_bp: of the records.
        divisible: a record longer than a shard becomes several.

    Raises:
        ValueError: `shard_bp` is below 1.

    Example:
        >>> [tuple(shard) for shard in plan_shards([3, 4, 9, 1], shard_bp=5, divisible=False)]
        [(0, 0, 2, 0, 1), (1, 2, 3, 0, 1), (2, 3, 4, 0, 1)]
        >>> [tuple(shard) for shard in plan_shards([3, 9, 1], shard_bp=5, divisible=True)]
        [(0, 0, 1, 0, 1), (1, 1, 2, 0, 2), (2, 1, 2, 1, 2), (3, 2, 3, 0, 1)]
    """
    if shard_bp < 1:
        raise ValueError(f"shard_bp must be at least 1, not {shard_bp}")
    shards: list[Shard] = []
    first = held = 0
    for record, length in enumerate(lengths_bp):
        if divisible and length > shard_bp:
            if first < record:
                shards.append(Shard(len(shards), first, record))
            parts = -(-length // shard_bp)
            shards += [Shard(len(shards) + part, record, record + 1, part, parts) for part in range(parts)]
            first, held = record + 1, 0
            continue
        held += length
        if held >= shard_bp:
            shards.append(Shard(len(shards), first, record + 1))
            first, held = record + 1, 0
    if first < len(lengths_bp):
        shards.append(Shard(len(shards), first, len(lengths_bp)))
    return shards


class ShardFolder:
    """The finished shards of one run, in the folder `<result>.shards`.

    Args:
        result: the file that the shards will be put together to.
        fingerprint: what the numbers depend on, name → value; shards of another one are refused.
    """

    def __init__(self, result: Path, fingerprint: Mapping[str, str]):
        self.path = result.with_name(f"{result.name}.shards")
        self.fingerprint = dict(fingerprint)

    def file(self, shard: Shard) -> Path:
        return self.path / f"{shard.number:08d}.safetensors"

    def unfinished(self, shards: Iterable[Shard]) -> list[Shard]:
        """Those that are not there yet.

        Raises:
            ValueError: a shard is there, but of another run; what differs is named.
        """
        missing = []
        for shard in shards:
            if self.file(shard).exists():
                self._check(self.file(shard))
            else:
                missing.append(shard)
        return missing

    def wait_for(self, shards: Iterable[Shard]) -> None:
        """Until other processes have written those that are not there."""
        missing = [shard for shard in shards if not self.file(shard).exists()]
        if missing:
            logger.info("waiting for %d shards of other processes", len(missing))
        for shard in missing:
            while not self.file(shard).exists():
                if not self.path.exists():
                    raise FileNotFoundError(
                        f"{self.path}, in which other processes write their shards, is gone; run the command again."
                    )
                time.sleep(_WAIT_SECONDS)

    def write(self, shard: Shard, content: ShardContent) -> None:
        """Put the shard into the folder, whole or not at all."""
        self.path.mkdir(exist_ok=True)
        metadata = {"fingerprint": json.dumps(self.fingerprint), "names": json.dumps(content.names)}
        arrays = {"counts": content.counts, "vectors": np.ascontiguousarray(content.vectors)}
        with whole_file(self.file(shard)) as partial:
            try:
                save_file(arrays, partial, metadata=metadata)
            except SafetensorError as error:  # how it says that the disk is full
                raise OSError(f"cannot write {self.file(shard)}: {error}") from error

    def read_index(self, shard: Shard) -> tuple[list[str], np.ndarray, list[int]]:
        """Names, counts and the shape of the vectors, without reading these.

        Raises:
            ValueError: the shard is damaged, or of another run, which wrote it since this one looked.
        """
        self._check(self.file(shard))
        with decoding(self.file(shard)), safe_open(self.file(shard), framework="np") as file:
            shape = file.get_slice("vectors").get_shape()
            return json.loads(file.metadata()["names"]), file.get_tensor("counts"), shape

    def read(self, shard: Shard) -> ShardContent:
        """All that `write` was given."""
        names, counts, _ = self.read_index(shard)
        return ShardContent(names, counts, self.read_vectors(shard))

    def read_vectors(self, shard: Shard) -> np.ndarray:
        """(rows, width)."""
        with decoding(self.file(shard)), safe_open(self.file(shard), framework="np") as file:
            return file.get_tensor("vectors")

    def remove(self) -> None:
        """Away with the folder, when the result is written."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _check(self, file: Path) -> None:
        remedy = "Delete this file; the same command makes it again."
        with decoding(file, remedy=remedy), safe_open(file, framework="np") as opened:
            theirs = json.loads(opened.metadata()["fingerprint"])
        advice = "Give the same command and input to go on with it, or delete the folder to start again"
        refuse_another_run(theirs, self.fingerprint, self.path, advice)


class SharedWork(NamedTuple):
    """What a process has to do of a run that several may share.

    Attributes:
        mine: the shards that this process makes.
        kept: those that were there at the start.
        is_first: whether this process waits for all shards and puts them together.
    """

    mine: list[Shard]
    kept: list[Shard]
    is_first: bool


@contextmanager
def shared_work(folder: ShardFolder, shards: Sequence[Shard], device: torch.device) -> Iterator[SharedWork]:
    """Divide the unfinished shards among the processes that torchrun or accelerate started.

    Raises:
        ValueError: a shard is there, but of another run.
    """
    unfinished = folder.unfinished(shards)
    kept = sorted(set(shards) - set(unfinished))
    rank, processes = process_of_this_run()
    if processes > 1:
        # all have looked at the folder, before one of them writes to it
        PartialState(cpu=device.type == "cpu").wait_for_everyone()
        folder.path.mkdir(exist_ok=True)
    yield SharedWork(unfinished[rank::processes], kept, rank == 0)
    if processes > 1:
        PartialState().destroy_process_group()


def model_fingerprint(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Digests of the weights with the config, and of the tokenizer: equal numbers come from equal digests."""
    weights = hashlib.blake2b(digest_size=16)
    config: Any = model.config
    # what a saved config has more than one in memory, or says of the file and not of its numbers
    ignored = ("_name_or_path", "architectures", "auto_map", "transformers_version", "dtype", "torch_dtype")
    settings = {key: value for key, value in config.to_dict().items() if key not in ignored}
    weights.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in model.state_dict().items():
        weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        weights.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    words = json.dumps(tokenizer.get_vocab(), sort_keys=True) + str(tokenizer.model_max_length)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words += "" if backend is None else backend.to_str()
    return {"model": weights.hexdigest(), "tokenizer": hashlib.blake2b(words.encode(), digest_size=16).hexdigest()}


def process_of_this_run() -> tuple[int, int]:
    """Which of how many processes this is under torchrun or accelerate; (0, 1) when it is alone."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
