"""Read sequences longer than the model's context in overlapping windows, and stitch the results together.

The sequence is tokenized first and cut into windows afterwards, so its tokens do not depend on the windows. Every
window has the special tokens of a complete sequence. A token counts once, in the window where it is farthest from a
cut; the special tokens count in the first and the last window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hf_dnalm.sequence import windows

OVERLAP = 1 / 4  # share of a window; every token has at least half of this as context on each side, ends aside


class Windows(NamedTuple):
    """The windows of some sequences, in order."""

    token_ids: list[np.ndarray]  # (n,) int64 each, including special tokens
    owners: np.ndarray  # (n_windows,) int64: the sequence of each window, 0-based
    kept: np.ndarray  # (n_windows, 2) int64: first and last + 1 of the positions in a window that count


def stitching_table(n_tokens: int, *, room: int, overlap: int) -> np.ndarray:
    """Return the tokens in each window and those that count; every token counts in exactly one window.

    Args:
        n_tokens: tokens of the sequence, without special tokens.
        room: tokens in a window; the last window is shifted back, so that all have this length.
        overlap: minimum number of tokens that neighbouring windows share; less than `room`.

    Returns:
        (n_windows, 4) int64, 0-based half-open: start and end of the window, start and end of the tokens that count.

    Example:
        >>> stitching_table(10, room=4, overlap=2).tolist()
        [[0, 4, 0, 3], [2, 6, 3, 5], [4, 8, 5, 7], [6, 10, 7, 10]]
        >>> stitching_table(9, room=4, overlap=1).tolist()
        [[0, 4, 0, 3], [3, 7, 3, 6], [5, 9, 6, 9]]
        >>> stitching_table(3, room=4, overlap=1).tolist()
        [[0, 3, 0, 3]]
    """
    bounds = windows(n_tokens, window_bp=room, stride_bp=room - overlap)
    cuts = (bounds[1:, 0] + bounds[:-1, 1]) // 2  # the middle of each overlap
    edges = np.concatenate([[0], cuts, [n_tokens]])
    return np.column_stack([bounds, edges[:-1], edges[1:]])


def cut_into_windows(token_ids: Sequence[np.ndarray], *, limit: int, edges: Sequence[tuple[int, int]]) -> Windows:
    """Cut every sequence into windows; a sequence within the limit is a single window.

    Args:
        token_ids: (n,) each, including special tokens.
        limit: maximum number of tokens in a window, including special tokens.
        edges: number of special tokens before and after the DNA of each sequence.

    Raises:
        ValueError: special tokens leave no room for DNA.
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
                f"a window of {limit} tokens has no room for DNA next to {opening + closing} special tokens; use a "
                "tokenizer with a larger model_max_length."
            )
        before, dna, after = np.split(ids, [opening, len(ids) - closing])
        table = stitching_table(len(dna), room=room, overlap=int(room * OVERLAP))
        for start, end, first, last in table.tolist():
            cut.append(np.concatenate([before, dna[start:end], after]))
            owners.append(owner)
            first_kept = 0 if start == 0 else opening + first - start
            last_kept = len(cut[-1]) if end == len(dna) else opening + last - start
            kept.append((first_kept, last_kept))
    return Windows(cut, np.array(owners, dtype=np.int64), np.array(kept, dtype=np.int64).reshape(-1, 2))


def stitch(pooled: np.ndarray, cut: Windows, n_sequences: int, *, pooling: str) -> np.ndarray:
    """Combine the vectors of windows into one vector per sequence.

    Args:
        pooled: (n_windows, hidden), pooled over the tokens of each window that count.
        pooling: "mean", weighted by the number of these tokens; "max"; or "cls", the mean of the windows' first tokens.

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
