"""Which blocks of tokens see which in GENA-LM's BigBird, for every layer and every sequence of a batch.

Source: Zaheer et al. 2020, https://arxiv.org/abs/2007.14062; the random blocks as transformers up to 4.28 drew them.

Legend: b sequences, n tokens, h heads.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch

from .block_sparse_attention import BlockLayout, block_layout

# Lengths of the paper's own models, for which blocks are drawn by another rule.
LENGTHS_OF_THE_PAPER = (1024, 3072, 4096)
DRAWN_WITHIN = 1024  # that rule draws blocks among the first 1,024 tokens


def drawn_blocks(
    *, layer: int, num_heads: int, num_blocks: int, num_random: int, block_size: int, max_tokens: int
) -> np.ndarray:
    """The blocks that each block but the first and the last sees by chance, (h, blocks - 2, random).

    They come from a seed that is the layer's number, whose stream all heads share.

    Args:
        layer: from 0.
        max_tokens: the longest input: the rule for the paper's lengths draws for all blocks of it.

    Raises:
        ValueError: there are too few blocks to draw from.
    """
    generator = np.random.RandomState(layer)  # numpy's legacy stream is fixed for good, and no global state is touched
    arguments = (generator, num_heads, num_blocks, num_random)
    if num_blocks * block_size in LENGTHS_OF_THE_PAPER:
        return _drawn_by_the_papers_rule(*arguments, block_size, -(-max_tokens // block_size))
    return _drawn_by_the_general_rule(*arguments)


def _drawn_by_the_papers_rule(
    generator: np.random.RandomState, heads: int, blocks: int, random: int, size: int, max_blocks: int
) -> np.ndarray:
    """Head by head. The excluded window starts one block too early, so direct neighbours can be drawn too."""
    inner = np.arange(1, max_blocks - 1)  # the numbers of all blocks but the first and the last
    last = (DRAWN_WITHIN if 2 * size < DRAWN_WITHIN else max_blocks * size) // size - 1
    drawn = np.zeros((heads, max_blocks - 2, random), dtype=np.int64)
    for head in range(heads):
        for row in range(1, max_blocks - 1):
            start = row - 2
            if row in (1, 2):
                choices = inner[row + 1 : last]
            elif row >= max_blocks - 3 or start > last:
                choices = inner[:last]
            elif row + 1 == last:
                choices = inner[:start]
            else:
                choices = np.concatenate([inner[:start], inner[row + 1 : last]])
            drawn[head, row - 1] = _first(generator.permutation(choices), random, row)
    return drawn[:, : blocks - 2]


def _drawn_by_the_general_rule(generator: np.random.RandomState, heads: int, blocks: int, random: int) -> np.ndarray:
    """Row by row, each for all heads, among the first 2 × random + 5 blocks without its neighbours."""
    drawn = np.zeros((heads, blocks - 2, random), dtype=np.int64)
    among = 2 * random + 5
    for row in range(1, blocks if random else 1):
        left_out = {row - 1, row, row + 1, 0, among - 1}
        if row == 1:
            left_out.add(among - 2)
        if row == among - 2:
            left_out.add(1)
        for head in range(heads):
            choices = [block for block in generator.permutation(among) if block not in left_out]
            if row <= blocks - 2:  # for the last block the stream advances too
                drawn[head, row - 1] = _first(choices, random, row)
    return drawn


def _first(choices: np.ndarray | list[int], random: int, row: int) -> np.ndarray | list[int]:
    if len(choices) < random:
        raise ValueError(f"block {row} has {len(choices)} blocks to draw {random} from: lower num_random_blocks.")
    return choices[:random]


def block_counts(drawn: np.ndarray) -> np.ndarray:
    """How often each block is seen, (h, blocks, blocks): neighbours, first, last, and what was drawn.

    The first and the last block see every block once. A block that was drawn twice, or is a neighbour too, counts
    twice: upstream gathers blocks from a list.

    Args:
        drawn: (h, blocks - 2, random).
    """
    heads, inner, _ = drawn.shape
    blocks = inner + 2
    counts = np.zeros((heads, blocks, blocks), dtype=np.uint8)
    rows = np.arange(1, blocks - 1)
    for offset in (-1, 0, 1):
        counts[:, rows, rows + offset] = 1
    counts[:, :, 0] = counts[:, :, -1] = 1
    np.add.at(counts, (np.arange(heads)[:, None, None], rows[None, :, None], drawn), 1)
    counts[:, 0] = counts[:, -1] = 1
    return counts


@functools.lru_cache(maxsize=512)
def _layout(
    layer: int, heads: int, blocks: int, random: int, size: int, max_tokens: int, device: torch.device
) -> BlockLayout:
    """The layout of one layer for one length; `layer` -1 has the first block in place of random ones."""
    if layer < 0:
        drawn = np.zeros((heads, blocks - 2, random), dtype=np.int64)
    else:
        drawn = drawn_blocks(
            layer=layer,
            num_heads=heads,
            num_blocks=blocks,
            num_random=random,
            block_size=size,
            max_tokens=max_tokens,
        )
    return _made_for_keeps(block_counts(drawn), size, device)


@functools.lru_cache(maxsize=64)
def _full_layout(heads: int, blocks: int, size: int, device: torch.device) -> BlockLayout:
    return _made_for_keeps(np.ones((heads, blocks, blocks), dtype=np.uint8), size, device)


def _made_for_keeps(counts: np.ndarray, size: int, device: torch.device) -> BlockLayout:
    with torch.inference_mode(False):  # a tensor made in inference mode could never serve in training
        return block_layout(torch.from_numpy(counts).to(device), block_size=size)


def layouts(config, num_blocks: int, device: torch.device) -> tuple[BlockLayout, ...]:
    """The layout of every layer for sequences of this many blocks, longer than `max_dense_tokens`."""
    shape = (config.num_random_blocks, config.block_size, config.max_position_embeddings, device)
    zeros = config.random_blocks == "zeros"
    return tuple(
        _layout(-1 if zeros else layer, config.num_attention_heads, num_blocks, *shape)
        for layer in range(config.num_hidden_layers)
    )


class Apart(NamedTuple):
    """The positions of a group's sequences in their batch."""

    rows: list[tuple[int, int, int]]  # each sequence's number in the batch, its first token and how many it has
    tokens: torch.Tensor  # (sequences, tokens) numbers of its tokens in the flattened batch
    here: torch.Tensor  # numbers of the real tokens in the flattened group
    there: torch.Tensor  # numbers of the same tokens in the flattened batch


