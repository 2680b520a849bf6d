"""Tokenizers that read DNA letter by letter: those of HyenaDNA, Caduceus, PlantCaduceus, GPN and BEND's own models.

`tokenizer.json` is the whole truth: plain transformers reads it and gives the same ids. The class adds an array path
for long sequences, the bases that each token covers, and refusals.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import BPE
from tokenizers.normalizers import Lowercase, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BatchEncoding

from .dna_tokenizer import DnaTokenizer, as_text, check_texts, with_genome_mode
from .kmer_arrays import MOST_LITERALS
from .nucleotide_arrays import MOST_WORDS, NucleotideArrayEncoder

Scheme = Literal["hyenadna", "caduceus", "gpn"]
Edges = Literal["none", "sep", "cls_sep"]

_LITERAL = re.compile(r"\[[A-Za-z0-9_|/-]+\]|<[A-Za-z0-9_|/-]+>")
_LETTERS = "ACGTN"

_CHARACTERS = ("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *_LETTERS)
_GPN = ("[PAD]", "[MASK]", "[UNK]", *"acgt")
_ROLES = {"cls": "[CLS]", "sep": "[SEP]", "bos": "[BOS]", "eos": "[SEP]", "mask": "[MASK]", "pad": "[PAD]"}

# Around a sequence, and around two.
_TEMPLATES: dict[Edges, tuple[str, str]] = {
    "none": ("$A", "$A $B"),
    "sep": ("$A [SEP]", "$A [SEP] $B [SEP]"),
    "cls_sep": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"),
}


class NucleotideTokenizer(DnaTokenizer):
    """One token for every character of DNA; what the vocabulary does not have is one `[UNK]` each, never fused.

    Special tokens written out in the text, such as `[MASK]`, are recognised. In genome mode lower case counts as upper
    case and IUPAC ambiguity codes as `N` (which is `[UNK]` where the vocabulary has no `N`). A pair of sequences is
    refused where no special token stands between the two.

    Make one with `build_nucleotide_tokenizer`, or load a saved folder with `from_pretrained`.

    >>> tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=1024)
    >>> encoding = tokenizer("ACNa", return_offsets_mapping=True)
    >>> encoding.tokens()
    ['A', 'C', 'N', '[UNK]', '[SEP]']
    >>> encoding["offset_mapping"][:-1]  # 0-based, half-open, in bp
    [(0, 1), (1, 2), (2, 3), (3, 4)]
    """

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012  (transformers' own form)
    k = 1  # bp of a token

    def encode_array(self, sequence: str | bytes, *, add_special_tokens: bool = True) -> np.ndarray:
        """Exactly `self(sequence).input_ids`, by one look-up a byte: made for whole chromosomes.

        Args:
            sequence: any text; bytes are read as UTF-8.
            add_special_tokens: also the special tokens that stand around a sequence.

        Returns:
            Ids (n,) int64.

        Raises:
            ValueError: the text holds a lone surrogate, or the bytes are not UTF-8.

        >>> tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=1024)
        >>> tokenizer.encode_array("ACGTN")
        array([ 7,  8,  9, 10, 11,  1])
        """
        return self.encode_arrays([sequence], add_special_tokens=add_special_tokens)[0]

    def encode_arrays(self, sequences: Sequence[str | bytes], *, add_special_tokens: bool = True) -> list[np.ndarray]:
        """`encode_array` of every sequence, in one pass: made for thousands of short reads."""
        if self._array_encoder is not None and not self.split_special_tokens:
            return self._array_encoder.encode_many(sequences, edges=add_special_tokens)
        return [
            np.array(self(as_text(each), add_special_tokens=add_special_tokens)["input_ids"], dtype=np.int64)
            for each in sequences
        ]

    def batch_encode_plus(self, batch_text: Sequence[str], **kwargs: Any) -> BatchEncoding:
        """`self(batch_text, …)` by the name that published usage examples call; transformers 5 has dropped it."""
        return self(list(batch_text), **kwargs)

    def bases_per_token(self, input_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """How many bp each token covers: 1 for a letter and for `[UNK]`, 0 for other special tokens (`[MASK]` too).

        Args:
            input_ids: ids of any shape.

        Returns:
            bp, int64, in the shape of `input_ids`.

        Raises:
            ValueError: an id is outside the vocabulary.

        >>> tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=1024)
        >>> tokenizer.bases_per_token(tokenizer("ACxN").input_ids)
        array([1, 1, 1, 1, 0])
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        lengths = self._bases_of_id
        if len(outside := ids[(ids < 0) | (ids >= len(lengths))]):
            raise ValueError(f"id {outside[0]} is outside the vocabulary of {len(lengths):,} words.")
        return lengths[ids]

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:  # type: ignore[override]
        """The one way in behind `__call__`, `encode` and `tokenize`: refuse what has no ids, then hand on."""
        pairs = self.num_special_tokens_to_add(pair=True) > 0
        check_texts(text, text_pair, pairs=pairs, is_split_into_words=kwargs.get("is_split_into_words", False))
        return super()._encode_plus(text, text_pair=text_pair, **kwargs)

    @functools.cached_property
    def _bases_of_id(self) -> np.ndarray:
        """bp of each id, (vocabulary,) int64."""
        lengths = np.zeros(len(self), dtype=np.int64)
        for word, token_id in self.get_vocab().items():
            lengths[token_id] = len(word) if set(word.upper()) <= set(_LETTERS) else 0
        lengths[self.unk_token_id] = 1
        return lengths

    @functools.cached_property
    def _array_encoder(self) -> NucleotideArrayEncoder | None:
        """The array path, or None where tokens were added that it cannot tell from bases."""
        literals = {token.content: token_id for token_id, token in self.added_tokens_decoder.items()}
        normalizer = self.backend_tokenizer.normalizer
        plain = all(
            _LITERAL.fullmatch(token.content)
            and not (token.lstrip or token.rstrip or token.single_word or (token.normalized and normalizer is not None))
            for token in self.added_tokens_decoder.values()
        )
        if not plain or len(literals) > MOST_LITERALS or len(self) > MOST_WORDS:
            return None
        letter = self._ids_of("A")
        with_edges = self("A")["input_ids"]
        start = with_edges.index(letter[0])
        return NucleotideArrayEncoder(self._ids_of, literals, before=with_edges[:start], after=with_edges[start + 1 :])

    def _ids_of(self, text: str) -> list[int]:
        return self(text, add_special_tokens=False)["input_ids"]


