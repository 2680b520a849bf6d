"""k-mer ids of DNA text by arithmetic on arrays: the rule of the tokenizer's pipeline at the speed of memory.

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

# All characters that str.isspace() and so str.split() know; a regular expression's \s lacks \x1c to \x1f.
WHITESPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# IUPAC codes for more than one base; N itself stays N.
AMBIGUITY_CODES = "RYSWKMBDHV"

_LAST_BASE, _WORD_BREAK, _UNKNOWN, _BLANK = 3, 4, 5, 6
_START, _START_ID = 0, -1  # stands between two sequences; a NUL of the text's own is made another unknown character
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
        # Blocks hold ids in the narrowest type: the memory traffic of 8 bytes an id comes once, at the end.
        narrow = np.min_scalar_type(-1 - max(*vocabulary.values(), *literals.values()))
        kmers = map("".join, itertools.product(BASES, repeat=k))
        self._kmer_ids = np.array([vocabulary[kmer] for kmer in kmers], dtype=narrow)
        self._literal_bytes = {word.encode("ascii"): bytes([_FIRST_LITERAL + i]) for i, word in enumerate(literals)}

        codes = np.full(256, _UNKNOWN, dtype=np.uint8)
        letter_ids = np.full(256, vocabulary["<unk>"], dtype=narrow)
        codes[[ord(c) for c in WHITESPACE if c.isascii()]] = _BLANK
        codes[_START] = _WORD_BREAK
        letter_ids[_START] = _START_ID
        for word, byte in zip(literals, self._literal_bytes.values(), strict=True):
            codes[byte[0]] = _WORD_BREAK
            letter_ids[byte[0]] = literals[word]
        for code, base in enumerate(BASES):
            codes[ord(base)] = code
            letter_ids[ord(base)] = vocabulary[base]
        codes[ord("N")] = _WORD_BREAK
        letter_ids[ord("N")] = vocabulary["N"]
        if genome_mode:
            for letter, meaning in genome_letters().items():
                codes[ord(letter)] = codes[ord(meaning)]
                letter_ids[ord(letter)] = letter_ids[ord(meaning)]
        self._codes = codes.tobytes()
        self._letter_ids = letter_ids

    def encode(self, text: str) -> np.ndarray:
        """Ids of the text, `<cls>` first: (n,) int64."""
        return self._encode_bytes(self._one_byte_each(text), first_id=self._cls)

    def encode_many(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of every text, `<cls>` first: arrays (n_i,) int64, encoded as one long text."""
        if not texts:
            return []
        joined = "\0".join(texts)
        if joined.isascii() and "<" not in joined and joined.count("\0") == len(texts) - 1:
            data = joined.encode("ascii")
        else:
            data = bytes([_START]).join([self._one_byte_each(text) for text in texts])
        ids = self._encode_bytes(data, first_id=_START_ID)
        starts = np.flatnonzero(ids == _START_ID)
        ids[starts] = self._cls
        return [ids[start:end] for start, end in itertools.pairwise([*starts.tolist(), len(ids)])]

    def _one_byte_each(self, text: str) -> bytes:
        """The text with one byte a character; special literals are one byte too."""
        if text.isascii():
            data = text.encode("ascii")
        else:
            check_encodable(text)
            # One "?" stands for each character beyond ASCII: unknown, like what it replaces.
            data = text.translate(_WIDE_BLANKS).encode("ascii", errors="replace")
        data = data.replace(bytes([_START]), b"?")
        if b"<" in data:
            for literal, byte in self._literal_bytes.items():
                data = data.replace(literal, byte)
        return data

    def _encode_bytes(self, data: bytes, *, first_id: int) -> np.ndarray:
        """Ids (n,) int64 of one-byte text behind `first_id`, block by block; a block ends where a token ends."""
        blocks = [np.array([first_id])]
        position, after_unknown = 0, False
        while position < len(data):
            letters = data[position : position + _BLOCK]
            codes = np.frombuffer(letters.translate(self._codes), dtype=np.uint8)
            if position + len(codes) < len(data):
                is_break = codes[::-1] > _LAST_BASE
                bases_at_end = int(is_break.argmax()) if is_break.any() else len(codes)
                codes = codes[: len(codes) - bases_at_end % self.k]
            blocks.append(self._encode_block(np.frombuffer(letters, np.uint8, len(codes)), codes, after_unknown))
            after_unknown = bool(codes[-1] == _UNKNOWN)
            position += len(codes)
        return np.concatenate(blocks, dtype=np.int64)

    def _encode_block(self, letters: np.ndarray, codes: np.ndarray, after_unknown: bool) -> np.ndarray:
        """Ids (n,) of one block that starts and ends at the edge of a token.

        Args:
            letters: one byte a character, (block,) uint8.
            codes: the code of each, (block,) uint8.
            after_unknown: whether an unknown character stands before the block.
        """
        highest_code = codes.max()
        if highest_code <= _LAST_BASE:
            n_kmers = len(codes) // self.k
            rest = self._letter_ids[letters[n_kmers * self.k :]]
            return np.concatenate([self._kmer_ids.take(self._kmer_values(codes)[:: self.k]), rest])

        is_break = codes > _LAST_BASE
        if is_break.all():
            starts = np.arange(len(codes))
            ids = self._letter_ids.take(letters)
        else:
            starts, is_kmer = self._tokens_of_stretches(is_break)
            ids = self._letter_ids.take(letters[starts])
            ids[is_kmer] = self._kmer_ids.take(self._kmer_values(codes)[starts[is_kmer]])
        if highest_code == _WORD_BREAK:
            return ids

        kinds, kinds_before = codes[starts], codes[starts - 1]
        kinds_before[0] = _UNKNOWN if after_unknown else _BLANK
        return ids[(kinds != _BLANK) & ~((kinds == _UNKNOWN) & (kinds_before == _UNKNOWN))]

    def _tokens_of_stretches(self, is_break: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where tokens start and which of them are k-mers, both (n,), if every break were a token.

        The text is stretches of bases and of breaks in turn. Of each two the tokens are k-mers first, then what is one
        character long: the bases left over and the breaks.
        """
        edges = np.flatnonzero(is_break[1:] != is_break[:-1]) + 1
        lengths = np.diff(edges, prepend=[0] * (1 + is_break[0]), append=[len(is_break)] * (2 - is_break[-1]))
        n_bases, n_breaks = lengths[0::2], lengths[1::2]
        n_kmers = n_bases // self.k
        counts = np.stack([n_kmers, n_bases - n_kmers * self.k + n_breaks], axis=1).ravel()
        is_kmer = np.repeat(np.arange(len(counts)) % 2 == 0, counts)
        token_lengths = np.where(is_kmer, self.k, 1)
        return np.cumsum(token_lengths) - token_lengths, is_kmer

    def _kmer_values(self, codes: np.ndarray) -> np.ndarray:
        """Base-4 number of the k codes from each position on, (n - k + 1,) uint16; nonsense where they span a break."""
        n = max(len(codes) - self.k + 1, 0)
        digits = codes.astype(np.uint16)
        values = digits[:n].copy()
        for offset in range(1, self.k):
            values *= 4
            values += digits[offset : offset + n]
        return values


def genome_letters() -> dict[str, str]:
    """What genome mode reads each letter as: bases and N in upper case, ambiguity codes as N.

    >>> letters = genome_letters()
    >>> letters["a"], letters["n"], letters["R"], letters["y"], letters.get("u")
    ('A', 'N', 'N', 'N', None)
    """
    letters = {base.lower(): base for base in (*BASES, "N")}
    return letters | dict.fromkeys(AMBIGUITY_CODES + AMBIGUITY_CODES.lower(), "N")
