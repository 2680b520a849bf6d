"""Embeddings of sequences: one vector per sequence, pooled from a model's hidden states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch

from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.hidden_states import Overflow, body_of, hidden_states, windows_of
from hf_dnalm.inference.inputs import read_sequences
from hf_dnalm.inference.windows import stitch

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Pooling = Literal["mean", "cls", "max"]


@dataclass(frozen=True)
class Embeddings:
    """Vectors of sequences, in input order."""

    names: list[str]
    vectors: np.ndarray  # (n, hidden) float32


def embed(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    pooling: Pooling = "mean",
    layer: int = -1,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    overflow: Overflow = "error",
    progress: Callable[[int], object] | None = None,
) -> Embeddings:
    """Embed each sequence as one vector, its pooled hidden states. The model is not changed and its head is ignored.

    Args:
        sequences: a `Dataset` with columns `name` and `sequence`, or strings.
        names: one per string; None = "1", "2", ….
        pooling: "mean" and "max" pool over all tokens except padding, including CLS, as in the published
            Nucleotide Transformer examples; "cls" takes the first token's vector.
        layer: index into the hidden states: 0 = embedding layer, 1 = after the first layer, -1 = after the last.
        token_budget, device, dtype, progress: see `run_batches`.
        overflow: what to do with a sequence that is longer than the model's context: "error", "truncate", or
            "windows", which reads it in overlapping windows and counts each token once, in the window where it has the
            most context (see `hf_dnalm.inference.windows`). "mean" and "max" are exact over these tokens; "cls" is the
            mean of the windows' first tokens.

    Raises:
        ValueError: the pooling or layer does not exist; a sequence is empty, has a letter that is not DNA, or is too
            long; or its vector is NaN or infinite.
    """
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling is {pooling!r}; choose from {', '.join(get_args(Pooling))}.")
    body = body_of(model)
    names, token_ids = read_sequences(
        tokenizer, sequences, names=names, overflow=overflow, vocab_size=model.config.vocab_size
    )
    cut = windows_of(tokenizer, token_ids, overflow=overflow)

    def forward(batch: Batch) -> torch.Tensor:
        states = hidden_states(body, batch, layer)
        return pool(states, _within(cut.kept[batch.indices], batch.attention_mask), pooling)

    pooled = run_batches(
        body,
        cut.token_ids,
        forward,
        pad_token_id=tokenizer.pad_token_id or 0,  # the attention mask is 0 there, so any id will do
        token_budget=token_budget,
        device=device,
        dtype=dtype,
        progress=progress,
        name_of=lambda window: f"sequence {names[cut.owners[window]]!r}",
    )
    if not pooled:
        return Embeddings(names, np.zeros((0, model.config.hidden_size), dtype=np.float32))
    return Embeddings(names, stitch(np.stack(pooled), cut, len(names), pooling=pooling))


def _within(ranges: np.ndarray, attention_mask: torch.Tensor) -> torch.Tensor:
    """(b, 2) first and last + 1 of the positions that count → (b, n), 1 at these positions and 0 elsewhere."""
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    first, last = torch.from_numpy(ranges).to(attention_mask.device).split(1, dim=1)
    return ((positions >= first) & (positions < last)).to(attention_mask.dtype)


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """(b, n, h) hidden states, and (b, n) with 1 for positions that count → (b, h) float32."""
    hidden = hidden.float()  # in bfloat16, a sum over a thousand tokens would keep only two digits
    mask = attention_mask.unsqueeze(-1)
    match pooling:
        case "mean":
            return (hidden * mask).sum(1) / mask.sum(1)
        case "max":
            return hidden.masked_fill(mask == 0, -torch.inf).amax(1)
        case "cls":
            return hidden[:, 0]
