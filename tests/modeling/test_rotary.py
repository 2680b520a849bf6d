"""Rotary positions: turning pairs of numbers by an angle."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.modeling.rotary import apply_rotary, rotary_tables


def _turn(vector: torch.Tensor, position: int) -> torch.Tensor:
    return apply_rotary(
        vector[None, None, None], *rotary_tables(torch.tensor([position]), len(vector), dtype=vector.dtype)
    )[0, 0, 0]


def test_a_pair_is_turned_by_its_angle():
    # d = 4: pairs (0, 2) and (1, 3); the first turns by 1 radian a position, the second by 1/100.
    turned = _turn(torch.tensor([1.0, 1.0, 0.0, 0.0]), 3)
    expected = torch.tensor([3.0, 0.03, 3.0, 0.03])
    torch.testing.assert_close(turned, torch.cat((expected[:2].cos(), expected[2:].sin())))


def test_position_zero_turns_nothing():
    vector = torch.randn(8)
    assert torch.equal(_turn(vector, 0), vector)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 500))
def test_products_depend_on_the_distance_alone(first, second, shift):
    query, key = torch.randn(2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    here = _turn(query, first) @ _turn(key, second)
    there = _turn(query, first + shift) @ _turn(key, second + shift)
    torch.testing.assert_close(here, there, atol=2e-3, rtol=0)  # angles are float32: 2,000 radians to 1e-4


def test_bfloat16_keeps_neighbours_apart_past_four_thousand_tokens():
    cosines, _ = rotary_tables(torch.tensor([4096, 4097]), 8, dtype=torch.bfloat16)
    exact = torch.tensor([4096.0, 4097.0], dtype=torch.float64).cos()
    torch.testing.assert_close(cosines[:, 0, 0].double(), exact, atol=4e-3, rtol=0)  # one rounding to 8 bits


def test_each_sequence_may_have_its_own_positions():
    states = torch.randn(2, 3, 1, 4)
    positions = torch.tensor([[0, 1, 2], [5, 0, 9]])
    together = apply_rotary(states, *rotary_tables(positions, 4, dtype=torch.float32))
    for row in range(2):
        alone = apply_rotary(states[row : row + 1], *rotary_tables(positions[row], 4, dtype=torch.float32))
        assert torch.equal(together[row], alone[0])


def test_narrow_tables_turn_the_first_numbers_and_leave_the_others():
    states = torch.randn(2, 3, 1, 8)
    tables = rotary_tables(torch.arange(3), 4, dtype=torch.float32)
    turned = apply_rotary(states, *tables)
    assert torch.equal(turned[..., :4], apply_rotary(states[..., :4], *tables))
    assert torch.equal(turned[..., 4:], states[..., 4:])
