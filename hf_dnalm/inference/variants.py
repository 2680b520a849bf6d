"""Variant effects: log-likelihood ratios of the alternative to the reference allele, or distances of embeddings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import torch

from hf_dnalm.data.encode import bases_of_tokens, encode_sequences
from hf_dnalm.genome import Genome, Variant
from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.inputs import bare_model, token_limit
from hf_dnalm.inference.log_probabilities import BASES, LanguageModel, Query, grouped_by_size
from hf_dnalm.inference.unscored import reasons_unscored
from hf_dnalm.sequence import reverse_complement

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Method = Literal["llr", "cosine", "l2", "dot"]
Strands = Literal["both", "forward"]

# Share of a window's tokens that are masked together: eight passes per window.
MASKED_AT_ONCE = 1 / 8

LETTERS = "single-nucleotide marginal of the masked token"
TOKENS = "tokens that differ, masked together"
WINDOW = "pseudo-log-likelihood of the window, 1/8 masked at once"
CAUSAL = "causal log-likelihood of the window"
VECTORS = {
    "cosine": "cosine distance of the vectors at the alleles",
    "l2": "Euclidean distance of the vectors at the alleles",
    "dot": "dot product of the vectors at the alleles",
}


@dataclass(frozen=True)
class VariantScores:
    """Scores of variants, in input order.

    Attributes:
        variants: the input.
        scores: (n,) float64. "llr": log p(alt) - log p(ref) in nats, negative if the model finds alt less likely.
            "cosine" and "l2": distances, larger for a larger effect. "dot": larger for a smaller effect. NaN for a
            variant that cannot be scored.
        estimators: how each score was computed, as text; "" without a score. Scores of different estimators need not
            be comparable.
        reasons: why a variant has no score, a key of `hf_dnalm.inference.unscored.REASONS`; "" if it has one.
        method, strands, window_bp: the arguments of `score_variants`.
    """

    variants: list[Variant]
    scores: np.ndarray
    estimators: list[str]
    reasons: list[str]
    method: Method
    strands: Strands
    window_bp: int

    @classmethod
    def of_scored(
        cls,
        variants: Sequence[Variant],
        reasons: Sequence[str],
        scores: np.ndarray,
        estimators: Sequence[str],
        **settings: Any,
    ) -> VariantScores:
        """Combine all variants with the scores and estimators of the scorable ones, which have an empty reason.

        Args:
            settings: method, strands and window_bp.
        """
        scored = np.array([not reason for reason in reasons], dtype=bool)
        all_scores, remaining = np.full(len(variants), np.nan), iter(estimators)
        all_scores[scored] = scores
        all_estimators = [next(remaining) if each else "" for each in scored]
        return cls(list(variants), all_scores, all_estimators, list(reasons), **settings)


class Pair(NamedTuple):
    """Both alleles in their windows, on one strand; `start` and the ends are 0-based positions in the windows.

    Both windows have the same length: the window of the shorter allele extends further into the genome after it.
    `name` is the variant, for error messages.
    """

    reference: str
    alternative: str
    start: int
    reference_end: int
    alternative_end: int
    name: str = "the variant"


def score_variants(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    variants: Sequence[Variant],
    reference: Genome,
    *,
    method: Method = "llr",
    window_bp: int = 512,
    strands: Strands = "both",
    strict: bool = False,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
) -> VariantScores:
    """Score each variant in a window of the genome around it. The model is not changed.

    Insertions and deletions are first left-normalised, so that the same change always has the same score. The
    log-likelihood ratio is defined for every variant and every tokenizer. Each score names its estimator:

    - single nucleotide, non-overlapping tokens (nucleotides, k-mers): the token is masked, and the probability of all
      tokens with alt at this position is compared with the probability of all tokens with ref;
    - single nucleotide, other tokens (byte pairs, overlapping k-mers): both windows are tokenized, and the tokens that
      differ are masked together;
    - other changes: all tokens of both windows, an eighth of them masked at once;
    - causal model: all tokens of both windows except the first.

    In the last three cases, the score is the sum of s(t) over the tokens t of the alternative window minus the sum over
    the reference window, where s(t) = log p(t) - log(mean of p over all tokens of the same length in bp). Both windows
    have the same length in bp: the window of the shorter allele extends further into the genome after it. The length of
    an indel alone therefore has no effect: a model without preferences scores every variant exactly 0. Tokens with
    letters other than A C G T are not scored. With overlapping k-mers each letter is in k tokens and counts k times.

    Args:
        model: a language model for "llr"; any model for the distances, which compare the last hidden states, averaged
            over the tokens of each allele.
        variants: the variants, for example from `read_variants`.
        reference: the genome that the variants were called on.
        method: "llr", "cosine", "l2" or "dot".
        window_bp: length of the window, with the variant in its middle; N past the ends of the contig.
        strands: "both" averages with the scores of the reverse complement.
        strict: refuse variants that cannot be scored; False gives them NaN and a reason.
        token_budget, device, dtype, progress: see `run_batches`.

    Raises:
        ValueError: more than half of the first hundred REF alleles differ from the genome (the message has the position
            and both alleles); `strict`, and a variant cannot be scored; a window is longer than the model's context;
            the model is not a language model; or an output of the model is NaN or infinite.
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}; choose from {', '.join(get_args(Method))}.")
    check_strands(strands)
    reasons = reasons_unscored(variants, reference, window_bp=window_bp, strict=strict)
    scorable = [variant for variant, reason in zip(variants, reasons, strict=True) if not reason]
    scores, estimators = np.empty(0), list[str]()
    if scorable:
        pairs = _pairs(reference, scorable, window_bp, strands)
        options = {"token_budget": token_budget, "device": device, "dtype": dtype, "progress": progress}
        if method == "llr":
            scores, estimators = log_ratios(LanguageModel(model, tokenizer), pairs, options)
        else:
            scores = _distances(model, tokenizer, pairs, method, options)
            estimators = [VECTORS[method]] * len(scores)
    each = 1 if strands == "forward" else 2
    return VariantScores.of_scored(
        variants,
        reasons,
        scores.reshape(-1, each).mean(1),
        estimators[::each],
        method=method,
        strands=strands,
        window_bp=window_bp,
    )


