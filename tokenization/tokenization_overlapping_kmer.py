"""DNABERT's tokenizer: overlapping k-mers of raw DNA, `[CLS]` first, `[SEP]` last.

`tokenizer.json` is the whole truth: plain transformers reads it and gives the same ids, from DNA as it stands. The
class adds what only Python can give: an array path for long sequences, the bases of each token, and refusals.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import BatchEncoding

from .dna_tokenizer import DnaTokenizer, with_genome_mode
from .kmer_arrays import check_encodable, genome_letters
from .overlapping_kmers import (
    BRACKETED_TOKENS,
    SEPARATOR,
    centre,
    check_overlapping_kmer_vocabulary,
    kmers_apart,
    overlapping_kmer_vocabulary,
)
from .vocabulary import BASES

_LITERAL = re.compile(r"\[[^\[\]]+\]")
_BLOCK = 1 << 17  # bytes worked on at a time, so that the intermediate arrays stay in the processor's cache
_OTHER = len(BASES)  # the code of a letter that is no base


class OverlappingKmerTokenizer(DnaTokenizer):
    """Gives every position of a sequence the k-mer that starts there: n letters are n - k + 1 tokens.

    Case is kept, as upstream keeps it: a k-mer with any letter but upper-case A, T, C, G (lower case, N, IUPAC codes,
    U, gaps) is `[UNK]`. In genome mode lower case counts as upper case. Special tokens written out in the text, such
    as `[MASK]`, are recognised, and a k-mer does not reach over them. A pair is `[CLS] A [SEP] B [SEP]`, token types 0
    and 1. A sequence of less than k letters has no token.

    The text is raw DNA. Words of k letters with blanks between them, which upstream wants and this class does not
    need, give upstream's ids; any other white space inside of a sequence is refused, as it would hide k-mers.
    (Without this class transformers cannot refuse it: k-mers then end at white space.)

    Tokens overlap, but every base is owned by one: each token owns the base at its centre, letter (k - 1) // 2 of the
    k-mer counted from 0, the first token also all bases before that and the last one all behind it. Offsets and
    `bases_per_token` say what a token owns. The k-mer itself stands at [i, i + k) for token i of a sequence.

    Make one with `build_overlapping_kmer_tokenizer` or `overlapping_kmer_tokenizer_from_vocabulary`, or load a saved
    folder with `from_pretrained`.

    >>> tokenizer = build_overlapping_kmer_tokenizer(4, model_max_length=512)
    >>> encoding = tokenizer("ACGTTN", return_offsets_mapping=True)
    >>> tokenizer.convert_ids_to_tokens(encoding.input_ids)
    ['[CLS]', 'ACGT', 'CGTT', '[UNK]', '[SEP]']
    >>> encoding["offset_mapping"][1:-1]  # 0-based, half-open, in bp
    [(0, 2), (2, 3), (3, 6)]
    """

    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # noqa: RUF012  (transformers' own form)

    @functools.cached_property
    def k(self) -> int:
        """Length of the words in bp."""
        words = self.backend_tokenizer.get_vocab(with_added_tokens=False)
        return max(len(word) for word in words if set(word) <= set(BASES))

    def encode_array(self, sequence: str | bytes) -> np.ndarray:
        """Exactly `self(sequence).input_ids`, by arithmetic on arrays: made for whole chromosomes.

        Args:
            sequence: any text; bytes are read as UTF-8.

        Returns:
            Ids (n,) int64, `[CLS]` first and `[SEP]` last.

        Raises:
            ValueError: white space inside of a sequence, a lone surrogate, or bytes that are not UTF-8.

        >>> build_overlapping_kmer_tokenizer(3, model_max_length=512).encode_array("AAAT")
        array([2, 5, 6, 3])
        """
        text = sequence if isinstance(sequence, str) else _decoded(sequence)
        encoder = self._array_encoder
        if encoder is None or "[" in text or len(words := text.split()) != 1:
            return np.array(self(text, verbose=False)["input_ids"], dtype=np.int64)
        check_encodable(words[0])
        return encoder.encode(words[0])

    def encode_arrays(self, sequences: Sequence[str | bytes]) -> list[np.ndarray]:
        """`encode_array` of every sequence."""
        return [self.encode_array(sequence) for sequence in sequences]

    def batch_encode_plus(self, batch_text: Sequence[Any], **kwargs: Any) -> BatchEncoding:
        """`self(batch_text, …)` by the name that BEND's embedder calls; transformers 5 has dropped it."""
        return self(list(batch_text), **kwargs)

    def bases_per_token(self, input_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """How many bp each token owns; over a sequence they add up to its length.

        A token stands for its centre, and the first and the last of a sequence also for the ends, whether they are
        k-mers, `[UNK]` or a `[MASK]` in the place of one. Other special tokens own none; they end a sequence.

        Args:
            input_ids: (n,) ids, or (…, n) with a sequence or a pair in each row; cut at the end if need be: then they
                add up to the bases that the remaining k-mers cover.

        Returns:
            bp, int64, in the shape of `input_ids`.

        Raises:
            ValueError: an id is outside the vocabulary.

        >>> tokenizer = build_overlapping_kmer_tokenizer(4, model_max_length=512)
        >>> tokenizer.bases_per_token(tokenizer("ACGTTA").input_ids)
        array([0, 2, 1, 3, 0])
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        is_kmer = self._bases_of_id
        if len(outside := ids[(ids < 0) | (ids >= len(is_kmer))]):
            raise ValueError(f"id {outside[0]} is outside the vocabulary of {len(is_kmer):,} words.")
        owned = is_kmer[ids]
        beside = np.pad(owned, [(0, 0)] * (owned.ndim - 1) + [(1, 1)])
        first, last = owned * (1 - beside[..., :-2]), owned * (1 - beside[..., 2:])
        return owned + centre(self.k) * first + (self.k - 1 - centre(self.k)) * last

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:  # type: ignore[override]
        """The one way in behind `__call__`, `encode` and `tokenize`: refuse what has no ids, then hand on."""
        is_split = kwargs.get("is_split_into_words", False)
        for each in (*_texts(text, is_split), *_texts(text_pair, is_split)):
            self._check(each)
        return super()._encode_plus(text, text_pair=text_pair, **kwargs)

    def _add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Add tokens that are sought in the text as it stands: the normalizer would rewrite them as k-mers."""
        tokens = [
            AddedToken(token, normalized=False, special=special_tokens)
            if isinstance(token, str)
            else AddedToken(
                token.content,
                single_word=token.single_word,
                lstrip=token.lstrip,
                rstrip=token.rstrip,
                normalized=False,
                special=token.special,
            )
            for token in new_tokens
        ]
        return super()._add_tokens(tokens, special_tokens=special_tokens)

    def _check(self, text: str) -> None:
        """Refuse lone surrogates, and white space inside of a sequence."""
        check_encodable(text)
        if len(text.split()) < 2:
            return
        special = "|".join(re.escape(token.content) for token in self.added_tokens_decoder.values())
        for piece in re.split(special, text):
            words = piece.split()
            if len(words) > 1 and any(len(word) != self.k for word in words):
                word = next(word for word in words if len(word) != self.k)
                raise ValueError(
                    f"there is white space before or behind {word[:20]!r}, where k-mers would be lost: join the parts "
                    f"of a sequence. (Only words of {self.k} letters, as the official code wants them, may stand "
                    "apart.)."
                )

    @functools.cached_property
    def _bases_of_id(self) -> np.ndarray:
        """1 for each id that stands for a k-mer, 0 for other special and added tokens: (vocabulary,) int64."""
        is_kmer = np.zeros(len(self), dtype=np.int64)
        for word, token_id in self.get_vocab().items():
            is_kmer[token_id] = len(word) == self.k and set(word) <= set(BASES)
        is_kmer[[self.unk_token_id, self.mask_token_id]] = 1
        return is_kmer

    @functools.cached_property
    def _array_encoder(self) -> _ArrayEncoder | None:
        """The array path for text without "[", or None where tokens were added that may stand in such a text."""
        if not all(_LITERAL.fullmatch(token.content) for token in self.added_tokens_decoder.values()):
            return None
        return _ArrayEncoder(self.get_vocab(), self.k, genome_mode=self.genome_mode)


class _ArrayEncoder:
    """Ids of one word of text, as numbers in base 4 that roll along the sequence."""

    def __init__(self, vocabulary: dict[str, int], k: int, *, genome_mode: bool):
        self.k = k
        self._edges = [np.array([vocabulary[token]]) for token in ("[CLS]", "[SEP]")]
        self._unknown = vocabulary["[UNK]"]
        self._ids = np.array([vocabulary[word] for word in overlapping_kmer_vocabulary(k)[len(BRACKETED_TOKENS) :]])
        codes = np.full(256, _OTHER, dtype=np.uint8)
        codes[[ord(base) for base in BASES]] = range(len(BASES))
        if genome_mode:
            for letter, meaning in genome_letters().items():
                codes[ord(letter)] = codes[ord(meaning)]
        self._codes = codes.tobytes()

    def encode(self, text: str) -> np.ndarray:
        """Ids (n,) int64 of text without white space, `[CLS]` first and `[SEP]` last."""
        data = text.encode("ascii", errors="replace")  # one "?" for each other character: unknown, like what it was
        n = max(len(data) - self.k + 1, 0)
        blocks = (data[start : start + _BLOCK + self.k - 1] for start in range(0, n, _BLOCK))
        return np.concatenate([self._edges[0], *map(self._encode_block, blocks), self._edges[1]])

    def _encode_block(self, data: bytes) -> np.ndarray:
        """Ids (n - k + 1,) of n bytes."""
        codes = np.frombuffer(data.translate(self._codes), dtype=np.uint8)
        windows = [codes[offset : len(codes) - self.k + 1 + offset] for offset in range(self.k)]
        values = np.zeros(len(windows[0]), dtype=np.uint16)
        for digits in windows:
            values *= 4
            values += digits & 3
        ids = self._ids.take(values)
        if codes.max() == _OTHER:
            ids[np.logical_or.reduce([digits == _OTHER for digits in windows])] = self._unknown
        return ids


def build_overlapping_kmer_tokenizer(
    k: int, *, model_max_length: int, genome_mode: bool = False
) -> OverlappingKmerTokenizer:
    """A tokenizer over all overlapping k-mers in the published order (see `overlapping_kmer_vocabulary`).

    Args:
        model_max_length: tokens the model reads, `[CLS]` and `[SEP]` included.
        genome_mode: read lower case as upper case.

    Raises:
        ValueError: k outside 2 to 8.
    """
    return overlapping_kmer_tokenizer_from_vocabulary(
        overlapping_kmer_vocabulary(k), model_max_length=model_max_length, genome_mode=genome_mode
    )


def overlapping_kmer_tokenizer_from_vocabulary(
    vocabulary: Sequence[str], *, model_max_length: int, genome_mode: bool = False
) -> OverlappingKmerTokenizer:
    """A tokenizer over the words of a published `vocab.txt`, in any order (see `read_vocabulary`).

    Raises:
        ValueError: a token is listed twice or is missing.
    """
    k = check_overlapping_kmer_vocabulary(vocabulary)
    ids = {word: i for i, word in enumerate(vocabulary)}
    backend = Tokenizer(WordLevel(ids, unk_token="[UNK]"))
    backend.normalizer = kmers_apart(k)
    backend.pre_tokenizer = Split(Regex(f"[ {SEPARATOR}]+"), behavior="removed")
    specials = [word for word in vocabulary if _LITERAL.fullmatch(word)]
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in specials])
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, ids[word]) for word in ("[CLS]", "[SEP]")],
    )
    tokenizer = OverlappingKmerTokenizer(
        tokenizer_object=backend,
        unk_token="[UNK]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=model_max_length,
        model_input_names=OverlappingKmerTokenizer.model_input_names,
    )
    return with_genome_mode(tokenizer) if genome_mode else tokenizer


def _decoded(sequence: bytes) -> str:
    try:
        return sequence.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start + 1} of the sequence (1-based) is {sequence[error.start]:#04x}, which is not UTF-8."
        ) from None


def _texts(text: Any, is_split_into_words: bool) -> Iterator[str]:
    """Every sequence in any input that transformers takes, words joined by blanks; the rest is for it to judge."""
    if isinstance(text, str):
        yield text
    elif isinstance(text, list | tuple):
        if is_split_into_words and all(isinstance(part, str) for part in text):
            yield " ".join(text)
        else:
            for part in text:
                yield from _texts(part, is_split_into_words)
