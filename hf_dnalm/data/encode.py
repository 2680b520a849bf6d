"""Encode sequences as token ids, and refuse or truncate those that are longer than the model's context."""

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
_BATCH_BP = 2**28  # Arrow's list offsets are int32, and a batch is in memory twice while it is built


def encode_sequences(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Sequence[str],
    *,
    max_tokens: int | None,
    overflow: Overflow = "error",
    names: Sequence[str] | None = None,
    vocab_size: int | None = None,
) -> list[np.ndarray]:
    """Return the token ids of every sequence, including special tokens, each (n_tokens,) int64.

    Sequences are normalised first (upper case, IUPAC codes to N). If the tokenizer has a vectorised method
    (`encode_arrays` or `encode_array`), it is used; the ids are the same as those of `tokenizer(sequence)`.

    Args:
        tokenizer: any transformers tokenizer.
        sequences: DNA.
        max_tokens: the model's context length, including special tokens; None for no limit.
        overflow: "error" refuses a longer sequence; "truncate" keeps its first tokens and the special tokens at its
            end.
        names: names of the sequences for error messages; None uses their numbers, from 1.
        vocab_size: number of rows of the model's embedding matrix. If given, a tokenizer with another vocabulary and
            ids beyond the last row are refused.

    Raises:
        ValueError: a sequence is empty, has a letter that is not DNA, is longer than the limit or gives an id beyond
            `vocab_size`; or the tokenizer cannot read DNA or does not fit the model.
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
        if len(ids) <= special:  # the model could not tell such sequences apart
            raise ValueError(
                f"sequence {name!r} is {len(sequence):,} bp, which is too short for one token of the model's "
                "tokenizer; remove it."
            )
        if max_tokens is not None and len(ids) > max_tokens:
            if overflow == "error":
                raise ValueError(
                    f"sequence {name!r} is {len(sequence):,} bp = {len(ids):,} tokens; the model reads "
                    f"{max_tokens:,}. Pass overflow='truncate' or shorten it. (embed and embed_tokens also accept "
                    "overflow='windows'; log_likelihood, score_variants and mutagenesis accept neither.)"
                )
            ids = encoded[row] = _cut(ids, max_tokens, edge_tokens(tokenizer, ids)[1])
        if vocab_size is not None and ids.max() >= vocab_size:
            raise ValueError(
                f"sequence {name!r} has token id {ids.max()}, but the model's vocabulary ends at {vocab_size - 1}; "
                "tokenizer and model do not belong together. Load the tokenizer that was published with the model."
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
    """Return the dataset as token ids, in memory and in the same order; nothing is written to a cache.

    Args:
        dataset: with the column `sequence`, and optionally `sequence2` (pairs), `name` and `labels`.
        tokenizer, max_tokens, overflow, vocab_size: as in `encode_sequences`.
        reverse_complement: also encode the reverse complement of the bases that were kept.
        level: "nucleotide" if `labels` has one label per base, "bin" if it has one per `bin_bp` bases.
        bin_bp: bases in a bin, at bin level.

    Returns:
        The columns `index` (row number, 0-based), `input_ids`, `length` (tokens), and `labels` if the dataset has them.
        With `reverse_complement` also `input_ids_reverse_complement`. At nucleotide level also `bases_per_token` (bp
        that each token covers, 0 for special tokens), with the labels cut to the bases that were kept, and for the
        other strand `labels_reverse_complement` (the labels reversed) and `bases_per_token_reverse_complement`. At bin
        level the same, and a bin that lost bases to truncation has the label -100. Pairs also have `token_type_ids` if
        the tokenizer makes them.

    Raises:
        ValueError: as in `encode_sequences`; or the dataset has no rows, the number of labels does not match the bases
            or bins, or the tokenizer has no separator for pairs.
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
            # A pair is encoded from its complete second strands and truncated again if necessary.
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
    """The columns for one strand of a batch of rows."""
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
    """Encode pairs of sequences, joined by the tokenizer.

    Args:
        sequences, seconds: DNA, equally many.
        overflow: "truncate" removes the last tokens of the longer sequence of a pair until the pair fits.
        tokenizer, max_tokens, names, vocab_size: as in `encode_sequences`.

    Returns:
        The columns `input_ids` and `length`, and `token_type_ids` if the tokenizer makes them.

    Raises:
        ValueError: as in `encode_sequences`; or the tokenizer has no separator.
    """
    if not pairs_are_separated(tokenizer):
        raise ValueError(
            f"pairs of sequences need a separator between them, and {type(tokenizer).__name__} has none; use a family "
            "that has one (DNABERT, DNABERT-2, GENA-LM, GROVER), or join each pair into one sequence."
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
                "tokenizer and model do not belong together. Load the tokenizer that was published with the model."
            )
    columns: dict[str, Any] = {"input_ids": ids, "length": np.array([len(row) for row in ids])}
    return columns if marks is None else columns | {"token_type_ids": marks}


