"""Apply a fine-tuned model to new sequences: classes, tracks or values, for each sequence or each base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from accelerate.utils import extract_model_from_parallel
from torch import nn

from hf_dnalm.data.encode import encode_sequences
from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.sequence import normalize
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

# transformers' own naming of model classes says what a head predicts for.
_LEVELS: dict[str, Literal["sequence", "nucleotide"]] = {
    "ForSequenceClassification": "sequence",
    "ForTokenClassification": "nucleotide",
}


@dataclass(frozen=True)
class Predictions:
    """What a model says of each sequence, in input order.

    At nucleotide level, `logits`, `probabilities` and `labels` are lists with one array per sequence, whose rows are
    the bases that were read.
    """

    names: list[str]
    logits: np.ndarray | list[np.ndarray]  # (n, L) float32, or n × (bp, L)
    task: Task

    @cached_property
    def probabilities(self) -> np.ndarray | list[np.ndarray]:
        """Like `logits`, float32: softmax over the classes, or a sigmoid for each track.

        Raises:
            ValueError: the task is a regression.
        """
        if self.task.problem_type == "regression":
            raise ValueError(f"task {self.task.name!r} is a regression: it has values, not probabilities")
        function = _softmax if self.task.problem_type == "single_label_classification" else _sigmoid
        return [function(each) for each in self.logits] if isinstance(self.logits, list) else function(self.logits)

    @cached_property
    def labels(self) -> list[str] | list[tuple[str, ...]] | list[np.ndarray]:
        """The likeliest class's name; for multi-label the names of all tracks with P >= 0.5, in the task's order.

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
                return [tuple(names[row >= 0].tolist()) for row in self.logits]
            case "regression":
                raise ValueError(f"task {self.task.name!r} is a regression: it has values, not labels")

    @property
    def values(self) -> np.ndarray:
        """(n, targets) float32, the predicted targets of a regression.

        Raises:
            ValueError: the task is a classification.
        """
        if self.task.problem_type != "regression" or isinstance(self.logits, list):
            raise ValueError(
                f"task {self.task.name!r} is a classification: it has labels and probabilities, not values"
            )
        return self.logits


def predict(
    model: nn.Module,
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
    """The predictions of a fine-tuned model, which is left as it was found.

    Args:
        model: a sequence- or token-classification model; one logit per class, track or target.
        sequences: a `Dataset` with columns `name` and `sequence`, or strings. Lower case and IUPAC codes are
            read as `hf_dnalm.sequence.normalize` says.
        names: one per string; None = "1", "2", ….
        task: what the logits mean; None = as the model's config says.
        token_budget, device, dtype, progress: see `run_batches`.
        overflow: what happens to a sequence that is longer than the model reads.

    Raises:
        ValueError: the model has no task head or not the task's number of outputs; a sequence is empty, has a
            letter that is not DNA, or is too long.
    """
    level = head_level(model)
    if task is None:
        task = Task.from_config(model.config, level=level)
    if task.num_labels != model.config.num_labels:
        raise ValueError(
            f"task {task.name!r} has {task.num_labels} labels, but the model's head has {model.config.num_labels} outputs"
        )
    names, token_ids = read_sequences(tokenizer, sequences, names=names, overflow=overflow)
    spans = [tokenizer.bases_per_token(ids) for ids in token_ids] if level == "nucleotide" else None

    def forward(batch: Batch) -> torch.Tensor | list[torch.Tensor]:
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        if spans is None:
            return model(**inputs).logits
        rows = [torch.from_numpy(spans[index]) for index in batch.indices]
        bases_per_token = nn.utils.rnn.pad_sequence(rows, batch_first=True).to(batch.input_ids.device)
        logits = model(**inputs, bases_per_token=bases_per_token).logits  # (b, max_bp, L)
        return [each[: int(row.sum())] for each, row in zip(logits, rows, strict=True)]

    results = run_batches(
        model,
        token_ids,
        forward,
        pad_token_id=tokenizer.pad_token_id,
        token_budget=token_budget,
        device=device,
        dtype=dtype,
        progress=progress,
    )
    if level == "nucleotide":
        return Predictions(names, results, task)
    return Predictions(names, np.array(results, dtype=np.float32).reshape(len(results), task.num_labels), task)


def head_level(model: nn.Module) -> Literal["sequence", "nucleotide"]:
    """What the model's task head predicts for, by its class; adapters and wrappers are looked through.

    Raises:
        ValueError: the model has no task head.
    """
    bare = extract_model_from_parallel(model, keep_torch_compile=False)
    if hasattr(bare, "get_base_model"):  # a PEFT adapter around the model
        bare = bare.get_base_model()
    name = type(bare).__name__
    for suffix, level in _LEVELS.items():
        if name.endswith(suffix):
            return level
    raise ValueError(
        f"{name} has no task head to predict with. Fine-tune it first (dnalm finetune), or load a fine-tuned model "
        "with AutoModelForSequenceClassification or AutoModelForTokenClassification."
    )


def read_sequences(
    tokenizer: PreTrainedTokenizerBase,
    sequences: Dataset | Sequence[str],
    *,
    names: Sequence[str] | None,
    overflow: Literal["error", "truncate"],
) -> tuple[list[str], list[np.ndarray]]:
    """The names and the token ids of a data set or of plain strings, normalised and checked."""
    if isinstance(sequences, str):
        raise ValueError("sequences must be a list of strings or a Dataset, not one string; put it into a list")
    if hasattr(sequences, "column_names"):
        missing = sorted({"name", "sequence"} - set(sequences.column_names))
        if missing:
            raise ValueError(f"the data set has no column {missing[0]!r}; it has: {', '.join(sequences.column_names)}")
        names, sequences = list(sequences["name"]), list(sequences["sequence"])
    names = [str(number) for number in range(1, len(sequences) + 1)] if names is None else [str(name) for name in names]
    if len(names) != len(sequences):
        raise ValueError(f"there are {len(names):,} names for {len(sequences):,} sequences")
    normalised = []
    for number, (name, sequence) in enumerate(zip(names, sequences, strict=True), start=1):
        source = f"sequence {name!r} (record {number:,})"
        if not sequence:
            raise ValueError(f"{source} is empty; remove the record")
        normalised.append(normalize(sequence, source=source))
    token_ids = encode_sequences(
        tokenizer, normalised, max_tokens=_max_tokens(tokenizer), overflow=overflow, names=names
    )
    return names, token_ids


def _max_tokens(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """How many tokens the model reads; tokenizers without a limit carry 1e30."""
    return tokenizer.model_max_length if tokenizer.model_max_length < 1_000_000_000 else None


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * logits))  # the same function, without overflow of exp
