"""Log-likelihoods of sequences under a language model, in nats and in bits per base."""

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
from hf_dnalm.inference.log_probabilities import LanguageModel, Query

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Likelihoods:
    """Likelihoods of sequences, in input order.

    Attributes:
        names: names of the sequences.
        nats: (n,) sum of the natural log-probabilities of the scored tokens.
        tokens: (n,) number of scored tokens.
        bases: (n,) bp that the scored tokens cover.
        estimator: "masked pseudo-log-likelihood" or "causal log-likelihood".
    """

    names: list[str]
    nats: np.ndarray
    tokens: np.ndarray
    bases: np.ndarray
    estimator: str

    @property
    def bits_per_base(self) -> np.ndarray:
        """(n,) bits per base: 2 for a model that has learned nothing about DNA, less for a better one."""
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
    """Compute the log-likelihood of each sequence under a language model. The model is not changed.

    A masked model predicts each token with that token masked, one pass per token, and the log-probabilities are added
    (pseudo-log-likelihood; Salazar et al. 2020, https://arxiv.org/abs/1910.14659). A causal model needs one pass; its
    first token has no context and is not scored. Special tokens are not scored.

    Args:
        model: with a masked or causal language model head.
        sequences: a `Dataset` with columns `name` and `sequence`, or strings.
        names: one per string; None = "1", "2", ….
        masked_at_once: for a masked model, the share of the tokens to mask together, spread evenly. This takes
            1 / share passes for a sequence of any length. None masks one token at a time.
        token_budget, device, dtype, progress: see `run_batches`.

    Raises:
        ValueError: the model is not a language model; a sequence is empty, too long or not DNA; a sequence for a causal
            model has only one token; `masked_at_once` is not above 0 and at most 1; or an output of the model is NaN or
            plus infinity. A log-likelihood of minus infinity is valid: the model gives a token a probability of 0.

    Example:
        A model that predicts all v tokens of its vocabulary with equal probability needs log2(v) bits per token.
    """
    if masked_at_once is not None and not 0 < masked_at_once <= 1:
        raise ValueError(f"masked_at_once is {masked_at_once}; it is a share of the tokens, above 0 and at most 1.")
    language_model = LanguageModel(model, tokenizer)
    names, token_ids = read_sequences(
        tokenizer, sequences, names=names, overflow="error", vocab_size=model.config.vocab_size
    )
    scored = [language_model.positions(ids) for ids in token_ids]
    if any(len(positions) == 0 for positions in scored):
        name = next(name for name, positions in zip(names, scored, strict=True) if len(positions) == 0)
        raise ValueError(
            f"sequence {name!r} is only one token, and a causal model cannot score its first token; remove it."
        )
    owners: list[int] = []

    def queries() -> Iterator[Query]:
        for owner, (name, ids) in enumerate(zip(names, token_ids, strict=True)):
            for query in language_model.likelihood_queries(ids, masked_at_once, name=f"sequence {name!r}"):
                owners.append(owner)
                yield query

    options = {"token_budget": token_budget, "device": device, "dtype": dtype, "progress": progress}
    results = language_model.run(queries(), **options)
    nats = np.bincount(owners, weights=[result.sum(dtype=np.float64) for result in results], minlength=len(names))
    letters = sequences["sequence"] if isinstance(sequences, Dataset) else sequences
    lengths = bases_of_tokens(tokenizer, letters, token_ids)
    return Likelihoods(
        names=names,
        nats=nats,
        tokens=np.array([len(positions) for positions in scored]),
        bases=np.array([int(bp[positions].sum()) for bp, positions in zip(lengths, scored, strict=True)]),
        estimator="masked pseudo-log-likelihood" if language_model.kind == "masked" else "causal log-likelihood",
    )
