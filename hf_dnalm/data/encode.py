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
from hf_dnalm.data.labels import IGNORED_BASE
from hf_dnalm.tasks import Level
from hf_dnalm.tokenization.vocabulary_fit import unreadable_dna

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
        vocab_size: rows of the model's embedding; refuse a tokenizer that does not belong to it, and ids beyond them.

    Raises:
        ValueError: an empty sequence, a letter that is not DNA, a sequence over the limit, an id over `vocab_size`, or
            a tokenizer that does not know DNA or has another vocabulary than the model.
    """
    if overflow not in ("error", "truncate"):
        raise ValueError(f"overflow must be 'error' or 'truncate', not {overflow!r}.")
    if vocab_size is not None:
        _check_tokenizer(tokenizer, vocab_size)
    if max_tokens is not None and max_tokens < 1 + tokenizer.num_special_tokens_to_add():
        raise ValueError(f"max_tokens is {max_tokens}; special tokens leave no room for DNA.")
    names = [str(number) for number in range(1, len(sequences) + 1)] if names is None else names
    normal = []
    for name, sequence in zip(names, sequences, strict=True):
        if not sequence:
            raise ValueError(f"sequence {name!r} is empty; remove it.")
        normal.append(dna.normalize(sequence, source=f"sequence {name!r}"))

    encoded = _token_ids(tokenizer, normal)
    special = tokenizer.num_special_tokens_to_add()
    for row, (name, sequence, ids) in enumerate(zip(names, normal, encoded, strict=True)):
        if len(ids) <= special:  # all such sequences would look the same to the model
            raise ValueError(
                f"sequence {name!r} is {len(sequence):,} bp, which is too short for one token of the model's "
                "tokenizer; remove it."
            )
        if max_tokens is not None and len(ids) > max_tokens:
            if overflow == "error":
                raise ValueError(
                    f"sequence {name!r} is {len(sequence):,} bp = {len(ids):,} tokens; the model reads "
                    f"{max_tokens:,}. Pass overflow='truncate' or shorten it. (embed takes overflow='windows' too; "
                    "log_likelihood, score_variants and mutagenesis take neither.)."
                )
            ids = encoded[row] = _cut(ids, max_tokens, edge_tokens(tokenizer, ids)[1])
        if vocab_size is not None and ids.max() >= vocab_size:
            raise ValueError(
                f"sequence {name!r} has token id {ids.max()}, but the model's vocabulary ends at {vocab_size - 1}; "
                f"tokenizer and model do not belong together."
            )
    return encoded


def encode_dataset(
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    max_tokens: int | None,
    overflow: Overflow = "error",
    reverse_complement: bool = False,
    level: Level = "sequence",
    bin_bp: int | None = None,
    vocab_size: int | None = None,
) -> Dataset:
    """The dataset as token ids, in memory and in the same order; nothing is written to a cache.

    Args:
        dataset: columns `sequence` and, as far as they exist, `sequence2` (pairs), `name` and `labels`.
        tokenizer, max_tokens, overflow, vocab_size: as in `encode_sequences`.
        reverse_complement: also encode the other strand of the bases that were kept.
        level: "nucleotide" when `labels` has one label for each base, "bin" when it has one for each `bin_bp` bases.
        bin_bp: bases in a bin, at bin level.

    Returns:
        `index` (row number, 0-based), `input_ids`, `length` (tokens), and `labels` where the dataset has them. With
        `reverse_complement` also `input_ids_reverse_complement`. At nucleotide level also `bases_per_token` (bp that
        each token covers, 0 for special tokens), labels cut to the bases that were kept, and for the other strand
        `labels_reverse_complement` (the labels reversed) and `bases_per_token_reverse_complement`. Bins likewise; a bin
        of which bases were cut off has the label -100. Pairs of a tokenizer that marks the second sequence also have
        `token_type_ids`.

    Raises:
        ValueError: as in `encode_sequences`; no rows; labels that are not one for each base or bin; pairs for a
            tokenizer without a separator.
    """
    if len(dataset) == 0:
        raise ValueError("the dataset has no rows to encode.")
    options: dict[str, Any] = {"max_tokens": max_tokens, "overflow": overflow, "vocab_size": vocab_size}
    longest_bp = pc.max(pc.binary_length(dataset.data.column("sequence"))).as_py()
    batch_rows = max(1, min(_BATCH_ROWS, _BATCH_BP // max(longest_bp, 1)))
    tables = []
    for start in range(0, len(dataset), batch_rows):
        rows = dataset[start : start + batch_rows]
        sequences, labels = rows["sequence"], rows.get("labels")
        names = rows.get("name") or [str(start + offset) for offset in range(1, len(sequences) + 1)]
        seconds = rows.get("sequence2")
        if seconds is not None:
            columns = encode_pairs(tokenizer, sequences, seconds, names=names, **options)
            columns |= {} if labels is None else {"labels": labels}
        else:
            columns = _strand(tokenizer, sequences, labels, names=names, level=level, bin_bp=bin_bp, **options)
        if reverse_complement:
            # Of a pair the whole second strands, cut anew where they are too long.
            cut = overflow == "truncate" and seconds is None
            kept = _kept(tokenizer, sequences, columns["input_ids"]) if cut else sequences
            other = [dna.reverse_complement(sequence) for sequence in kept]
            if seconds is not None:
                other_seconds = [dna.reverse_complement(sequence) for sequence in seconds]
                strand = encode_pairs(tokenizer, other, other_seconds, names=names, **options)
            else:
                other_labels = (
                    _reversed_labels(kept, columns["labels"], bin_bp) if level != "sequence" and labels else None
                )
                strand = _strand(tokenizer, other, other_labels, names=names, level=level, bin_bp=bin_bp, **options)
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
    bin_bp: int | None,
    **options: Any,
) -> dict[str, Any]:
    """The columns of one strand of some rows."""
    ids = encode_sequences(tokenizer, sequences, names=names, **options)
    columns: dict[str, Any] = {"input_ids": ids, "length": np.array([len(row) for row in ids])}
    if level != "sequence":
        columns["bases_per_token"] = bases = bases_of_tokens(tokenizer, sequences, ids)
        if labels is not None:
            _check_labels(sequences, labels, names, bin_bp)
            columns["labels"] = [
                _kept_labels(row, int(count.sum()), bin_bp) for row, count in zip(labels, bases, strict=True)
            ]
    elif labels is not None:
        columns["labels"] = labels
    return columns


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Sequence[str],
    seconds: Sequence[str],
    *,
    max_tokens: int | None,
    overflow: Overflow = "error",
    names: Sequence[str],
    vocab_size: int | None = None,
) -> dict[str, Any]:
    """Pairs of sequences as the tokenizer joins them: `input_ids`, `length` and, where it has them, `token_type_ids`.

    Args:
        sequences, seconds: DNA, as many of one as of the other.
        overflow: "truncate" takes the last tokens off the longer sequence of a pair until it fits.
        tokenizer, max_tokens, names, vocab_size: as in `encode_sequences`.

    Raises:
        ValueError: as in `encode_sequences`; the tokenizer has no separator.
    """
    if not pairs_are_separated(tokenizer):
        raise ValueError(
            f"pairs of sequences need a separator between them, and {type(tokenizer).__name__} has none; use a family "
            "that has one (DNABERT, DNABERT-2, GENA-LM, GROVER), or join each pair to one sequence."
        )
    if vocab_size is not None:
        _check_tokenizer(tokenizer, vocab_size)
    both = []
    for which, letters in (("first", sequences), ("second", seconds)):
        for name, sequence in zip(names, letters, strict=True):
            if not sequence:
                raise ValueError(f"the {which} sequence of {name!r} is empty; remove the pair.")
        both.append(
            [dna.normalize(s, source=f"{which} sequence of {n!r}") for n, s in zip(names, letters, strict=True)]
        )
    encoding = tokenizer(*both, return_attention_mask=False, verbose=False)
    types = encoding.get("token_type_ids")
    ids = [np.array(row, dtype=np.int64) for row in encoding["input_ids"]]
    marks = None if types is None else [np.array(row, dtype=np.int64) for row in types]
    for row, name in enumerate(names):
        if max_tokens is not None and len(ids[row]) > max_tokens:
            if overflow == "error":
                raise ValueError(
                    f"pair {name!r} is {len(sequences[row]):,} + {len(seconds[row]):,} bp = {len(ids[row]):,} tokens; "
                    f"the model reads {max_tokens:,}. Pass overflow='truncate' or shorten it."
                )
            kept = _kept_of_pair(encoding.sequence_ids(row), max_tokens, name)
            ids[row] = ids[row][kept]
            if marks is not None:
                marks[row] = marks[row][kept]
        if vocab_size is not None and ids[row].max() >= vocab_size:
            raise ValueError(
                f"pair {name!r} has token id {ids[row].max()}, but the model's vocabulary ends at {vocab_size - 1}; "
                f"tokenizer and model do not belong together."
            )
    columns: dict[str, Any] = {"input_ids": ids, "length": np.array([len(row) for row in ids])}
    return columns if marks is None else columns | {"token_type_ids": marks}


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, vocab_size: int) -> None:
    """Refuse a tokenizer that is not of a model with so many tokens."""
    if problems := unreadable_dna(tokenizer, vocab_size):
        raise ValueError(
            f"tokenizer and model do not belong together: {'; '.join(problems)}. Load the tokenizer that was published "
            "with the model."
        )


def pairs_are_separated(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts something between the two sequences of a pair."""
    return tokenizer.sep_token_id is not None and tokenizer.num_special_tokens_to_add(pair=True) > 1


