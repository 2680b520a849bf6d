"""Masks of every form, and attention that does not depend on how it is computed."""

from __future__ import annotations

import functools

import pytest
import torch

from hf_dnalm.modeling.attention import SelfAttention, bidirectional_mask, compute_dtype, eager_attention_forward


@pytest.fixture
def states() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 5, 32)


@pytest.fixture
def attend(small_config, states):
    """A function: implementation and mask → output (2, 5, 32) of one and the same layer."""
    torch.manual_seed(0)
    layer = SelfAttention(small_config()).eval()

    @torch.no_grad()
    def run(implementation: str, attention_mask: torch.Tensor | None) -> torch.Tensor:
        layer.config._attn_implementation = implementation
        return layer(states, bidirectional_mask(layer.config, states, attention_mask))[0]

    return run


TOKENS = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 1, 0, 1]])  # the second row has padding on the left and a hole
PAIRS = TOKENS[:, None, None, :].expand(2, 1, 5, 5)
MASKS = {
    "integer": TOKENS,
    "boolean": TOKENS.bool(),
    "float": TOKENS.float(),
    "integer pairs": PAIRS,
    "boolean pairs": PAIRS.bool(),
    "pairs per head": PAIRS.expand(2, 2, 5, 5).bool(),
    "additive pairs": (1.0 - PAIRS.float()) * torch.finfo(torch.float32).min,
}


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", MASKS)
def test_every_form_of_a_mask_says_the_same(attend, name, implementation):
    torch.testing.assert_close(attend(implementation, MASKS[name]), attend("eager", TOKENS), atol=1e-6, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, for what transformers calls
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
def test_flex_attention_is_the_same_attention(attend, monkeypatch):
    # traced, not turned into a kernel, for which the machine would need a C++ compiler
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    torch.testing.assert_close(attend("flex_attention", TOKENS), attend("eager", TOKENS), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_no_mask_is_a_mask_of_ones(attend, implementation):
    torch.testing.assert_close(attend(implementation, None), attend("eager", torch.ones(2, 5)), atol=1e-6, rtol=1e-5)


def test_probabilities_sum_to_one_over_the_tokens_attended_to():
    query, key, value = torch.randn(3, 1, 2, 4, 8)
    mask = torch.tensor([True, True, False, True])[None, None, None]
    output, probabilities = eager_attention_forward(torch.nn.Module(), query, key, value, mask, scaling=8**-0.5)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(1, 2, 4))
    assert probabilities[..., 2].eq(0).all()
    torch.testing.assert_close(output.transpose(1, 2), probabilities @ value)


@pytest.mark.parametrize("shape", [(2, 4), (1, 5), (2, 5, 5)])
def test_a_mask_of_another_shape_is_refused(small_config, states, shape):
    with pytest.raises(
        ValueError, match=r"attention_mask has shape .*, the tokens \(2, 5\); pass one number per token"
    ):
        bidirectional_mask(small_config(), states, torch.ones(shape))


def test_autocast_decides_the_number_format():
    states = torch.ones(1)
    assert compute_dtype(states) is torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert compute_dtype(states) is torch.bfloat16
