"""The kind of vocabulary in a vocab.txt: k-mers of one length, or DNA tokens of several lengths.

The majority of tokens decides, so a damaged list is still recognised; its tokenizer then names the damaged line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence


def most_are_kmers(words: Sequence[str]) -> bool:
    """Whether at least two in three tokens are bases, of one length above 1. Pass no special tokens.

    >>> most_are_kmers(["AAA", "AAT"]), most_are_kmers(["A", "AC", "ACG"]), most_are_kmers(["L", "A", "G"])
    (True, False, False)
    """
    lengths = Counter(len(word) for word in words if re.fullmatch("[ACGT]{2,}", word))
    return 3 * max(lengths.values(), default=0) >= 2 * max(len(words), 1)


def is_word_list(text: str) -> bool:
    """Whether a vocab.txt lists DNA tokens of several lengths, single bases included, and special tokens in brackets.

    >>> is_word_list("[UNK]\\nA\\nC\\nG\\nT\\nTT\\nGCAA"), is_word_list("[UNK]\\nAAA\\nAAC")
    (True, False)
    """
    words = [word for word in text.split() if not re.fullmatch(r"\[.*\]", word)]
    of_bases = {word for word in words if re.fullmatch("[ACGT]+", word)}
    mostly = 10 * len(of_bases) >= 9 * len(words) and len(words) < len(text.split())
    return mostly and len({len(word) for word in of_bases}) > 2 and len(of_bases & {*"ACGT"}) > 2
