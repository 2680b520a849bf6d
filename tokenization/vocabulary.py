"""The words of a k-mer tokenizer in published order: special tokens, all k-mers over A, T, C, G, single letters."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

Layout = Literal["nucleotide_transformer_v1", "nucleotide_transformer_v2"]

BASES = "ATCG"  # in this order the published k-mers are lexicographic: a k-mer's rank is a number in base 4
LETTERS = ("A", "T", "C", "G", "N")
SPECIAL_TOKENS = ("<unk>", "<pad>", "<mask>", "<cls>")
# Words that upstream neither adds by itself nor counts as special; written out in text they have their id.
EDGE_TOKENS = ("<eos>", "<bos>")
SMALLEST_K, LARGEST_K = 2, 8

_BASE_WORD = re.compile("[ATCG]+")


def kmer_vocabulary(k: int, layout: Layout) -> list[str]:
    """All words of a published k-mer vocabulary; the index of a word is its id.

    Args:
        k: length of the long words in bp; the published checkpoints have 6 and 3.
        layout: where `<eos> <bos>` stand: last (`nucleotide_transformer_v1`, AgroNT too) or before the k-mers
            (`nucleotide_transformer_v2`).

    Raises:
        ValueError: k outside 2 to 8, or an unknown layout.

    >>> kmer_vocabulary(3, "nucleotide_transformer_v2")[:9]
    ['<unk>', '<pad>', '<mask>', '<cls>', '<eos>', '<bos>', 'AAA', 'AAT', 'AAC']
    >>> len(kmer_vocabulary(6, "nucleotide_transformer_v1"))
    4107
    """
    if not SMALLEST_K <= k <= LARGEST_K:
        raise ValueError(f"k is {k}; a k-mer vocabulary has k from {SMALLEST_K} to {LARGEST_K}.")
    words = ["".join(bases) for bases in itertools.product(BASES, repeat=k)]
    if layout == "nucleotide_transformer_v1":
        return [*SPECIAL_TOKENS, *words, *LETTERS, *EDGE_TOKENS]
    if layout == "nucleotide_transformer_v2":
        return [*SPECIAL_TOKENS, *EDGE_TOKENS, *words, *LETTERS]
    raise ValueError(f"layout is {layout!r}; choose one of {', '.join(get_args(Layout))}.")


def read_vocabulary(path: str | os.PathLike[str]) -> list[str]:
    """The words of a `vocab.txt`, one a line, blanks around them dropped; the index of a word is its id.

    Raises:
        ValueError: the file is empty, is not UTF-8, or has an empty line between words.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{os.fspath(path)}: byte {error.start + 1} (1-based) is not UTF-8. The file is damaged; copy it again."
        ) from error
    words = [line.strip() for line in text.splitlines()]
    if not words:
        raise ValueError(f"{os.fspath(path)} is empty; a vocabulary has one word a line.")
    if "" in words:
        raise ValueError(f"{os.fspath(path)}, line {words.index('') + 1}: empty; a vocabulary has one word a line.")
    return words


def kmer_vocabulary_k(vocabulary: list[str]) -> int | None:
    """The k of a non-overlapping k-mer vocabulary, or None for any other vocabulary.

    Looks at the kind of words only: `<special>` words, single letters, and base words of which most have one
    length. Whether all are right and none is missing is `check_kmer_vocabulary`'s business: a damaged vocabulary is to
    be refused, and not taken for one of another kind.

    >>> kmer_vocabulary_k(["<cls>", "<unk>", "AAA", "AAT", "A", "T", "C", "G", "N"])
    3
    >>> kmer_vocabulary_k(["<cls>", "<unk>", "L", "A", "G", "V"]) is None  # amino acids
    True
    """
    special = [word for word in vocabulary if re.fullmatch("<.*>", word)]
    words = [word for word in vocabulary if word not in LETTERS and word not in special]
    return None if not special else length_of_most(words)


def length_of_most(words: Sequence[str]) -> int | None:
    """The length that two in three words or more have, if those are of bases, and of more than one; else None.

    >>> length_of_most(["AAA", "AAT", "ACT", "AGT", "TGT", "TTT", "AXT", "CCC", "GGG", "GTG"])
    3
    """
    lengths = Counter(len(word) for word in words if _BASE_WORD.fullmatch(word))
    length, count = max(lengths.items(), key=lambda each: each[1], default=(0, 0))
    return length if length > 1 and 3 * count >= 2 * len(words) else None


def check_kmer_vocabulary(vocabulary: list[str]) -> int:
    """The k of a complete k-mer vocabulary.

    Raises:
        ValueError: a token is listed twice, is missing, or does not belong; the message names it.
    """
    k = kmer_vocabulary_k(vocabulary)
    if k is None:
        raise ValueError(
            f"these {len(vocabulary):,} words are no k-mer vocabulary: that has <cls>, single letters and "
            "k-mers of one length over A, T, C, G."
        )
    if not SMALLEST_K <= k <= LARGEST_K:
        raise ValueError(f"the vocabulary's k is {k}; a k-mer vocabulary has k from {SMALLEST_K} to {LARGEST_K}.")
    line_of: dict[str, int] = {}
    for line, word in enumerate(vocabulary, start=1):
        if word in line_of:
            raise ValueError(f"vocabulary line {line}: {word!r} is already on line {line_of[word]}.")
        line_of[word] = line
    needed = kmer_vocabulary(k, "nucleotide_transformer_v1")
    if foreign := line_of.keys() - set(needed):
        word = min(foreign, key=line_of.__getitem__)
        raise ValueError(f"vocabulary line {line_of[word]}: {word!r} has no place in a {k}-mer vocabulary.")
    required = [word for word in needed if word not in EDGE_TOKENS]
    if missing := [word for word in required if word not in line_of]:
        raise ValueError(
            f"the {k}-mer vocabulary lacks {len(missing):,} of {len(required):,} words, first {missing[0]!r}; "
            "every k-mer, A, T, C, G, N and " + " ".join(SPECIAL_TOKENS) + " must stand in it."
        )
    return k
