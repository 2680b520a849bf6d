"""What all tokenizers of DNA share: genome mode, and what they work out once and keep."""

from __future__ import annotations

import copy
import json
import logging
from typing import Any, TypeVar

from tokenizers import Regex
from tokenizers.normalizers import Normalizer, Replace
from tokenizers.normalizers import Sequence as Normalizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .kmer_arrays import AMBIGUITY_CODES, check_encodable
from .vocabulary import BASES

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=PreTrainedTokenizerFast)

# What a tokenizer works out once and keeps; it goes by the normalizer or by the vocabulary.
_CACHES = ("_array_encoder", "_bases_of_id")

_NO_PAIRS = "a pair of sequences cannot be encoded: the vocabulary has no separator. Encode each sequence by itself."


class DnaTokenizer(PreTrainedTokenizerFast):
    """A fast tokenizer that may read genomes: lower case as upper case and IUPAC ambiguity codes as N.

    The classes of this family have no `__init__` on purpose: transformers hands a class that has one the vocabulary in
    place of `tokenizer.json`.
    """

    @property
    def genome_mode(self) -> bool:
        """Whether lower case is read as upper case and IUPAC ambiguity codes as N; a normalizer of its own follows."""
        return _in_genome_mode(self)

    def _add_tokens(self, new_tokens, special_tokens: bool = False) -> int:
        """Add tokens, then forget what was worked out for the old ones."""
        n_added = super()._add_tokens(new_tokens, special_tokens=special_tokens)
        _forget(self)
        return n_added


def as_text(sequence: str | bytes) -> str:
    """The text of a sequence; bytes are read as UTF-8.

    Raises:
        ValueError: the bytes are not UTF-8.
    """
    if isinstance(sequence, str):
        return sequence
    try:
        return sequence.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start + 1} of the sequence (1-based) is {sequence[error.start]:#04x}, which is not UTF-8."
        ) from None


def check_texts(text: Any, text_pair: Any = None, *, pairs: bool, is_split_into_words: bool = False) -> None:
    """Refuse what has no ids in any input that transformers takes; leave the rest for it to judge.

    Args:
        text, text_pair: as a tokenizer takes them.
        pairs: whether the scheme has pairs of sequences.

    Raises:
        ValueError: a lone surrogate, or a pair where the scheme has none.
    """
    if text_pair is not None:
        if not pairs:
            raise ValueError(_NO_PAIRS)
        check_texts(text_pair, pairs=True, is_split_into_words=is_split_into_words)
    if isinstance(text, str):
        check_encodable(text)
    elif isinstance(text, list | tuple):
        for part in text:
            is_pair = isinstance(part, list | tuple) and (
                not is_split_into_words or any(isinstance(words, list | tuple) for words in part)
            )
            if is_pair and not pairs:
                raise ValueError(_NO_PAIRS)
            check_texts(part, pairs=pairs, is_split_into_words=is_split_into_words)


def genome_normalizer() -> Normalizer:
    """Letter for letter, so offsets stay those of the text."""
    upper = [Replace(base.lower(), base) for base in BASES]
    return Normalizers([*upper, Replace(Regex(f"[n{AMBIGUITY_CODES}{AMBIGUITY_CODES.lower()}]"), "N")])


def with_genome_mode(tokenizer: T, on: bool = True) -> T:
    """A copy of the tokenizer with genome mode on or off; what it does with the letters afterwards stays as it is.

    >>> from hf_dnalm.tokenization import build_kmer_tokenizer
    >>> tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=2048)
    >>> tokenizer.tokenize("acgR"), with_genome_mode(tokenizer).tokenize("acgR")
    (['<unk>'], ['ACG', 'N'])
    """
    changed = copy.deepcopy(tokenizer)
    own = _steps(changed.backend_tokenizer.normalizer)[len(_GENOME_STEPS) if _in_genome_mode(tokenizer) else 0 :]
    steps = _GENOME_STEPS + own if on else own
    normalizer = Normalizers([])
    normalizer.__setstate__(json.dumps({"type": "Sequence", "normalizers": steps}).encode())
    changed.backend_tokenizer.normalizer = normalizer if steps else None
    _forget(changed)
    return changed


def as_trained(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """A copy that reads letters as they stand as training reads them: lower case as upper case, IUPAC codes as N.

    What `encode_sequences` does in Python before it asks a tokenizer, `tokenizer.json` then does itself, so that a
    fine-tuned folder gives plain transformers the same ids for soft-masked DNA. A tokenizer of another package whose
    class builds its own pipeline cannot carry that: it comes back as it is, and the log says so where it matters.

    >>> from hf_dnalm.tokenization import build_nucleotide_tokenizer
    >>> as_trained(build_nucleotide_tokenizer("hyenadna", model_max_length=1024)).tokenize("acgR")
    ['A', 'C', 'G', 'N']
    """
    if isinstance(tokenizer, DnaTokenizer) or type(tokenizer) is PreTrainedTokenizerFast:
        return with_genome_mode(tokenizer)
    if tokenizer("acgt")["input_ids"] != tokenizer("ACGT")["input_ids"]:
        logger.warning(
            "%s reads lower case otherwise than upper case, and cannot be saved in another way: turn soft-masked DNA "
            "into upper case before you give it to plain transformers (hf_dnalm does so itself).",
            type(tokenizer).__name__,
        )
    return tokenizer


def _in_genome_mode(tokenizer: PreTrainedTokenizerFast) -> bool:
    return _steps(tokenizer.backend_tokenizer.normalizer)[: len(_GENOME_STEPS)] == _GENOME_STEPS


def _forget(tokenizer: PreTrainedTokenizerFast) -> None:
    for name in _CACHES:
        tokenizer.__dict__.pop(name, None)


def _steps(normalizer: Normalizer | None) -> list[dict[str, Any]]:
    """A normalizer as a list of steps, each as tokenizer.json writes it."""
    if normalizer is None:
        return []
    state = json.loads(normalizer.__getstate__())
    return state["normalizers"] if state["type"] == "Sequence" else [state]


_GENOME_STEPS = _steps(genome_normalizer())
