"""The selective scan: the recurrence that it stands for, its gradients, its memory, and its short convolution."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hf_dnalm.modeling import state_space
from hf_dnalm.modeling.state_space import causal_convolution, selective_scan


def sequential_scan(x, dt, A, B, C):
    """The recurrence, a token at a time."""
    h = x.new_zeros(*x.shape[:2], x.shape[3], A.shape[2])
    y = []
    for t in range(x.shape[2]):
        decay = torch.exp(dt[:, :, t, :, None] * A[:, None])
        h = decay * h + (dt[:, :, t] * x[:, :, t])[..., None] * B[:, :, t, None, :]
        y.append((h * C[:, :, t, None, :]).sum(-1))
    return torch.stack(y, dim=2)


def inputs(groups=2, sequences=2, tokens=37, channels=5, states=3, *, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    x = normal(groups, sequences, tokens, channels)
    dt = functional.softplus(normal(groups, sequences, tokens, channels) - 2)
    A = -torch.exp(normal(groups, channels, states))
    B, C = (normal(groups, sequences, tokens, states) for _ in range(2))
    return x, dt, A, B, C


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of 16 tokens, however small the tensors."""
    monkeypatch.setattr(state_space, "_CHUNK_NUMBERS", {"cpu": 1})


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 70), st.integers(1, 9), st.integers(1, 5)),
    chunk=st.integers(1, 80),
    lanes=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_it_is_the_sequential_recurrence_with_its_gradients_for_every_chunk_and_number_of_lanes(
    shape, chunk, lanes, seed
):
    tensors = [each.requires_grad_() for each in inputs(*shape, seed=seed, dtype=torch.float64)]
    expected = sequential_scan(*tensors)
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gradients = torch.autograd.grad((expected * weight).sum(), tensors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_space, "_chunk_length", lambda x, A: chunk)
        patch.setattr(state_space, "_lanes", lambda device, tokens: min(lanes, tokens))
        got = selective_scan(*tensors)
        got_gradients = torch.autograd.grad((got * weight).sum(), tensors)
    torch.testing.assert_close(got, expected)
    for each, wanted in zip(got_gradients, gradients, strict=True):
        torch.testing.assert_close(each, wanted)


def test_gradients_agree_with_finite_differences(short_chunks):
    tensors = [each.requires_grad_() for each in inputs(1, 1, 19, 2, 2, dtype=torch.float64)]
    assert torch.autograd.gradcheck(selective_scan, tensors)


def test_chunks_change_nothing_beyond_rounding(monkeypatch):
    tensors = inputs(tokens=300)
    expected = selective_scan(*tensors)
    for length in (16, 64, 299, 300, 1000):
        monkeypatch.setattr(state_space, "_chunk_length", lambda x, A, length=length: length)
        torch.testing.assert_close(selective_scan(*tensors), expected)


