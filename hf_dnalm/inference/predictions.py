"""Predict with a fine-tuned model: classes, tracks or values, per sequence, base or bin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from datasets import Dataset
from torch import nn

from hf_dnalm.data.encode import bases_of_tokens, encode_pairs
from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.bins import bin_means
from hf_dnalm.inference.inputs import bare_model, read_sequences, token_limit
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# The names of transformers' model classes tell what a head makes predictions for.
_LEVELS: dict[str, Literal["sequence", "nucleotide"]] = {
    "ForSequenceClassification": "sequence",
    "ForTokenClassification": "nucleotide",
}


@dataclass(frozen=True)
class Predictions:
    """Predictions for each sequence, in input order.

    At nucleotide level, `logits`, `probabilities` and `labels` are lists with one array per sequence, whose rows are
    the bases that the model read; at bin level, the rows are the complete bins that it read.
    """

    names: list[str]
    logits: np.ndarray | list[np.ndarray]  # (n, L) float32, or n × (bp or bins, L)
    task: Task

    @cached_property
    def probabilities(self) -> np.ndarray | list[np.ndarray]:
        """Probabilities in the shape of `logits`, float32: softmax over the classes, or a sigmoid for each track.

        Raises:
            ValueError: the task is a regression.
        """
        if self.task.problem_type == "regression":
            raise ValueError(f"task {self.task.name!r} is a regression: it has values, not probabilities.")
        function = _softmax if self.task.problem_type == "single_label_classification" else _sigmoid
        return [function(each) for each in self.logits] if isinstance(self.logits, list) else function(self.logits)

    @cached_property
    def labels(self) -> list[str] | list[tuple[str, ...]] | list[np.ndarray] | list[list[tuple[str, ...]]]:
        """The name of the most likely class; for multi-label tasks the names of all tracks with P >= 0.5, in order.

        Raises:
            ValueError: the task is a regression.
        """
        names = np.array(self.task.label_names, dtype=object)
        match self.task.problem_type:
            case "single_label_classification":
                if isinstance(self.logits, list):
                    return [names[each.argmax(-1)] for each in self.logits]
                return names[self.logits.argmax(-1)].tolist()
            case "multi_label_classification":
                if isinstance(self.logits, list):
                    return [[tuple(names[row >= 0].tolist()) for row in each] for each in self.logits]
                return [tuple(names[row >= 0].tolist()) for row in self.logits]
            case "regression":
                raise ValueError(f"task {self.task.name!r} is a regression: it has values, not labels.")

    @property
    def values(self) -> np.ndarray | list[np.ndarray]:
        """(n, targets) float32 predicted values of a regression; n × (bins, targets) at bin level.

        Raises:
            ValueError: the task is a classification.
        """
        if self.task.problem_type != "regression":
            raise ValueError(
                f"task {self.task.name!r} is a classification: it has labels and probabilities, not values."
            )
        return self.logits


def predict(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None = None,
    task: Task | None = None,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    overflow: Literal["error", "truncate"] = "error",
    progress: Callable[[int], object] | None = None,
) -> Predictions:
    """Predict the labels or values of each sequence with a fine-tuned model. The model is not changed.

    Args:
        model: a sequence- or token-classification model, with one logit per class, track or target.
        sequences: a `Dataset` with columns `name` and `sequence` (and `sequence2` for pairs), or strings. Lower case
            and IUPAC codes are converted as in `hf_dnalm.sequence.normalize`.
        names: one per string; None = "1", "2", ….
        task: what the logits mean; None = the task in the model's config.
        token_budget, device, dtype, progress: see `run_batches`.
        overflow: what to do with a sequence that is longer than the model's context.

    Raises:
        ValueError: the model has no task head, or the head does not fit the task; a sequence is empty, has a letter
            that is not DNA, or is too long; or a logit is NaN or infinite.
    """
    level = head_level(model)
    if task is None:
        task = Task.from_config(model.config, level=level)
    if task.num_labels != model.config.num_labels:
        raise ValueError(
            f"task {task.name!r} has {task.num_labels} labels, but the model's head has {model.config.num_labels}; use "
            "the task that the model was fine-tuned on."
        )
    if (task.level == "sequence") != (level == "sequence"):
        raise ValueError(
            f"task {task.name!r} is of {task.level} level, but the model's head is of {level} level; use the task that "
            "the model was fine-tuned on."
        )
    if level == "nucleotide" and not hasattr(tokenizer, "bases_per_token"):
        raise ValueError(
            f"{type(tokenizer).__name__} cannot say which bases a token covers: it has no method bases_per_token. Load "
            "the tokenizer with hf_dnalm.AutoTokenizer."
        )
    types: list[np.ndarray] | None = None
    if task.pair:
        names, token_ids, types = _read_pairs(tokenizer, sequences, task, overflow, model.config.vocab_size)
    else:
        names, token_ids = read_sequences(
            tokenizer, sequences, names=names, overflow=overflow, vocab_size=model.config.vocab_size
        )
    letters = sequences["sequence"] if isinstance(sequences, Dataset) else sequences
    spans = bases_of_tokens(tokenizer, letters, token_ids) if level == "nucleotide" else None

    def forward(batch: Batch) -> torch.Tensor | list[torch.Tensor]:
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        if types is not None:
            marks = [torch.from_numpy(types[index]) for index in batch.indices]
            inputs["token_type_ids"] = nn.utils.rnn.pad_sequence(marks, batch_first=True).to(batch.input_ids.device)
        if spans is None:
            return model(**inputs).logits
        rows = [torch.from_numpy(spans[index]) for index in batch.indices]
        bases_per_token = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(batch.input_ids.device)
        logits = model(**inputs, bases_per_token=bases_per_token).logits.cpu()  # (b, max_bp, L)
        bin_bp = task.bin_bp or 1
        kept = [each[: int(row.sum()) // bin_bp * bin_bp].float() for each, row in zip(logits, rows, strict=True)]
        return [bin_means(each, bin_bp) for each in kept] if task.bin_bp is not None else kept

    results = run_batches(
        model,
        token_ids,
        forward,
        pad_token_id=tokenizer.pad_token_id,
        token_budget=token_budget,
        device=device,
        dtype=dtype,
        progress=progress,
        name_of=lambda index: f"sequence {names[index]!r}",
    )
    if level == "nucleotide":
        return Predictions(names, results, task)
    return Predictions(names, np.array(results, dtype=np.float32).reshape(len(results), task.num_labels), task)


def head_level(model: nn.Module) -> Literal["sequence", "nucleotide"]:
    """The level of a model's task head, from its class name; adapters and wrappers are removed first.

    Raises:
        ValueError: the model has no task head.
    """
    name = type(bare_model(model)).__name__
    for suffix, level in _LEVELS.items():
        if name.endswith(suffix):
            return level
    raise ValueError(
        f"{name} has no task head to predict with. Fine-tune it first (dnalm finetune), or load a fine-tuned model "
        "with AutoModelForSequenceClassification or AutoModelForTokenClassification."
    )


def _read_pairs(
    tokenizer: PreTrainedTokenizerBase,
    pairs: Dataset | Sequence[str],
    task: Task,
    overflow: Literal["error", "truncate"],
    vocab_size: int,
) -> tuple[list[str], list[np.ndarray], list[np.ndarray] | None]:
    """Names, token ids and token types of a dataset of pairs."""
    columns_found = pairs.column_names if isinstance(pairs, Dataset) else ["strings"]
    missing = [column for column in ("name", "sequence", "sequence2") if column not in columns_found]
    if not isinstance(pairs, Dataset) or missing:
        raise ValueError(
            f"task {task.name!r} classifies pairs: give a Dataset with the columns name, sequence and sequence2; "
            f"there are {', '.join(columns_found)}."
        )
    names = [str(name) for name in pairs["name"]]
    columns = encode_pairs(
        tokenizer,
        list(pairs["sequence"]),
        list(pairs["sequence2"]),
        max_tokens=token_limit(tokenizer),
        overflow=overflow,
        names=names,
        vocab_size=vocab_size,
    )
    return names, columns["input_ids"], columns.get("token_type_ids")


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # equal to 1 / (1 + exp(-x)), without overflow
