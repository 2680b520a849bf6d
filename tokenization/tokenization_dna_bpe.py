"""The tokenizer of DNABERT-2, GENA-LM and similar models: byte pairs of DNA, `[CLS]` first, `[SEP]` last.

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
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import BatchEncoding

from .dna_tokenizer import DnaTokenizer, genome_normalizer, with_genome_mode
from .kmer_arrays import check_encodable

GAP = "-"  # GENA-LM's word for a run of N

# Bases and IUPAC codes; GENA-LM's first vocabulary was learned on lines, whose ends got into some words.
_WORD = re.compile("([ACGTBDHKMNRSVWY]*)\n?")
_RUN = re.compile(f"{GAP}|N{{10,}}")
_SPECIAL = re.compile(r"\[.*\]|<.*>")
_EDGES = ("[CLS]", "[SEP]")
_ROLES = ("unk", "cls", "sep", "pad", "mask")


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
        if self._gap_id is None or self._gap_id not in ids:
            return lengths
        letters = sequence.strip()  # as the tokenizer does
        if self.genome_mode:
            letters = genome_normalizer().normalize_str(letters)
        counted = start = 0
        for gap in np.flatnonzero(ids == self._gap_id).tolist():
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

    So is one that takes the longest word that fits (see `longest_match_tokenizer_from_vocabulary`).

    Examples:
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"[UNK]": 0, "A": 1, "ACG": 2}}}')
        True
        >>> is_dna_bpe('{"model": {"type": "BPE", "vocab": {"A": 0, "THE": 1}}}')
        False
    """
    try:
        model = json.loads(tokenizer_json)["model"]
        # GROVER's merges of a base with nothing leave the empty word behind.
        words = [word for word in model["vocab"] if word not in ("", GAP) and not _SPECIAL.fullmatch(word)]
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    in_words = model.get("type") == "BPE" or (
        model.get("type") == "WordPiece" and model.get("continuing_subword_prefix") == ""
    )
    return in_words and len(words) > 0 and all(_WORD.fullmatch(word) for word in words)


def is_word_list(vocabulary: Sequence[str]) -> bool:
    """Whether a vocabulary is of DNA words of several lengths, the four bases among them, and special tokens.

    Nearly all words are enough, so that a damaged list is refused and not taken for another kind.

    >>> is_word_list(["[UNK]", "[CLS]", "A", "C", "G", "T", "TT", "GCAA"])
    True
    >>> is_word_list(["[UNK]", "[CLS]", "AAA", "AAC", "AAG", "AAT"])
    False
    """
    words = [word for word in vocabulary if not _SPECIAL.fullmatch(word)]
    of_bases = [word for word in words if re.fullmatch("[ACGT]+", word)]
    lengths = {len(word) for word in of_bases}
    return 10 * len(of_bases) >= 9 * len(words) and len(lengths) > 2 and len({*"ACGT"} & {*of_bases}) > 2


def longest_match_tokenizer_from_vocabulary(
    vocabulary: Sequence[str], *, model_max_length: int, genome_mode: bool = False
) -> DnaBpeTokenizer:
    """A tokenizer over a list of DNA words that takes the longest word that fits, from left to right.

    A list of words does not say in which order pairs were merged. BEND reads GROVER in this way, whose own
    `tokenizer.json` gives other tokens for many sequences.

    Args:
        vocabulary: the words of a `vocab.txt`; the index of a word is its id (see `read_vocabulary`).
        model_max_length: tokens the model reads, `[CLS]` and `[SEP]` included.
        genome_mode: read lower case as upper case.

    Raises:
        ValueError: a token is listed twice, is missing, or is not of DNA.

    >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "C", "G", "T", "AC", "ACG"]
    >>> longest_match_tokenizer_from_vocabulary(words, model_max_length=512).tokenize("ACGACNT")
    ['ACG', 'AC', '[UNK]', 'T']
    """
    ids: dict[str, int] = {}
    for number, word in enumerate(vocabulary):
        if word in ids:
            raise ValueError(f"vocabulary line {number + 1}: {word!r} is already on line {ids[word] + 1}.")
        if not re.fullmatch("[ACGT]+", word) and not _SPECIAL.fullmatch(word):
            raise ValueError(f"vocabulary line {number + 1}: {word!r} is neither DNA nor a special token.")
        ids[word] = number
    required = [*(f"[{role.upper()}]" for role in _ROLES), *"ACGT"]
    if missing := [word for word in required if word not in ids]:
        raise ValueError(f"the vocabulary of {len(ids):,} words lacks {' and '.join(map(repr, missing))}.")
    backend = Tokenizer(WordPiece(ids, unk_token="[UNK]", continuing_subword_prefix="", max_input_chars_per_word=2**40))
    backend.pre_tokenizer = Split(Regex("[^ACGT]"), "isolated")  # else one unknown letter would make all unknown
    special = [word for word in vocabulary if _SPECIAL.fullmatch(word)]
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, ids[word]) for word in _EDGES],
    )
    tokenizer = DnaBpeTokenizer(
        tokenizer_object=backend,
        model_max_length=model_max_length,
        model_input_names=DnaBpeTokenizer.model_input_names,
        **{f"{role}_token": f"[{role.upper()}]" for role in _ROLES},
    )
    return with_genome_mode(tokenizer) if genome_mode else tokenizer


def without_limits(tokenizer_json: str) -> str:
    """A tokenizer.json that neither cuts nor pads by itself: the one of DNABERT-S does both, at 2,000 tokens.

    Example:
        >>> without_limits('{"truncation": {"max_length": 2000}, "padding": null, "model": {}}')
        '{"truncation": null, "padding": null, "model": {}}'
    """
    return json.dumps(json.loads(tokenizer_json) | {"truncation": None, "padding": None}, ensure_ascii=False)