def check_strands(strands: str) -> None:
    """Refuse another value than "both" and "forward".

    Raises:
        ValueError: it is another one.
    """
    if strands not in get_args(Strands):
        raise ValueError(f"strands is {strands!r}; choose from {', '.join(get_args(Strands))}.")


def _pairs(genome: Genome, variants: Sequence[Variant], window_bp: int, strands: Strands) -> Iterator[Pair]:
    """The windows of each variant, each followed by those of the reverse complement if `strands` is "both"."""
    for variant in variants:
        yield _windows(genome, variant, window_bp)
        if strands == "both":
            yield _windows(genome, variant, window_bp, backwards=True)


def _windows(genome: Genome, variant: Variant, window_bp: int, *, backwards: bool = False) -> Pair:
    """Both alleles in windows of the same length, which start at the same position of the genome.

    Args:
        backwards: take the reverse complement; the windows then share their right end on the genome.
    """
    moved = variant if variant.is_snv else genome.left_normalised(variant)
    longer = max(len(moved.ref), len(moved.alt))
    before, after = (window_bp - longer) // 2, window_bp - longer - (window_bp - longer) // 2
    alleles = []
    for allele in (moved.ref.upper(), moved.alt.upper()):
        more = longer - len(allele)
        left, right = (before + more, after) if backwards else (before, after + more)
        letters = (
            genome.window(moved.contig, moved.start - left, moved.start)
            + allele
            + genome.window(moved.contig, moved.end, moved.end + right)
        )
        alleles.append(reverse_complement(letters) if backwards else letters)
    start = after if backwards else before
    ends = (start + len(moved.ref), start + len(moved.alt))
    return Pair(alleles[0], alleles[1], start, *ends, name=f"variant {variant}")


