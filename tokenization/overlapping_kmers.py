"""Overlapping k-mers: DNABERT's vocabulary, and the rules of a tokenizer.json that cut raw DNA into them.

The pipeline of a tokenizer.json cuts text into words that do not overlap, and its replacements are literal. So the text
is rewritten: every place between two tokens gets a bar and a place holder for each letter that the k-mers on its two
sides have in common with their neighbours; a rule for each place holder and base, which looks around, then fills in the
letter. With k = 4, whose tokens stand at their second letter:

    ACGTT  →  AC23|1GTT  →  ACgt|1GTT  →  ACgt|cGTT  →  ACGT|CGTT
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from tokenizers import Regex
from tokenizers.normalizers import Normalizer, Replace
from tokenizers.normalizers import Sequence as Normalizers

from .kmer_arrays import WHITESPACE
from .vocabulary import BASES, LARGEST_K, SMALLEST_K, length_of_most

BRACKETED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SEPARATOR = "|"

_UNKNOWN = "N"  # what any other letter is written as; no word holds it


def overlapping_kmer_vocabulary(k: int) -> list[str]:
    """All words of a published vocabulary of overlapping k-mers; the index of a word is its id.

    Args:
        k: length of the words in bp; the published checkpoints have 3, 4, 5 and 6.

    Raises:
        ValueError: k outside 2 to 8.

    >>> overlapping_kmer_vocabulary(3)[:8]
    ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'AAA', 'AAT', 'AAC']
    >>> [len(overlapping_kmer_vocabulary(k)) for k in (3, 4, 5, 6)]
    [69, 261, 1029, 4101]
    """
    if not SMALLEST_K <= k <= LARGEST_K:
        raise ValueError(f"k is {k}; a k-mer vocabulary has k from {SMALLEST_K} to {LARGEST_K}.")
    return [*BRACKETED_TOKENS, *map("".join, itertools.product(BASES, repeat=k))]


def overlapping_kmer_vocabulary_k(vocabulary: Sequence[str]) -> int | None:
    """The k of a vocabulary of overlapping k-mers, or None for any other vocabulary.

    Looks at the kind of words only: `[SPECIAL]` words, and base words of which most have one length, which is not
    1. Whether all are right and none is missing is `check_overlapping_kmer_vocabulary`'s business.

    >>> overlapping_kmer_vocabulary_k(["[PAD]", "[CLS]", "AAA", "AAT"])
    3
    >>> overlapping_kmer_vocabulary_k(["[PAD]", "[CLS]", "AAA", "the"]) is None
    True
    """
    special = [word for word in vocabulary if re.fullmatch(r"\[.*\]", word)]
    return None if not special else length_of_most([word for word in vocabulary if word not in special])


def check_overlapping_kmer_vocabulary(vocabulary: Sequence[str]) -> int:
    """The k of a complete vocabulary of overlapping k-mers.

    Raises:
        ValueError: a token is listed twice, is missing or does not belong; the message names it.
    """
    k = overlapping_kmer_vocabulary_k(vocabulary)
    if k is None:
        raise ValueError(
            f"these {len(vocabulary):,} words are no vocabulary of overlapping k-mers: that has [CLS] and k-mers of "
            "one length over A, T, C, G, no single letters."
        )
    required = overlapping_kmer_vocabulary(k)
    line_of: dict[str, int] = {}
    for line, word in enumerate(vocabulary, start=1):
        if word in line_of:
            raise ValueError(f"vocabulary line {line}: {word!r} is already on line {line_of[word]}.")
        line_of[word] = line
    known = set(required)
    for word, line in line_of.items():
        if word not in known and not re.fullmatch(r"\[.*\]", word):
            raise ValueError(f"vocabulary line {line}: {word!r} has no place in a vocabulary of {k}-mers.")
    if missing := [word for word in required if word not in line_of]:
        raise ValueError(
            f"the vocabulary of {k}-mers lacks {len(missing):,} of {len(required):,} words, first {missing[0]!r}; "
            "every k-mer and " + " ".join(BRACKETED_TOKENS) + " must stand in it."
        )
    return k


def centre(k: int) -> int:
    """How many letters of a k-mer stand before its centre, the base that its token owns.

    >>> [centre(k) for k in (3, 4, 5, 6)]
    [1, 1, 2, 2]
    """
    return (k - 1) // 2


def kmers_apart(k: int) -> Normalizer:
    """Rewrites DNA as its overlapping k-mers with bars between them, each at its centre.

    White space becomes a blank, and no k-mer reaches over one; a stretch of less than k letters vanishes; a k-mer with
    any letter but A, T, C, G becomes a word that no vocabulary holds. What is written for one token carries the offset
    of its centre, and the first and the last token those of the ends: the offsets share out the sequence.

    >>> kmers_apart(4).normalize_str("ACGTT")
    'ACGT|CGTT'
    >>> kmers_apart(3).normalize_str("AC GTNTT")
    ' GT2|TNT|1TT'
    """
    before, after = centre(k), k - 1 - centre(k)
    letter, written = f"[{BASES}{_UNKNOWN}]", f"[^{BASES}{_UNKNOWN} ]"
    # The place holders of a group are numbered as they stand in the word: 1 … before, the centre, then the rest.
    lead, tail = _digits(1, before), _digits(before + 1, k - 1)
    steps = [
        Replace(Regex(f"[{WHITESPACE}]"), " "),
        Replace(Regex(f"[^{BASES} ]"), _UNKNOWN),
        Replace(Regex(f"(?<![^ ])[^ ]{{1,{k - 1}}}(?![^ ])"), ""),
        Replace(Regex(f"(?<={letter}{{{before + 1}}})(?={letter}{{{after + 1}}})"), tail + SEPARATOR),
    ]
    if lead:
        # Written in place of the letter, and not before it, so that it carries this letter's offset.
        steps += [Replace(Regex(f"(?<=\\{SEPARATOR}){base}"), lead + base) for base in BASES + _UNKNOWN]
    for base in BASES:
        for distance in range(1, after + 1):
            ahead = f"{written}*(?:{letter}{written}*){{{distance - 1}}}{base}"
            steps.append(Replace(Regex(f"{before + distance}(?={ahead})"), base.lower()))
        for distance in range(1, before + 1):
            # A look behind has a fixed length: one for each number of bars on the way. The letters of the sequence's
            # start have none between them.
            ways = [
                f"{base}{letter}{{{distance - bars}}}"
                + f"(?:{written}{{{k}}}{letter})" * (bars - 1)
                + f"{written}{{{k - distance}}}"
                for bars in range(1, distance + 1)
            ]
            steps.append(Replace(Regex(f"(?<={'|'.join(ways)}){before - distance + 1}"), base.lower()))
    return Normalizers([*steps, *(Replace(base.lower(), base) for base in BASES)])


def _digits(first: int, last: int) -> str:
    return "".join(str(number) for number in range(first, last + 1))
