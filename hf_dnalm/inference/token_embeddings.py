"""Embeddings of tokens or nucleotides, from a model's hidden states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from datasets import Dataset

from hf_dnalm.data.encode import bases_of_tokens, edge_tokens
from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.hidden_states import Overflow, body_of, hidden_states, windows_of
from hf_dnalm.inference.inputs import read_sequences
from hf_dnalm.inference.windows import Windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Unit = Literal["nucleotide", "token"]


@dataclass(frozen=True)
class TokenEmbeddings:
    """Vectors of the tokens or nucleotides of each sequence, in input order."""

    names: list[str]
    vectors: list[np.ndarray]  # (bp or tokens, hidden) float32 each
    per: Unit


def embed_tokens(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    per: Unit = "nucleotide",
    names: Sequence[str] | None = None,
    layer: int = -1,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    overflow: Overflow = "error",
    progress: Callable[[int], object] | None = None,
) -> TokenEmbeddings:
    """Embed each token or nucleotide of each sequence, without special tokens. The model is not changed.

    A nucleotide has the vector of its token: a single letter, a k-mer or a byte pair, repeated for each of its bases.
    If k-mers overlap, it has the vector of the k-mer centred on it; the ends have the first and the last k-mer. Vectors
    of Caduceus-Ps contain both strands; the second half is the reverse strand.

    Args:
        sequences: a `Dataset` with columns `name` and `sequence`, or strings.
        per: "nucleotide" gives (bp, hidden), one vector per base; "token" gives (tokens, hidden).
        names: one per string; None = "1", "2", ….
        layer: index into the hidden states: 0 = embedding layer, 1 = after the first layer, -1 = after the last.
        token_budget, device, dtype, progress: see `run_batches`.
        overflow: what to do with a sequence that is longer than the model's context: "error"; "truncate", which leaves
            the truncated tokens and nucleotides without vectors; or "windows", which reads overlapping windows and
            takes each token from the one where it has the most context (see `hf_dnalm.inference.windows`).

    Raises:
        ValueError: the unit or layer does not exist; the tokenizer cannot say which bases a token covers; a sequence is
            empty, has a letter that is not DNA, is too long, or is too short for one token (fewer than k bases for
            overlapping k-mers); or one of its vectors is NaN or infinite.
    """
    if per not in get_args(Unit):
        raise ValueError(f"per is {per!r}; choose from {', '.join(get_args(Unit))}.")
    names, token_ids = read_sequences(
        tokenizer, sequences, names=names, overflow=overflow, vocab_size=model.config.vocab_size
    )
    letters = sequences["sequence"] if isinstance(sequences, Dataset) else sequences
    counts = times_kept(tokenizer, letters, token_ids, names=names, per=per)
    cut = windows_of(tokenizer, token_ids, overflow=overflow)
    parts = window_vectors(
        model,
        tokenizer,
        cut,
        names,
        layer=layer,
        token_budget=token_budget,
        device=device,
        dtype=dtype,
        progress=progress,
    )
    vectors = []
    starts = np.searchsorted(cut.owners, np.arange(len(names) + 1))
    for sequence, times in enumerate(counts):
        own = slice(starts[sequence], starts[sequence + 1])
        vectors.append(np.concatenate(parts[own]).repeat(times, axis=0))
        parts[own] = [np.empty(0, dtype=np.float32)] * len(parts[own])  # so that they are not in memory twice
    return TokenEmbeddings(names, vectors, per)


def window_vectors(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    cut: Windows,
    names: Sequence[str],
    *,
    layer: int,
    **options: Any,
) -> list[np.ndarray]:
    """(tokens that count, hidden) float32 for each window.

    Args:
        names: names of the sequences that the windows belong to.
        options: passed to `run_batches`: token_budget, device, dtype, progress.
    """
    body = body_of(model)

    def forward(batch: Batch) -> list[torch.Tensor]:
        states = hidden_states(body, batch, layer)
        ranges = cut.kept[batch.indices].tolist()
        return [row[first:last] for row, (first, last) in zip(states, ranges, strict=True)]

    pad = tokenizer.pad_token_id or 0  # the attention mask is 0 there, so any id will do
    return run_batches(
        body,
        cut.token_ids,
        forward,
        pad_token_id=pad,
        name_of=lambda window: f"sequence {names[cut.owners[window]]!r}",
        **options,
    )


def times_kept(
    tokenizer: PreTrainedTokenizerBase,
    letters: Sequence[str],
    token_ids: Sequence[np.ndarray],
    *,
    names: Sequence[str],
    per: Unit,
) -> list[np.ndarray]:
    """How often the vector of each token is repeated: once per base, or once per token; 0 for special tokens.

    Returns:
        (n_tokens,) int64 each.

    Raises:
        ValueError: the tokenizer cannot say which bases a token covers, or gives no token for a sequence.
    """
    bases = bases_of_tokens(tokenizer, letters, token_ids)
    for name, sequence, times in zip(names, letters, bases, strict=True):
        if not times.any():
            raise ValueError(
                f"sequence {name!r} is {len(sequence)} bp, too short for a token of this tokenizer, so its bases have "
                "no vectors; leave it out."
            )
    return bases if per == "nucleotide" else [_is_dna(tokenizer, ids) for ids in token_ids]


def _is_dna(tokenizer: PreTrainedTokenizerBase, ids: np.ndarray) -> np.ndarray:
    """(n,) int64: 0 for the special tokens before and after the DNA, otherwise 1."""
    opening, closing = edge_tokens(tokenizer, ids)
    kept = np.ones(len(ids), dtype=np.int64)
    kept[:opening] = kept[len(ids) - closing :] = 0
    return kept
