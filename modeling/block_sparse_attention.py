"""Attention from blocks of tokens to chosen blocks of tokens, at a cost that grows with the length, not its square.

BigBird and GENA-LM's sparse models share it: each has its own table of pairs of blocks.
Source: Zaheer et al. 2020, https://arxiv.org/abs/2007.14062.

Legend: b sequences, n tokens, h heads, d numbers of a head; a block is `block_size` neighbouring tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, flex_attention

# Numbers of keys gathered at a time, which bounds the memory of inference: 16 MiB in float32.
GATHERED_AT_A_TIME = 1 << 22
FLEX_BLOCK_SIZES = (16, 32, 64, 128)  # the tiles of flex attention's kernels
FLEX_HEAD_DIM = 16  # its narrowest head


class BlockGroup(NamedTuple):
    """Rows of blocks that keep equally many blocks. A block of a head is numbered head × blocks + block."""

    rows: torch.Tensor  # (rows,) the querying blocks
    kept: torch.Tensor  # (rows, kept) the blocks that each row attends to
    log_counts: torch.Tensor | None  # (rows, kept) added to the scores; None where every block is listed once


class BlockLayout(NamedTuple):
    """Which blocks see which, sorted for computing: made by `block_layout` once for a table, used in many calls."""

    counts: torch.Tensor  # (h, blocks, blocks)
    block_size: int
    full_rows: torch.Tensor  # (rows,) blocks that see every block, in every head
    groups: tuple[BlockGroup, ...]  # all other rows that see a block at all
    order: (
        torch.Tensor
    )  # (h × blocks,) where each block stands among: full rows of all heads, groups, rows that see none
    has_multiples: bool

    @property
    def num_blocks(self) -> int:
        return self.counts.shape[-1]


def block_layout(counts: torch.Tensor, *, block_size: int = 64) -> BlockLayout:
    """Sort a table of pairs of blocks.

    Args:
        counts: (h, blocks, blocks), row sees column: 0 never, 1 once. A block that is listed k times weighs k-fold in
            the softmax, as it does where blocks are gathered from a list with repetitions.
        block_size: tokens of a block.

    Raises:
        ValueError: a table of another shape, or with negative numbers.

    Example:
        >>> layout = block_layout(torch.tensor([[[1, 1, 1], [1, 1, 0], [0, 0, 4]]]), block_size=2)
        >>> layout.full_rows.tolist(), [(group.rows.tolist(), group.kept.tolist()) for group in layout.groups]
        ([0], [([2], [[2]]), ([1], [[0, 1]])])
    """
    if counts.dim() != 3 or counts.shape[1] != counts.shape[2]:
        raise ValueError(f"the table of blocks has shape {tuple(counts.shape)}; it must be (heads, blocks, blocks).")
    if (counts < 0).any():
        raise ValueError(f"the table of blocks holds {counts.min().item()}; a block is seen 0, 1 or more times.")
    heads, blocks, _ = counts.shape
    kept = counts > 0
    is_full = kept.all(dim=-1).all(dim=0)
    per_row = kept.sum(dim=-1).masked_fill(is_full, -1).flatten()
    full_rows = is_full.nonzero().flatten()
    head_starts = torch.arange(heads, device=counts.device)[:, None] * blocks
    places = [(head_starts + full_rows).flatten()]
    groups = []
    for number in per_row[per_row > 0].unique().tolist():
        rows = (per_row == number).nonzero().flatten()
        columns = kept.flatten(0, 1)[rows].nonzero()[:, 1].view(-1, number)
        log_counts = counts.flatten(0, 1)[rows].gather(1, columns).float().log()
        first = rows.div(blocks, rounding_mode="floor")[:, None] * blocks
        groups.append(BlockGroup(rows, columns + first, log_counts if log_counts.any() else None))
        places.append(rows)
    places.append((per_row == 0).nonzero().flatten())
    order = torch.cat(places).argsort()
    return BlockLayout(counts, block_size, full_rows, tuple(groups), order, bool((counts > 1).any()))


def pair_biases(layout: BlockLayout, length: int, key_mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor:
    """The same table for attention written out: what is added to the score of each pair of tokens, (1 or b, h, n, n).

    Args:
        length: n.
        key_mask: (b, n), truthy for tokens that may be seen.
    """
    biases = layout.counts.to(torch.float32).log().clamp(min=torch.finfo(dtype).min).to(dtype)
    for dim in (1, 2):
        biases = biases.repeat_interleave(layout.block_size, dim=dim).narrow(dim, 0, length)
    if key_mask is None:
        return biases[None]
    return biases[None].masked_fill(~key_mask.bool()[:, None, None, :], torch.finfo(dtype).min)


def block_sparse_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: BlockLayout,
    *,
    scaling: float,
    key_mask: torch.Tensor | None = None,
    road: Literal["gathered", "flex"] | None = None,
) -> torch.Tensor:
    """Attention over the blocks that a layout keeps; the softmax is float32 in every number format.

    Args:
        query, key, value: (b, n, h, d). The last block may be incomplete.
        layout: for ⌈n / block_size⌉ blocks and h heads, on the device of `query`.
        scaling: of the scores.
        key_mask: (b, n), truthy for tokens that may be seen; nothing of the others enters the result.
        road: "gathered" copies the kept blocks together, for any device, with gradients; "flex" is flex attention,
            for GPUs. None takes flex attention on a GPU where no gradient is wanted: its backward has no kernel for
            blocks of 64. Both give the same numbers.

    Returns:
        (b, n, h, d); zero for a token that sees no other.

    Raises:
        ValueError: a layout for another number of blocks or heads.
    """
    batch_size, length, heads, _ = query.shape
    blocks, size = layout.num_blocks, layout.block_size
    if -(-length // size) != blocks or layout.counts.shape[0] != heads:
        raise ValueError(
            f"{length} tokens in blocks of {size} and {heads} heads need a layout of {heads} heads × "
            f"{-(-length // size)} blocks; this one has {layout.counts.shape[0]} × {blocks}."
        )
    padding = blocks * size - length
    if padding and key_mask is None:
        key_mask = torch.ones(batch_size, length, dtype=torch.bool, device=query.device)
    if key_mask is not None:
        key_mask = functional.pad(key_mask.to(query.device).bool(), (0, padding))
    # (b, n, h, d) → (b, h, padded n, d)
    query, key, value = (functional.pad(x.transpose(1, 2), (0, 0, 0, padding)) for x in (query, key, value))
    if road is None:
        road = "flex" if _flex_fits(query, key, value, layout) else "gathered"
    attended = (_flex if road == "flex" else _gathered)(query, key, value, layout, key_mask, scaling)
    return attended[:, :, :length].transpose(1, 2)


def _gathered(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: BlockLayout,
    key_mask: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """(b, h, n, d) → (b, h, n, d): rows of equally many blocks together, so that none is padded to another's number."""
    batch_size, heads, _, head_dim = query.shape
    attended = [_full_rows(query, key, value, layout, key_mask, scaling)]
    # (b, h, n, d) → (b, h × blocks, block_size, d)
    queries, keys, values = (x.reshape(batch_size, -1, layout.block_size, head_dim) for x in (query, key, value))
    seen = None if key_mask is None else key_mask.view(batch_size, -1, layout.block_size).repeat(1, heads, 1)
    for group in layout.groups:
        at_a_time = max(1, GATHERED_AT_A_TIME // (batch_size * group.kept.shape[1] * layout.block_size * head_dim))
        for first in range(0, len(group.rows), at_a_time):
            part = slice(first, first + at_a_time)
            rows, kept = group.rows[part], group.kept[part]
            log_counts = None if group.log_counts is None else group.log_counts[part]
            attended.append(_rows(queries, keys, values, rows, kept, log_counts, seen, scaling))
    found = sum(part.shape[1] for part in attended)
    attended.append(queries.new_zeros(batch_size, queries.shape[1] - found, *queries.shape[2:]))
    return torch.cat(attended, dim=1).index_select(1, layout.order).view_as(query)


def _rows(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    rows: torch.Tensor,
    kept: torch.Tensor,
    log_counts: torch.Tensor | None,
    seen: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """Rows of blocks that keep equally many: (b, h × blocks, block_size, d) → (b, rows, block_size, d).

    Args:
        rows: (rows,).
        kept: (rows, kept).
        log_counts: (rows, kept).
        seen: (b, h × blocks, block_size), True for keys that may be seen.
    """
    batch_size, _, size, head_dim = queries.shape
    shape = (batch_size, len(rows), -1, head_dim)
    key = keys.index_select(1, kept.flatten()).view(shape)
    value = values.index_select(1, kept.flatten()).view(shape)
    real = None if seen is None else seen.index_select(1, kept.flatten()).view(batch_size, len(rows), 1, -1)
    biases = None if log_counts is None else log_counts.repeat_interleave(size, dim=1)[None, :, None, :]
    return _attend(queries.index_select(1, rows), key, value, biases, real, scaling)


def _full_rows(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: BlockLayout,
    key_mask: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """The attention of the rows that see every block, no key copied: (b, h, n, d) → (b, h × full, block_size, d)."""
    batch_size, heads, _, head_dim = query.shape
    size = layout.block_size
    if not len(layout.full_rows):
        return query.new_zeros(batch_size, 0, size, head_dim)
    rows = query.view(batch_size, heads, -1, size, head_dim).index_select(2, layout.full_rows).flatten(2, 3)
    biases = None
    if layout.has_multiples:
        biases = layout.counts.index_select(1, layout.full_rows).float().log()
        biases = biases.repeat_interleave(size, dim=1).repeat_interleave(size, dim=2)[None]
    real = None if key_mask is None else key_mask[:, None, None, :]
    return _attend(rows, key, value, biases, real, scaling).reshape(batch_size, -1, size, head_dim)


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    biases: torch.Tensor | None,
    real: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """Softmax attention (b, rows, q, d) × (b, rows, k, d); where `real` (…, k) excludes every key it gives zeros."""
    if real is None and biases is None:
        return functional.scaled_dot_product_attention(query, key, value, scale=scaling)
    # A CPU kernel adds float32 to bfloat16 scores; GPU kernels need one dtype.
    dtype = torch.float32 if query.device.type == "cpu" else query.dtype
    if biases is None:
        biases = torch.zeros((), dtype=dtype, device=query.device)
    biases = biases.to(dtype)
    if real is not None:
        biases = torch.where(real, biases, torch.finfo(dtype).min)
    biases = biases.expand(*query.shape[:2], biases.shape[-2], key.shape[2])
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=biases, scale=scaling)
    return attended if real is None else attended.masked_fill(~real.any(dim=-1, keepdim=True), 0.0)


def _flex_fits(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: BlockLayout) -> bool:
    wants_gradient = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    fits = layout.block_size in FLEX_BLOCK_SIZES and query.shape[-1] >= FLEX_HEAD_DIM
    return query.device.type == "cuda" and fits and not wants_gradient


def _flex(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: BlockLayout,
    key_mask: torch.Tensor | None,
    scaling: float,
) -> torch.Tensor:
    """(b, h, n, d) → (b, h, n, d) by flex attention."""
    score_mod, block_mask = flex_terms(layout, key_mask)
    attend: Any = flex_attention if torch.compiler.is_compiling() else _compiled_flex_attention()
    # Its own choice of tiles is wider than a block of 64.
    tiles = {"BLOCK_M": layout.block_size, "BLOCK_N": layout.block_size}
    return attend(query, key, value, score_mod, block_mask, scale=scaling, kernel_options=tiles)


@functools.cache
def _compiled_flex_attention() -> Callable:
    return torch.compile(flex_attention)


def flex_terms(layout: BlockLayout, key_mask: torch.Tensor | None) -> tuple[Callable | None, BlockMask]:
    """A layout as flex attention takes it: what changes a score, None where nothing does, and which pairs are computed.

    Args:
        key_mask: (b, n), True for tokens that may be seen, n a multiple of the block size.
    """
    size = layout.block_size
    kept = layout.counts > 0
    log_counts = layout.counts.float().log()

    def add_log_count(score, b, h, q_idx, kv_idx):
        return score + log_counts[h, q_idx // size, kv_idx // size]

    def is_kept(b, h, q_idx, kv_idx):
        return kept[h, q_idx // size, kv_idx // size]

    number = kept.sum(dim=-1, dtype=torch.int32)[None]
    indices = kept.int().argsort(dim=-1, descending=True, stable=True).to(torch.int32)[None]
    if key_mask is None:  # whole blocks: the kernel asks no pair
        terms = (torch.zeros_like(number), torch.zeros_like(indices), number, indices)
        block_mask = BlockMask.from_kv_blocks(*terms, BLOCK_SIZE=size, mask_mod=is_kept)
    else:
        real = key_mask

        def is_kept_and_real(b, h, q_idx, kv_idx):
            return kept[h, q_idx // size, kv_idx // size] & real[b, kv_idx]

        block_mask = BlockMask.from_kv_blocks(number, indices, BLOCK_SIZE=size, mask_mod=is_kept_and_real)
    return (add_log_count if layout.has_multiples else None), block_mask
