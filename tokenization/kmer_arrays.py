"""k-mer ids of DNA text by arithmetic on arrays: the same rule as the tokenizer's pipeline, some hundred times faster.

Text becomes one byte a character. Each byte has a code: 0 to 3 are the digits of A, T, C, G in base 4; every other
character breaks a run of bases. Between two breaks the run is cut into k-mers from its left end, and what is left over
becomes single letters. A break is a token itself (`N`, a special literal), or white space, which gives none, or an
unknown character, which gives one `<unk>` for the whole stretch of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from .vocabulary import BASES

# All characters that str.isspace() knows (a test holds this true). Oniguruma's \s lacks \x1c to \x1f.
WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# IUPAC codes for more than one base; N itself stays N.
AMBIGUITY_CODES = "RYSWKMBDHV"

_WORD_BREAK, _UNKNOWN, _BLANK = 4, 5, 6
_START = 0  # the byte that opens each sequence; a NUL in the text is an unknown character like any other
_FIRST_LITERAL = 0x80  # bytes from here on stand for special literals such as <mask>
MOST_LITERALS = 0x80
_BLOCK = 1 << 17  # bytes worked on at a time, so that the intermediate arrays stay in the processor's cache
_WIDE_BLANKS = dict.fromkeys((ord(c) for c in WHITESPACE if not c.isascii()), " ")


def check_encodable(text: str) -> None:
    """Refuse what has no place in any text file: half of a surrogate pair.

    Raises:
        ValueError: the text holds a lone surrogate; the message gives its 1-based position.
    """
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"position {error.start + 1} of the text is the lone surrogate U+{ord(text[error.start]):04X}, not a "
            "character; read the file as UTF-8 or ASCII."
        ) from None


class KmerArrayEncoder:
    """Encodes text to ids with numpy, for one k-mer vocabulary.

    Args:
        vocabulary: id of each word; all k-mers, A, T, C, G, N, `<unk>` and `<cls>` are there.
        literals: id of each `<word>` that is recognised in text; at most `MOST_LITERALS`.
        k: length of the long words in bp.
        genome_mode: read lower case as upper case and IUPAC ambiguity codes as N.
    """

    def __init__(self, vocabulary: Mapping[str, int], literals: Mapping[str, int], k: int, *, genome_mode: bool):
        self.k = k
        self._cls = vocabulary["<cls>"]
        self._kmer_ids = np.array(
            [vocabulary["".join(bases)] for bases in itertools.product(BASES, repeat=k)], dtype=np.int64
        )
        self._literal_bytes = {word.encode("ascii"): bytes([_FIRST_LITERAL + i]) for i, word in enumerate(literals)}

        codes = np.full(256, _UNKNOWN, dtype=np.uint8)
        token_ids = np.full(256, vocabulary["<unk>"], dtype=np.int64)
        codes[[ord(c) for c in WHITESPACE if c.isascii()]] = _BLANK
        codes[_START] = _WORD_BREAK
        token_ids[_START] = -1
        for word, byte in zip(literals, self._literal_bytes.values(), strict=True):
            codes[byte[0]] = _WORD_BREAK
            token_ids[byte[0]] = literals[word]
        for code, base in enumerate(BASES):
            codes[ord(base)] = code
            token_ids[ord(base)] = vocabulary[base]
        codes[ord("N")] = _WORD_BREAK
        token_ids[ord("N")] = vocabulary["N"]
        if genome_mode:
            for letter, meaning in genome_letters().items():
                codes[ord(letter)] = codes[ord(meaning)]
                token_ids[ord(letter)] = token_ids[ord(meaning)]
        self._codes = codes.tobytes()
        self._token_ids = token_ids

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of every text, `<cls>` first: arrays (n_i,) int64."""
        joined = "\0".join(["", *texts])
        if joined.isascii() and "<" not in joined and joined.count("\0") == len(texts):
            data = joined.encode("ascii")
        else:
            data = b"".join(bytes([_START]) + self._one_byte_each(text) for text in texts)
        ids = self._encode_bytes(data)
        starts = np.flatnonzero(ids < 0)
        ids[starts] = self._cls
        if len(texts) == 1:
            return [ids]
        return [ids[start:end] for start, end in itertools.pairwise([*starts.tolist(), len(ids)])]

    def _one_byte_each(self, text: str) -> bytes:
        """The text with one byte a character; special literals are one byte too."""
        if text.isascii():
            data = text.encode("ascii")
        else:
            check_encodable(text)
            data = text.translate(_WIDE_BLANKS).encode("ascii", errors="replace")  # "?" is unknown, like what it replaces
        data = data.replace(bytes([_START]), b"?")
        if b"<" in data:
            for literal, byte in self._literal_bytes.items():
                data = data.replace(literal, byte)
        return data

    def _encode_bytes(self, data: bytes) -> np.ndarray:
        """Ids (n,) int64 of one-byte text, block by block; a block ends where a token ends."""
        blocks = []
        position, after_unknown = 0, False
        while position < len(data):
            letters = data[position : position + _BLOCK]
            codes = np.frombuffer(letters.translate(self._codes), dtype=np.uint8)
            breaks = np.flatnonzero(codes > 3) if codes.max() > 3 else _NO_BREAKS
            used = len(codes)
            if position + used < len(data):
                run_start = int(breaks[-1]) + 1 if len(breaks) else 0
                used -= (used - run_start) % self.k
            blocks.append(self._encode_block(letters, codes[:used], breaks, after_unknown))
            after_unknown = bool(codes[used - 1] == _UNKNOWN)
            position += used
        return np.concatenate(blocks)

    def _encode_block(self, letters: bytes, codes: np.ndarray, breaks: np.ndarray, after_unknown: bool) -> np.ndarray:
        """Ids of one block that starts and ends at the edge of a token.

        Args:
            letters: the block's bytes (maybe some more behind).
            codes: the code of each byte, (n,) uint8.
            breaks: the 0-based positions in it that are no base, (m,) rising.
            after_unknown: whether an unknown character stands before the block.
        """
        values = self._kmer_values(codes)
        if not len(breaks) and len(codes) % self.k == 0:
            return self._kmer_ids[values[:: self.k]]
        # Three groups of tokens for each run of bases: its k-mers, the letters left over, and the break behind it.
        run_starts = np.concatenate(([0], breaks + 1))
        run_ends = np.append(breaks, len(codes))
        n_kmers, n_letters = np.divmod(run_ends - run_starts, self.k)
        unknown = codes[breaks] == _UNKNOWN
        follows_unknown = codes[breaks - 1] == _UNKNOWN
        if len(breaks) and breaks[0] == 0:
            follows_unknown[0] = after_unknown
        n_breaks = np.append((codes[breaks] != _BLANK) & ~(unknown & follows_unknown), False)

        counts = np.stack([n_kmers, n_letters, n_breaks], axis=1).ravel()
        first = np.stack([run_starts, run_ends - n_letters, run_ends], axis=1).ravel()
        step = np.tile([self.k, 1, 1], len(run_starts))
        ends = np.cumsum(counts)
        group = np.repeat(np.arange(len(counts)), counts)
        positions = first[group] + step[group] * (np.arange(ends[-1]) - (ends - counts)[group])
        ids = self._token_ids[np.frombuffer(letters, dtype=np.uint8)[positions]]
        is_kmer = group % 3 == 0
        ids[is_kmer] = self._kmer_ids[values[positions[is_kmer]]]
        return ids

    def _kmer_values(self, codes: np.ndarray) -> np.ndarray:
        """Base-4 number of the k codes from each position on, (n - k + 1,) uint16; nonsense where they span a break."""
        n = max(len(codes) - self.k + 1, 0)
        values = codes[:n].astype(np.uint16)
        for offset in range(1, self.k):
            values *= 4
            values += codes[offset : offset + n]
        return values


_NO_BREAKS = np.zeros(0, dtype=np.int64)


def genome_letters() -> dict[str, str]:
    """What genome mode reads each letter as: bases and N in upper case, ambiguity codes as N.

    >>> letters = genome_letters()
    >>> letters["a"], letters["n"], letters["R"], letters["y"], letters.get("u")
    ('A', 'N', 'N', 'N', None)
    """
    letters = {base.lower(): base for base in (*BASES, "N")}
    return letters | {code: "N" for code in AMBIGUITY_CODES + AMBIGUITY_CODES.lower()}
