"""The logits of a bin are the mean of its bases', on tables that can be checked by hand."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.inference.bins import bin_means

BASES = torch.tensor([[1.0, 10.0], [3.0, 20.0], [5.0, 60.0], [7.0, 0.0], [2.0, 8.0]])  # (5 bp, 2 tracks)


@pytest.mark.parametrize(
    ("bin_bp", "expected"),
    [
        (1, BASES.tolist()),
        (2, [[2.0, 15.0], [6.0, 30.0], [1.0, 4.0]]),  # the last bin has one base and a missing one, which counts as 0
        (5, [[3.6, 19.6]]),
    ],
)
def test_a_bin_is_the_mean_of_its_bases(bin_bp, expected):
    torch.testing.assert_close(bin_means(BASES, bin_bp), torch.tensor(expected))


def test_sequences_of_a_batch_are_binned_apart():
    batch = torch.stack([BASES[:4], 2 * BASES[:4]])  # (2, 4, 2)
    assert bin_means(batch, 2).tolist() == [[[2.0, 15.0], [6.0, 30.0]], [[4.0, 30.0], [12.0, 60.0]]]
