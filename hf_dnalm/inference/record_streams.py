"""Records of a file as a stream: checked before any work, told apart by a digest, taken some at a time."""

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

# Letters of the records that a command takes at a time.
BATCH_BP = 2**20
_LONGER_THAN_ANY_K = 16


class CheckedRecords(NamedTuple):
    """What is known of a stream that was read to its end."""

    digest: str  # of names and letters in their order
    lengths_bp: Sequence[int]  # of each record


def check_records(
    records: Iterable[Record],
    tokenizer: PreTrainedTokenizerBase,
    *,
    overflow: Overflow = "error",
    per: Literal["sequence", "nucleotide", "token"] = "sequence",
) -> CheckedRecords:
    """Read all records and refuse what a model cannot be given, by its name.

    Raises:
        ValueError: as reading the records does; one is longer than the model reads and `overflow` is "error"; or too
            short to be a token, where there is to be a vector for each.
    """
    digest, lengths = InputDigest(), array("q")
    limit = token_limit(tokenizer)
    fitting_bp = None if limit is None else limit - tokenizer.num_special_tokens_to_add()  # a token is a letter or more
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
    """Names and letters of the records, about `batch_bp` letters at a time."""
    for held in grouped_by_size(records, lambda record: len(record.sequence), at_most=batch_bp):
        yield [record.name for record in held], [record.sequence for record in held]


class InputDigest:
    """A digest of names and letters in their order, whatever file format and compression they come in."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, record: Record) -> None:
        self._hash.update(f"{len(record.name)} {len(record.sequence)} {record.name}".encode())
        self._hash.update(record.sequence.encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
