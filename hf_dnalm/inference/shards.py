"""Work that survives an interruption: records are divided into shards, each saved in a folder next to the output.

A shard is written completely or not at all and records the run's fingerprint, so the folder shows which shards are
finished and whether they belong to the same run. Processes divide the shards among themselves and share nothing else.
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
    """Some consecutive records, or a part of one record.

    Attributes:
        number: index among all shards, 0-based.
        first, end: the records, 0-based half-open.
        part, parts: for a divided record, the 0-based part and the number of parts; otherwise 0 and 1.
    """

    number: int
    first: int
    end: int
    part: int = 0
    parts: int = 1


class ShardContent(NamedTuple):
    """The content of a shard: the name and number of rows of each record, and all rows."""

    names: list[str]
    counts: np.ndarray  # (n,) int64
    vectors: np.ndarray  # (rows, width)


def plan_shards(lengths_bp: Sequence[int], *, shard_bp: int, divisible: bool) -> list[Shard]:
    """Divide records into shards of `shard_bp` or slightly more, in file order. Equal arguments give equal plans.

    Args:
        lengths_bp: lengths of the records.
        divisible: divide a record that is longer than a shard.

    Raises:
        ValueError: `shard_bp` is below 1.

    Example:
        >>> [tuple(shard) for shard in plan_shards([3, 4, 9, 1], shard_bp=5, divisible=False)]
        [(0, 0, 2, 0, 1), (1, 2, 3, 0, 1), (2, 3, 4, 0, 1)]
        >>> [tuple(shard) for shard in plan_shards([3, 9, 1], shard_bp=5, divisible=True)]
        [(0, 0, 1, 0, 1), (1, 1, 2, 0, 2), (2, 1, 2, 1, 2), (3, 2, 3, 0, 1)]
    """
    if shard_bp < 1:
        raise ValueError(f"shard_bp must be at least 1, not {shard_bp}.")
    shards: list[Shard] = []
    first = filled_bp = 0
    for record, length in enumerate(lengths_bp):
        if divisible and length > shard_bp:
            if first < record:
                shards.append(Shard(len(shards), first, record))
            parts = -(-length // shard_bp)
            shards += [Shard(len(shards) + part, record, record + 1, part, parts) for part in range(parts)]
            first, filled_bp = record + 1, 0
            continue
        filled_bp += length
        if filled_bp >= shard_bp:
            shards.append(Shard(len(shards), first, record + 1))
            first, filled_bp = record + 1, 0
    if first < len(lengths_bp):
        shards.append(Shard(len(shards), first, len(lengths_bp)))
    return shards


class ShardFolder:
    """The finished shards of one run, in the folder `<result>.shards`.

    Args:
        result: the output file that the shards are combined into.
        fingerprint: everything the numbers depend on, name → value; shards with another fingerprint are refused.
    """

    def __init__(self, result: Path, fingerprint: Mapping[str, str]):
        self.path = result.with_name(f"{result.name}.shards")
        self.fingerprint = dict(fingerprint)

    def file(self, shard: Shard) -> Path:
        """The path of a shard."""
        return self.path / f"{shard.number:08d}.safetensors"

    def unfinished(self, shards: Iterable[Shard]) -> list[Shard]:
        """Return the shards that do not exist yet.

        Raises:
            ValueError: a shard belongs to another run; the message names the differences.
        """
        missing = []
        for shard in shards:
            if self.file(shard).exists():
                self._check(self.file(shard))
            else:
                missing.append(shard)
        return missing

    def wait_for(self, shards: Iterable[Shard]) -> None:
        """Wait until other processes have written all shards."""
        missing = [shard for shard in shards if not self.file(shard).exists()]
        if missing:
            logger.info("Waiting for %d shards of other processes.", len(missing))
        for shard in missing:
            while not self.file(shard).exists():
                if not self.path.exists():
                    raise FileNotFoundError(
                        f"{self.path}, where other processes write their shards, was deleted; run the command again."
                    )
                time.sleep(_WAIT_SECONDS)

    def write(self, shard: Shard, content: ShardContent) -> None:
        """Write a shard into the folder, completely or not at all."""
        self.path.mkdir(exist_ok=True)
        metadata = {"fingerprint": json.dumps(self.fingerprint), "names": json.dumps(content.names)}
        arrays = {"counts": content.counts, "vectors": np.ascontiguousarray(content.vectors)}
        with whole_file(self.file(shard)) as partial:
            try:
                save_file(arrays, partial, metadata=metadata)
            except SafetensorError as error:  # for example if the disk is full
                raise OSError(f"cannot write {self.file(shard)}: {error}.") from error

    def read_index(self, shard: Shard) -> tuple[list[str], np.ndarray, list[int]]:
        """Return the names, the counts and the shape of the vectors, without reading the vectors.

        Raises:
            ValueError: the shard is damaged, or another run has written it in the meantime.
        """
        self._check(self.file(shard))
        with decoding(self.file(shard)), safe_open(self.file(shard), framework="np") as file:
            shape = file.get_slice("vectors").get_shape()
            return json.loads(file.metadata()["names"]), file.get_tensor("counts"), shape

    def read(self, shard: Shard) -> ShardContent:
        """Return the content of a shard."""
        names, counts, _ = self.read_index(shard)
        return ShardContent(names, counts, self.read_vectors(shard))

    def read_vectors(self, shard: Shard) -> np.ndarray:
        """Return the (rows, width) vectors of a shard."""
        with decoding(self.file(shard)), safe_open(self.file(shard), framework="np") as file:
            return file.get_tensor("vectors")

    def remove(self) -> None:
        """Delete the folder; call this after the output is written."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _check(self, file: Path) -> None:
        remedy = "Delete this file; the same command computes it again."
        with decoding(file, remedy=remedy), safe_open(file, framework="np") as opened:
            theirs = json.loads(opened.metadata()["fingerprint"])
        advice = "Run the same command on the same input to continue that run, or delete the folder to start again"
        refuse_another_run(theirs, self.fingerprint, self.path, advice)


