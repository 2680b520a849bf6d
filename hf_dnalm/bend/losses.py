"""The training losses of BEND's networks, correct or as published."""

from __future__ import annotations

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from hf_dnalm.suites.bend.definition import PADDING, BendTask


def bend_loss(task: BendTask, logits: torch.Tensor, labels: torch.Tensor, *, compat: bool = False) -> torch.Tensor:
    """Mean loss over all labels except padding.

    Args:
        logits: (b, places, outputs).
        labels: (b, places) classes or (b, places, outputs) zeros and ones; -100 is padding.
        compat: binary cross entropy as published. The mask for padding in the published code has no effect, so padding
            counts as labels of value -100. Cross entropy is the same in both modes.

    Returns:
        Scalar; NaN if all labels are padding.
    """
    if task.loss == "cross_entropy":
        return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=PADDING)
    target = labels.to(torch.float32)
    losses = binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    if task.positive_weight is not None:
        losses = torch.where(target == 1, losses * task.positive_weight, losses)
    return losses.mean() if compat else losses[labels != PADDING].mean()
