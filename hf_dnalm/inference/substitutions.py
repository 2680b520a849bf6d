"""In silico mutagenesis: the effect of every substitution on the likelihood of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from datasets import Dataset

from hf_dnalm.data.encode import bases_of_tokens, encode_sequences
from hf_dnalm.inference.inputs import read_sequences, token_limit
from hf_dnalm.inference.log_probabilities import BASES, LanguageModel
from hf_dnalm.inference.variants import LETTERS, Pair, Strands, check_strands, log_ratios
from hf_dnalm.sequence import normalize, reverse_complement

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Mutagenesis:
    """Scores of every substitution of a sequence.

    Attributes:
        sequence: the sequence, in the letters A C G T N.
        scores: (bp, 4) log p(letter) - log p(reference letter) in nats, columns A C G T; 0 for the reference letter,
            NaN where the reference is N.
        estimator: how the scores were computed.
    """

    sequence: str
    scores: np.ndarray
    estimator: str

    def probabilities(self) -> np.ndarray:
        """(bp, 4) probabilities of the letters, each row summing to 1; NaN where the reference is N."""
        weights = np.exp(self.scores - self.scores.max(1, keepdims=True))
        return weights / weights.sum(1, keepdims=True)

    def information(self) -> np.ndarray:
        """(bp, 4) letter heights of a sequence logo in bits: probability times (2 - entropy of the row).

        Source: Schneider and Stephens 1990, https://doi.org/10.1093/nar/18.20.6097, without small-sample correction.
        """
        shares = self.probabilities()
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -np.where(shares > 0, shares * np.log2(shares), np.where(np.isnan(shares), np.nan, 0.0)).sum(1)
        return shares * (2 - entropy)[:, None]


def mutagenesis(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    strands: Strands = "forward",
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Mutagenesis]:
    """Score all substitutions of each sequence, in input order. The model is not changed.

    If tokens do not overlap (nucleotides, k-mers), one pass per token is enough: with the token masked, the model
    predicts each letter at each of its positions. Otherwise each of the three substitutions of each base is scored
    separately, as in `score_variants`, with the sequence as the window.

    Args:
        model: with a masked or causal language model head.
        sequences: a `Dataset` with columns `name` and `sequence`, or strings, each within the model's context length.
        names: one per string, for error messages; None = "1", "2", ….
        strands: "both" averages with the scores of the reverse complement.
        token_budget, device, dtype, progress: see `run_batches`.

    Returns:
        One result per sequence, equal to the result for the sequence alone.

    Raises:
        ValueError: the model is not a language model; `strands` is unknown; a sequence is empty, too long or not DNA;
            an output of the model is NaN or infinite; or a reference letter has a probability of exactly 0.
    """
    check_strands(strands)
    language_model = LanguageModel(model, tokenizer)
    names, _ = read_sequences(  # refuses a bad sequence before the first one is scored
        tokenizer, sequences, names=names, overflow="error", vocab_size=model.config.vocab_size
    )
    letters = list(sequences["sequence"]) if isinstance(sequences, Dataset) else sequences
    options = {"token_budget": token_budget, "device": device, "dtype": dtype, "progress": progress}
    return [
        _substitutions(language_model, normalize(sequence), f"sequence {name!r}", strands, options)
        for name, sequence in zip(names, letters, strict=True)
    ]


def _substitutions(
    language_model: LanguageModel, normal: str, label: str, strands: Strands, options: dict
) -> Mutagenesis:
    """`mutagenesis` of one normalised sequence; `label` is its name in error messages."""
    scores, estimator = _strand(language_model, normal, label, options)
    if strands == "both":
        other, _ = _strand(language_model, reverse_complement(normal), label, options)
        with np.errstate(invalid="ignore"):
            scores = (scores + other[::-1, ::-1]) / 2  # A C G T read backwards is the complement
    undefined = np.flatnonzero(~(scores < np.inf).all(1) & np.array([letter in BASES for letter in normal]))
    if len(undefined):
        place = int(undefined[0])
        raise ValueError(
            f"{label}: the model gives the reference letter {normal[place]} at position {place} (0-based) a "
            "probability of exactly 0, so no substitution can be compared with it. Use a model that excludes no tokens."
        )
    return Mutagenesis(normal, scores, estimator)


def _strand(language_model: LanguageModel, sequence: str, name: str, options: dict) -> tuple[np.ndarray, str]:
    """(bp, 4) scores of one strand, and the estimator."""
    limit = token_limit(language_model.tokenizer)
    vocab_size = language_model.model.config.vocab_size
    (ids,) = encode_sequences(language_model.tokenizer, [sequence], max_tokens=limit, vocab_size=vocab_size)
    bases = bases_of_tokens(language_model.tokenizer, [sequence], [ids])[0]
    starts = np.cumsum(bases) - bases
    is_base = np.array([letter in BASES for letter in sequence])
    reference = np.array([max(BASES.find(letter), 0) for letter in sequence])
    tokens = [
        (token, int(start), int(length))
        for token, (start, length) in enumerate(zip(starts, bases, strict=True))
        if length and is_base[start : start + length].all()
    ]
    covered = sum(length for _, _, length in tokens) == is_base.sum()
    scores = np.full((len(sequence), len(BASES)), np.nan)
    if covered and all(language_model.reads_letters(length) for _, _, length in tokens):
        queries = (language_model.letter_query(ids, token, length, name) for token, _, length in tokens)
        results = language_model.run(queries, **options)
        for (_, start, length), letters in zip(tokens, results, strict=True):
            scores[start : start + length] = letters
        rows = np.flatnonzero(is_base)
        with np.errstate(invalid="ignore"):  # both have probability 0: `mutagenesis` refuses this
            scores[rows] -= scores[rows, reference[rows]][:, None]
        return scores, LETTERS
    places = [
        (place, letter)
        for place in np.flatnonzero(is_base).tolist()
        for letter in range(4)
        if letter != reference[place]
    ]
    pairs = (
        Pair(sequence, sequence[:place] + BASES[letter] + sequence[place + 1 :], place, place + 1, place + 1, name)
        for place, letter in places
    )
    ratios, estimators = log_ratios(language_model, pairs, options)
    for (place, letter), ratio in zip(places, ratios, strict=True):
        scores[place, letter] = ratio
    rows = np.flatnonzero(is_base)
    scores[rows, reference[rows]] = 0.0
    return scores, estimators[0] if estimators else LETTERS