class SequenceGroup(NamedTuple):
    """Sequences of a batch whose blocks are laid out alike."""

    layouts: tuple[BlockLayout, ...]  # of every layer
    mask: torch.Tensor | None  # (sequences, tokens) True for tokens that may be seen; None where all may
    apart: Apart | None  # None for the whole batch unchanged


class SparsePlan(NamedTuple):
    """How attention processes a batch: at once, or in groups that are taken out and put back."""

    groups: tuple[SequenceGroup, ...]
    real: torch.Tensor | None  # (b, n, 1, 1) True for tokens that attend; None where all do


@torch.compiler.disable
def sparse_plan(config, shape: tuple[int, int], mask: torch.Tensor | None, device: torch.device) -> SparsePlan:
    """The plan for a batch that is longer than `max_dense_tokens`.

    It inspects the mask on the host, so it runs outside compiled graphs: one graph break before the layers.

    Args:
        shape: (b, n).
        mask: (b, n), True for real tokens.
    """
    length, size = shape[1], config.block_size
    if mask is not None and mask.all():
        mask = None
    real = None if mask is None else mask[..., None, None]
    if mask is None or config.layout_of == "batch":
        return SparsePlan((SequenceGroup(layouts(config, -(-length // size), device), mask, None),), real)

    groups = []
    first = mask.int().argmax(dim=1).tolist()
    last = (length - mask.flip(1).int().argmax(dim=1)).tolist()
    of_blocks: dict[int, list[tuple[int, int, int]]] = {}
    for row in mask.any(dim=1).nonzero().flatten().tolist():
        tokens = last[row] - first[row]
        blocks = 0 if tokens <= config.max_dense_tokens else -(-tokens // size)
        of_blocks.setdefault(blocks, []).append((row, first[row], tokens))
    for blocks, rows in of_blocks.items():
        longest = max(tokens for _, _, tokens in rows)
        if blocks:
            of_layers = layouts(config, blocks, device)
        else:  # short enough to leave nothing out
            full = _full_layout(config.num_attention_heads, -(-longest // size), size, device)
            of_layers = (full,) * config.num_hidden_layers
        groups.append(_group(of_layers, rows, longest, mask))
    return SparsePlan(tuple(groups), real)


def _group(
    of_layers: tuple[BlockLayout, ...], rows: list[tuple[int, int, int]], longest: int, mask: torch.Tensor
) -> SequenceGroup:
    batch_size, length = mask.shape
    if longest == length and len(rows) == batch_size and all(first == 0 for _, first, _ in rows):
        return SequenceGroup(of_layers, mask, None)
    number, first, tokens = torch.tensor(rows, device=mask.device).unbind(dim=1)
    offsets = torch.arange(longest, device=mask.device)
    within = offsets < tokens[:, None]
    places = (number * length + first)[:, None] + offsets.where(within, 0)
    seen = within & mask.flatten()[places]
    return SequenceGroup(of_layers, seen, Apart(rows, places, seen.flatten().nonzero().flatten(), places[seen]))