def _check_tokenizer(tokenizer: PreTrainedTokenizerBase, vocab_size: int) -> None:
    """Refuse a tokenizer that does not fit a model with `vocab_size` tokens."""
    if problems := unreadable_dna(tokenizer, vocab_size):
        raise ValueError(
            f"tokenizer and model do not belong together: {'; '.join(problems)}. Load the tokenizer that was published "
            "with the model."
        )


def pairs_are_separated(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokenizer puts a separator between the two sequences of a pair."""
    return tokenizer.sep_token_id is not None and tokenizer.num_special_tokens_to_add(pair=True) > 1


def _kept_of_pair(sequence_ids: Sequence[int | None], max_tokens: int, name: str) -> np.ndarray:
    """The positions that are left after removing last tokens of the longer sequence until `max_tokens` remain.

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
    removed = np.concatenate([np.flatnonzero(owner == 0)[first:], np.flatnonzero(owner == 1)[room - first :]])
    return np.setdiff1d(np.arange(len(owner)), removed)


def _check_labels(sequences: Sequence[str], labels: Sequence[Any], names: Sequence[str], bin_bp: int | None) -> None:
    for name, sequence, row in zip(names, sequences, labels, strict=True):
        if len(row) * (bin_bp or 1) == len(sequence):
            continue
        if bin_bp is None:
            raise ValueError(
                f"sequence {name!r} is {len(sequence):,} bp and has {len(row):,} labels; "
                "a nucleotide-level task needs one label for each base."
            )
        raise ValueError(
            f"sequence {name!r} is {len(sequence):,} bp and has {len(row):,} labels; bins of {bin_bp:,} bp need "
            f"{len(sequence) / bin_bp:,.4g}."
        )


def _kept_labels(row: Sequence[Any], kept_bp: int, bin_bp: int | None) -> Sequence[Any]:
    """The labels of the bases that were kept; an incomplete bin is ignored (-100)."""
    if bin_bp is None:
        return row[:kept_bp]
    complete = kept_bp // bin_bp
    return [*row[:complete], *([_ignored_like(row[0])] if kept_bp % bin_bp else [])]


def _ignored_like(label: Any) -> Any:
    return [IGNORED_BASE] * len(label) if isinstance(label, list) else IGNORED_BASE


def _reversed_labels(kept: Sequence[str], labels: Sequence[Sequence[Any]], bin_bp: int | None) -> list[Sequence[Any]]:
    """The labels of the other strand.

    Raises:
        ValueError: a sequence was cut inside a bin, so the bins of the other strand have other boundaries.
    """
    for letters in kept:
        if bin_bp is not None and len(letters) % bin_bp:
            raise ValueError(
                f"a sequence was truncated to {len(letters):,} bp, inside a bin of {bin_bp:,} bp, so the bins of the "
                "other strand have other boundaries; leave out reverse_complement, or choose max_tokens so that only "
                "complete bins are kept."
            )
    return [row[::-1] for row in labels]


def _token_ids(tokenizer: PreTrainedTokenizerBase, sequences: list[str]) -> list[np.ndarray]:
    """Ids of normalised sequences by the fastest method the tokenizer has; no truncation, no padding."""
    if not sequences:
        return []  # transformers' tokenizers fail on an empty list
    if hasattr(tokenizer, "encode_arrays"):
        return tokenizer.encode_arrays(sequences)
    if hasattr(tokenizer, "encode_array"):
        return [tokenizer.encode_array(sequence) for sequence in sequences]
    # The tokenizer is not asked to truncate: a fast one would remember the setting and save it in tokenizer.json.
    encoding = tokenizer(sequences, return_attention_mask=False, return_token_type_ids=False, verbose=False)
    return [np.array(ids, dtype=np.int64) for ids in encoding["input_ids"]]


def bases_of_tokens(
    tokenizer: PreTrainedTokenizerBase, sequences: Sequence[str], token_ids: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return how many bp each token covers, for the (possibly truncated) ids from `encode_sequences`.

    Raises:
        ValueError: the tokenizer does not provide this, or leaves out bases.
    """
    if hasattr(tokenizer, "bases_in"):
        normal = (dna.normalize(sequence) for sequence in sequences)
        return [tokenizer.bases_in(ids, sequence) for ids, sequence in zip(token_ids, normal, strict=True)]
    if hasattr(tokenizer, "bases_per_token"):
        return [tokenizer.bases_per_token(ids) for ids in token_ids]
    if not tokenizer.is_fast:
        raise ValueError(
            f"{type(tokenizer).__name__} cannot say which bases a token covers; use a fast tokenizer "
            "(hf_dnalm.AutoTokenizer loads one)."
        )
    encoding = tokenizer(list(sequences), return_offsets_mapping=True, verbose=False)
    bases = []
    for sequence, offsets, ids in zip(sequences, encoding["offset_mapping"], token_ids, strict=True):
        counts = np.diff(np.array(offsets, dtype=np.int64), axis=1)[:, 0]
        if counts.sum() != len(sequence):
            raise ValueError(
                f"{type(tokenizer).__name__} covers {counts.sum():,} of {len(sequence):,} bases with tokens; "
                "nucleotide-level tasks need every base in exactly one token."
            )
        bases.append(_cut(counts, len(ids), edge_tokens(tokenizer, ids)[1]))
    return bases


def _kept(tokenizer: PreTrainedTokenizerBase, sequences: Sequence[str], token_ids: Sequence[np.ndarray]) -> list[str]:
    """The bases of each sequence that its (possibly truncated) ids cover."""
    bases = bases_of_tokens(tokenizer, sequences, token_ids)
    return [sequence[: count.sum()] for sequence, count in zip(sequences, bases, strict=True)]


def edge_tokens(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray) -> tuple[int, int]:
    """Return how many special tokens (start, separator, end) come before and after the DNA; `<unk>` counts as DNA."""
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    dna = np.flatnonzero(~np.isin(ids, list(special)))
    return (int(dna[0]), len(ids) - 1 - int(dna[-1])) if len(dna) else (0, 0)


def _cut(values: np.ndarray, length: int, closing: int) -> np.ndarray:
    """Keep the first values and the `closing` last ones, `length` in total.

    >>> _cut(np.array([0, 7, 8, 9, 2]), 4, 1).tolist()
    [0, 7, 8, 2]
    """
    return (
        values
        if len(values) <= length
        else np.concatenate([values[: length - closing], values[len(values) - closing :]])
    )


def _arrow(column: Any) -> pa.Array:
    """A column as an Arrow array; a list of arrays becomes one flat array with offsets."""
    if isinstance(column[0], list) and column[0] and isinstance(column[0][0], list):
        return pa.array(column)  # several labels for each bin
    if isinstance(column, np.ndarray) or not isinstance(column[0], (list, np.ndarray)):
        return pa.array(column)
    offsets = np.cumsum([0] + [len(row) for row in column], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate([np.asarray(row) for row in column])))