def build_nucleotide_tokenizer(
    scheme: Scheme, *, edges: Edges | None = None, model_max_length: int, genome_mode: bool = False
) -> NucleotideTokenizer:
    """A tokenizer of a published scheme.

    All pad on the right. HyenaDNA's and Caduceus' authors pad on the left, which their models, without a mask, read as
    part of the sequence; to a causal model padding on the right can change nothing.

    Args:
        scheme: "hyenadna": `[CLS]` 0, `[SEP]` 1, `[BOS]` 2, `[MASK]` 3, `[PAD]` 4, `[UNK]` 6, A 7, C 8, G 9, T 10,
            N 11; lower case is unknown. "caduceus": the same words, lower case read as upper case. "gpn", which is
            PlantCaduceus' too and that of BEND's AWD-LSTM and ResNet-LM: `[PAD]` 0, `[MASK]` 1, `[UNK]` 2, a 3, c 4,
            g 5, t 6; upper case is read as lower case, N is unknown, and white space gives no token.
        edges: the special tokens around a sequence: "none", "sep" (`[SEP]` behind it) or "cls_sep" (`[CLS]` also in
            front). None is the published one: "sep" for HyenaDNA and Caduceus, as in their Hub repositories, "none" for
            GPN. HyenaDNA's first code and BEND set "cls_sep"; Caduceus was trained, and is run by BEND, with "none".
        model_max_length: tokens the model reads, special tokens included.
        genome_mode: read lower case as upper case and IUPAC ambiguity codes as N.

    Raises:
        ValueError: an unknown scheme, or edges that the scheme does not have.
    """
    if scheme not in get_args(Scheme):
        raise ValueError(f"scheme is {scheme!r}; choose from {', '.join(map(repr, get_args(Scheme)))}.")
    words = _GPN if scheme == "gpn" else _CHARACTERS
    # Byte pairs without a single merge are letters; unlike a list of words this needs no splitting first.
    backend = Tokenizer(BPE({word: i for i, word in enumerate(words)}, [], unk_token="[UNK]", fuse_unk=False))
    special = [word for word in words if len(word) > 1 and word != "[RESERVED]"]
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    if scheme == "gpn":
        backend.normalizer = Lowercase()
        backend.pre_tokenizer = Whitespace()
    else:
        backend.decoder = Fuse()
    if scheme == "caduceus":
        backend.normalizer = Normalizers([Replace(letter.lower(), letter) for letter in _LETTERS])
    roles = {f"{role}_token": word for role, word in _ROLES.items() if word in words}
    tokenizer = NucleotideTokenizer(
        tokenizer_object=backend,
        unk_token="[UNK]",
        **roles,
        model_max_length=model_max_length,
        model_input_names=NucleotideTokenizer.model_input_names,
    )
    if edges is None:
        edges = "none" if scheme == "gpn" else "sep"
    tokenizer = with_edges(tokenizer, edges)
    return with_genome_mode(tokenizer) if genome_mode else tokenizer


