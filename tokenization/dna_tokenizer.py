"""What all tokenizers of DNA share: genome mode, and what they work out once and keep."""

from __future__ import annotations

import copy
import json
from typing import Any, TypeVar

from tokenizers import Regex
from tokenizers.normalizers import Normalizer, Replace
from tokenizers.normalizers import Sequence as Normalizers
from transformers import PreTrainedTokenizerFast

from .kmer_arrays import AMBIGUITY_CODES
from .vocabulary import BASES

T = TypeVar("T", bound="DnaTokenizer")

# What a tokenizer works out once and keeps; it goes by the normalizer or by the vocabulary.
_CACHES = ("_array_encoder", "_bases_of_id")


class DnaTokenizer(PreTrainedTokenizerFast):
    """A fast tokenizer that may read genomes: lower case as upper case and IUPAC ambiguity codes as N.

    The classes of this family have no `__init__` on purpose: transformers hands a class that has one the vocabulary in
    place of `tokenizer.json`.
    """

    @property
    def genome_mode(self) -> bool:
        """Whether lower case is read as upper case and IUPAC ambiguity codes as N; a normalizer of its own follows."""
        return _steps(self.backend_tokenizer.normalizer)[: len(_GENOME_STEPS)] == _GENOME_STEPS

    def _add_tokens(self, new_tokens, special_tokens: bool = False) -> int:
        """Add tokens, then forget what was worked out for the old ones."""
        n_added = super()._add_tokens(new_tokens, special_tokens=special_tokens)
        _forget(self)
        return n_added


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
    own = _steps(changed.backend_tokenizer.normalizer)[len(_GENOME_STEPS) if tokenizer.genome_mode else 0 :]
    steps = _GENOME_STEPS + own if on else own
    normalizer = Normalizers([])
    normalizer.__setstate__(json.dumps({"type": "Sequence", "normalizers": steps}).encode())
    changed.backend_tokenizer.normalizer = normalizer if steps else None
    _forget(changed)
    return changed


def _forget(tokenizer: DnaTokenizer) -> None:
    for name in _CACHES:
        tokenizer.__dict__.pop(name, None)


def _steps(normalizer: Normalizer | None) -> list[dict[str, Any]]:
    """A normalizer as a list of steps, each as tokenizer.json writes it."""
    if normalizer is None:
        return []
    state = json.loads(normalizer.__getstate__())
    return state["normalizers"] if state["type"] == "Sequence" else [state]


_GENOME_STEPS = _steps(genome_normalizer())
