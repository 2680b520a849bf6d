"""Batches: padding on the right, the dtype each loss needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hf_dnalm.data import SequenceCollator

ROWS = [{"input_ids": [3, 9, 9], "length": 3}, {"input_ids": [3], "length": 1}]


def with_labels(labels: list[Any], **columns: list[Any]) -> list[dict[str, Any]]:
    extra = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] or [{}, {}]
    return [row | {"labels": label} | more for row, label, more in zip(ROWS, labels, extra, strict=True)]


@pytest.mark.parametrize(("multiple", "width"), [(None, 3), (1, 3), (3, 3), (8, 8)])
def test_pads_stand_on_the_right_and_are_masked(multiple: int | None, width: int) -> None:
    batch = SequenceCollator(1, pad_to_multiple_of=multiple)(ROWS)
    pads = width - 3
    assert batch["input_ids"].tolist() == [[3, 9, 9] + [1] * pads, [3, 1, 1] + [1] * pads]
    assert batch["attention_mask"].tolist() == [[1, 1, 1] + [0] * pads, [1, 0, 0] + [0] * pads]
    assert set(batch) == {"input_ids", "attention_mask"}
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64


@pytest.mark.parametrize(
    ("problem_type", "labels", "dtype", "shape"),
    [
        ("single_label_classification", [1, 0], torch.int64, (2,)),
        ("multi_label_classification", [[1, 0, 0], [0, 1, 1]], torch.float32, (2, 3)),
        ("regression", [0.5, 1.5], torch.float32, (2,)),
        ("regression", [[0.5, 1.0], [1.5, 2.0]], torch.float32, (2, 2)),
    ],
)
def test_labels_have_the_dtype_of_their_loss(problem_type: Any, labels: list, dtype: torch.dtype, shape: tuple) -> None:
    batch = SequenceCollator(1, problem_type=problem_type)(with_labels(labels))
    assert (batch["labels"].dtype, tuple(batch["labels"].shape)) == (dtype, shape)
    assert batch["labels"].tolist() == labels


def test_labels_of_bases_are_padded_with_minus_100_to_the_longest_sequence() -> None:
    collate = SequenceCollator(1, problem_type="single_label_classification", level="nucleotide", pad_to_multiple_of=4)
    batch = collate(with_labels([[1, 0, 2, 1], [2]], bases_per_token=[[0, 3, 1], [1]]))
    assert batch["bases_per_token"].tolist() == [[0, 3, 1, 0], [1, 0, 0, 0]]
    assert batch["labels"].tolist() == [[1, 0, 2, 1], [2, -100, -100, -100]]
    assert batch["labels"].dtype == torch.int64


def test_labels_without_a_problem_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows have labels, but the collator has no problem_type; pass"):
        SequenceCollator(1)(with_labels([0, 1]))
