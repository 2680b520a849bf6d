"""Stream the records of a file: check them before any work, compute a digest, and read them in batches."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from hf_dnalm.data.encode import encode_sequences
from hf_dnalm.data.records import Record
from hf_dnalm.inference.hidden_states import Overflow
from hf_dnalm.inference.inputs import token_limit
from hf_dnalm.inference.log_probabilities import grouped_by_size
from hf_dnalm.inference.token_embeddings import times_kept

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_BP = 2**20  # letters of the records that a command has in memory at a time
_LONGER_THAN_ANY_K = 16  # bp; a sequence of this length has at least one token in every tokenizer


class CheckedRecords(NamedTuple):
    """Facts about a stream of records that has been read to its end."""

    digest: str  # of the names and letters, in order
    lengths_bp: Sequence[int]  # length of each record


def check_records(
    records: Iterable[Record],
    tokenizer: PreTrainedTokenizerBase,
    *,
    overflow: Overflow = "error",
    per: Literal["sequence", "nucleotide", "token"] = "sequence",
) -> CheckedRecords:
    """Read all records and refuse those that the model cannot process, by name.

    Raises:
        ValueError: the file has an invalid record; a record is longer than the model's context and `overflow` is
            "error"; or a record is too short for one token, and `per` is "nucleotide" or "token".
    """
    digest, lengths = InputDigest(), array("q")
    limit = token_limit(tokenizer)
    # Every token covers at least one letter, so a sequence of this length always fits.
    fitting_bp = None if limit is None else limit - tokenizer.num_special_tokens_to_add()
    for record in records:
        digest.add(record)
        length = len(record.sequence)
        lengths.append(length)
        names, sequences = [record.name], [record.sequence]
        if overflow == "error" and fitting_bp is not None and length > fitting_bp:
            encode_sequences(tokenizer, sequences, max_tokens=limit, names=names)
        if per != "sequence" and length < _LONGER_THAN_ANY_K:
            ids = encode_sequences(tokenizer, sequences, max_tokens=None, names=names)
            times_kept(tokenizer, sequences, ids, names=names, per=per)
    return CheckedRecords(digest.hexdigest(), lengths)


def record_batches(records: Iterable[Record], *, batch_bp: int = BATCH_BP) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the names and letters of the records, about `batch_bp` letters at a time."""
    for batch in grouped_by_size(records, lambda record: len(record.sequence), at_most=batch_bp):
        yield [record.name for record in batch], [record.sequence for record in batch]


class InputDigest:
    """A digest of names and letters in order, independent of the file format and compression."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, record: Record) -> None:
        self._hash.update(f"{len(record.name)} {len(record.sequence)} {record.name}".encode())
        self._hash.update(record.sequence.encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
