"""Sequences that are longer than a model reads, by overlapping windows whose tokens are stitched together again.

The tokens are those of the whole sequence: it is encoded first and cut afterwards, so no word ends where a window does.
Every window carries the special tokens of a whole sequence. A token counts once, in the window where it stands farthest
from an end that is a cut; the special tokens count in the first window and in the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hf_dnalm.sequence import windows

OVERLAP = 1 / 4  # of a window: a token next to a cut has at least half of that as its context on the cut's side


class Windows(NamedTuple):
    """The windows of some sequences, in order."""

    token_ids: list[np.ndarray]  # (n,) int64 each, special tokens included
    owners: np.ndarray  # (n_windows,) int64: the sequence of each window, 0-based
    kept: np.ndarray  # (n_windows, 2) int64: first and last + 1 of a window's own positions that count


def stitching_table(n_tokens: int, *, room: int, overlap: int) -> np.ndarray:
    """Which tokens each window holds, and which of them count: every one in just one window.

    Args:
        n_tokens: of the sequence, without special tokens.
        room: tokens in a window; the last one is moved back, so that all are of this length.
        overlap: tokens that a window has in common with the next one, at least; less than `room`.

    Returns:
        (n_windows, 4) int64, 0-based half-open: start and end of the window, start and end of what counts.

    Example:
        >>> stitching_table(10, room=4, overlap=2).tolist()
        [[0, 4, 0, 3], [2, 6, 3, 5], [4, 8, 5, 7], [6, 10, 7, 10]]
        >>> stitching_table(9, room=4, overlap=1).tolist()
        [[0, 4, 0, 3], [3, 7, 3, 6], [5, 9, 6, 9]]
        >>> stitching_table(3, room=4, overlap=1).tolist()
        [[0, 3, 0, 3]]
    """
    held = windows(n_tokens, window_bp=room, stride_bp=room - overlap)
    cuts = (held[1:, 0] + held[:-1, 1]) // 2  # the middle of what neighbours have in common
    edges = np.concatenate([[0], cuts, [n_tokens]])
    return np.column_stack([held, edges[:-1], edges[1:]])


def cut_into_windows(token_ids: Sequence[np.ndarray], *, limit: int, edges: Sequence[tuple[int, int]]) -> Windows:
    """The windows of every sequence; one that fits into the limit is a window as it is.

    Args:
        token_ids: (n,) each, special tokens included.
        limit: tokens that a window may have, special tokens included.
        edges: how many special tokens stand before and behind the DNA of each sequence.

    Raises:
        ValueError: special tokens leave no room.
    """
    cut, owners, kept = [], [], []
    for owner, (ids, (opening, closing)) in enumerate(zip(token_ids, edges, strict=True)):
        if len(ids) <= limit:
            cut.append(ids)
            owners.append(owner)
            kept.append((0, len(ids)))
            continue
        room = limit - opening - closing
        if room < 1:
            raise ValueError(
                f"a window of {limit} tokens has no room for DNA beside {opening + closing} special tokens"
            )
        before, dna, behind = np.split(ids, [opening, len(ids) - closing])
        table = stitching_table(len(dna), room=room, overlap=int(room * OVERLAP))
        for start, end, first, last in table.tolist():
            cut.append(np.concatenate([before, dna[start:end], behind]))
            owners.append(owner)
            first_kept = 0 if start == 0 else opening + first - start
            last_kept = len(cut[-1]) if end == len(dna) else opening + last - start
            kept.append((first_kept, last_kept))
    return Windows(cut, np.array(owners, dtype=np.int64), np.array(kept, dtype=np.int64).reshape(-1, 2))


def stitch(pooled: np.ndarray, cut: Windows, n_sequences: int, *, pooling: str) -> np.ndarray:
    """One vector per sequence from those of its windows.

    Args:
        pooled: (n_windows, hidden), pooled over the tokens of each window that count.
        pooling: "mean", weighted by these tokens; "max"; or "cls", the mean of the windows' first tokens.

    Returns:
        (n_sequences, hidden) float32.
    """
    stitched = np.empty((n_sequences, pooled.shape[1]), dtype=np.float32)
    counts = (cut.kept[:, 1] - cut.kept[:, 0]).astype(np.float64)
    starts = np.searchsorted(cut.owners, np.arange(n_sequences + 1))
    for sequence in range(n_sequences):
        own = slice(starts[sequence], starts[sequence + 1])
        if pooling == "max":
            stitched[sequence] = pooled[own].max(0)
        else:
            weights = counts[own] if pooling == "mean" else np.ones_like(counts[own])
            stitched[sequence] = (weights / weights.sum()) @ pooled[own]
    return stitched
