"""Block-sparse attention on each of its roads against attention over all pairs with the same mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import flex_attention

from hf_dnalm.modeling import block_sparse_attention as module
from hf_dnalm.modeling.block_sparse_attention import (
    block_layout,
    block_sparse_attention,
    flex_terms,
    pair_biases,
)

SIZE = 4
SCALING = 0.3


def states(*shape: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) for _ in range(3)]


def over_all_pairs(query, key, value, layout, key_mask=None) -> torch.Tensor:
    """The definition: a softmax over every pair, weighted by the table; zero where nothing is seen."""
    biases = pair_biases(layout, query.shape[1], key_mask, torch.float32)
    scores = torch.einsum("bqhd,bkhd->bhqk", query.float(), key.float()) * SCALING + biases
    attended = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(dim=-1), value.float())
    sees_any = (biases > torch.finfo(torch.float32).min / 2).any(dim=-1).transpose(1, 2)
    return attended.masked_fill(~sees_any[..., None], 0.0)


@st.composite
def calls(draw):
    """A random table, with full and empty rows among others, random lengths and masks."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    heads, blocks = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    counts = torch.randint(0, draw(st.integers(2, 5)), (heads, blocks, blocks), generator=generator)
    for row in draw(st.sets(st.integers(0, blocks - 1), max_size=2)):
        counts[:, row] = counts[:, row].clamp(min=1)
    for row in draw(st.sets(st.integers(0, blocks - 1), max_size=1)):
        counts[draw(st.integers(0, heads - 1)), row] = 0
    batch_size = draw(st.integers(1, 3))
    length = blocks * SIZE - draw(st.integers(0, SIZE - 1))
    key_mask = None
    if draw(st.booleans()):
        key_mask = torch.rand(batch_size, length, generator=generator) > draw(st.sampled_from([0.0, 0.3, 0.9]))
    return counts, states(batch_size, length, heads, 8, seed=draw(st.integers(0, 99))), key_mask


@given(calls(), st.sampled_from([1, 300, module.GATHERED_AT_A_TIME]))
@settings(max_examples=150, deadline=None)
def test_gathered_blocks_give_what_all_pairs_give(call, at_a_time):
    counts, (query, key, value), key_mask = call
    layout = block_layout(counts, block_size=SIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GATHERED_AT_A_TIME", at_a_time)
        attended = block_sparse_attention(query, key, value, layout, scaling=SCALING, key_mask=key_mask)
    torch.testing.assert_close(attended, over_all_pairs(query, key, value, layout, key_mask), atol=2e-6, rtol=1e-5)


@given(calls())
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_what_flex_attention_is_told_gives_what_all_pairs_give(call):
    with torch.compiler.set_stance("force_eager"):  # where it would trace anew for each call
        compare_flex_attention(call)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_what_flex_attention_is_told_can_be_traced():
    key_mask = torch.arange(26)[None] < torch.tensor([[26], [20]])
    compare_flex_attention((bigbird_like(2, 7), states(2, 26, 2, 8), key_mask))


def compare_flex_attention(call) -> None:
    counts, (query, key, value), key_mask = call
    layout = block_layout(counts, block_size=SIZE)
    length = layout.num_blocks * SIZE
    queries, keys, values = (torch.zeros(len(x), x.shape[2], length, x.shape[3]) for x in (query, key, value))
    real = torch.zeros(len(query), length, dtype=torch.bool)
    real[:, : query.shape[1]] = True if key_mask is None else key_mask
    for whole, given_states in ((queries, query), (keys, key), (values, value)):
        whole[:, :, : query.shape[1]] = given_states.transpose(1, 2)
    score_mod, block_mask = flex_terms(layout, None if real.all() else real)
    attended = flex_attention(queries, keys, values, score_mod, block_mask, scale=SCALING)
    expected = over_all_pairs(query, key, value, layout, key_mask)
    torch.testing.assert_close(attended.transpose(1, 2)[:, : query.shape[1]], expected, atol=2e-6, rtol=1e-5)


@given(calls())
@settings(max_examples=25, deadline=None)
def test_flex_attention_computes_exactly_the_kept_blocks(call):
    counts, _, key_mask = call
    layout = block_layout(counts, block_size=SIZE)
    real = None if key_mask is None else torch.ones(len(key_mask), layout.num_blocks * SIZE, dtype=torch.bool)
    _, block_mask = flex_terms(layout, real)
    assert torch.equal(block_mask.to_dense()[0].bool(), counts > 0)


def bigbird_like(heads: int, blocks: int) -> torch.Tensor:
    counts = torch.zeros(heads, blocks, blocks, dtype=torch.long)
    for row in range(blocks):
        counts[:, row, max(0, row - 1) : row + 2] = 1
    counts[:, 0], counts[:, -1], counts[:, :, 0], counts[:, :, -1] = 1, 1, 1, 1
    return counts


def test_a_block_listed_k_times_weighs_k_fold():
    counts = bigbird_like(1, 6)
    counts[:, 2:-2, 0] = 4
    query, key, value = states(1, 24, 1, 8)
    attended = block_sparse_attention(query, key, value, block_layout(counts, block_size=SIZE), scaling=SCALING)
    listed = [0, 0, 0, 0, 1, 2, 3, 5]  # what the row of block 2 sees
    keys, values = (torch.cat([x[0, 4 * block : 4 * block + 4, 0] for block in listed]) for x in (key, value))
    expected = (query[0, 8:12, 0] @ keys.mT * SCALING).softmax(dim=-1) @ values
    torch.testing.assert_close(attended[0, 8:12, 0], expected)


def test_masked_keys_never_enter_the_result():
    layout = block_layout(bigbird_like(2, 7), block_size=SIZE)
    query, key, value = states(2, 26, 2, 8)
    key_mask = torch.ones(2, 26)
    key_mask[0, 19:], key_mask[1, :3], key_mask[1, 11] = 0, 0, 0
    attended = block_sparse_attention(query, key, value, layout, scaling=SCALING, key_mask=key_mask)
    hidden = key_mask[..., None, None] == 0
    key, value = key.masked_fill(hidden, 1e3), value.masked_fill(hidden, -1e9)
    again = block_sparse_attention(query, key, value, layout, scaling=SCALING, key_mask=key_mask)
    assert torch.equal(attended, again)


def test_rows_of_many_blocks_are_not_gathered_and_rows_of_few_not_padded():
    layout = block_layout(bigbird_like(3, 50))
    assert layout.full_rows.tolist() == [0, 49]
    # The rows beside the first and last block see four blocks, all others five.
    assert [(len(group.rows), group.kept.shape[1]) for group in layout.groups] == [(3 * 2, 4), (3 * 46, 5)]


def test_gradients_are_those_of_all_pairs():
    layout = block_layout(bigbird_like(2, 7), block_size=SIZE)
    key_mask = torch.rand(2, 26, generator=torch.Generator().manual_seed(1)) > 0.3
    inputs = [x.requires_grad_() for x in states(2, 26, 2, 8)]
    attended = block_sparse_attention(*inputs, layout, scaling=SCALING, key_mask=key_mask)
    gradients = torch.autograd.grad(attended.square().sum(), inputs)
    expected = torch.autograd.grad(over_all_pairs(*inputs, layout, key_mask).square().sum(), inputs)
    for gradient, right in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, right, atol=1e-5, rtol=1e-4)


