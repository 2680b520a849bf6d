"""Reading the real tokens first, whatever the mask leaves out and wherever that stands."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.modeling.token_order import token_orders


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1)))
def test_real_tokens_are_read_first_in_either_direction_and_go_back_to_their_places(mask):
    real = torch.tensor(mask)
    tokens = torch.arange(real.numel()).view(real.shape)
    forward, backward = token_orders(real)
    for order, turn in ((forward, lambda each: each), (backward, lambda each: each[::-1])):
        read = order.read(tokens)
        for row, row_real in enumerate(real):
            alone = turn(tokens[row][row_real].tolist())
            assert read[row].tolist()[: len(alone)] == alone
            assert read[row].tolist()[len(alone) :] == tokens[row][~row_real].tolist()
        assert torch.equal(order.restore(read), tokens)


def test_vectors_move_as_wholes_and_gradients_find_their_way_back():
    forward, backward = token_orders(torch.tensor([[0, 1, 1], [1, 0, 1]]))
    vectors = torch.randn(2, 3, 4, requires_grad=True)
    assert torch.equal(backward.read(vectors)[0, 0], vectors[0, 2])
    (gradient,) = torch.autograd.grad(backward.read(vectors)[1, 0].sum(), vectors)
    assert gradient[1, 2].tolist() == [1.0] * 4
    assert gradient.abs().sum() == 4
    assert torch.equal(forward.restore(forward.read(vectors)), vectors)
