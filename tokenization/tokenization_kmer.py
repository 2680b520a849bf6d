"""The Nucleotide Transformers' tokenizer: non-overlapping k-mers, single letters around N, `<cls>` first.

`tokenizer.json` is the whole truth: plain transformers reads it and gives the same ids. The class adds what only Python
can give: an array path for long sequences, the bases that each token covers, and refusals.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import BatchEncoding

from .dna_tokenizer import DnaTokenizer, as_text, check_texts, genome_normalizer
from .kmer_arrays import MOST_LITERALS, WHITESPACE, KmerArrayEncoder
from .vocabulary import BASES, EDGE_TOKENS, LETTERS, SPECIAL_TOKENS, Layout, check_kmer_vocabulary, kmer_vocabulary

_LITERAL = re.compile("<[A-Za-z0-9_|/-]+>")


class KmerTokenizer(DnaTokenizer):
    """Cuts DNA from left to right into words of k bases; what does not fill a word becomes single letters.

    `N` is always a token of its own and white space gives none; both end a word, so the frame starts again after them.
    A stretch of any other characters (lower case, IUPAC codes, U, gaps) is one `<unk>`. Special tokens written out in
    the text, such as `<mask>`, are recognised. `<cls>` is put first and nothing last; a pair of sequences is refused,
    as there is no separator. In genome mode lower case counts as upper case and IUPAC ambiguity codes count as `N`;
    U and gaps stay unknown. (Without this class transformers cannot refuse a pair: it sets one behind the other.)

    Make one with `build_kmer_tokenizer` or `kmer_tokenizer_from_vocabulary`, or load a saved folder with
    `from_pretrained`.

    >>> tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=2048)
    >>> encoding = tokenizer("ACGTANTTT", return_offsets_mapping=True)
    >>> encoding.tokens()
    ['<cls>', 'ACG', 'T', 'A', 'N', 'TTT']
    >>> encoding["offset_mapping"][1:]  # 0-based, half-open, in bp
    [(0, 3), (3, 4), (4, 5), (5, 6), (6, 9)]
    """

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012  (transformers' own form)

    @functools.cached_property
    def k(self) -> int:
        """Length of the long words in bp."""
        words = self.backend_tokenizer.get_vocab(with_added_tokens=False)
        return max(len(word) for word in words if set(word) <= set(BASES))

    def encode_array(self, sequence: str | bytes) -> np.ndarray:
        """Exactly `self(sequence).input_ids`, by arithmetic on arrays: made for whole chromosomes.

        Args:
            sequence: any text; bytes are read as UTF-8.

        Returns:
            Ids (n,) int64, `<cls>` first.

        Raises:
            ValueError: the text holds a lone surrogate, or the bytes are not UTF-8.

        >>> tokenizer = build_kmer_tokenizer(6, layout="nucleotide_transformer_v1", model_max_length=1000)
        >>> tokenizer.encode_array("ATTCCGATTCCGN")
        array([   3,  367,  367, 4104])
        """
        text = as_text(sequence)
        if self._array_encoder is None or self.split_special_tokens:
            return np.array(self(text)["input_ids"], dtype=np.int64)
        return self._array_encoder.encode(text)

    def encode_arrays(self, sequences: Sequence[str | bytes]) -> list[np.ndarray]:
        """`encode_array` of every sequence, in one pass: made for thousands of short reads."""
        if self._array_encoder is None or self.split_special_tokens:
            return [self.encode_array(sequence) for sequence in sequences]
        return self._array_encoder.encode_many([as_text(sequence) for sequence in sequences])

    def batch_encode_plus(self, batch_text: Sequence[str], **kwargs: Any) -> BatchEncoding:
        """`self(batch_text, …)` by the name that the published usage examples call; transformers 5 has dropped it."""
        return self(list(batch_text), **kwargs)

    def bases_per_token(self, input_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """How many bp each token covers: k for a k-mer, 1 for a letter, 0 for special tokens (`<mask>` too).

        Args:
            input_ids: ids of any shape.

        Returns:
            bp, int64, in the shape of `input_ids`.

        Raises:
            ValueError: an id is outside the vocabulary, or is `<unk>`, which stands for any number of characters.

        >>> tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=2048)
        >>> tokenizer.bases_per_token(tokenizer("ACGTAN").input_ids)
        array([0, 3, 1, 1, 1])
        """
        ids = np.asarray(input_ids, dtype=np.int64)
        lengths = self._bases_of_id
        if len(outside := ids[(ids < 0) | (ids >= len(lengths))]):
            raise ValueError(f"id {outside[0]} is outside the vocabulary of {len(lengths):,} words.")
        if len(unknown := np.argwhere(ids == self.unk_token_id)):
            raise ValueError(
                f"token {', '.join(str(i + 1) for i in unknown[0])} (1-based) is <unk>, which covers any number of "
                "characters; clean the sequence first, or use genome_mode for soft-masked and IUPAC letters."
            )
        return lengths[ids]

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:  # type: ignore[override]
        """The one way in behind `__call__`, `encode` and `tokenize`: refuse what has no ids, then hand on."""
        check_texts(text, text_pair, pairs=False, is_split_into_words=kwargs.get("is_split_into_words", False))
        return super()._encode_plus(text, **kwargs)

    @functools.cached_property
    def _bases_of_id(self) -> np.ndarray:
        """bp of each id, (vocabulary,) int64."""
        lengths = np.zeros(len(self), dtype=np.int64)
        for word, token_id in self.get_vocab().items():
            lengths[token_id] = len(word) if set(word) <= set(LETTERS) else 0
        return lengths

    @functools.cached_property
    def _array_encoder(self) -> KmerArrayEncoder | None:
        """The array path, or None where tokens were added that it cannot tell from bases."""
        literals = {token.content: token_id for token_id, token in self.added_tokens_decoder.items()}
        plain = all(
            _LITERAL.fullmatch(token.content)
            and not (token.lstrip or token.rstrip or token.single_word or (token.normalized and self.genome_mode))
            for token in self.added_tokens_decoder.values()
        )
        if not plain or len(literals) > MOST_LITERALS:
            return None
        return KmerArrayEncoder(self.get_vocab(), literals, self.k, genome_mode=self.genome_mode)


def build_kmer_tokenizer(k: int, *, layout: Layout, model_max_length: int, genome_mode: bool = False) -> KmerTokenizer:
    """A tokenizer over all k-mers in a published order (see `kmer_vocabulary`).

    Args:
        model_max_length: tokens the model reads, `<cls>` included.
        genome_mode: read lower case as upper case and IUPAC ambiguity codes as N.

    Raises:
        ValueError: k outside 2 to 8, or an unknown layout.
    """
    vocabulary = kmer_vocabulary(k, layout)
    return kmer_tokenizer_from_vocabulary(vocabulary, model_max_length=model_max_length, genome_mode=genome_mode)


def kmer_tokenizer_from_vocabulary(
    vocabulary: list[str], *, model_max_length: int, genome_mode: bool = False
) -> KmerTokenizer:
    """A tokenizer over the words of a published `vocab.txt`, in any order (see `read_vocabulary`).

    Raises:
        ValueError: a token is listed twice, is missing, or does not belong.
    """
    k = check_kmer_vocabulary(vocabulary)
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    backend.pre_tokenizer = PreTokenizers(
        [
            Split(Regex(f"[{WHITESPACE}]+"), behavior="removed"),
            Split(Regex(f"[{BASES}]{{{k}}}|[{BASES}N]"), behavior="isolated"),
        ]
    )
    backend.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL_TOKENS])
    edges = [word for word in EDGE_TOKENS if word in vocabulary]
    backend.add_tokens([AddedToken(word, special=False, normalized=False) for word in edges])
    # Plain transformers asks for a template for pairs and cannot refuse them: there a pair is one after the other.
    backend.post_processor = TemplateProcessing(
        single="<cls> $A", pair="<cls> $A $B", special_tokens=[("<cls>", vocabulary.index("<cls>"))]
    )
    backend.normalizer = genome_normalizer() if genome_mode else None
    return KmerTokenizer(
        tokenizer_object=backend,
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        cls_token="<cls>",
        model_max_length=model_max_length,
        model_input_names=KmerTokenizer.model_input_names,
    )
