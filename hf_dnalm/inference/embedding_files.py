"""Embed the sequences of a file of any size, in shards, which can be resumed and divided among processes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import torch

from hf_dnalm.data.encode import encode_sequences
from hf_dnalm.data.files import stream_file
from hf_dnalm.data.records import Record
from hf_dnalm.inference.batches import default_dtype, prepared
from hf_dnalm.inference.embeddings import Pooling, embed
from hf_dnalm.inference.hidden_states import Overflow, body_of, windows_of
from hf_dnalm.inference.inputs import token_limit
from hf_dnalm.inference.record_streams import check_records
from hf_dnalm.inference.shards import (
    Shard,
    ShardContent,
    ShardFolder,
    model_fingerprint,
    plan_shards,
    shared_work,
)
from hf_dnalm.inference.token_embeddings import Unit, embed_tokens, times_kept, window_vectors
from hf_dnalm.inference.vector_writers import VectorRows, check_vector_output, write_vector_rows
from hf_dnalm.inference.windows import Windows
from hf_dnalm.outputs import claimed_outputs
from hf_dnalm.version import __version__

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FilePooling = Literal["mean", "cls", "max", "nucleotide", "token"]
POOLED_SHARD_BP = 2**20  # one vector per sequence needs hardly any memory
TOKEN_SHARD_BYTES = 2**27  # vectors of nucleotides or tokens do need memory


@dataclass(frozen=True)
class _Settings:
    """The settings that the numbers depend on, in addition to model and input."""

    pooling: FilePooling
    layer: int
    overflow: Overflow
    dtype: str
    shard_bp: int

    @property
    def per(self) -> Unit | Literal["sequence"]:
        return vectors_per(self.pooling)


def vectors_per(pooling: FilePooling) -> Unit | Literal["sequence"]:
    """What each vector represents with this pooling."""
    return pooling if pooling == "nucleotide" or pooling == "token" else "sequence"


@dataclass(frozen=True)
class EmbeddedFile:
    """The result of `embed_file`.

    Attributes:
        output: the file that was written.
        sequences: number of sequences in the input.
        per: what each vector represents: "sequence", "nucleotide" or "token".
        hidden_size: the model's hidden size.
    """

    output: Path
    sequences: int
    per: Unit | Literal["sequence"]
    hidden_size: int


def embed_file(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    pooling: FilePooling = "mean",
    layer: int = -1,
    overflow: Overflow = "error",
    sequence_column: str = "sequence",
    name_column: str = "name",
    shard_bp: int | None = None,
    settings: dict[str, str] | None = None,
    overwrite: bool = False,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
) -> EmbeddedFile:
    """Write the embeddings of all sequences of a file to `output`, using memory that does not grow with the file.

    The file is streamed twice. The first pass checks every record, so a bad record is refused before any computing. The
    second pass embeds the records in shards of about `shard_bp`. Finished shards are kept in the folder
    `<output>.shards` until `output` is complete; `output` is written under a temporary name and renamed. After an
    interruption the same call continues from the finished shards; a call with another model, input or setting is
    refused. Under torchrun or `accelerate launch` each process computes its share of the shards and the first one
    writes `output`; on several machines the folder must be on a shared file system.

    Shards determine which sequences share a batch, and therefore the order of sums: results with another `shard_bp`
    agree to about 1e-6 of their size, and results of a resumed run agree bit for bit. Memory holds one complete record
    with its token ids, but with overflow="windows" not its vectors of nucleotides or tokens.

    Args:
        path: FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet, as `read_file` reads them.
        output: .parquet, .safetensors, .npz, .h5, .h5ad or .tar.gz, as `write_embeddings` writes them.
        pooling: "mean", "max" or "cls" as in `embed`; "nucleotide" or "token" as in `embed_tokens`.
        layer, overflow: as in `embed`.
        sequence_column, name_column: columns of a table.
        shard_bp: bases in a shard; None = 2**20, or as many as give 128 MiB of vectors of nucleotides or tokens.
        settings: text to store with the vectors, such as the model's name.
        overwrite: replace `output` if it exists; False refuses.
        token_budget, device, dtype: see `run_batches`.
        progress: called with the number of sequences that are already finished, and after each batch with the number of
            its sequences (or windows).

    Returns:
        Facts about the output; the same in every process.

    Raises:
        ValueError: as `embed`, `embed_tokens`, `read_file` and `write_embeddings`; the shards next to `output` belong
            to another run; `output` exists, or is the input.
        BlockingIOError: another run is writing `output`.
        FileNotFoundError, ImportError: as `write_embeddings`.
    """
    if pooling not in get_args(FilePooling):
        raise ValueError(f"pooling is {pooling!r}; choose from {', '.join(get_args(FilePooling))}.")
    output = Path(output)
    device = torch.device(device) if device is not None else next(model.parameters()).device
    dtype = default_dtype(model, device) if dtype is None else dtype
    if shard_bp is None:
        shard_bp = max(TOKEN_SHARD_BYTES // (4 * model.config.hidden_size), 1)
        shard_bp = POOLED_SHARD_BP if pooling in get_args(Pooling) else shard_bp
    settings_used = _Settings(pooling, layer, overflow, str(dtype).removeprefix("torch."), shard_bp)
    check_vector_output(output, per=settings_used.per)

    def records() -> Iterator[Record]:
        return stream_file(os.fspath(path), sequence_column=sequence_column, name_column=name_column)

    with claimed_outputs([output], inputs=[path], overwrite=overwrite):
        checked = check_records(records(), tokenizer, overflow=overflow, per=settings_used.per)
        divisible = settings_used.per != "sequence" and overflow == "windows" and token_limit(tokenizer) is not None
        shards = plan_shards(checked.lengths_bp, shard_bp=shard_bp, divisible=divisible)
        recorded = {name: str(value) for name, value in asdict(settings_used).items()}
        made_by = {**model_fingerprint(model, tokenizer), "hf_dnalm": __version__}
        fingerprint = {"input": checked.digest, **recorded, **made_by}
        folder = ShardFolder(output, fingerprint)
        with shared_work(folder, shards, device) as work, prepared(body_of(model), device=device, dtype=dtype):
            if progress is not None:
                progress(_records_in(work.kept))
            options = {"token_budget": token_budget, "device": device, "dtype": dtype, "progress": progress}
            for shard, content in _embedded(model, tokenizer, records(), work.mine, settings_used, options):
                folder.write(shard, content)
            if work.is_first:
                folder.wait_for(shards)
        if work.is_first:
            write_vector_rows(_rows(folder, shards, settings_used), output, settings=recorded | (settings or {}))
            folder.remove()
        return EmbeddedFile(output, len(checked.lengths_bp), settings_used.per, model.config.hidden_size)


def _records_in(shards: list[Shard]) -> int:
    """How many records end in these shards."""
    return sum(shard.end - shard.first for shard in shards if shard.part == shard.parts - 1)


def _embedded(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    records: Iterator[Record],
    shards: list[Shard],
    settings_used: _Settings,
    options: dict[str, Any],
) -> Iterator[tuple[Shard, ShardContent]]:
    """Compute the vectors of the shards, which are in order."""
    read = 0
    for first, same in itertools.groupby(shards, key=lambda shard: shard.first):
        own = list(same)
        current = list(itertools.islice(records, first - read, own[0].end - read))
        read = own[0].end
        names, sequences = [record.name for record in current], [record.sequence for record in current]
        del current
        if own[0].parts > 1:
            yield from _parts(model, tokenizer, names[0], sequences[0], own, settings_used, options)
            continue
        common = {"names": names, "layer": settings_used.layer, "overflow": settings_used.overflow, **options}
        if settings_used.per == "sequence":
            vectors = embed(model, tokenizer, sequences, pooling=cast(Pooling, settings_used.pooling), **common).vectors
            yield own[0], ShardContent(names, np.ones(len(names), dtype=np.int64), vectors)
        else:
            rows = embed_tokens(model, tokenizer, sequences, per=settings_used.per, **common).vectors
            counts = np.array([len(each) for each in rows], dtype=np.int64)
            yield own[0], ShardContent(names, counts, np.concatenate(rows))


def _parts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    sequence: str,
    shards: list[Shard],
    settings_used: _Settings,
    options: dict[str, Any],
) -> Iterator[tuple[Shard, ShardContent]]:
    """Compute the shards of one long record; each has some of its windows."""
    assert settings_used.per != "sequence"
    ids = encode_sequences(tokenizer, [sequence], max_tokens=None, names=[name], vocab_size=model.config.vocab_size)
    (times,) = times_kept(tokenizer, [sequence], ids, names=[name], per=settings_used.per)
    cut = windows_of(tokenizer, ids, overflow="windows")
    tokens = np.concatenate([[0], np.cumsum(cut.kept[:, 1] - cut.kept[:, 0])])  # kept before each window
    for shard in shards:
        first, end = (len(cut.token_ids) * part // shard.parts for part in (shard.part, shard.part + 1))
        own = Windows(cut.token_ids[first:end], cut.owners[first:end], cut.kept[first:end])
        parts = window_vectors(model, tokenizer, own, [name], layer=settings_used.layer, **options)
        parts = parts or [np.zeros((0, model.config.hidden_size), dtype=np.float32)]
        vectors = np.concatenate(parts).repeat(times[tokens[first] : tokens[end]], axis=0)
        yield shard, ShardContent([name], np.array([len(vectors)]), vectors)


def _rows(folder: ShardFolder, shards: list[Shard], settings_used: _Settings) -> VectorRows:
    """The rows of all shards; the parts of a record are joined."""
    names: list[str] = []
    counts: list[np.ndarray] = []
    width = 0
    for shard in shards:
        shard_names, shard_counts, shape = folder.read_index(shard)
        width = shape[1] if shape[0] else width  # a part of a record may have no windows
        if shard.part:
            counts[-1][-1] += shard_counts[0]
            continue
        names += shard_names
        counts.append(shard_counts.copy())
    blocks = (folder.read_vectors(shard) for shard in shards)
    return VectorRows(names, None if settings_used.per == "sequence" else np.concatenate(counts), width, blocks)
