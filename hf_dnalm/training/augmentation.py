"""Examples whose order and augmentation are functions of (seed, epoch, index).

No random state is carried along: a run that was killed and resumed sees, in the middle of any epoch, exactly the
examples that an undisturbed run sees, on any number of dataloader workers and processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import TrainerCallback
from transformers.trainer_pt_utils import get_length_grouped_indices

if TYPE_CHECKING:
    from datasets import Dataset

_REVERSED = "_reverse_complement"  # column suffix that `encode_dataset` gives to the other strand


def reads_reverse_strand(seed: int, epoch: int, index: int) -> bool:
    """Whether an example is replaced by its reverse complement in this epoch: true for half of all, by hash.

    Args:
        epoch: 0-based.
        index: 0-based row number in the training split.

    >>> [reads_reverse_strand(0, 0, index) for index in range(6)]
    [False, False, False, False, True, False]
    >>> [reads_reverse_strand(0, 1, index) for index in range(6)]
    [False, True, False, False, False, False]
    """
    return bool(np.random.SeedSequence((seed, epoch, index)).generate_state(1)[0] & 1)


class EpochClock(TrainerCallback):
    """The number of the current epoch, 0-based, in memory shared with dataloader workers, persistent ones included."""

    def __init__(self) -> None:
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by Trainer before it asks the sampler for an order; after a resume too, where `state.epoch` is 1.5."""
        self.epoch = int(state.epoch or 0)


class EncodedExamples(torch.utils.data.Dataset):
    """Rows of an encoded split, ready for the collator.

    Args:
        encoded: what `encode_dataset` gives. With columns `…_reverse_complement` each example is read from the strand
            that (seed, epoch, index) choose.
        clock: tells the epoch.
        seed: of the augmentation.
    """

    def __init__(self, encoded: Dataset, *, clock: EpochClock, seed: int) -> None:
        self.lengths: list[int] = list(encoded["length"])  # tokens
        columns = [name for name in encoded.column_names if name not in ("length", "index")]
        self._encoded = encoded.select_columns(columns)
        self._clock = clock
        self._seed = seed

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self._encoded[int(index)]
        forward = {name: value for name, value in row.items() if not name.endswith(_REVERSED)}
        reverse = {name.removesuffix(_REVERSED): value for name, value in row.items() if name.endswith(_REVERSED)}
        if reverse and reads_reverse_strand(self._seed, self._clock.epoch, int(index)):
            return forward | reverse
        return forward


class EpochSampler(torch.utils.data.Sampler[int]):
    """A new order in each epoch, the same whenever that epoch is begun, on every process.

    transformers' own length-grouping sampler draws from the global generator, whose state after a resume, and on
    each process after the first dropout, is another one.

    Args:
        lengths: tokens of each example.
        group: examples of like length are put into runs of this many; None = no grouping.
    """

    def __init__(self, lengths: Sequence[int], *, group: int | None, clock: EpochClock, seed: int) -> None:
        self._lengths = list(lengths)
        self._group = group
        self._clock = clock
        self._seed = seed

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        state = np.random.SeedSequence((self._seed, self._clock.epoch)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(state))
        if self._group is None:
            return iter(torch.randperm(len(self), generator=generator).tolist())
        return iter(get_length_grouped_indices(self._lengths, self._group, generator=generator))


class LongestFirst(torch.utils.data.Sampler[int]):
    """Rows by falling length, ties in input order: evaluation batches with the least padding.

    >>> list(LongestFirst([3, 9, 3, 5]))
    [1, 3, 0, 2]
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")  # (n,) row numbers

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())
