"""The tokenizer of DNABERT-2 and its kin: byte pairs of A, C, G and T, `[CLS]` first, `[SEP]` last.

`tokenizer.json` is the whole truth: plain transformers reads it and gives the same ids. The class adds the bases that
each token covers, and knows genome mode.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence

import numpy as np

from .dna_tokenizer import DnaTokenizer

_DNA = re.compile("[ACGTN]+")


class DnaBpeTokenizer(DnaTokenizer):
    """Cuts DNA into words of a published list, the merges that were learned first going first.

    White space and punctuation end a word. Any character but A, C, G and T (N, lower case, IUPAC codes, U, gaps) is one
    `[UNK]`. A pair of sequences is `[CLS] A [SEP] B [SEP]`, token types 0 and 1. In genome mode lower case counts as
    upper case and IUPAC ambiguity codes count as `N`, which is `[UNK]` where the vocabulary has no `N`.
    """

    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # noqa: RUF012  (transformers' own form)

    def bases_per_token(self, input_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """How many bp each token covers: the letters of a word, 1 for `[UNK]`, 0 for other special tokens.

        Args:
            input_ids: ids of any shape.

        Returns:
            bp, int64, in the shape of `input_ids`.

        Raises:
            ValueError: an id is outside the vocabulary.
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        lengths = self._bases_of_id
        if len(outside := ids[(ids < 0) | (ids >= len(lengths))]):
            raise ValueError(f"id {outside[0]} is outside the vocabulary of {len(lengths):,} words.")
        return lengths[ids]

    @functools.cached_property
    def _bases_of_id(self) -> np.ndarray:
        """bp of each id, (vocabulary,) int64."""
        lengths = np.zeros(len(self), dtype=np.int64)
        for word, token_id in self.get_vocab().items():
            lengths[token_id] = len(word) if _DNA.fullmatch(word) else 0
        lengths[self.unk_token_id] = 1  # characters are not fused
        return lengths


def is_dna_bpe(tokenizer_json: str) -> bool:
    """Whether the text of a tokenizer.json is of byte pairs of DNA: added tokens aside, all its words are bases.

    Examples:
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"[UNK]": 0, "A": 1, "ACG": 2}}}')
        True
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"A": 0, "THE": 1}}}')
        False
    """
    try:
        model = json.loads(tokenizer_json)["model"]
        words = [word for word in model["vocab"] if not re.fullmatch(r"\[.*\]|<.*>", word)]
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    return model.get("type") == "BPE" and len(words) > 0 and all(_DNA.fullmatch(word) for word in words)


def without_limits(tokenizer_json: str) -> str:
    """A tokenizer.json that neither cuts nor pads by itself: the one of DNABERT-S does both, at 2,000 tokens.

    Example:
        >>> without_limits('{"truncation": {"max_length": 2000}, "padding": null, "model": {}}')
        '{"truncation": null, "padding": null, "model": {}}'
    """
    return json.dumps(json.loads(tokenizer_json) | {"truncation": None, "padding": None}, ensure_ascii=False)
