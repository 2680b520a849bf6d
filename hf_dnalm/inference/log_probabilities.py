"""Log-probabilities of tokens under a language model: the basis of likelihoods, variant effects and mutagenesis.

A query is a token sequence, in which some positions may be masked, and the log-probabilities to read from the model's
output. All logarithms are natural.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch

from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.inputs import bare_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

T = TypeVar("T")

BASES = "ACGT"
# Tokens of queries, or letters of windows, in memory at a time; those of a million variants would need a few GB.
MAX_IN_MEMORY = 2**22


class Query(NamedTuple):
    """Token ids, and the log-probabilities to read from the model's output for them.

    Attributes:
        ids: (n,) int64, with mask tokens in place.
        positions: (m,) the positions to read.
        targets: (m,) the token ids whose log-probabilities are read there; None reads the letters of a single token.
        length_bp: length of that token.
        above_chance: read the targets' log-probabilities above chance (`LanguageModel.above_chance`).
        name: of the record, for error messages.
    """

    ids: np.ndarray
    positions: np.ndarray
    targets: np.ndarray | None
    length_bp: int = 0
    above_chance: bool = False
    name: str = "the sequence"

    @property
    def key(self) -> tuple[Any, ...]:
        """A hashable value that is equal for equal queries."""
        targets = None if self.targets is None else self.targets.tobytes()
        return self.ids.tobytes(), self.positions.tobytes(), targets, self.length_bp, self.above_chance


class LanguageModel:
    """A masked or causal language model of DNA with its tokenizer.

    Args:
        model: with a masked or causal language model head.
        tokenizer: of the model; for a masked model it needs a mask token.

    Raises:
        ValueError: the model has no such head, or the tokenizer has no mask token.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        name = type(bare_model(model)).__name__
        if not name.endswith(("ForMaskedLM", "ForCausalLM", "LMHeadModel")):  # the last is GPT-2's causal model
            raise ValueError(
                f"{name} is not a language model: it does not predict token probabilities. Load the checkpoint with "
                "AutoModelForMaskedLM or AutoModelForCausalLM."
            )
        self.kind: Literal["masked", "causal"] = "masked" if name.endswith("ForMaskedLM") else "causal"
        if self.kind == "masked" and tokenizer.mask_token_id is None:
            raise ValueError(
                f"{type(tokenizer).__name__} has no mask token, which scoring with a masked language model needs. Load "
                "the tokenizer that was published with the model."
            )
        self.model, self.tokenizer = model, tokenizer
        self._special = np.array(sorted(set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}), dtype=np.int64)

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """Positions of the tokens that can be scored: all but special tokens and, for a causal model, the first one."""
        dna = np.flatnonzero(~np.isin(ids, self._special))
        return dna[dna > 0] if self.kind == "causal" else dna

    def masked(self, ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """The ids with the mask token at these positions."""
        masked_ids = ids.copy()
        masked_ids[positions] = self.tokenizer.mask_token_id
        return masked_ids

    def likelihood_queries(
        self,
        ids: np.ndarray,
        masked_at_once: float | None,
        *,
        above_chance: bool = False,
        name: str = "the sequence",
    ) -> Iterator[Query]:
        """Generate the queries whose results add up to the log-likelihood of a sequence.

        They are generated one at a time, because a long sequence has n queries of n tokens, too many for the memory.

        Args:
            masked_at_once: share of the tokens that are masked together, spread evenly; None masks one at a time.
            above_chance: read log-probabilities above chance, which are comparable between numbers of tokens.
            name: of the sequence, for error messages.
        """
        positions = self.positions(ids)
        if self.kind == "causal":
            yield Query(ids, positions, ids[positions], above_chance=above_chance, name=name)
            return
        passes = len(positions) if masked_at_once is None else min(round(1 / masked_at_once), len(positions))
        for start in range(passes):
            group = positions[start::passes]
            yield Query(self.masked(ids, group), group, ids[group], above_chance=above_chance, name=name)

    def letter_query(self, ids: np.ndarray, position: int, length_bp: int, name: str = "the sequence") -> Query:
        """A query for the letters of one token, which is masked."""
        where = np.array([position])
        return Query(self.masked(ids, where), where, None, length_bp, name=name)

    def reads_letters(self, length_bp: int) -> bool:
        """Whether a masked token of this length gives the probability of each letter at each of its positions.

        This requires a vocabulary with every k-mer of this length, and tokens that do not overlap.
        """
        return self.kind == "masked" and length_bp in self._tokens_with_letter

    def run(self, queries: Iterable[Query], **options: Any) -> list[np.ndarray]:
        """Return, per query, (m,) log-probabilities of its targets, or (length_bp, 4) of the letters A, C, G and T.

        Identical queries within one group in memory (`MAX_IN_MEMORY` tokens) are computed once.

        Args:
            queries: any iterable; it is consumed as the model runs.
            options: passed to `run_batches`: token_budget, device, dtype, progress.

        Raises:
            ValueError: a result is NaN or plus infinity; the message names the record. Minus infinity is valid: the
                model gives that token a probability of exactly 0.
        """
        groups = grouped_by_size(queries, lambda query: len(query.ids))
        return [result for group in groups for result in self._run_together(group, **options)]

    def _run_together(self, queries: Sequence[Query], **options: Any) -> list[np.ndarray]:
        """`run` for at least one query, all of which fit into memory."""
        first: dict[tuple[Any, ...], int] = {}
        places = [first.setdefault(query.key, len(first)) for query in queries]
        distinct: list[Query] = [queries[0]] * len(first)
        for query, place in zip(queries, places, strict=True):
            distinct[place] = query
        pad = self.tokenizer.pad_token_id or 0  # the attention mask is 0 there, so any id will do
        results = run_batches(
            self.model,
            [query.ids for query in distinct],
            self._reader(distinct),
            pad_token_id=pad,
            name_of=lambda index: distinct[index].name,
            zero_probability=True,
            **options,
        )
        return [results[place] for place in places]

    def _reader(self, queries: Sequence[Query]) -> Callable[[Batch], list[torch.Tensor]]:
        shift = 1 if self.kind == "causal" else 0  # a causal model predicts the next token at each position

        def read(batch: Batch) -> list[torch.Tensor]:
            logits = self.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            results = []
            for row, index in enumerate(batch.indices):
                query = queries[index]
                selected = logits[row, torch.from_numpy(query.positions - shift).to(logits.device)].float()
                if query.targets is None:
                    results.append(_letters(selected[0], self._tokens_with_letter[query.length_bp].to(logits.device)))
                elif query.above_chance:
                    results.append(self.above_chance(selected, query.targets))
                else:
                    targets = torch.from_numpy(query.targets).to(logits.device)[:, None]
                    results.append(selected.log_softmax(-1).gather(-1, targets)[:, 0])
            return results

        return read

    def above_chance(self, logits: torch.Tensor, targets: np.ndarray) -> torch.Tensor:
        """(m,) log-ratio of each target's probability to the mean probability of all tokens of the same length in bp.

        A model without preferences gives exactly 0 for every token of any length, so sums over different numbers of
        tokens can be compared. Tokens with letters other than A C G T, such as N, are not scored and give 0.

        Args:
            logits: (m, vocabulary) at the positions of the targets.
            targets: (m,) token ids.
        """
        scores = torch.zeros(len(targets), device=logits.device)
        lengths = self._token_lengths[targets]
        for length in set(lengths.tolist()) - {0}:
            rows = torch.from_numpy(np.flatnonzero(lengths == length)).to(logits.device)
            alternatives = torch.from_numpy(np.flatnonzero(self._token_lengths == length)).to(logits.device)
            own = logits[rows]
            compared = own[:, alternatives]
            largest = compared.amax(-1)  # the mean of exp(0) is exactly 1, and its logarithm 0
            average = (compared - largest[:, None]).exp().mean(-1).log()
            own_targets = torch.from_numpy(targets[lengths == length]).to(logits.device)[:, None]
            scores[rows] = own.gather(-1, own_targets)[:, 0] - largest - average
        return scores

    @functools.cached_property
    def _token_lengths(self) -> np.ndarray:
        """(vocabulary,) length of each token in bp; 0 for special tokens and those with letters other than A C G T."""
        vocabulary = self.tokenizer.get_vocab()
        lengths = np.zeros(max(vocabulary.values()) + 1, dtype=np.int64)
        for token, index in vocabulary.items():
            if set(token.upper()) <= set(BASES):
                lengths[index] = len(token)
        return lengths

    @functools.cached_property
    def _tokens_with_letter(self) -> dict[int, torch.Tensor]:
        """Token length in bp → (length, 4, n) ids of the n tokens that have this letter at this position.

        Only lengths of which the vocabulary has every k-mer.
        """
        by_length: dict[int, dict[str, int]] = {}
        for token, index in self.tokenizer.get_vocab().items():
            if set(token.upper()) <= set(BASES):
                by_length.setdefault(len(token), {})[token.upper()] = index
        return {
            length: torch.tensor(
                [
                    [sorted(index for token, index in tokens.items() if token[place] == letter) for letter in BASES]
                    for place in range(length)
                ]
            )
            for length, tokens in by_length.items()
            if len(tokens) == len(BASES) ** length
        }


def grouped_by_size(items: Iterable[T], size: Callable[[T], int], *, at_most: int | None = None) -> Iterator[list[T]]:
    """Group the items in order, up to a total size of `at_most` (None: `MAX_IN_MEMORY`); a larger item is alone.

    >>> list(grouped_by_size("aAbBc", lambda letter: 2 if letter.isupper() else 1, at_most=3))
    [['a', 'A'], ['b', 'B'], ['c']]
    """
    at_most = MAX_IN_MEMORY if at_most is None else at_most
    group: list[T] = []
    total = 0
    for item in items:
        if group and total + size(item) > at_most:
            yield group
            group, total = [], 0
        group.append(item)
        total += size(item)
    if group:
        yield group


def _letters(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """(vocabulary,) logits → (length, 4) log-probabilities of the letters at each position, for tokens of one length.

    Args:
        tokens: (length, 4, n) ids, from `_tokens_with_letter`.
    """
    return logits[tokens].logsumexp(-1).log_softmax(-1)
