"""The two strands of DNA inside a network: complements of tokens, and vectors that turn with the strand.

A network of this kind holds one vector per token for each strand, side by side in (b, n, 2d). Its input's reverse
complement gives the same numbers with both the tokens and the channels in reverse order, exactly.

Source: Schiff et al. 2024, https://arxiv.org/abs/2403.03234, section 3.2.

Legend: b sequences, n tokens, d channels of one strand, v tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def reverse_complement(vectors: torch.Tensor) -> torch.Tensor:
    """(b, n, d) seen from the other strand: tokens and channels in reverse order."""
    return vectors.flip((1, 2))


def to_strands(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(b, n, 2d) → (b, n, d) of each strand, both as a reader along that strand sees them."""
    first, second = vectors.chunk(2, dim=-1)
    return first, reverse_complement(second)


def from_strands(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Undoes `to_strands`: (b, n, d) of each strand → (b, n, 2d)."""
    return torch.cat([first, reverse_complement(second)], dim=-1)


def complements(complement_ids: Sequence[int], vocab_size: int) -> list[int]:
    """The complement of every token id; ids that a smaller or larger table leaves open are their own.

    Example:
        >>> complements([0, 4, 3, 2, 1], 6), complements([0, 4, 3, 2, 1], 4)
        ([0, 4, 3, 2, 1, 5], [0, 1, 3, 2])
    """
    known = dict(enumerate(complement_ids))
    return [known[i] if i in known and known[i] < vocab_size else i for i in range(vocab_size)]


class ReverseComplementEmbedding(nn.Embedding):
    """Vectors of tokens and of their complements: (b, n) ids → (b, n, 2d).

    To others it is the embedding that it holds under the name of the checkpoints, with vectors twice as wide.
    """

    complement_map: torch.Tensor  # (v,) ids, stored with the weights
    padding_idx = None

    def __init__(self, vocab_size: int, size: int, complement_ids: Sequence[int]):
        nn.Module.__init__(self)  # no table of its own
        self.embedding = nn.Embedding(vocab_size, size)
        self.num_embeddings, self.embedding_dim = vocab_size, 2 * size
        self.register_buffer("complement_map", torch.tensor(complements(complement_ids, vocab_size)))

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override]
        """(v, d), of one strand."""
        return self.embedding.weight

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return from_strands(self.embedding(input_ids), self.embedding(self.complement_map[input_ids].flip(1)))


class ReverseComplementHead(nn.Module):
    """Scores of every token: (b, n, 2d) → (b, n, v), the second strand's scores counted for the complements."""

    complement_map: torch.Tensor  # (v,) ids, stored with the weights

    def __init__(self, vocab_size: int, size: int, complement_ids: Sequence[int]):
        super().__init__()
        self.lm_head: nn.Module = nn.Linear(size, vocab_size, bias=False)
        self.register_buffer("complement_map", torch.tensor(complements(complement_ids, vocab_size)))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        first, second = vectors.chunk(2, dim=-1)
        return self.lm_head(first) + self.lm_head(second.flip(-1))[..., self.complement_map]
