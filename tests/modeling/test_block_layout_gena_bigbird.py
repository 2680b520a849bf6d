"""Which blocks BigBird sees: the draws of pre-training to the last number, and how often each block counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import BigBirdConfig
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention

from hf_dnalm.modeling.block_layout_gena_bigbird import block_counts, drawn_blocks, layouts, sparse_plan
from hf_dnalm.modeling.configuration_gena_bigbird import GenaBigBirdConfig

HEADS = 3


def drawn_by_transformers(layer: int, blocks: int, random: int, size: int, max_tokens: int) -> np.ndarray:
    """What its own layer draws in training, from numpy's global generator, which it seeds."""
    config = BigBirdConfig(
        hidden_size=12,
        num_attention_heads=HEADS,
        max_position_embeddings=max_tokens,
        block_size=size,
        num_random_blocks=random,
    )
    attention = BigBirdBlockSparseAttention(config, seed=layer).train()
    tokens = blocks * size
    before = np.random.get_state()
    np.random.seed(layer)
    try:
        if tokens in (1024, 3072, 4096):
            sizes = (max_tokens, max_tokens, size, size, random)
            lists = [attention._bigbird_block_rand_mask(*sizes, last_idx=1024)[: blocks - 2] for _ in range(HEADS)]
        else:
            plan = attention._get_rand_attn_plan(tokens, size, random)
            lists = attention._bigbird_block_rand_mask_with_head(tokens, tokens, size, size, HEADS, *plan)
    finally:
        np.random.set_state(before)
    return np.stack(lists)


@pytest.mark.parametrize("layer", [0, 11])
@pytest.mark.parametrize(
    ("blocks", "random", "size", "max_tokens"),
    [
        (12, 3, 64, 4096),  # the shortest that is read by blocks
        (13, 3, 64, 4096),
        (16, 3, 64, 4096),  # 1,024 tokens: the paper's rule
        (16, 3, 64, 2048),  # which draws for all blocks of the longest input
        (16, 3, 64, 1024),
        (17, 3, 64, 4096),
        (48, 3, 64, 4096),  # 3,072
        (63, 3, 64, 4096),
        (64, 3, 64, 4096),  # 4,096
        (64, 3, 16, 4096),
        (24, 3, 128, 4096),
        (9, 1, 2, 128),
        (6, 0, 2, 128),
    ],
)
def test_blocks_are_drawn_as_in_pretraining(layer, blocks, random, size, max_tokens):
    shape = {"num_blocks": blocks, "num_random": random, "block_size": size, "max_tokens": max_tokens}
    drawn = drawn_blocks(layer=layer, num_heads=HEADS, **shape)
    assert np.array_equal(drawn, drawn_by_transformers(layer, blocks, random, size, max_tokens))


def test_the_draw_leaves_numpys_global_generator_alone():
    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    drawn_blocks(layer=3, num_heads=2, num_blocks=20, num_random=3, block_size=64, max_tokens=4096)
    assert np.random.rand() == expected


def test_too_few_blocks_to_draw_from_are_an_error():
    shape = {"num_heads": 1, "num_blocks": 24, "block_size": 128, "max_tokens": 3072}
    with pytest.raises(ValueError, match=r"block 2 has 4 blocks to draw 5 from: lower num_random_blocks\."):
        drawn_blocks(layer=0, num_random=5, **shape)


def test_a_block_counts_as_often_as_it_is_listed():
    drawn = np.zeros((1, 6, 2), dtype=np.int64)
    drawn[0, 2] = [3, 6]  # block 3 draws itself, which it sees anyway, and another
    counts = block_counts(drawn)[0].tolist()
    assert counts[0] == counts[7] == [1] * 8
    assert counts[1] == [3, 1, 1, 0, 0, 0, 0, 1]
    assert counts[3] == [1, 0, 1, 2, 1, 0, 1, 1]
    assert counts[5] == [3, 0, 0, 0, 1, 1, 1, 1]
    assert counts[6] == [3, 0, 0, 0, 0, 1, 1, 1]


def test_layers_differ_in_training_blocks_and_agree_in_zeros():
    device = torch.device("cpu")
    config = GenaBigBirdConfig(num_hidden_layers=2)
    first, second = layouts(config, 20, device)
    assert not torch.equal(first.counts, second.counts)
    assert layouts(config, 20, device)[0] is first
    config.random_blocks = "zeros"
    first, second = layouts(config, 20, device)
    assert first is second
    assert first.counts[:, 5].tolist() == [[4, 0, 0, 0, 1, 1, 1, *[0] * 12, 1]] * 12


def test_a_layout_that_was_made_in_inference_mode_serves_in_training():
    config = GenaBigBirdConfig(num_hidden_layers=1)
    with torch.inference_mode():
        (layout,) = layouts(config, 33, torch.device("cpu"))
    assert not layout.order.is_inference()


def grouped(mask: list[list[int]], **changes):
    config = GenaBigBirdConfig(block_size=2, num_random_blocks=1, num_hidden_layers=1, **changes)
    mask = torch.tensor(mask).bool()
    return sparse_plan(config, tuple(mask.shape), mask, mask.device)


def test_each_sequence_is_laid_out_over_its_own_real_tokens():
    left, right, holes = [0] * 3 + [1] * 17, [1] * 17 + [0] * 3, [1] * 4 + [0] * 12 + [1] * 4
    short, none = [0] * 8 + [1] * 9 + [0] * 3, [0] * 20
    plan = grouped([left, right, holes, short, none])
    found = {group.layouts[0].num_blocks: group for group in plan.groups}
    assert sorted(found) == [5, 9, 10]
    assert found[9].apart.rows == [(0, 3, 17), (1, 0, 17)]
    assert found[10].apart.rows == [(2, 0, 20)]  # what lies between real tokens counts
    assert found[10].mask.sum() == 8
    assert found[5].apart.rows == [(3, 8, 9)]  # nine tokens are read densely
    assert (found[5].layouts[0].counts == 1).all()
    assert sorted(torch.cat([group.apart.there for group in plan.groups]).tolist()) == [
        *range(3, 20), *range(20, 37), *range(40, 44), *range(56, 60), *range(68, 77)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "changes"),
    [
        ([[1] * 20] * 2, {}),
        ([[1] * 20, [1] * 19 + [0]], {}),  # as many blocks in both
        ([[1] * 20, [1] * 9 + [0] * 11], {"layout_of": "batch"}),
    ],
)
def test_a_batch_that_is_laid_out_alike_stays_as_it_is(mask, changes):
    plan = grouped(mask, **changes)
    assert [(group.layouts[0].num_blocks, group.apart) for group in plan.groups] == [(10, None)]