@pytest.mark.parametrize("step", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("lanes", [1, 8])
def test_steps_of_any_size_stay_finite_in_float32(step, lanes, monkeypatch):
    # A closed form that divides by the product of decays overflows at 89 = log of the largest float32.
    monkeypatch.setattr(state_space, "_lanes", lambda device, tokens: lanes)
    x, dt, A, B, C = inputs(tokens=256)
    tensors = [each.requires_grad_() for each in (x, torch.full_like(dt, step), A, B, C)]
    y = selective_scan(*tensors)
    y.sum().backward()
    assert y.isfinite().all()
    assert all(each.grad.isfinite().all() for each in tensors)
    exact = sequential_scan(*(each.detach().double() for each in tensors))
    torch.testing.assert_close(y, exact.float(), atol=1e-4 * exact.abs().max().item(), rtol=0)


def test_a_token_whose_step_is_0_leaves_the_states_as_they_are():
    x, dt, A, B, C = inputs(tokens=12)
    skipped = torch.zeros(12, dtype=torch.bool)
    skipped[[0, 5, 6, 11]] = True
    y = selective_scan(x, dt.masked_fill(skipped[:, None], 0.0), A, B, C)
    alone = selective_scan(*(each[:, :, ~skipped] for each in (x, dt)), A, *(each[:, :, ~skipped] for each in (B, C)))
    assert torch.equal(y[:, :, ~skipped], alone)


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest tensor held that an operation made."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        self.numbers = max([self.numbers, *(t.untyped_storage().nbytes() // 4 for t in tree_leaves(out) if _is(t))])
        return out


def _is(leaf) -> bool:
    return isinstance(leaf, torch.Tensor)


def test_the_states_of_all_tokens_never_exist_at_once(short_chunks):
    tokens, channels, states = 2048, 4, 16
    tensors = [each.requires_grad_() for each in inputs(1, 1, tokens, channels, states)]
    with LargestTensor() as seen:
        selective_scan(*tensors).sum().backward()
    assert 0 < seen.numbers <= tokens * states  # no more than B and C themselves hold
    assert seen.numbers < tokens * channels * states


def test_half_precision_inputs_are_scanned_in_float32():
    tensors = inputs(tokens=64)
    half = [each.bfloat16() for each in tensors]
    y = selective_scan(*half)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, selective_scan(*(each.float() for each in half)).bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(selective_scan(*tensors), selective_scan(*tensors))
        torch.testing.assert_close(selective_scan(*tensors), sequential_scan(*tensors))


def test_it_compiles_as_one_node_with_the_same_gradients():
    tensors = [each.requires_grad_() for each in inputs(tokens=40)]
    expected = torch.autograd.grad(selective_scan(*tensors).square().sum(), tensors)
    compiled = torch.compile(selective_scan, fullgraph=True, backend="aot_eager")
    got = torch.autograd.grad(compiled(*tensors).square().sum(), tensors)
    for each, wanted in zip(got, expected, strict=True):
        torch.testing.assert_close(each, wanted)


@pytest.fixture
def kernel(monkeypatch) -> list[tuple[torch.Tensor, ...]]:
    """A stand-in for mamba_ssm, in its own layout; gives the list of its calls."""
    calls = []

    def selective_scan_fn(u, delta, A, B, C):
        calls.append((u, delta, A, B, C))
        tokens_first = (each.transpose(1, 2)[None].float() for each in (u, delta, B, C))
        x, dt, entering, read = tokens_first
        return sequential_scan(x, dt, A[None], entering, read)[0].transpose(1, 2).to(u.dtype)

    names = ("mamba_ssm", "mamba_ssm.ops", "mamba_ssm.ops.selective_scan_interface")
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules[names[-1]].selective_scan_fn = selective_scan_fn
    return calls


def test_the_kernel_of_mamba_ssm_is_called_in_its_own_layout_where_it_is_asked_for(kernel):
    tensors = inputs()
    torch.testing.assert_close(selective_scan(*tensors, scan="mamba_ssm"), selective_scan(*tensors, scan="torch"))
    assert [tuple(map(tuple, (each.shape for each in call))) for call in kernel] == [
        ((2, 5, 37), (2, 5, 37), (5, 3), (2, 3, 37), (2, 3, 37))
    ] * 2
    selective_scan(*tensors, scan="auto")  # on a CPU there is no kernel to choose
    assert len(kernel) == 2


def test_the_kernel_computes_in_float32_too(kernel):
    x, dt, A, B, C = inputs()
    y = selective_scan(x.bfloat16(), dt, A.bfloat16(), B.bfloat16(), C.bfloat16(), scan="mamba_ssm")
    assert y.dtype == torch.bfloat16
    assert {each.dtype for each in kernel[0]} == {torch.float32}


def test_an_absent_kernel_and_an_unknown_scan_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)
    with pytest.raises(ImportError, match=r"scan='mamba_ssm' needs that package.*pip install mamba-ssm, or"):
        selective_scan(*inputs(), scan="mamba_ssm")
    with pytest.raises(ValueError, match="scan is 'fast'; choose from 'auto', 'torch', 'mamba_ssm'"):
        selective_scan(*inputs(), scan="fast")


@pytest.mark.parametrize("tokens", [1, 3, 20])
@pytest.mark.parametrize("with_bias", [True, False])
def test_the_convolution_is_torchs_and_looks_back_only(tokens, with_bias):
    torch.manual_seed(0)
    convolution = torch.nn.Conv1d(6, 6, 4, groups=6, padding=3, bias=with_bias)
    x = torch.randn(2, tokens, 6)
    expected = convolution(x.transpose(1, 2))[..., :tokens].transpose(1, 2)
    got = causal_convolution(x, convolution.weight, convolution.bias)
    torch.testing.assert_close(got, expected)
    changed = causal_convolution(x.index_fill(1, torch.tensor([tokens - 1]), 9.0), convolution.weight, convolution.bias)
    assert torch.equal(changed[:, : tokens - 1], got[:, : tokens - 1])
