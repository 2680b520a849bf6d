"""The inference loop: sequences sorted by length, batches filled up to a token budget, results in input order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from hf_dnalm.inference.finite import check_finite

# The choices of `--dtype`; None = bfloat16 if the hardware supports it, otherwise the model's own dtype.
DTYPES: dict[str, torch.dtype | None] = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16}

# Padded tokens in one batch, per CPU thread or per GPU; measured with `speed/embedding_speed.py --budgets`.
TOKEN_BUDGETS = {
    # AVX2, 50 million parameters, float32: sequences of equal length reach the full rate from 160 tokens per thread
    # (530 to 590 tokens/s, compared with 200 for a batch of 10 tokens). A larger budget only adds padding: for 64
    # sequences of 10 to 500 tokens on two threads it is 2 % of a batch with this budget, 11 % with four times and 34 %
    # with sixteen times as much.
    "cpu": 256,
    # Not measured yet. An estimate: enough work for a large GPU, a few GB of activations at 500 million parameters.
    "cuda": 32_768,
}


class Batch(NamedTuple):
    """A batch of sequences, padded on the right to the longest one, on the model's device."""

    input_ids: torch.Tensor  # (b, n) int64
    attention_mask: torch.Tensor  # (b, n) int64: 1 = token, 0 = padding
    indices: np.ndarray  # (b,) int64: positions in the caller's list of sequences, 0-based


