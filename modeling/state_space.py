"""Selective state spaces (Mamba 1): the scan along a sequence and the short convolution in front of it, in plain torch.

The scan is a recurrence over tokens. Its decays are between 0 and 1 and are only ever multiplied, never divided by, so
nothing overflows: sums of logarithms, which a closed form would exponentiate, grow without bound in float32.

Source: Gu and Dao 2023, https://arxiv.org/abs/2312.00752, equations 2a and 2b and section 3.6.

Legend: g groups with weights of their own, b sequences, n tokens, d channels, s states of a channel.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import torch
from torch.nn import functional

SCANS = ("auto", "torch", "mamba_ssm")

# Numbers in one of the tensors (tokens of a chunk × g × b × s × d) that are alive at a time. On a CPU two of them stay
# in the caches; on a GPU a chunk should keep all its processors busy.
_CHUNK_NUMBERS = {"cpu": 2**20}
_CHUNK_NUMBERS_ON_GPU = 2**26
_SHORTEST_CHUNK = 16  # tokens

# The operation is registered under this file's own module name: a copy that came with a checkpoint has its own.
_NAMESPACE = "dnalm"
_NAME = re.sub(r"\W", "_", __name__)


def selective_scan(
    x: torch.Tensor,
    dt: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    *,
    scan: str = "auto",
) -> torch.Tensor:
    """y[t] = C[t] · h[t], with h[t] = exp(dt[t] A) h[t-1] + dt[t] x[t] B[t] and h = 0 before the first token.

    The (b, n, d, s) states never exist at once: they are computed chunk by chunk, and again for the gradients. How long
    the chunks are changes no result beyond rounding. A token whose dt is 0 leaves the states exactly as they are.

    Args:
        x: (g, b, n, d).
        dt: (g, b, n, d), not negative: how far each channel moves on.
        A: (g, d, s), not positive: how fast states decay.
        B, C: (g, b, n, s): what enters the states, and what is read out of them.
        scan: "torch"; "mamba_ssm", the CUDA kernel of that package; "auto", the kernel where it is installed and the
            tensors are on a GPU.

    Returns:
        (g, b, n, d) in the dtype of `x`; states are float32, or float64 where `x` is.

    Raises:
        ValueError: another `scan`.
        ImportError: "mamba_ssm" where that package cannot be imported.
    """
    if scan not in SCANS:
        raise ValueError(f"scan is {scan!r}; choose from {', '.join(map(repr, SCANS))}.")
    dtype = torch.promote_types(x.dtype, torch.float32)
    tensors = [each.to(dtype) for each in (x, dt, A, B, C)]
    kernel = None if scan == "torch" or (scan == "auto" and not x.is_cuda) else _mamba_ssm_kernel()
    if kernel is not None:
        return _scan_with_kernel(kernel, *tensors).to(x.dtype)
    if scan == "mamba_ssm":
        raise ImportError(
            "scan='mamba_ssm' needs that package, whose kernel runs on NVIDIA GPUs: pip install mamba-ssm, or "
            "scan='torch'."
        )
    with_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in tensors)
    y, _ = _scan(*tensors, _chunk_length(x, A), with_gradient)
    return y.permute(1, 2, 0, 3).to(x.dtype)


def causal_convolution(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Each channel convolved along the tokens: a token sees itself and the width - 1 before it, zeros before the first.

    Args:
        x: (b, n, d).
        weight: (d, 1, width), the last column for the token itself, as `torch.nn.Conv1d` holds it.
        bias: (d,), or None.

    Returns:
        (b, n, d).

    Example:
        >>> x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1)
        >>> causal_convolution(x, torch.tensor([[[10.0, 1.0]]]), None).flatten()
        tensor([ 1., 12., 23.])
    """
    width, n_tokens = weight.shape[-1], x.shape[1]
    padded = functional.pad(x, (0, 0, width - 1, 0))
    convolved = padded[:, :n_tokens] * weight[:, 0, 0]
    for shift in range(1, width):
        convolved = torch.addcmul(convolved, padded[:, shift : shift + n_tokens], weight[:, 0, shift])
    return convolved if bias is None else convolved + bias


def _mamba_ssm_kernel() -> Callable[..., torch.Tensor] | None:
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError:
        return None
    return selective_scan_fn


def _scan_with_kernel(kernel: Callable[..., torch.Tensor], x, dt, A, B, C) -> torch.Tensor:
    """The scan by mamba_ssm, group by group: it wants the tokens last.

    It would take bfloat16 too, but then the steps as well, which are as small as 0.001.
    """
    outputs = []
    for group in range(len(x)):
        moved, steps, entering, read = (each[group].transpose(1, 2).contiguous() for each in (x, dt, B, C))
        outputs.append(kernel(moved, steps, A[group].contiguous(), entering, read).transpose(1, 2))
    return torch.stack(outputs)