def _kept_of_pair(sequence_ids: Sequence[int | None], max_tokens: int, name: str) -> np.ndarray:
    """The positions that stay when the longer sequence loses its last token until `max_tokens` are left.

    >>> _kept_of_pair([None, 0, 0, 0, None, 1, None], 5, "x").tolist()
    [0, 1, 4, 5, 6]
    """
    owner = np.array([-1 if each is None else each for each in sequence_ids])
    counts = [int((owner == number).sum()) for number in (0, 1)]
    room = max_tokens - (len(owner) - sum(counts))
    if room < 2:
        raise ValueError(f"pair {name!r}: max_tokens is {max_tokens}; special tokens leave no room for two sequences.")
    half = room // 2
    first = room - half if min(counts) > half else counts[0] if counts[0] <= half else room - counts[1]
    gone = np.concatenate([np.flatnonzero(owner == 0)[first:], np.flatnonzero(owner == 1)[room - first :]])
    return np.setdiff1d(np.arange(len(owner)), gone)


def _check_labels(sequences: Sequence[str], labels: Sequence[Any], names: Sequence[str], bin_bp: int | None) -> None:
    for name, sequence, row in zip(names, sequences, labels, strict=True):
        if len(row) * (bin_bp or 1) == len(sequence):
            continue
        if bin_bp is None:
            raise ValueError(
                f"sequence {name!r} is {len(sequence):,} bp and has {len(row):,} labels; "
                f"a nucleotide-level task needs one label for each base."
            )
        raise ValueError(
            f"sequence {name!r} is {len(sequence):,} bp and has {len(row):,} labels; bins of {bin_bp:,} bp need "
            f"{len(sequence) / bin_bp:,.4g}."
        )