def batch_indices(
    lengths: Sequence[int] | np.ndarray, *, token_budget: int, max_batch_size: int | None = None
) -> list[np.ndarray]:
    """Divide sequences into batches, longest first, so a batch that does not fit into memory fails at the start.

    Args:
        lengths: (n_sequences,) in tokens.
        token_budget: maximum of rows × longest row, including padding. A longer sequence gets a batch of its own.
        max_batch_size: maximum number of rows.

    Returns:
        Arrays of 0-based indices into `lengths`; together they contain every index once.

    Raises:
        ValueError: the budget or the batch size is below 1.

    Example:
        >>> [batch.tolist() for batch in batch_indices([3, 9, 2, 3], token_budget=6)]
        [[1], [0, 3], [2]]
    """
    for name, limit in (("token_budget", token_budget), ("max_batch_size", max_batch_size)):
        if limit is not None and limit < 1:
            raise ValueError(f"{name} must be at least 1, not {limit}.")
    lengths = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        rows = max(token_budget // longest, 1)
        if max_batch_size is not None:
            rows = min(rows, max_batch_size)
        batches.append(order[start : start + rows])
        start += rows
    return batches


def default_token_budget(device: torch.device) -> int:
    """Padded tokens in one batch on `device`; a device without a measured number is treated as a CPU."""
    if device.type == "cpu" or device.type not in TOKEN_BUDGETS:
        return TOKEN_BUDGETS["cpu"] * torch.get_num_threads()
    return TOKEN_BUDGETS[device.type]


def default_dtype(model: nn.Module, device: torch.device) -> torch.dtype:
    """bfloat16 for a float32 model on hardware that multiplies in bfloat16, otherwise the model's own dtype."""
    own = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    if own == torch.float32 and multiplies_bfloat16(device):
        return torch.bfloat16
    return own


def multiplies_bfloat16(device: torch.device) -> bool:
    """True on CUDA GPUs since Ampere and on CPUs with AMX; elsewhere bfloat16 is emulated and slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Older versions of torch have no `get_capabilities`. float32 is then correct too, only slower.
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("amx_bf16", False))


@contextmanager
def prepared(model: nn.Module, *, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Put the model into evaluation mode on `device` in `dtype`, and restore it exactly afterwards, even after errors.

    The original tensors are set aside and put back, because casting twice would round the caller's weights. The
    bfloat16 copy exists during the call and needs half the memory of a float32 model. Autocast is hardly more accurate
    (vectors of the configuration with 50 million parameters are off by 0.9 % instead of 1.1 %, root mean square) and
    casts back to float32 around every normalisation and sum.
    Only parameters change dtype. Buffers keep theirs: rotary angles in bfloat16 are wrong after 256 positions.
    Parameters that transformers' `_keep_in_fp32_modules_strict` names also stay in float32, for example HyenaDNA's
    time points.
    """
    modes = [(module, module.training) for module in model.modules()]
    originals = [(tensor, tensor.data) for tensor in (*model.parameters(), *model.buffers())]
    try:
        model.eval()
        marks = {mark for each in model.modules() for mark in getattr(each, "_keep_in_fp32_modules_strict", None) or ()}
        for name, parameter in model.named_parameters():
            casts = parameter.is_floating_point() and marks.isdisjoint(name.split("."))
            parameter.data = parameter.data.to(device, dtype if casts else None)
        for buffer in model.buffers():
            buffer.data = buffer.data.to(device)
        yield
    finally:
        for tensor, data in originals:
            tensor.data = data
        for module, training in modes:
            module.training = training


def run_batches(
    model: nn.Module,
    token_ids: Sequence[np.ndarray],
    forward: Callable[[Batch], torch.Tensor | Sequence[torch.Tensor]],
    *,
    pad_token_id: int,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
    name_of: Callable[[int], str] = lambda index: f"sequence {index + 1}",
    zero_probability: bool = False,
) -> list[np.ndarray]:
    """Apply `forward` to all sequences in batches, without gradients.

    Args:
        model: the module that `forward` calls; its mode, dtype, device and gradients are restored afterwards.
        token_ids: one (n,) integer array per sequence.
        forward: takes a `Batch` and returns one tensor per row: (b, …), or b tensors of any shape.
        pad_token_id: fills the rows on the right; the attention mask is 0 there.
        token_budget: padded tokens in a batch; None = the default for the device (`TOKEN_BUDGETS`).
        device: None = the device of the model's parameters.
        dtype: None = bfloat16 if the hardware supports it, otherwise the model's own dtype (`default_dtype`).
        progress: called after each batch with its number of sequences.
        name_of: 0-based index → name of the sequence, for error messages.
        zero_probability: accept minus infinity, because the outputs are log-probabilities.

    Returns:
        One float32 array per sequence, in input order, on the CPU.

    Raises:
        ValueError: an output is NaN or infinite; the message names the first such sequence that was computed.
    """
    if device is None:
        device = next((parameter.device for parameter in model.parameters()), "cpu")
    device = torch.device(device)
    if dtype is None:
        dtype = default_dtype(model, device)
    if token_budget is None:
        token_budget = default_token_budget(device)
    lengths = np.fromiter((len(ids) for ids in token_ids), dtype=np.int64, count=len(token_ids))
    results: list[np.ndarray] = [np.empty(0, dtype=np.float32)] * len(token_ids)
    with prepared(model, device=device, dtype=dtype), torch.inference_mode():
        for indices in batch_indices(lengths, token_budget=token_budget):
            output = forward(_pad(token_ids, indices, lengths[indices], pad_token_id, device))
            if isinstance(output, torch.Tensor):
                output = output.float().cpu()  # one transfer for the batch
            for index, row in zip(indices, output, strict=True):
                results[index] = row.float().cpu().numpy()
            for index in sorted(indices.tolist()):
                check_finite(results[index], name_of(index), dtype=dtype, zero_probability=zero_probability)
            if progress is not None:
                progress(len(indices))
    return results


def _pad(
    token_ids: Sequence[np.ndarray], indices: np.ndarray, lengths: np.ndarray, pad_token_id: int, device: torch.device
) -> Batch:
    """One batch of the sequences at `indices`, which have these `lengths` (b,)."""
    input_ids = np.full((len(indices), int(lengths.max())), pad_token_id, dtype=np.int64)
    for row, index in enumerate(indices):
        input_ids[row, : lengths[row]] = token_ids[index]
    attention_mask = (np.arange(input_ids.shape[1]) < lengths[:, None]).astype(np.int64)
    return Batch(torch.from_numpy(input_ids).to(device), torch.from_numpy(attention_mask).to(device), indices)
