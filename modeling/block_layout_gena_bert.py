"""Which blocks of tokens see which in GENA-LM's sparse models: a list that comes with the weights.

Source: DeepSpeed 0.6.0's `BigBirdSparsityConfig`, with which these models were trained.

Legend: b sequences, n tokens, h heads.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import torch
from torch import nn

from .block_sparse_attention import BlockLayout, block_layout


def drawn_layout(config, generator: random.Random) -> torch.Tensor:
    """A list as upstream draws it for a new layer, (h, blocks, blocks) int64: 1 where a row sees a column, else 0.

    Args:
        generator: draws the blocks that each block sees by chance, among all: neighbours and first blocks too.
    """
    blocks, beside, for_all = config.sparse_blocks, config.sparse_window_blocks // 2, config.sparse_global_blocks

    def row_of_blocks(row: int) -> list[int]:
        drawn = generator.sample(range(blocks), config.sparse_random_blocks)
        if row < for_all:
            return [1] * blocks
        return [int(block < for_all or abs(block - row) <= beside or block in drawn) for block in range(blocks)]

    return torch.tensor([[row_of_blocks(row) for row in range(blocks)] for _ in range(config.num_attention_heads)])


class GenaBertBlocks(nn.Module):
    """A layer's list of blocks, and what is made of it for an input's length."""

    master_layout: torch.Tensor

    def __init__(self, config, layer: int):
        super().__init__()
        self.config = config
        self.layer = layer
        self.register_buffer("master_layout", self.drawn())
        self.made: dict[int, BlockLayout] = {}
        self.made_of: tuple[torch.Tensor, int] | None = None

    def drawn(self) -> torch.Tensor:
        """The list of a new model, a function of the layer's number."""
        return drawn_layout(self.config, random.Random(self.layer))

    def layout(self, length: int) -> BlockLayout:
        """For n tokens: the upper left corner of the list, sorted for computing. Kept until the list changes."""
        stored = self.master_layout
        state = (stored, 0 if stored.is_inference() else stored._version)  # a new tensor, or new numbers in the old
        if self.made_of is None or self.made_of[0] is not state[0] or self.made_of[1] != state[1]:
            self.made, self.made_of = {}, state
        size = self.config.sparse_block_size
        blocks = -(-length // size)
        if blocks not in self.made:
            with torch.inference_mode(False):  # a tensor made in inference mode could never serve in training
                self.made[blocks] = block_layout(stored[:, :blocks, :blocks].clone(), block_size=size)
        return self.made[blocks]


class SparsePlan(NamedTuple):
    """How sparse attention goes through a batch."""

    layouts: tuple[BlockLayout, ...]  # of every layer
    mask: torch.Tensor | None  # (b, n) True for tokens that may be seen, in the order of `places`; None where all may
    places: torch.Tensor | None  # (b, n) each sequence from its first real token on, then what stood before it
    places_back: torch.Tensor | None  # (b, n) the way back


def in_order(states: torch.Tensor, places: torch.Tensor | None, *, dim: int = 1) -> torch.Tensor:
    """The tokens along `dim` of (b, …, n, …) in the order of `places` (b, n).

    Example:
        >>> in_order(torch.tensor([[7, 8, 9]]), torch.tensor([[2, 0, 1]]))
        tensor([[9, 7, 8]])
    """
    if places is None:
        return states
    shape = [len(places), *(1 for _ in states.shape[1:])]
    shape[dim] = places.shape[1]
    return states.gather(dim, places.view(shape).expand(states.shape))


@torch.compiler.disable
def sparse_plan(
    blocks: list[GenaBertBlocks], shape: tuple[int, int], mask: torch.Tensor | None, *, per_layer: bool
) -> SparsePlan:
    """The plan for a batch. It inspects masks and lists on the host, so it runs outside compiled graphs.

    Blocks count from each sequence's first real token, so that padding on the left moves none of them.

    Args:
        blocks: of every layer.
        shape: (b, n).
        mask: (b, n), True for real tokens.
        per_layer: whether each layer uses its own list; otherwise all use the first layer's.
    """
    length = shape[1]
    layouts = tuple((each if per_layer else blocks[0]).layout(length) for each in blocks)
    if mask is None or mask.all():
        return SparsePlan(layouts, None, None, None)
    first = mask.int().argmax(dim=1, keepdim=True)
    if not first.any():
        return SparsePlan(layouts, mask, None, None)
    tokens = torch.arange(length, device=mask.device)
    places = (tokens + first) % length
    return SparsePlan(layouts, in_order(mask, places), places, (tokens - first) % length)
