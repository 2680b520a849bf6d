"""Strands and complements: what turns with the strand, and which token stands opposite."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.reverse_complement import (
    ReverseComplementEmbedding,
    ReverseComplementHead,
    complements,
    from_strands,
    reverse_complement,
    to_strands,
)

OPPOSITE = [0, 4, 3, 2, 1]


def test_the_second_strand_is_read_backwards_with_its_channels_turned_round():
    vectors = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]])  # two tokens, two channels a strand
    first, second = to_strands(vectors)
    assert first.tolist() == [[[1, 2], [5, 6]]]
    assert second.tolist() == [[[8, 7], [4, 3]]]
    assert torch.equal(from_strands(first, second), vectors)
    exchanged = from_strands(second, first)
    assert torch.equal(exchanged, reverse_complement(vectors))


def test_the_embedding_holds_the_vector_of_what_stands_opposite():
    embedding = ReverseComplementEmbedding(5, 3, OPPOSITE)
    ids = torch.tensor([[1, 2, 2, 4]])
    table = embedding.embedding.weight
    got = embedding(ids)
    assert torch.equal(got[0, :, :3], table[ids[0]])
    assert torch.equal(got[0, :, 3:], table[[4, 3, 3, 1]].flip(-1))
    opposite = torch.tensor([[1, 3, 3, 4]])
    assert torch.equal(embedding(opposite), reverse_complement(got))


def test_scores_are_of_the_token_and_of_its_complement_on_the_other_strand():
    head = ReverseComplementHead(5, 3, OPPOSITE)
    weight = head.lm_head.weight
    vectors = torch.randn(1, 4, 6)
    expected = vectors[..., :3] @ weight.T + vectors[..., 3:].flip(-1) @ weight[OPPOSITE].T
    torch.testing.assert_close(head(vectors), expected)
    turned = head(reverse_complement(vectors))
    assert torch.equal(turned, head(vectors).flip(1)[..., OPPOSITE])


@pytest.mark.parametrize(
    ("size", "expected"), [(5, OPPOSITE), (7, [*OPPOSITE, 5, 6]), (3, [0, 1, 2]), (4, [0, 1, 3, 2])]
)
def test_ids_without_a_complement_in_the_table_are_their_own(size, expected):
    assert complements(OPPOSITE, size) == expected
