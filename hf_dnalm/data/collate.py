"""Collate rows of different lengths into one padded batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from hf_dnalm.data.labels import IGNORED_BASE
from hf_dnalm.tasks import Level, ProblemType


class SequenceCollator:
    """Turns rows of an encoded dataset into a model's input tensors, padded on the right.

    Args:
        pad_token_id: padding value of `input_ids`.
        problem_type: decides the labels' dtype; None if rows have no labels.
        level: "nucleotide" and "bin" pad per-base and per-bin labels with -100.
        pad_to_multiple_of: pad the batch to a multiple of this many tokens, which is faster on tensor cores.

    Returns (when called with a list of rows):
        `input_ids` (b, n) int64 and `attention_mask` (b, n) int64; `bases_per_token` and `token_type_ids` (b, n) int64
        where rows have them, 0 on pads; `labels` where rows have them: (b,) int64 for one class, (b, L) float32 for
        tracks, (b,) or (b, L) float32 for targets, (b, longest sequence in bp) int64 for one class for each base; for
        bins (b, most bins) int64 for one class for each, (b, most bins, L) float32 for tracks and targets.

    >>> batch = SequenceCollator(1)([{"input_ids": [3, 9]}, {"input_ids": [3]}])
    >>> batch["input_ids"].tolist(), batch["attention_mask"].tolist()
    ([[3, 9], [3, 1]], [[1, 1], [1, 0]])
    """

    def __init__(
        self,
        pad_token_id: int,
        *,
        problem_type: ProblemType | None = None,
        level: Level = "sequence",
        pad_to_multiple_of: int | None = None,
    ) -> None:
        self.pad_token_id = pad_token_id
        self.problem_type = problem_type
        self.level = level
        self.pad_to_multiple_of = pad_to_multiple_of

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch of these rows.

        Raises:
            ValueError: rows have labels and `problem_type` is None.
        """
        token_ids = [np.asarray(row["input_ids"], dtype=np.int64) for row in rows]
        width = max(len(ids) for ids in token_ids)
        if self.pad_to_multiple_of:
            width = -(-width // self.pad_to_multiple_of) * self.pad_to_multiple_of
        batch = {
            "input_ids": _pad(token_ids, self.pad_token_id, width),
            "attention_mask": _pad([np.ones(len(ids), dtype=np.int64) for ids in token_ids], 0, width),
        }
        for name in ("bases_per_token", "token_type_ids"):
            if name in rows[0]:
                batch[name] = _pad([np.asarray(row[name]) for row in rows], 0, width)
        if "labels" in rows[0]:
            batch["labels"] = self._labels([row["labels"] for row in rows])
        return batch

    def _labels(self, labels: list[Any]) -> torch.Tensor:
        if self.level != "sequence":
            bases = [np.asarray(label) for label in labels]
            most = max(len(label) for label in bases)
            if self.level == "nucleotide" or self.problem_type == "single_label_classification":
                return _pad(bases, IGNORED_BASE, most)
            values = np.full((len(bases), most, bases[0].size // len(bases[0])), IGNORED_BASE, dtype=np.float32)
            for label, target in zip(bases, values, strict=True):
                target[: len(label)] = label.reshape(len(label), -1)
            return torch.from_numpy(values)
        match self.problem_type:
            case "single_label_classification":
                return torch.as_tensor(np.asarray(labels, dtype=np.int64))
            case "multi_label_classification" | "regression":
                return torch.as_tensor(np.asarray(labels, dtype=np.float32))
            case _:
                raise ValueError(
                    "rows have labels, but the collator has no problem_type; pass SequenceCollator(…, "
                    "problem_type=task.problem_type)."
                )


def _pad(rows: Sequence[np.ndarray], value: int, width: int) -> torch.Tensor:
    """(b, width) int64, every row followed by `value`."""
    padded = np.full((len(rows), width), value, dtype=np.int64)
    for row, target in zip(rows, padded, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(padded)
