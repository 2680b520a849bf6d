"""What variants do to DNA in the eyes of a model: log-likelihood ratios, or distances of vectors, ref against alt."""

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
from hf_dnalm.inference.inputs import bare_model
from hf_dnalm.inference.log_probabilities import BASES, LanguageModel, Question, held_together
from hf_dnalm.inference.unscored import reasons_unscored
from hf_dnalm.sequence import reverse_complement

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Method = Literal["llr", "cosine", "l2", "dot"]
Strands = Literal["both", "forward"]

# Of the tokens of a whole window, the share that is masked together: eight passes each.
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
        variants: as they were given.
        scores: (n,) float64. "llr": log p(alt) - log p(ref) in nats, below 0 where the model finds alt less likely.
            "cosine" and "l2": distances, larger for a larger effect. "dot": larger for a smaller one. NaN for a
            variant that cannot be scored.
        estimators: how each score was computed, in words; they need not be comparable with one another. "" without.
        reasons: why a variant has no score, a key of `hf_dnalm.inference.unscored.REASONS`; "" where it has one.
        method, strands, window_bp: as asked for.
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
        """With the scores and estimators of those variants alone that have no reason against it, in order."""
        scored = np.array([not reason for reason in reasons], dtype=bool)
        whole, named = np.full(len(variants), np.nan), iter(estimators)
        whole[scored] = scores
        return cls(list(variants), whole, [next(named) if each else "" for each in scored], list(reasons), **settings)


class Pair(NamedTuple):
    """Both alleles in their windows, on one strand; `start` and ends are 0-based places in the windows.

    The windows have equally many letters: the one of the shorter allele reads further into the genome behind it.
    `name` is the variant, for errors.
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
    """Score each variant in a window of the genome around it; the model is left as it was found.

    Insertions and deletions are first moved as far left as they go, so that the same change has the same score. The
    log-likelihood ratio is defined for every variant under every tokenizer, and each score says how it was estimated:

    - a single nucleotide, tokens that do not overlap (nucleotides, k-mers): the token is masked, and the probabilities
      of all words with alt at that place are compared with those of all words with ref there;
    - a single nucleotide, other tokens (byte pairs, overlapping k-mers): both windows are tokenized, and the tokens
      that differ are masked together;
    - other changes: all tokens of both windows, an eighth of them masked at once;
    - a causal model: all tokens of both windows but the first.

    In the last three, the score is the sum of s(t) over the tokens t of the alternative's window, less that sum over
    the reference's, where s(t) = log p(t) - log(mean of p over all words with as many letters as t). Both windows hold
    equally many letters: the shorter allele gets more of the genome behind it. So the length of an indel alone gives
    no score: a model that prefers no word over another of its length scores every variant exactly 0. Tokens with
    other letters than A C G T are not scored. With overlapping k-mers each letter is in k tokens and counts k times.

    Args:
        model: a language model for "llr"; any model for distances, which compare mean vectors of the last hidden state
            over the tokens of the alleles.
        variants: as `read_variants` gives them.
        reference: the genome that the variants are on.
        method: "llr", "cosine", "l2" or "dot".
        window_bp: letters of the genome in a window, the variant in its middle; N past an end of the contig.
        strands: "both" scores the reverse complement too and takes the mean.
        strict: refuse variants that cannot be scored, instead of giving them NaN and a reason.
        token_budget, device, dtype, progress: see `run_batches`.

    Raises:
        ValueError: more than half of the first hundred REF are not what the genome has (position and both alleles are
            named), or, with `strict`, any variant cannot be scored; a window is longer than the model reads; the model
            is no language model; an output of the model is NaN or infinite.
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}; choose from {', '.join(get_args(Method))}")
    if strands not in get_args(Strands):
        raise ValueError(f"strands is {strands!r}; choose from {', '.join(get_args(Strands))}")
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


