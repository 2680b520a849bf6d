"""Ids of single letters by one look-up a byte: the rule of the tokenizer's pipeline at the speed of memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .dna_tokenizer import as_text
from .kmer_arrays import MOST_LITERALS, check_encodable

_ASCII = range(128)
_FIRST_LITERAL = 0x80  # bytes from here on stand for special literals such as [MASK]
MOST_WORDS = 256  # an id is one byte until it is handed out


class NucleotideArrayEncoder:
    """Encodes text to ids with numpy, for a tokenizer that reads every character by itself.

    What a character becomes is asked of the pipeline, once for each: so normalisers need no second description here.

    Args:
        pipeline: ids of a text, without special tokens around it.
        literals: id of each `[word]` that is recognised in text; at most `MOST_LITERALS`.
        before, after: the ids that stand around a sequence.
    """

    def __init__(
        self,
        pipeline: Callable[[str], list[int]],
        literals: Mapping[str, int],
        before: Sequence[int],
        after: Sequence[int],
    ):
        assert len(literals) <= MOST_LITERALS
        self._pipeline = pipeline
        self._literal_bytes = {word.encode("ascii"): bytes([_FIRST_LITERAL + i]) for i, word in enumerate(literals)}
        ids_of = [pipeline(chr(i)) for i in _ASCII]
        # One that gives no id (white space, for GPN) is left out; none gives two.
        self._blanks = bytes(i for i in _ASCII if not ids_of[i])
        table = [ids[0] if ids else 0 for ids in ids_of] + [*literals.values()]
        self._table = bytes(table + [0] * (MOST_WORDS - len(table)))
        self._byte_of_id = {token_id: bytes([byte]) for byte, token_id in reversed([*enumerate(table)])}
        self._before = b"".join(self._byte_of_id[token_id] for token_id in before)
        self._after = b"".join(self._byte_of_id[token_id] for token_id in after)
        self._wide: dict[int, str] = {}  # what stands for a character beyond ASCII, as they come

    def encode(self, sequence: str | bytes, *, edges: bool) -> np.ndarray:
        """Ids (n,) int64 of the text, with `edges` also those around it."""
        data = self._one_byte_each(sequence)
        return self._ids(self._before + data + self._after if edges else data)

    def encode_many(self, sequences: Sequence[str | bytes], *, edges: bool) -> list[np.ndarray]:
        """Ids of every text, arrays (n_i,) int64, looked up as one long text."""
        before, after = (self._before, self._after) if edges else (b"", b"")
        texts = [self._one_byte_each(sequence) for sequence in sequences]
        if not texts:
            return []
        ids = self._ids(before + (after + before).join(texts) + after)
        n_edges = len(before) + len(after)
        ends = itertools.accumulate((len(text) + n_edges for text in texts), initial=0)
        return [ids[start:end] for start, end in itertools.pairwise(ends)]

    def _ids(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data.translate(self._table), dtype=np.uint8).astype(np.int64)

    def _one_byte_each(self, sequence: str | bytes) -> bytes:
        """The text with one byte a token: special literals are one byte too, and blanks are gone."""
        if isinstance(sequence, bytes) and sequence.isascii():
            data = sequence
        else:
            text = as_text(sequence)
            data = (text if text.isascii() else self._narrow(text)).encode("ascii")
        if b"[" in data or b"<" in data:
            for literal, byte in self._literal_bytes.items():
                data = data.replace(literal, byte)
        return data.translate(None, self._blanks) if self._blanks else data

    def _narrow(self, text: str) -> str:
        """The text with ASCII characters of the same ids in place of all others."""
        check_encodable(text)
        for character in set(text):
            if not character.isascii() and ord(character) not in self._wide:
                ids = self._pipeline(character)
                self._wide[ord(character)] = b"".join(self._byte_of_id[token_id] for token_id in ids).decode("ascii")
        return text.translate(self._wide)