class SharedWork(NamedTuple):
    """One process's part of a run.

    Attributes:
        mine: the shards that this process computes.
        kept: the shards that were finished at the start.
        is_first: whether this process waits for all shards and combines them.
    """

    mine: list[Shard]
    kept: list[Shard]
    is_first: bool


@contextmanager
def shared_work(folder: ShardFolder, shards: Sequence[Shard], device: torch.device) -> Iterator[SharedWork]:
    """Divide the unfinished shards among the processes of torchrun or accelerate.

    Raises:
        ValueError: a shard belongs to another run.
    """
    unfinished = folder.unfinished(shards)
    kept = sorted(set(shards) - set(unfinished))
    rank, processes = process_of_this_run()
    if processes > 1:
        # All processes list the folder before any of them writes to it.
        PartialState(cpu=device.type == "cpu").wait_for_everyone()
        folder.path.mkdir(exist_ok=True)
    yield SharedWork(unfinished[rank::processes], kept, rank == 0)
    if processes > 1:
        PartialState().destroy_process_group()


def model_fingerprint(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Digests of the weights with the config, and of the tokenizer; models that differ in results differ in digests."""
    weights = hashlib.blake2b(digest_size=16)
    config: Any = model.config
    # Entries that only a saved config has, or that describe the file and do not affect the results.
    ignored = ("_name_or_path", "architectures", "auto_map", "transformers_version", "dtype", "torch_dtype")
    settings = {key: value for key, value in config.to_dict().items() if key not in ignored}
    weights.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, tensor in model.state_dict().items():
        weights.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        weights.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    text = json.dumps(tokenizer.get_vocab(), sort_keys=True) + str(tokenizer.model_max_length)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    text += "" if backend is None else backend.to_str()
    return {"model": weights.hexdigest(), "tokenizer": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}


def process_of_this_run() -> tuple[int, int]:
    """The rank of this process and the number of processes under torchrun or accelerate; (0, 1) without them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