def _pairs(genome: Genome, variants: Sequence[Variant], window_bp: int, strands: Strands) -> Iterator[Pair]:
    """The windows of each variant, those of the reverse complement after them where both strands are asked for."""
    for variant in variants:
        yield _windows(genome, variant, window_bp)
        if strands == "both":
            yield _windows(genome, variant, window_bp, backwards=True)


def _windows(genome: Genome, variant: Variant, window_bp: int, *, backwards: bool = False) -> Pair:
    """Both alleles in windows of equally many letters, which begin with the same letters of the genome.

    Args:
        backwards: read the reverse complement, so that it is the right end of the windows that is the same.
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
    """Token ids of windows, and the 0-based end of each token in the window, in bp."""
    limit = tokenizer.model_max_length if tokenizer.model_max_length < 1_000_000_000 else None
    distinct = list(dict.fromkeys(sequences))
    names = [f"window of {len(sequence):,} bp" for sequence in distinct]
    ids = encode_sequences(
        tokenizer, distinct, max_tokens=limit, names=names, vocab_size=bare_model(model).config.vocab_size
    )
    ends = [np.cumsum(bases) for bases in bases_of_tokens(tokenizer, distinct, ids)]
    place = {sequence: index for index, sequence in enumerate(distinct)}
    order = [place[sequence] for sequence in sequences]
    return [ids[index] for index in order], [ends[index] for index in order]


def log_ratios(asked: LanguageModel, pairs: Iterable[Pair], options: dict[str, Any]) -> tuple[np.ndarray, list[str]]:
    """log p(alt) - log p(ref) of each pair of windows, in nats, and how it is estimated."""
    scores, estimators = [np.empty(0)], []
    for held in held_together(pairs, _letters_of):
        some, how = _log_ratios_together(asked, held, options)
        scores.append(some)
        estimators += how
    return np.concatenate(scores), estimators


def _letters_of(pair: Pair) -> int:
    return len(pair.reference) + len(pair.alternative)


def _log_ratios_together(
    asked: LanguageModel, pairs: Sequence[Pair], options: dict[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """`log_ratios` of windows that fit into memory."""
    both = [window for pair in pairs for window in (pair.reference, pair.alternative)]
    ids, ends = _encoded(asked.tokenizer, asked.model, both)
    questions: list[Question] = []
    readers: list[Callable[[Sequence[np.ndarray]], float]] = []  # the answers to a pair's questions → its score
    counts: list[int] = []
    estimators: list[str] = []
    for index, pair in enumerate(pairs):
        reference, alternative = ids[2 * index], ids[2 * index + 1]
        new, reader, estimator = _estimate(asked, pair, reference, alternative, ends[2 * index])
        questions += new
        readers.append(reader)
        counts.append(len(new))
        estimators.append(estimator)
    answers = asked.answer(questions, **options)
    starts = np.cumsum([0, *counts])
    scores = [reader(answers[start:end]) for reader, start, end in zip(readers, starts[:-1], starts[1:], strict=True)]
    for pair, score in zip(pairs, scores, strict=True):
        if math.isnan(score):
            raise ValueError(
                f"{pair.name}: the model gives both alleles a probability of exactly 0, so their ratio is not defined. "
                "Leave the variant out, or score with a model that excludes no token."
            )
    return np.array(scores, dtype=np.float64), estimators


def _estimate(
    asked: LanguageModel, pair: Pair, reference: np.ndarray, alternative: np.ndarray, ends: np.ndarray
) -> tuple[list[Question], Callable[[Sequence[np.ndarray]], float], str]:
    """What to ask for one pair, how the answers become its score, and what that is called."""
    is_snv = pair.reference_end - pair.start == pair.alternative_end - pair.start == 1
    if asked.kind == "masked" and is_snv:
        token = int(np.searchsorted(ends, pair.start, side="right"))
        start = int(ends[token - 1]) if token else 0
        length_bp = int(ends[token]) - start
        letters = [pair.alternative[pair.start], pair.reference[pair.start]]
        if asked.reads_letters(length_bp) and set(letters) <= set(BASES):
            alt, ref = (BASES.index(letter) for letter in letters)
            place = pair.start - start

            def ratio(answers: Sequence[np.ndarray]) -> float:
                return float(answers[0][place, alt]) - float(answers[0][place, ref])

            return [asked.letter_question(reference, token, length_bp, pair.name)], ratio, LETTERS
        both = ((alternative, reference), (reference, alternative))
        new = [_differing(asked, ids, other, pair.name) for ids, other in both]
        return new, _difference(1), TOKENS
    share = None if asked.kind == "causal" else MASKED_AT_ONCE
    of_alt, of_ref = (
        list(asked.likelihood_questions(ids, share, above_chance=True, name=pair.name))
        for ids in (alternative, reference)
    )
    return of_alt + of_ref, _difference(len(of_alt)), CAUSAL if asked.kind == "causal" else WINDOW


def _difference(n_first: int) -> Callable[[Sequence[np.ndarray]], float]:
    """The sum over the first answers less that over the others."""

    def difference(answers: Sequence[np.ndarray]) -> float:
        totals = [float(answer.sum(dtype=np.float64)) for answer in answers]
        return sum(totals[:n_first]) - sum(totals[n_first:])

    return difference


def _differing(asked: LanguageModel, ids: np.ndarray, other: np.ndarray, name: str) -> Question:
    """All tokens between what both windows share on the left and on the right, masked together; at least one."""
    shorter = min(len(ids), len(other))
    equal = ids[:shorter] == other[:shorter]
    left = shorter if equal.all() else int(equal.argmin())
    equal = ids[::-1][: shorter - left] == other[::-1][: shorter - left]
    right = shorter - left if equal.all() else int(equal.argmin())
    positions = np.arange(left, len(ids) - right)
    return Question(asked.masked(ids, positions), positions, ids[positions], above_chance=True, name=name)


def _distances(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Iterable[Pair],
    method: Method,
    options: dict[str, Any],
) -> np.ndarray:
    """(n,) distances of the mean vectors over the tokens of both alleles."""
    held = held_together(pairs, _letters_of)
    return np.concatenate([_distances_together(model, tokenizer, each, method, options) for each in held])


def _distances_together(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[Pair],
    method: Method,
    options: dict[str, Any],
) -> np.ndarray:
    """`_distances` of windows that fit into memory."""
    windows = [window for pair in pairs for window in (pair.reference, pair.alternative)]
    alleles = [(pair.start, end) for pair in pairs for end in (pair.reference_end, pair.alternative_end)]
    ids, ends = _encoded(tokenizer, model, windows)
    spans = [
        (int(np.searchsorted(end, start, side="right")), int(np.searchsorted(end, stop - 1, side="right")) + 1)
        for end, (start, stop) in zip(ends, alleles, strict=True)
    ]
    first: dict[tuple[bytes, tuple[int, int]], int] = {}
    places = [first.setdefault((each.tobytes(), span), len(first)) for each, span in zip(ids, spans, strict=True)]
    asked: list[tuple[np.ndarray, tuple[int, int]]] = [(ids[0], spans[0])] * len(first)
    for place, each, span in zip(places, ids, spans, strict=True):
        asked[place] = (each, span)
    body = bare_model(model).base_model

    def forward(batch: Batch) -> list[torch.Tensor]:
        hidden = body(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state.float()
        return [hidden[row, slice(*asked[index][1])].mean(0) for row, index in enumerate(batch.indices)]

    pad = tokenizer.pad_token_id or 0
    owners = {place: pairs[index // 2].name for index, place in reversed(list(enumerate(places)))}
    answers = run_batches(
        body, [each for each, _ in asked], forward, pad_token_id=pad, name_of=owners.__getitem__, **options
    )
    vectors = np.array(answers)
    zeros = np.flatnonzero(np.linalg.norm(vectors, axis=1) == 0) if method == "cosine" else ()
    for zero in zeros:
        raise ValueError(
            f"{owners[int(zero)]}: the vector of an allele is zero, so it has no angle to the other. Use method 'l2', "
            "and check the weights with `dnalm verify MODEL`."
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
