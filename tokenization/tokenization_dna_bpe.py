"""The tokenizer of DNABERT-2, GENA-LM and their kin: byte pairs of DNA, `[CLS]` first, `[SEP]` last.

`tokenizer.json` is the whole truth: plain transformers reads it and gives the same ids. The class adds the bases that
each token covers, and knows genome mode.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import BatchEncoding

from .dna_tokenizer import DnaTokenizer, genome_normalizer
from .kmer_arrays import check_encodable

GAP = "-"  # GENA-LM's word for a run of N

# Bases and IUPAC codes; GENA-LM's first vocabulary was learned on lines, whose ends got into some words.
_WORD = re.compile("([ACGTBDHKMNRSVWY]*)\n?")
_RUN = re.compile(f"{GAP}|N{{10,}}")


class DnaBpeTokenizer(DnaTokenizer):
    """Cuts DNA into words of a published list, the merges that were learned first going first.

    Any character that the list does not have (lower case, IUPAC codes, U, gaps; N in most lists) is one `[UNK]`. A pair
    of sequences is `[CLS] A [SEP] B [SEP]`, token types 0 and 1. In genome mode lower case counts as upper case and
    IUPAC ambiguity codes count as `N`.

    The list of GENA-LM's later models has words for N and for IUPAC codes, and makes one token, `-`, of a run of ten N
    or more. transformers' offsets of that token are those of the last N alone; `bases_in` gives the whole run.
    """

    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # noqa: RUF012  (transformers' own form)

    def bases_per_token(self, input_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """How many bp each token covers: the letters of a word, 1 for `[UNK]`, 0 for other special tokens.

        Args:
            input_ids: ids of any shape.

        Returns:
            bp, int64, in the shape of `input_ids`.

        Raises:
            ValueError: an id is outside the vocabulary, or stands for a run of N, whose length the id does not tell.
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        lengths = self._bases(ids)
        if self._gap_id is not None and len(gaps := np.argwhere(ids == self._gap_id)):
            raise ValueError(
                f"token {', '.join(str(i + 1) for i in gaps[0])} (1-based) is {GAP!r}, which covers ten N or more: use "
                "bases_in(input_ids, sequence), which counts them in the sequence."
            )
        return lengths

    def bases_in(self, input_ids: Sequence[int] | np.ndarray, sequence: str) -> np.ndarray:
        """How many bp of this sequence each of its tokens covers, runs of N included.

        Args:
            input_ids: (n,), of the sequence, from its start; they may end before it does.
            sequence: as the tokenizer was given it.

        Returns:
            (n,) bp, int64.

        Raises:
            ValueError: an id is outside the vocabulary, or the ids are not of this sequence.
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        lengths = self._bases(ids)
        gaps = [] if self._gap_id is None else np.flatnonzero(ids == self._gap_id)
        if not len(gaps):
            return lengths
        letters = sequence.strip()  # as the tokenizer does
        if self.genome_mode:
            letters = genome_normalizer().normalize_str(letters)
        counted = start = 0
        for gap in gaps:
            start += int(lengths[counted:gap].sum())
            run = _RUN.match(letters, start)
            if run is None:
                raise ValueError(
                    f"token {gap + 1} (1-based) covers ten N or more, but base {start + 1} of the sequence does not "
                    "start such a run: the ids are of another sequence."
                )
            lengths[gap] = len(run[0])
            counted = gap
        return lengths

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:  # type: ignore[override]
        """The one way in behind `__call__`, `encode` and `tokenize`: refuse what has no ids, then hand on."""
        _check_encodable(text)
        _check_encodable(text_pair)
        return super()._encode_plus(text, text_pair, **kwargs)

    def _bases(self, ids: np.ndarray) -> np.ndarray:
        """The bp of every id, a run of N counting as none."""
        lengths = self._bases_of_id
        if len(outside := ids[(ids < 0) | (ids >= len(lengths))]):
            raise ValueError(f"id {outside[0]} is outside the vocabulary of {len(lengths):,} words.")
        return lengths[ids]

    @property
    def _gap_id(self) -> int | None:
        """The id of a run of N; None for vocabularies that have none."""
        return self.backend_tokenizer.token_to_id(GAP)

    @functools.cached_property
    def _bases_of_id(self) -> np.ndarray:
        """bp of each id, (vocabulary,) int64."""
        lengths = np.zeros(len(self), dtype=np.int64)
        for word, token_id in self.get_vocab().items():
            match = _WORD.fullmatch(word)
            lengths[token_id] = 0 if match is None else len(match[1])
        lengths[self.unk_token_id] = 1  # characters are not fused
        return lengths


def _check_encodable(text: Any) -> None:
    """Refuse lone surrogates in any input that transformers takes."""
    if isinstance(text, str):
        check_encodable(text)
    elif isinstance(text, list | tuple):
        for part in text:
            _check_encodable(part)


def is_dna_bpe(tokenizer_json: str) -> bool:
    """Whether the text of a tokenizer.json is of byte pairs of DNA: added tokens aside, all its words are of bases.

    Examples:
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"[UNK]": 0, "A": 1, "ACG": 2}}}')
        True
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"A": 0, "THE": 1}}}')
        False
    """
    try:
        model = json.loads(tokenizer_json)["model"]
        # GROVER's merges of a base with nothing leave the empty word behind.
        words = [word for word in model["vocab"] if word not in ("", GAP) and not re.fullmatch(r"\[.*\]|<.*>", word)]
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    return model.get("type") == "BPE" and len(words) > 0 and all(_WORD.fullmatch(word) for word in words)


def without_limits(tokenizer_json: str) -> str:
    """A tokenizer.json that neither cuts nor pads by itself: the one of DNABERT-S does both, at 2,000 tokens.

    Example:
        >>> without_limits('{"truncation": {"max_length": 2000}, "padding": null, "model": {}}')
        '{"truncation": null, "padding": null, "model": {}}'
    """
    return json.dumps(json.loads(tokenizer_json) | {"truncation": None, "padding": None}, ensure_ascii=False)