def _kept_labels(row: Sequence[Any], kept_bp: int, bin_bp: int | None) -> Sequence[Any]:
    """The labels of the bases that were kept; a bin that was cut has none (-100)."""
    if bin_bp is None:
        return row[:kept_bp]
    whole = kept_bp // bin_bp
    return [*row[:whole], *([_ignored_like(row[0])] if kept_bp % bin_bp else [])]


def _ignored_like(label: Any) -> Any:
    return [IGNORED_BASE] * len(label) if isinstance(label, list) else IGNORED_BASE


def _reversed_labels(kept: Sequence[str], labels: Sequence[Sequence[Any]], bin_bp: int | None) -> list[Sequence[Any]]:
    """The labels of the other strand.

    Raises:
        ValueError: a sequence was cut inside a bin, so the bins of the other strand lie elsewhere.
    """
    for letters in kept:
        if bin_bp is not None and len(letters) % bin_bp:
            raise ValueError(
                f"a sequence was cut to {len(letters):,} bp, inside a bin of {bin_bp:,} bp, so the other strand has "
                "other bins; leave out reverse_complement, or choose max_tokens so that whole bins are kept."
            )
    return [row[::-1] for row in labels]


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
            f"(hf_dnalm.AutoTokenizer gives one)."
        )
    encoding = tokenizer(list(sequences), return_offsets_mapping=True, verbose=False)
    bases = []
    for sequence, offsets, ids in zip(sequences, encoding["offset_mapping"], token_ids, strict=True):
        counts = np.diff(np.array(offsets, dtype=np.int64), axis=1)[:, 0]
        if counts.sum() != len(sequence):
            raise ValueError(
                f"{type(tokenizer).__name__} gives tokens to {counts.sum():,} of {len(sequence):,} bases; "
                f"nucleotide-level work needs every base in one token."
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
    if isinstance(column[0], list) and column[0] and isinstance(column[0][0], list):
        return pa.array(column)  # several labels for each bin
    if isinstance(column, np.ndarray) or not isinstance(column[0], (list, np.ndarray)):
        return pa.array(column)
    offsets = np.cumsum([0] + [len(row) for row in column], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([np.asarray(row) for row in column])))
