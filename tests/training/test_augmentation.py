"""The examples of a training run are a function of (seed, epoch, index)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.training.augmentation import (
    EncodedExamples,
    EpochClock,
    EpochSampler,
    LongestFirst,
    reads_reverse_strand,
)

ENCODED = Dataset.from_dict(
    {
        "index": range(40),
        "input_ids": [[row] * (1 + row % 7) for row in range(40)],
        "length": [1 + row % 7 for row in range(40)],
        "labels": [row % 2 for row in range(40)],
        "input_ids_reverse_complement": [[-row] * (1 + row % 7) for row in range(40)],
    }
)


def clock_at(epoch: int) -> EpochClock:
    clock = EpochClock()
    clock.epoch = epoch
    return clock


def test_half_of_the_examples_are_read_from_the_other_strand_in_each_epoch():
    for epoch in range(3):
        assert 900 < sum(reads_reverse_strand(7, epoch, index) for index in range(2000)) < 1100


def test_strands_differ_between_seeds_and_epochs():
    draws = {
        tuple(reads_reverse_strand(seed, epoch, index) for index in range(64))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(draws) == 9


def test_an_example_holds_one_strand_and_its_labels():
    examples = EncodedExamples(ENCODED, clock=clock_at(1), seed=3)
    for index in range(len(examples)):
        sign = -1 if reads_reverse_strand(3, 1, index) else 1
        assert examples[index] == {"input_ids": [sign * index] * (1 + index % 7), "labels": index % 2}


def test_without_the_other_strand_examples_are_the_rows():
    examples = EncodedExamples(ENCODED.remove_columns("input_ids_reverse_complement"), clock=clock_at(1), seed=3)
    assert all(examples[index]["input_ids"][0] == index for index in range(len(examples)))


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_see_the_epoch_that_the_clock_shows(persistent):
    clock = EpochClock()
    examples = EncodedExamples(ENCODED, clock=clock, seed=3)
    loader = torch.utils.data.DataLoader(
        examples, batch_size=8, num_workers=1, persistent_workers=persistent, collate_fn=lambda rows: rows
    )
    for epoch in range(2):
        clock.epoch = epoch
        seen = [row["input_ids"] for batch in loader for row in batch]
        assert seen == [examples[index]["input_ids"] for index in range(len(examples))]


@given(st.integers(0, 2**32), st.integers(0, 50), st.sampled_from([None, 1, 4]))
def test_an_order_holds_every_example_once_and_is_the_same_whenever_its_epoch_begins(seed, epoch, group):
    lengths = ENCODED["length"][:]
    orders = [list(EpochSampler(lengths, group=group, clock=clock_at(epoch), seed=seed)) for _ in range(2)]
    torch.rand(3)  # the global generator has no say
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(40))


def test_epochs_and_seeds_have_different_orders():
    orders = {
        tuple(EpochSampler(range(40), group=None, clock=clock_at(epoch), seed=seed))
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_grouping_puts_like_lengths_together():
    lengths = list(range(1, 41)) * 10
    order = list(EpochSampler(lengths, group=4, clock=clock_at(0), seed=0))
    spread = [max(batch) - min(batch) for batch in _batches([lengths[index] for index in order], 4)]
    shuffled = list(EpochSampler(lengths, group=None, clock=clock_at(0), seed=0))
    assert sum(spread) < sum(max(b) - min(b) for b in _batches([lengths[i] for i in shuffled], 4)) / 3


def _batches(values, size):
    return [values[start : start + size] for start in range(0, len(values), size)]


@pytest.mark.parametrize(("epoch_of_state", "epoch"), [(None, 0), (0, 0), (1.0, 1), (1.5, 1), (2.0, 2)])
def test_the_clock_follows_trainer_after_a_resume_in_mid_epoch_too(epoch_of_state, epoch):
    clock = EpochClock()
    clock.on_epoch_begin(None, SimpleNamespace(epoch=epoch_of_state), None)
    assert clock.epoch == epoch


def test_evaluation_goes_from_long_to_short():
    assert list(LongestFirst([2, 5, 2, 7])) == [3, 1, 0, 2]
