"""How likely a language model finds DNA: log-likelihood in nats, and bits per base."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from datasets import Dataset

from hf_dnalm.data.encode import bases_of_tokens
from hf_dnalm.inference.inputs import read_sequences
from hf_dnalm.inference.log_probabilities import LanguageModel, Question

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Likelihoods:
    """Likelihoods of sequences, in input order.

    Attributes:
        names: of the sequences.
        nats: (n,) sum of the natural logarithms over the tokens that are scored.
        tokens: (n,) how many those are.
        bases: (n,) bp that they cover.
        estimator: "masked pseudo-log-likelihood" or "causal log-likelihood".
    """

    names: list[str]
    nats: np.ndarray
    tokens: np.ndarray
    bases: np.ndarray
    estimator: str

    @property
    def bits_per_base(self) -> np.ndarray:
        """(n,) what a base costs in bits: 2 for a model that knows nothing, less for one that does."""
        return -self.nats / self.bases / math.log(2)


def log_likelihood(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    masked_at_once: float | None = None,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
) -> Likelihoods:
    """The log-likelihood of each sequence under a language model, which is left as it was found.

    A masked model is asked for every token with that one masked, as many times as there are tokens, and the answers are
    added (pseudo-log-likelihood; Salazar et al. 2020, https://arxiv.org/abs/1910.14659). A causal model is asked once;
    the first token has nothing before it and is not scored. Special tokens are not scored.

    Args:
        model: with a masked or a causal language model's head.
        sequences: a `Dataset` with columns `name` and `sequence`, or strings.
        names: one per string; None = "1", "2", ….
        masked_at_once: of a masked model, the share of the tokens to mask together, spread evenly, which needs
            1 / share passes whatever the length; None masks one token at a time.
        token_budget, device, dtype, progress: see `run_batches`.

    Raises:
        ValueError: the model is no language model; a sequence is empty, too long or not DNA; a causal model and a
            sequence of one token; a share that is not above 0 and at most 1; an output of the model is NaN or plus
            infinity. A likelihood of minus infinity is an answer: the model gives a token a probability of exactly 0.

    Example:
        A model that finds every token as likely as any other of a vocabulary of v costs log2(v) bits a token.
    """
    if masked_at_once is not None and not 0 < masked_at_once <= 1:
        raise ValueError(f"masked_at_once is {masked_at_once}; it is a share of the tokens, above 0 and at most 1")
    asked = LanguageModel(model, tokenizer)
    names, token_ids = read_sequences(
        tokenizer, sequences, names=names, overflow="error", vocab_size=model.config.vocab_size
    )
    scored = [asked.positions(ids) for ids in token_ids]
    if any(len(positions) == 0 for positions in scored):
        name = next(name for name, positions in zip(names, scored, strict=True) if len(positions) == 0)
        raise ValueError(f"sequence {name!r} is one token, which has nothing before it; a causal model cannot score it")
    owners: list[int] = []

    def questions() -> Iterator[Question]:
        for owner, (name, ids) in enumerate(zip(names, token_ids, strict=True)):
            for question in asked.likelihood_questions(ids, masked_at_once, name=f"sequence {name!r}"):
                owners.append(owner)
                yield question

    answers = asked.answer(questions(), token_budget=token_budget, device=device, dtype=dtype, progress=progress)
    nats = np.bincount(owners, weights=[answer.sum(dtype=np.float64) for answer in answers], minlength=len(names))
    letters = sequences["sequence"] if isinstance(sequences, Dataset) else sequences
    lengths = bases_of_tokens(tokenizer, letters, token_ids)
    return Likelihoods(
        names=names,
        nats=nats,
        tokens=np.array([len(positions) for positions in scored]),
        bases=np.array([int(bp[positions].sum()) for bp, positions in zip(lengths, scored, strict=True)]),
        estimator="masked pseudo-log-likelihood" if asked.kind == "masked" else "causal log-likelihood",
    )
