"""Embedders make one vector for each nucleotide of a sequence: with a model, as one-hot code, or with a function.

An embedder is a callable that takes a sequence of L letters A C G T N and returns an array (L, D). If it also has a
method `embed_many`, it gets many sequences at once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from hf_dnalm.inference.finite import check_finite

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LETTERS = "ACGNT"  # in the order of BEND's codes: A 0, C 1, G 2, N 3, T 4
_CODES = np.full(128, -1, dtype=np.int64)
_CODES[[ord(letter) for letter in LETTERS]] = np.arange(len(LETTERS))

Embedder = Callable[[str], np.ndarray]


@runtime_checkable
class BatchEmbedder(Protocol):
    """An embedder that takes many sequences at once, which is faster."""

    def __call__(self, sequence: str) -> np.ndarray:
        """(L, D) of one sequence."""

    def embed_many(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """(L, D) of each sequence, in order."""


def one_hot(sequence: str) -> np.ndarray:
    """(L, 5) float32 one-hot code; the columns are A C G N T, as in BEND.

    >>> one_hot("AT").tolist()
    [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    return np.eye(len(LETTERS), dtype=np.float32)[letter_codes(sequence)]


def letter_codes(sequence: str) -> np.ndarray:
    """(L,) int64 codes, which BEND's shards store instead of one-hot vectors; the networks convert them.

    >>> letter_codes("ACGNT").tolist()
    [0, 1, 2, 3, 4]
    """
    return _CODES[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]


class ModelEmbedder:
    """Hidden states of a model, one for each nucleotide; long sequences are embedded in overlapping windows.

    Args:
        model: with or without a head, which is not used.
        tokenizer: the tokenizer of the checkpoint.
        layer: index into the hidden states; -1 is the last.
        token_budget, device, dtype: see `run_batches`.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        layer: int = -1,
        token_budget: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._options: dict[str, Any] = {
            "layer": layer,
            "token_budget": token_budget,
            "device": device,
            "dtype": dtype,
        }

    def __call__(self, sequence: str) -> np.ndarray:
        """(L, hidden) float32."""
        return self.embed_many([sequence])[0]

    def embed_many(self, sequences: Sequence[str], *, names: Sequence[str] | None = None) -> list[np.ndarray]:
        """(L, hidden) float32 of each sequence, in order.

        Args:
            names: names of the sequences for error messages; None: "1", "2", ….

        Raises:
            ValueError: a sequence is too short for a token, or a vector has NaN or infinite values.
        """
        from hf_dnalm.inference.token_embeddings import embed_tokens

        embeddings = embed_tokens(
            self._model,
            self._tokenizer,
            list(sequences),
            names=names,
            per="nucleotide",
            overflow="windows",
            **self._options,
        )
        return embeddings.vectors


def embeddings_of(
    embedder: Embedder | BatchEmbedder, sequences: Sequence[str], names: Sequence[str]
) -> list[np.ndarray]:
    """The embeddings of the sequences, in order.

    Args:
        names: names of the sequences for error messages.

    Raises:
        ValueError: an embedding is not an array of numbers, or has NaN or infinite values.
    """
    if isinstance(embedder, ModelEmbedder):
        embeddings = embedder.embed_many(sequences, names=names)
    elif isinstance(embedder, BatchEmbedder):
        embeddings = embedder.embed_many(sequences)
    else:
        embeddings = [embedder(sequence) for sequence in sequences]
    arrays = []
    for name, embedding in zip(names, embeddings, strict=True):
        array = np.asarray(embedding)
        if array.ndim not in (1, 2) or not np.issubdtype(array.dtype, np.number):
            raise ValueError(
                f"{name}: the embedder returned an array of shape {array.shape} and dtype {array.dtype}. It must "
                "return numbers of shape (L, D)."
            )
        check_finite(array, name)
        arrays.append(array)
    return arrays


def file_fingerprint(place: str) -> dict[str, str]:
    """A digest of the file in `path/to/file.py:function`, to detect that the function has changed."""
    return {"model": hashlib.sha256(Path(place.rpartition(":")[0]).read_bytes()).hexdigest()}


def embedder_from_file(place: str) -> Embedder:
    """Load your own function from `path/to/file.py:function`; the file is executed.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a Python file, or has no such function.
    """
    path, _, name = place.rpartition(":")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: no such file. Name the embedder as file.py:function.")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file. Name the embedder as file.py:function.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{path} has no function {name!r}. Name the embedder as file.py:function.")
    embedder: Embedder = function
    return embedder
