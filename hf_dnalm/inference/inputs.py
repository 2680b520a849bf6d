"""Inputs of the inference functions: names and token ids of sequences, and the model without its wrappers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from accelerate.utils import extract_model_from_parallel
from datasets import Dataset
from torch import nn

from hf_dnalm.data.encode import encode_sequences

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def bare_model(model: nn.Module) -> PreTrainedModel:
    """The model inside the wrappers of torch.compile, distributed training and PEFT adapters."""
    bare = extract_model_from_parallel(model, keep_torch_compile=False)
    return bare.get_base_model() if hasattr(bare, "get_base_model") else bare


def read_sequences(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None,
    overflow: Literal["error", "truncate", "windows"],
    vocab_size: int,
) -> tuple[list[str], list[np.ndarray]]:
    """Return the names and token ids of a dataset or of strings, checked by `encode_sequences`.

    With overflow="windows", sequences of any length are accepted.
    """
    if isinstance(sequences, str):
        raise ValueError("sequences must be a list of strings or a Dataset, not one string; put it into a list.")
    if isinstance(sequences, Dataset):
        for column in ("name", "sequence"):
            if column not in sequences.column_names:
                raise ValueError(f"the dataset has no column {column!r}; it has: {', '.join(sequences.column_names)}.")
        names, sequences = list(sequences["name"]), list(sequences["sequence"])
    names = [str(number) for number in range(1, len(sequences) + 1)] if names is None else [str(name) for name in names]
    if len(names) != len(sequences):
        raise ValueError(f"there are {len(names):,} names for {len(sequences):,} sequences; give one for each.")
    limit = token_limit(tokenizer)
    if overflow == "windows":
        limit, overflow = None, "error"
    return names, encode_sequences(
        tokenizer, sequences, max_tokens=limit, overflow=overflow, names=names, vocab_size=vocab_size
    )


def token_limit(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The model's context length in tokens, including special tokens; None if it has no limit."""
    limit = tokenizer.model_max_length
    return limit if limit < 1_000_000_000 else None  # tokenizers without a limit have 1e30
