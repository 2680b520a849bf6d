"""Refuse model outputs that are NaN or infinite: nothing computed from them is meaningful."""

from __future__ import annotations

import numpy as np
import torch


def check_finite(
    values: np.ndarray, name: str, *, dtype: torch.dtype | None = None, zero_probability: bool = False
) -> None:
    """Refuse values that are NaN or infinite.

    Args:
        values: outputs for one record, any shape.
        name: of the record, for the message.
        dtype: in which they were computed; None if no model of this package computed them.
        zero_probability: accept minus infinity, the logarithm of a probability of exactly 0. A language model that
            excludes some tokens (logits of minus infinity) predicts this probability for them.

    Raises:
        ValueError: a value is not finite; the message names the record and what to do.

    Example:
        >>> check_finite(np.array([0.5, -np.inf]), "chr1", zero_probability=True)
        >>> check_finite(np.array([0.5, np.nan]), "chr1")
        Traceback (most recent call last):
        ValueError: chr1: 1 of 2 output values is not finite (nan). Check the function or model that computed it.
    """
    wrong = ~np.isfinite(values)
    if zero_probability:
        wrong &= ~np.isneginf(values)
    if not wrong.any():
        return
    count = int(wrong.sum())
    if dtype is None:
        remedy = "Check the function or model that computed it."
    elif dtype == torch.float32:
        remedy = "Check the weights with `dnalm verify MODEL`; if they are damaged, download or copy them again."
    else:
        remedy = (
            f"The model was run in {str(dtype).removeprefix('torch.')}: use float32 (--dtype float32; in Python "
            "dtype=torch.float32). If that gives the same error, check the weights with `dnalm verify MODEL`."
        )
    raise ValueError(
        f"{name}: {count:,} of {values.size:,} output values {'is' if count == 1 else 'are'} not finite "
        f"({float(values[wrong][0])}). {remedy}"
    )