def with_edges(tokenizer: NucleotideTokenizer, edges: Edges) -> NucleotideTokenizer:
    """A copy of the tokenizer with other special tokens around a sequence (see `build_nucleotide_tokenizer`).

    Raises:
        ValueError: no such edges, or the vocabulary has no `[CLS]` and `[SEP]`.

    >>> tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=1024)
    >>> with_edges(tokenizer, "cls_sep")("AC").tokens()
    ['[CLS]', 'A', 'C', '[SEP]']
    """
    if edges not in get_args(Edges):
        raise ValueError(f"edges is {edges!r}; choose from {', '.join(map(repr, get_args(Edges)))}.")
    vocabulary = tokenizer.get_vocab()
    single, pair = _TEMPLATES[edges]
    needed = [word for word in ("[CLS]", "[SEP]") if word in single]
    if missing := [word for word in needed if word not in vocabulary]:
        raise ValueError(f"edges {edges!r} need {' and '.join(missing)}, which the vocabulary does not have.")
    changed = copy.deepcopy(tokenizer)
    changed.__dict__.pop("_array_encoder", None)
    special = [(word, vocabulary[word]) for word in needed]
    processor = TemplateProcessing(single=single, pair=pair, special_tokens=special) if needed else None
    changed.backend_tokenizer.post_processor = processor
    return changed


def is_nucleotide(tokenizer_json: str) -> bool:
    """Whether the text of a tokenizer.json reads DNA letter by letter: no merges, and all words are single bases.

    Examples:
        >>> is_nucleotide('{"model": {"type": "BPE", "merges": [], "vocab": {"a": 1, "c": 2, "g": 3, "t": 4}}}')
        True
        >>> is_nucleotide('{"model": {"type": "BPE", "merges": ["A C"], "vocab": {"A": 0, "C": 1, "AC": 2}}}')
        False
    """
    try:
        model = json.loads(tokenizer_json)["model"]
        words = "".join(sorted(word for word in model["vocab"] if not _LITERAL.fullmatch(word)))
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    by_letter = model.get("type") == "BPE" and not model.get("merges") and not model.get("fuse_unk")
    return by_letter and words in ("ACGT", "ACGNT", "acgt", "acgnt")