def _encoded(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, sequences: Sequence[str]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Token ids of windows, and the 0-based end of each token in its window, in bp."""
    limit = token_limit(tokenizer)
    distinct = list(dict.fromkeys(sequences))
    names = [f"window of {len(sequence):,} bp" for sequence in distinct]
    ids = encode_sequences(
        tokenizer, distinct, max_tokens=limit, names=names, vocab_size=bare_model(model).config.vocab_size
    )
    ends = [np.cumsum(bases) for bases in bases_of_tokens(tokenizer, distinct, ids)]
    place = {sequence: index for index, sequence in enumerate(distinct)}
    order = [place[sequence] for sequence in sequences]
    return [ids[index] for index in order], [ends[index] for index in order]


def log_ratios(
    language_model: LanguageModel, pairs: Iterable[Pair], options: dict[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """log p(alt) - log p(ref) of each pair of windows, in nats, and the estimator of each."""
    scores, estimators = [np.empty(0)], []
    for group in grouped_by_size(pairs, _letters_of):
        group_scores, group_estimators = _log_ratios_together(language_model, group, options)
        scores.append(group_scores)
        estimators += group_estimators
    return np.concatenate(scores), estimators


def _letters_of(pair: Pair) -> int:
    return len(pair.reference) + len(pair.alternative)


def _log_ratios_together(
    language_model: LanguageModel, pairs: Sequence[Pair], options: dict[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """`log_ratios` for windows that fit into memory."""
    both = [window for pair in pairs for window in (pair.reference, pair.alternative)]
    ids, ends = _encoded(language_model.tokenizer, language_model.model, both)
    queries: list[Query] = []
    readers: list[Callable[[Sequence[np.ndarray]], float]] = []  # the results of a pair's queries → its score
    counts: list[int] = []
    estimators: list[str] = []
    for index, pair in enumerate(pairs):
        reference, alternative = ids[2 * index], ids[2 * index + 1]
        new, reader, estimator = _estimate(language_model, pair, reference, alternative, ends[2 * index])
        queries += new
        readers.append(reader)
        counts.append(len(new))
        estimators.append(estimator)
    results = language_model.run(queries, **options)
    starts = np.cumsum([0, *counts])
    scores = [reader(results[start:end]) for reader, start, end in zip(readers, starts[:-1], starts[1:], strict=True)]
    for pair, score in zip(pairs, scores, strict=True):
        if math.isnan(score):
            raise ValueError(
                f"{pair.name}: the model gives both alleles a probability of exactly 0, so their ratio is undefined. "
                "Leave out the variant, or use a model that excludes no tokens."
            )
    return np.array(scores, dtype=np.float64), estimators


def _estimate(
    language_model: LanguageModel, pair: Pair, reference: np.ndarray, alternative: np.ndarray, ends: np.ndarray
) -> tuple[list[Query], Callable[[Sequence[np.ndarray]], float], str]:
    """The queries for one pair, the function from their results to its score, and the name of the estimator."""
    is_snv = pair.reference_end - pair.start == pair.alternative_end - pair.start == 1
    if language_model.kind == "masked" and is_snv:
        token = int(np.searchsorted(ends, pair.start, side="right"))
        start = int(ends[token - 1]) if token else 0
        length_bp = int(ends[token]) - start
        letters = [pair.alternative[pair.start], pair.reference[pair.start]]
        if language_model.reads_letters(length_bp) and set(letters) <= set(BASES):
            alt, ref = (BASES.index(letter) for letter in letters)
            place = pair.start - start

            def ratio(results: Sequence[np.ndarray]) -> float:
                return float(results[0][place, alt]) - float(results[0][place, ref])

            return [language_model.letter_query(reference, token, length_bp, pair.name)], ratio, LETTERS
        both = ((alternative, reference), (reference, alternative))
        new = [_differing(language_model, ids, other, pair.name) for ids, other in both]
        return new, _difference(1), TOKENS
    share = None if language_model.kind == "causal" else MASKED_AT_ONCE
    of_alt, of_ref = (
        list(language_model.likelihood_queries(ids, share, above_chance=True, name=pair.name))
        for ids in (alternative, reference)
    )
    return of_alt + of_ref, _difference(len(of_alt)), CAUSAL if language_model.kind == "causal" else WINDOW


def _difference(n_first: int) -> Callable[[Sequence[np.ndarray]], float]:
    """A function that sums the first `n_first` results and subtracts the sum of the others."""

    def difference(results: Sequence[np.ndarray]) -> float:
        totals = [float(result.sum(dtype=np.float64)) for result in results]
        return sum(totals[:n_first]) - sum(totals[n_first:])

    return difference


def _differing(language_model: LanguageModel, ids: np.ndarray, other: np.ndarray, name: str) -> Query:
    """A query for all tokens between the shared left and right parts of both windows, masked together; at least one."""
    shorter = min(len(ids), len(other))
    equal = ids[:shorter] == other[:shorter]
    left = shorter if equal.all() else int(equal.argmin())
    equal = ids[::-1][: shorter - left] == other[::-1][: shorter - left]
    right = shorter - left if equal.all() else int(equal.argmin())
    positions = np.arange(left, len(ids) - right)
    return Query(language_model.masked(ids, positions), positions, ids[positions], above_chance=True, name=name)


def _distances(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Iterable[Pair],
    method: Method,
    options: dict[str, Any],
) -> np.ndarray:
    """(n,) distances between the mean vectors over the tokens of the two alleles."""
    groups = grouped_by_size(pairs, _letters_of)
    return np.concatenate([_distances_together(model, tokenizer, group, method, options) for group in groups])


def _distances_together(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[Pair],
    method: Method,
    options: dict[str, Any],
) -> np.ndarray:
    """`_distances` for windows that fit into memory."""
    windows = [window for pair in pairs for window in (pair.reference, pair.alternative)]
    alleles = [(pair.start, end) for pair in pairs for end in (pair.reference_end, pair.alternative_end)]
    ids, ends = _encoded(tokenizer, model, windows)
    spans = [
        (int(np.searchsorted(end, start, side="right")), int(np.searchsorted(end, stop - 1, side="right")) + 1)
        for end, (start, stop) in zip(ends, alleles, strict=True)
    ]
    first: dict[tuple[bytes, tuple[int, int]], int] = {}
    places = [first.setdefault((each.tobytes(), span), len(first)) for each, span in zip(ids, spans, strict=True)]
    distinct: list[tuple[np.ndarray, tuple[int, int]]] = [(ids[0], spans[0])] * len(first)
    for place, each, span in zip(places, ids, spans, strict=True):
        distinct[place] = (each, span)
    body = bare_model(model).base_model

    def forward(batch: Batch) -> list[torch.Tensor]:
        hidden = body(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state.float()
        return [hidden[row, slice(*distinct[index][1])].mean(0) for row, index in enumerate(batch.indices)]

    pad = tokenizer.pad_token_id or 0
    owners = {place: pairs[index // 2].name for index, place in reversed(list(enumerate(places)))}
    vectors = np.array(
        run_batches(
            body, [each for each, _ in distinct], forward, pad_token_id=pad, name_of=owners.__getitem__, **options
        )
    )
    zeros = np.flatnonzero(np.linalg.norm(vectors, axis=1) == 0) if method == "cosine" else ()
    for zero in zeros:
        raise ValueError(
            f"{owners[int(zero)]}: the vector of an allele is zero, so its cosine distance is undefined. Use method "
            "'l2', and check the weights with `dnalm verify MODEL`."
        )
    ref, alt = (vectors[places[offset::2]].astype(np.float64) for offset in (0, 1))
    dot = (ref * alt).sum(1)
    match method:
        case "cosine":
            return 1 - dot / (np.linalg.norm(ref, axis=1) * np.linalg.norm(alt, axis=1))
        case "l2":
            return np.linalg.norm(alt - ref, axis=1)
        case _:
            return dot