def test_gradients_are_finite_where_a_token_sees_nothing():
    layout = block_layout(bigbird_like(2, 7), block_size=SIZE)
    inputs = [x.requires_grad_() for x in states(2, 28, 2, 8)]
    key_mask = torch.zeros(2, 28)
    key_mask[0, :5] = 1
    attended = block_sparse_attention(*inputs, layout, scaling=SCALING, key_mask=key_mask)
    assert not attended[1].any()
    assert all(x.isfinite().all() for x in torch.autograd.grad(attended.square().sum(), inputs))


@pytest.mark.parametrize("masked", [False, True])
def test_bfloat16_stays_close_to_float32(masked):
    counts = bigbird_like(2, 7)
    counts[:, 2:-2, 0] = 4
    layout = block_layout(counts, block_size=SIZE)
    query, key, value = (x.bfloat16() for x in states(2, 28, 2, 8))
    key_mask = torch.arange(28)[None] < torch.tensor([[28], [20]]) if masked else None
    attended = block_sparse_attention(query, key, value, layout, scaling=SCALING, key_mask=key_mask)
    assert attended.dtype == torch.bfloat16
    # The inputs are the same numbers on both sides, so what differs is the rounding of probabilities and results.
    expected = over_all_pairs(query, key, value, layout, key_mask)
    torch.testing.assert_close(attended.float(), expected, atol=1e-2, rtol=1e-2)


def test_it_compiles_to_one_graph():
    layout = block_layout(bigbird_like(2, 7), block_size=SIZE)
    query, key, value = states(2, 26, 2, 8)

    def run(query, key, value, key_mask):
        return block_sparse_attention(query, key, value, layout, scaling=SCALING, key_mask=key_mask)

    key_mask = torch.arange(26)[None] < torch.tensor([[26], [20]])
    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(query, key, value, key_mask), run(query, key, value, key_mask))


def test_the_work_grows_with_the_length_not_its_square():
    def gathered_and_full(blocks: int) -> int:
        layout = block_layout(bigbird_like(1, blocks))
        return sum(group.kept.numel() for group in layout.groups) + len(layout.full_rows) * blocks

    assert gathered_and_full(400) < 11 * gathered_and_full(40)


def test_a_table_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"has shape \(2, 3, 4\); it must be \(heads, blocks, blocks\)"):
        block_layout(torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match="the table of blocks holds -1; a block is seen 0, 1 or more times"):
        block_layout(-torch.eye(2, dtype=torch.long)[None])


def test_a_layout_for_another_length_is_refused():
    layout = block_layout(bigbird_like(2, 7), block_size=SIZE)
    query, key, value = states(1, 29, 2, 8)
    message = "29 tokens in blocks of 4 and 2 heads need a layout of 2 heads × 8 blocks; this one has 2 × 7"
    with pytest.raises(ValueError, match=message):
        block_sparse_attention(query, key, value, layout, scaling=SCALING)
