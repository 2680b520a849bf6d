"""Training examples whose order and augmentation are functions of (seed, epoch, index).

They depend on no random state. A run that was killed and resumed in the middle of an epoch therefore reads exactly the
examples of an uninterrupted run, with any number of dataloader workers and processes.
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

_REVERSED = "_reverse_complement"  # suffix of the columns in which `encode_dataset` puts the reverse strand


def reads_reverse_strand(seed: int, epoch: int, index: int) -> bool:
    """Whether an example is replaced by its reverse complement in this epoch: true for a random half, by hash.

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
    """The current epoch, counted from 0, in memory that all dataloader workers share, including persistent ones."""

    def __init__(self) -> None:
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Trainer calls this before it uses the sampler. After a resume, `state.epoch` may be a fraction like 1.5."""
        self.epoch = int(state.epoch or 0)


class EncodedExamples(torch.utils.data.Dataset):
    """Rows of an encoded split, ready for the collator.

    Args:
        encoded: result of `encode_dataset`. If it has columns `…_reverse_complement`, (seed, epoch, index) choose the
            strand of each example.
        clock: gives the current epoch.
        seed: of the choice of strands.
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
    """A different order in each epoch, which is the same on every process and after a resume.

    transformers' length-grouping sampler draws from the global generator, whose state differs after a resume and, once
    dropout has been applied, between processes.

    Args:
        lengths: tokens of each example.
        group: size of the groups of examples with similar length; None: no grouping.
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
    """Rows from longest to shortest, ties in input order, so that evaluation batches have the least padding.

    >>> list(LongestFirst([3, 9, 3, 5]))
    [1, 3, 0, 2]
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")  # (n,) row numbers

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())