def _chunk_length(x: torch.Tensor, A: torch.Tensor) -> int:
    """Tokens whose states are computed together."""
    numbers = _CHUNK_NUMBERS.get(x.device.type, _CHUNK_NUMBERS_ON_GPU)
    states = x.shape[0] * x.shape[1] * x.shape[3] * A.shape[2]
    return max(_SHORTEST_CHUNK, numbers // max(states, 1))


def _lanes(device: torch.device, tokens: int) -> int:
    """Pieces of a chunk that run side by side: a GPU is bound by the number of calls, a CPU by the arithmetic."""
    return 1 if device.type == "cpu" else max(1, int(tokens**0.5))


def _accumulate(decay: torch.Tensor, inputs: torch.Tensor, before: torch.Tensor, *, reverse: bool = False) -> None:
    """Turn inputs[t] into h[t] = decay[t] h[t-1] + inputs[t], in place; `reverse` runs from the last t to the first.

    Args:
        decay: (tokens, …), from 0 to 1.
        inputs: (tokens, …).
        before: (…), the h that precedes.
    """
    lanes = _lanes(inputs.device, len(inputs))
    if lanes > 1:
        _accumulate_in_lanes(decay, inputs, before, lanes, reverse=reverse)
        return
    steps = list(zip(decay.unbind(), inputs.unbind(), strict=True))
    for kept, state in reversed(steps) if reverse else steps:
        before = torch.addcmul(state, kept, before, out=state)


def _accumulate_in_lanes(
    decay: torch.Tensor, inputs: torch.Tensor, before: torch.Tensor, lanes: int, *, reverse: bool
) -> None:
    """`_accumulate` in lanes + tokens / lanes steps: all lanes start at zero, then what precedes each is added."""
    tokens = len(inputs)
    lost = -tokens % lanes  # the last lane is filled up with tokens that change nothing
    order = (lambda each: each.flip(0)) if reverse else (lambda each: each)
    states = functional.pad(order(inputs), (0, 0) * (inputs.dim() - 1) + (0, lost)).unflatten(0, (lanes, -1))
    kept = functional.pad(order(decay), (0, 0) * (inputs.dim() - 1) + (0, lost), value=1.0).unflatten(0, (lanes, -1))
    if kept.data_ptr() == decay.data_ptr():
        kept = kept.clone()  # becomes what is left, at each token, of the states before its lane
    for token in range(1, states.shape[1]):
        states[:, token].addcmul_(kept[:, token], states[:, token - 1])
        kept[:, token].mul_(kept[:, token - 1])
    for lane in range(lanes):
        states[lane].addcmul_(kept[lane], before)
        before = states[lane, -1]
    inputs.copy_(order(states.flatten(0, 1)[:tokens]))


class _Chunks:
    """The tensors of a scan with the tokens first and the channels last, a chunk at a time.

    Channels last keeps every inner loop long: s is 16, d some hundreds.
    """

    def __init__(self, x, dt, A, B, C, chunk: int):
        self.inputs = [each.permute(2, 0, 1, 3) for each in (x, dt, B, C)]  # (n, g, b, d or s)
        self.A = A.transpose(1, 2)[:, None].contiguous()  # (g, 1, s, d)
        self.halvings = self.A / math.log(2)  # powers of two take half the time of powers of e
        self.starts = range(0, x.shape[2], chunk)
        n_groups, n_sequences, n_tokens, n_channels = x.shape
        self.state = (n_groups, n_sequences, A.shape[2], n_channels)
        self.chunk = min(chunk, n_tokens)
        self.decay = x.new_empty(self.chunk, *self.state)
        self.states = x.new_empty(self.chunk, *self.state)

    def run(self, start: int, before: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        """The inputs, decays and states of the chunk from token `start` on; the last two hold until the next call."""
        x, dt, B, _ = inputs = [each[start : start + self.chunk] for each in self.inputs]
        decay, states = self.decay[: len(x)], self.states[: len(x)]
        torch.mul(dt[..., None, :], self.halvings, out=decay).exp2_()
        torch.mul((dt * x)[..., None, :], B[..., None], out=states)
        _accumulate(decay, states, before)
        return inputs, decay, states


def _over_states(vectors: torch.Tensor, states: torch.Tensor, *, out: torch.Tensor) -> torch.Tensor:
    """(…, s) and (…, s, d) → (…, d), written to `out`: the sum over s of their products."""
    rows = out.view(-1, 1, out.shape[-1])
    torch.bmm(vectors.reshape(-1, 1, vectors.shape[-1]), states.flatten(0, -3), out=rows)
    return out


def _over_channels(states: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """(…, s, d) and (…, d) → (…, s): the sum over d of their products."""
    rows = torch.bmm(states.flatten(0, -3), vectors.reshape(-1, vectors.shape[-1], 1))
    return rows.view(*states.shape[:-1])


# A custom operation is one node to torch.compile and to autograd: neither unrolls the loop over the tokens.
@torch.library.custom_op(
    f"{_NAMESPACE}::{_NAME}_scan",
    mutates_args=(),
    schema="(Tensor x, Tensor dt, Tensor A, Tensor B, Tensor C, SymInt chunk, bool keep_states) -> (Tensor, Tensor)",
)
def _scan(x, dt, A, B, C, chunk, keep_states):
    """(n, g, b, d), and the states before each chunk, (chunks, g, b, s, d), or none of them."""
    with torch.autocast(x.device.type, enabled=False):
        chunks = _Chunks(x, dt, A, B, C, chunk)
        y = x.new_empty(x.shape[2], *x.shape[:2], x.shape[3])
        kept = x.new_empty(len(chunks.starts) if keep_states else 0, *chunks.state)
        before = x.new_zeros(chunks.state)
        for number, start in enumerate(chunks.starts):
            if keep_states:
                kept[number] = before
            (_, _, _, C_chunk), _, states = chunks.run(start, before)
            _over_states(C_chunk, states, out=y[start : start + len(states)])
            before = states[-1].clone()
        return y, kept


@_scan.register_fake
def _scan_shapes(x, dt, A, B, C, chunk, keep_states):
    n_chunks = -(-x.shape[2] // chunk) if keep_states else 0
    y = x.new_empty(x.shape[2], *x.shape[:2], x.shape[3])
    return y, x.new_empty(n_chunks, *x.shape[:2], A.shape[2], x.shape[3])


@torch.library.custom_op(
    f"{_NAMESPACE}::{_NAME}_scan_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor x, Tensor dt, Tensor A, Tensor B, Tensor C, Tensor kept, SymInt chunk) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _scan_backward(grad, x, dt, A, B, C, kept, chunk):
    """The gradients of x, dt, A, B and C: from the last chunk to the first, each chunk's states computed again."""
    with torch.autocast(x.device.type, enabled=False):
        chunks = _Chunks(x, dt, A, B, C, chunk)
        gradients = [torch.empty(each.shape, dtype=x.dtype, device=x.device) for each in chunks.inputs]
        grad_A = torch.zeros_like(chunks.A)
        buffer = torch.empty_like(chunks.states)
        after = x.new_zeros(chunks.state)  # what the states past this chunk ask of its last ones
        for start, before in reversed(list(zip(chunks.starts, kept, strict=True))):
            (x_chunk, dt_chunk, B_chunk, C_chunk), decay, states = chunks.run(start, before)
            tokens = slice(start, start + len(states))
            grad_y = grad[tokens].contiguous()
            # The effect of every state's change on the result: through its own output, and through the states after it.
            wanted = torch.mul(C_chunk[..., None], grad_y[..., None, :], out=buffer[: len(states)])
            wanted[-1] += after
            _accumulate(decay[1:], wanted[:-1], wanted[-1].clone(), reverse=True)
            after = decay[0] * wanted[0]

            grad_moved = _over_states(B_chunk, wanted, out=torch.empty_like(grad_y))  # of dt · x
            gradients[0][tokens] = grad_moved * dt_chunk
            gradients[2][tokens] = _over_channels(wanted, dt_chunk * x_chunk)
            gradients[3][tokens] = _over_channels(states, grad_y)
            # From here on of the exponent dt · A: d exp(dt A) h = decay · h(before) · d(dt A)
            wanted.mul_(decay)
            wanted[1:] *= states[:-1]
            wanted[0] *= before
            gradients[1][tokens] = torch.addcmul(torch.mul(wanted, chunks.A).sum(-2), grad_moved, x_chunk)
            grad_A += wanted.mul_(dt_chunk[..., None, :]).sum((0, 2))[:, None]
        grad_x, grad_dt, grad_B, grad_C = (each.permute(1, 2, 0, 3).contiguous() for each in gradients)
        return grad_x, grad_dt, grad_A[:, 0].transpose(1, 2).contiguous(), grad_B, grad_C


@_scan_backward.register_fake
def _scan_backward_shapes(grad, x, dt, A, B, C, kept, chunk):
    return tuple(torch.empty_like(each, memory_format=torch.contiguous_format) for each in (x, dt, A, B, C))


def _remember(ctx, inputs, output):
    *tensors, ctx.chunk, _ = inputs
    ctx.save_for_backward(*tensors, output[1])


def _differentiate(ctx, grad, _):
    return *_scan_backward(grad, *ctx.saved_tensors, ctx.chunk), None, None


_scan.register_autograd(_differentiate, setup_context=_remember)
