"""DNA sequences as strings: the letters A C G T N, the reverse complement, and windows along a sequence."""

from __future__ import annotations

import numpy as np

__all__ = ["IUPAC_CODES", "normalize", "reverse_complement", "windows"]

IUPAC_CODES = "RYSWKMBDHV"  # ambiguity codes other than N; each stands for two or three bases

_INVALID = 0  # the byte that the tables below give every letter that is not DNA


def _byte_table(pairs: dict[str, str]) -> bytes:
    """A 256-byte table for `bytes.translate`; every letter that is not in `pairs` becomes a zero byte."""
    table = bytearray(256)
    for letter, replacement in pairs.items():
        table[ord(letter)] = ord(replacement)
    return bytes(table)


_COMPLEMENTS = dict(zip("ACGTNRYSWKMBDHV", "TGCANYRSWMKVHDB", strict=True))
_COMPLEMENT = _byte_table(_COMPLEMENTS | {a.lower(): b.lower() for a, b in _COMPLEMENTS.items()})
_NORMAL = _byte_table(
    {letter: letter.upper() for letter in "ACGTNacgtn"} | dict.fromkeys(IUPAC_CODES + IUPAC_CODES.lower(), "N")
)


def normalize(sequence: str, *, source: str = "sequence") -> str:
    """Return the sequence in the letters A C G T N: upper case, with every IUPAC ambiguity code replaced by N.

    Lower case marks repeats in many genomes (soft-masking) and has no other meaning, so it is converted, as in the
    published pre-training pipelines. All other characters are refused: U, gaps, white space, digits, amino acids.

    Args:
        sequence: of any length, including the empty string.
        source: name of the sequence in the error message, for example `"reads.fa: record 3 ('chr1')"`.

    Raises:
        ValueError: the sequence has another letter; the message has the source, the 1-based position, the letter and
            what to do.

    >>> normalize("acgtRN")
    'ACGTNN'
    """
    # One byte per character, so positions stay correct; a non-ASCII character becomes '?', which is refused below.
    normal = sequence.encode("ascii", errors="replace").translate(_NORMAL)
    position = normal.find(_INVALID)
    if position >= 0:
        raise ValueError(_invalid_letter(sequence, position, source))
    return normal.decode("ascii")


def reverse_complement(sequence: str) -> str:
    """Return the other strand, read 5' to 3'. IUPAC codes are complemented too; case is kept.

    Raises:
        ValueError: a letter is neither a base nor an IUPAC code; the message has its 1-based position.

    >>> reverse_complement("AACgtR")
    'YacGTT'
    """
    complement = sequence.encode("ascii", errors="replace").translate(_COMPLEMENT)
    position = complement.find(_INVALID)
    if position >= 0:
        raise ValueError(_invalid_letter(sequence, position, "sequence"))
    return complement[::-1].decode("ascii")


def windows(length_bp: int, *, window_bp: int, stride_bp: int) -> np.ndarray:
    """Return windows that together cover every base of a sequence.

    The last window is shifted back to end with the sequence, so all windows have the same length. A sequence shorter
    than one window gives a single window of its own length.

    Returns:
        (n_windows, 2) int64, start and end of each window, 0-based half-open, in order.

    Raises:
        ValueError: the length is negative, the window is shorter than 1 bp, or the stride is outside 1..window_bp,
            which would skip bases.

    >>> windows(10, window_bp=4, stride_bp=3).tolist()
    [[0, 4], [3, 7], [6, 10]]
    >>> windows(9, window_bp=4, stride_bp=4).tolist()
    [[0, 4], [4, 8], [5, 9]]
    >>> windows(3, window_bp=4, stride_bp=4).tolist()
    [[0, 3]]
    """
    if length_bp < 0 or window_bp < 1 or not 1 <= stride_bp <= window_bp:
        raise ValueError(
            f"windows need length_bp >= 0, window_bp >= 1 and 1 <= stride_bp <= window_bp so that no base is missed; "
            f"got {length_bp=}, {window_bp=}, {stride_bp=}."
        )
    if length_bp == 0:
        return np.zeros((0, 2), dtype=np.int64)
    last_start = max(length_bp - window_bp, 0)
    starts = np.arange(0, last_start + stride_bp, stride_bp, dtype=np.int64).clip(max=last_start)
    return np.stack([starts, np.minimum(starts + window_bp, length_bp)], axis=1)


def _invalid_letter(sequence: str, position: int, source: str) -> str:
    """The error message for a letter of `sequence` that is not DNA; `position` is 0-based."""
    letter = sequence[position]
    if letter in "Uu":
        advice = "this is RNA: replace U with T"
    elif letter in "-.":
        advice = "remove the gaps"
    elif letter.isspace():
        advice = "remove the white space"
    else:
        advice = f"allowed are A C G T N and the IUPAC codes {IUPAC_CODES} (read as N), in either case"
    return f"{source}: letter {letter!r} at position {position + 1:,} (counted from 1) is not DNA; {advice}."
