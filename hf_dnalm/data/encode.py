"""Encode: letters become token ids. The one place that decides what happens to a sequence that is too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

import hf_dnalm.sequence as dna
from hf_dnalm.data.files import dataset_in_memory
from hf_dnalm.tasks import Level

Overflow = Literal["error", "truncate"]

_BATCH_ROWS = 1000
_BATCH_BP = 2**28  # Arrow's list offsets are int32, and a batch is held twice while it is built


def encode_sequences(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Sequence[str],
    *,
    max_tokens: int | None,
    overflow: Overflow = "error",
    names: Sequence[str] | None = None,
    vocab_size: int | None = None,
) -> list[np.ndarray]:
    """The token ids of every sequence, special tokens included, each (n_tokens,) int64.

    Sequences are normalised first (upper case, IUPAC codes to N). A tokenizer that has the array path
    (`encode_arrays` or `encode_array`) is used through it; the ids are the same as those of `tokenizer(sequence)`.

    Args:
        tokenizer: any tokenizer of transformers.
        sequences: DNA.
        max_tokens: what the model reads, special tokens included; None for no limit.
        overflow: "error" refuses a longer sequence; "truncate" keeps its first tokens, and special tokens at the end.
        names: what errors call the sequences; their numbers, from 1, when None.
        vocab_size: refuse ids that the model's embedding does not have.

    Raises:
        ValueError: an empty sequence, a letter that is not DNA, a sequence over the limit, or an id over `vocab_size`.
    """
    if overflow not in ("error", "truncate"):
        raise ValueError(f"overflow must be 'error' or 'truncate', not {overflow!r}")
    if max_tokens is not None and max_tokens < 1 + tokenizer.num_special_tokens_to_add():
        raise ValueError(f"max_tokens is {max_tokens}; special tokens leave no room for DNA")
    names = [str(number) for number in range(1, len(sequences) + 1)] if names is None else names
    normal = []
    for name, sequence in zip(names, sequences, strict=True):
        if not sequence:
            raise ValueError(f"sequence {name!r} is empty; remove it")
        normal.append(dna.normalize(sequence, source=f"sequence {name!r}"))

    encoded = _token_ids(tokenizer, normal)
    for row, (name, sequence, ids) in enumerate(zip(names, normal, encoded, strict=True)):
        if max_tokens is not None and len(ids) > max_tokens:
            if overflow == "error":
                raise ValueError(
                    f"sequence {name!r} is {len(sequence):,} bp = {len(ids):,} tokens; the model reads "
                    f"{max_tokens:,}. Pass overflow='truncate' or shorten it. (embed takes overflow='windows' too; "
                    "log_likelihood, score_variants and mutagenesis take neither.)"
                )
            ids = encoded[row] = _cut(ids, max_tokens, edge_tokens(tokenizer, ids)[1])
        if vocab_size is not None and ids.max() >= vocab_size:
            raise ValueError(
                f"sequence {name!r} has token id {ids.max()}, but the model's vocabulary ends at {vocab_size - 1}; "
                f"tokenizer and model do not belong together"
            )
    return encoded


def encode_dataset(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int | None,
    overflow: Overflow = "error",
    reverse_complement: bool = False,
    level: Level = "sequence",
    vocab_size: int | None = None,
) -> Dataset:
    """The dataset as token ids, in memory and in the same order; nothing is written to a cache.

    Args:
        dataset: columns `sequence` and, as far as they exist, `name` and `labels`.
        tokenizer, max_tokens, overflow, vocab_size: as in `encode_sequences`.
        reverse_complement: also encode the other strand of the bases that were kept.
        level: "nucleotide" when `labels` has one label for each base.

    Returns:
        `index` (row number, 0-based), `input_ids`, `length` (tokens), and `labels` where the dataset has them. With
        `reverse_complement` also `input_ids_reverse_complement`. At nucleotide level also `bases_per_token` (bp that
        each token covers, 0 for special tokens), labels cut to the bases that were kept, and for the other strand
        `labels_reverse_complement` (the labels reversed) and `bases_per_token_reverse_complement`.

    Raises:
        ValueError: as in `encode_sequences`; no rows; labels that are not one for each base.
    """
    if len(dataset) == 0:
        raise ValueError("the dataset has no rows to encode")
    options = {"max_tokens": max_tokens, "overflow": overflow, "vocab_size": vocab_size}
    longest_bp = pc.max(pc.binary_length(dataset.data.column("sequence"))).as_py()
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BP // max(longest_bp, 1)))
    tables = []
    for start in range(0, len(dataset), batch_rows):
        rows = dataset[start : start + batch_rows]
        sequences, labels = rows["sequence"], rows.get("labels")
        names = rows.get("name") or [str(start + offset) for offset in range(1, len(sequences) + 1)]
        columns = _strand(tokenizer, sequences, labels, names=names, level=level, **options)
        if reverse_complement:
            kept = _kept(tokenizer, sequences, columns["input_ids"]) if overflow == "truncate" else sequences
            other = [dna.reverse_complement(sequence) for sequence in kept]
            other_labels = [row[::-1] for row in columns["labels"]] if level == "nucleotide" and labels else None
            strand = _strand(tokenizer, other, other_labels, names=names, level=level, **options)
            del strand["length"]
            columns |= {f"{name}_reverse_complement": column for name, column in strand.items()}
        columns["index"] = np.arange(start, start + len(sequences))
        tables.append(pa.table({name: _arrow(column) for name, column in columns.items()}))
    return dataset_in_memory(pa.concat_tables(tables))


def _strand(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Sequence[str],
    labels: Sequence[Any] | None,
    *,
    names: Sequence[str],
    level: Level,
    **options: Any,
) -> dict[str, Any]:
    """The columns of one strand of some rows."""
    ids = encode_sequences(tokenizer, sequences, names=names, **options)
    columns: dict[str, Any] = {"input_ids": ids, "length": np.array([len(row) for row in ids])}
    if level == "nucleotide":
        columns["bases_per_token"] = bases = bases_of_tokens(tokenizer, sequences, ids)
        if labels is not None:
            for name, sequence, row in zip(names, sequences, labels, strict=True):
                if len(row) != len(sequence):
                    raise ValueError(
                        f"sequence {name!r} is {len(sequence):,} bp and has {len(row):,} labels; "
                        f"a nucleotide-level task needs one label for each base"
                    )
            columns["labels"] = [row[: count.sum()] for row, count in zip(labels, bases, strict=True)]
    elif labels is not None:
        columns["labels"] = labels
    return columns


def _token_ids(tokenizer: PreTrainedTokenizerBase, sequences: list[str]) -> list[np.ndarray]:
    """Ids of normalised sequences by the quickest way the tokenizer has; no truncation, no padding."""
    if not sequences:
        return []  # transformers' tokenizers fail on an empty list
    if hasattr(tokenizer, "encode_arrays"):
        return tokenizer.encode_arrays(sequences)
    if hasattr(tokenizer, "encode_array"):
        return [tokenizer.encode_array(sequence) for sequence in sequences]
    # Truncation is not left to the tokenizer: a fast one would remember it and save it in tokenizer.json.
    encoding = tokenizer(sequences, return_attention_mask=False, return_token_type_ids=False, verbose=False)
    return [np.array(ids, dtype=np.int64) for ids in encoding["input_ids"]]


def bases_of_tokens(
    tokenizer: PreTrainedTokenizerBase, sequences: Sequence[str], token_ids: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """bp that each token covers, for the (possibly cut) ids that `encode_sequences` gives for these sequences.

    Raises:
        ValueError: the tokenizer cannot say it, or leaves bases out.
    """
    if hasattr(tokenizer, "bases_in"):
        normal = (dna.normalize(sequence) for sequence in sequences)
        return [tokenizer.bases_in(ids, sequence) for ids, sequence in zip(token_ids, normal, strict=True)]
    if hasattr(tokenizer, "bases_per_token"):
        return [tokenizer.bases_per_token(ids) for ids in token_ids]
    if not tokenizer.is_fast:
        raise ValueError(
            f"{type(tokenizer).__name__} cannot say which bases a token covers; use a fast tokenizer "
            f"(hf_dnalm.AutoTokenizer gives one)"
        )
    encoding = tokenizer(list(sequences), return_offsets_mapping=True, verbose=False)
    bases = []
    for sequence, offsets, ids in zip(sequences, encoding["offset_mapping"], token_ids, strict=True):
        counts = np.diff(np.array(offsets, dtype=np.int64), axis=1)[:, 0]
        if counts.sum() != len(sequence):
            raise ValueError(
                f"{type(tokenizer).__name__} gives tokens to {counts.sum():,} of {len(sequence):,} bases; "
                f"nucleotide-level work needs every base in one token"
            )
        bases.append(_cut(counts, len(ids), edge_tokens(tokenizer, ids)[1]))
    return bases


def _kept(tokenizer: PreTrainedTokenizerBase, sequences: Sequence[str], token_ids: Sequence[np.ndarray]) -> list[str]:
    """The bases of each sequence that its (possibly cut) ids cover."""
    bases = bases_of_tokens(tokenizer, sequences, token_ids)
    return [sequence[: count.sum()] for sequence, count in zip(sequences, bases, strict=True)]


def edge_tokens(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray) -> tuple[int, int]:
    """How many special tokens (start, separator, end) stand before and behind the DNA; `<unk>` is DNA."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    dna = np.flatnonzero(~np.isin(ids, list(special)))
    return (int(dna[0]), len(ids) - 1 - int(dna[-1])) if len(dna) else (0, 0)


def _cut(values: np.ndarray, length: int, closing: int) -> np.ndarray:
    """The first values so that, with the `closing` last ones kept, `length` remain.

    >>> _cut(np.array([0, 7, 8, 9, 2]), 4, 1).tolist()
    [0, 7, 8, 2]
    """
    return (
        values
        if len(values) <= length
        else np.concatenate([values[: length - closing], values[len(values) - closing :]])
    )


def _arrow(column: Any) -> pa.Array:
    """A column in Arrow memory; lists of arrays become one flat array with offsets."""
    if isinstance(column, np.ndarray) or not isinstance(column[0], (list, np.ndarray)):
        return pa.array(column)
    offsets = np.cumsum([0] + [len(row) for row in column], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([np.asarray(row) for row in column])))
