"""A small convolutional network on one-hot DNA, trained from scratch: a baseline that a language model should beat.

The architecture follows the baseline of Genomic Benchmarks (Grešová et al. 2023, BMC Genomic Data 24:25): three
convolutions of width 8, each with batch normalisation, ReLU and max pooling by 2, then a dense layer of 512. It differs
in three points: the inputs are one-hot, every convolution has 64 filters instead of 16, 8 and 4, and at most 64
positions enter the dense layer, so that 6,000 bp need no more weights than 512 bp.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from hf_dnalm.evaluation import Evaluation, compute_metrics
from hf_dnalm.tasks import Task
from hf_dnalm.training.losses import TaskLoss

if TYPE_CHECKING:
    from datasets import Dataset

FILTERS, WIDTH, DENSE, POSITIONS = 64, 8, 512, 64
BATCH, LEARNING_RATE, DROPOUT = 64, 1e-3, 0.3
EPOCHS, PATIENCE = 40, 6  # maximum number; epochs without a better validation metric before training stops
_CODE = np.full(256, 4, dtype=np.uint8)  # N and padding are 4, and become four zeros
_CODE[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = [0, 1, 2, 3, 0, 1, 2, 3]


class SmallCNN(nn.Module):
    """Logits (n, labels) from the codes of bases (n, bp): A C G T are 0 1 2 3, anything else is 4.

    Args:
        length_bp: length of every input; shorter sequences are padded at the end.
    """

    def __init__(self, num_labels: int, *, length_bp: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for channels in (4, FILTERS, FILTERS):
            around = nn.ConstantPad1d(((WIDTH - 1) // 2, WIDTH // 2), 0.0)  # so that the output is as long as the input
            convolution = nn.Conv1d(channels, FILTERS, WIDTH, bias=False)
            blocks += [around, convolution, nn.BatchNorm1d(FILTERS), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True)]
        positions = min(POSITIONS, math.ceil(length_bp / 8))
        self.encoder = nn.Sequential(*blocks, nn.AdaptiveMaxPool1d(positions), nn.Flatten())
        self.head = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(FILTERS * positions, DENSE), nn.ReLU(), nn.Dropout(DROPOUT)
        )
        self.out = nn.Linear(DENSE, num_labels)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        one_hot = nn.functional.one_hot(codes.long(), 5)[..., :4].transpose(1, 2).float()  # (n, 4, bp)
        return self.out(self.head(self.encoder(one_hot)))


def cnn_baseline(
    task: Task,
    train: Dataset,
    validation: Dataset,
    test: Dataset,
    *,
    epochs: int = EPOCHS,
    patience: int = PATIENCE,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Train the network with Adam, keep the epoch with the best metric on `validation`, and score `test`.

    Weights, order and dropout depend on `seed` alone. Regression targets are standardised with the mean and standard
    deviation of `train` for training, and predictions are converted back.

    Args:
        train, validation, test: columns `sequence` and `labels`; for pairs also `sequence2`.
        epochs: maximum number of epochs.
        patience: epochs without a better metric before training stops.
        bootstrap: as in `Evaluation.from_logits`.

    Raises:
        ValueError: the labels of the task are those of bases or bins.
    """
    if task.level != "sequence":
        raise ValueError(
            f"the CNN baseline is for sequence-level tasks. For a {task.level}-level task use majority_baseline."
        )
    device = (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device(
        "cpu"
    )
    splits = {"train": train, "validation": validation, "test": test}
    codes = _codes(splits)
    labels, centre, spread = _targets(task, train)
    loss = TaskLoss(task.problem_type)
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else None, device_type=device.type):
        torch.manual_seed(seed)
        model = SmallCNN(task.num_labels, length_bp=codes["train"].shape[1]).to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        best, best_epoch, kept = -math.inf, 0, copy.deepcopy(model.state_dict())
        for epoch in range(1, epochs + 1):
            _train_epoch(model, optimizer, loss, codes["train"], labels, device, (seed, epoch))
            logits = _logits(model, codes["validation"], device) * spread + centre
            value = compute_metrics(task, logits, validation["labels"][:])[task.metric]
            value = -math.inf if math.isnan(value) else value if task.greater_is_better else -value
            if value > best:
                best, best_epoch, kept = value, epoch, copy.deepcopy(model.state_dict())
            if epoch - best_epoch >= patience:
                break
        model.load_state_dict(kept)
        logits = _logits(model, codes["test"], device) * spread + centre
    settings: dict[str, Any] = {
        "trainable_parameters": sum(each.numel() for each in model.parameters()),
        "epochs": epoch,
        "best_epoch": best_epoch,
        "learning_rate": LEARNING_RATE,
        "sequences_per_step": BATCH,
        "n_train": len(train),
        "seed": seed,
    }
    return Evaluation.from_logits(
        task, logits, test["labels"][:], bootstrap=bootstrap, seed=0, name="CNN", settings=settings
    )


def _train_epoch(
    model: SmallCNN,
    optimizer: torch.optim.Optimizer,
    loss: TaskLoss,
    codes: np.ndarray,
    labels: np.ndarray,
    device: torch.device,
    seed: tuple[int, int],
) -> None:
    model.train()
    order = np.random.default_rng(seed).permutation(len(codes))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        if len(rows) == 1 and len(order) > 1:
            continue  # batch normalisation of one row is undefined
        target = torch.from_numpy(labels[rows]).to(device)
        optimizer.zero_grad()
        loss({"logits": model(torch.from_numpy(codes[rows]).to(device))}, target).backward()
        optimizer.step()


@torch.no_grad()
def _logits(model: SmallCNN, codes: np.ndarray, device: torch.device) -> np.ndarray:
    model.eval()
    parts = [model(torch.from_numpy(codes[i : i + 256]).to(device)).cpu() for i in range(0, len(codes), 256)]
    return torch.cat(parts).double().numpy()


def _codes(splits: dict[str, Dataset]) -> dict[str, np.ndarray]:
    """Each split as (n, bp) uint8; N and the padding at the end are 4.

    All rows are as long as the longest sequence of all splits, so that results do not depend on the batch. The two
    sequences of a pair are concatenated; the second starts at the same position in every row.
    """
    codes: dict[str, list[np.ndarray]] = {name: [] for name in splits}
    for column in ("sequence", "sequence2"):
        if column not in splits["train"].column_names:
            continue
        longest = max(len(each) for split in splits.values() for each in split[column])
        for name, split in splits.items():
            rows = np.full((len(split), longest), 4, dtype=np.uint8)
            for row, sequence in enumerate(split[column]):
                rows[row, : len(sequence)] = _CODE[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]
            codes[name].append(rows)
    return {name: np.concatenate(parts, axis=1) for name, parts in codes.items()}


def _targets(task: Task, dataset: Dataset) -> tuple[np.ndarray, Any, Any]:
    """Labels for the loss, and the mean and standard deviation that convert predictions of a regression back."""
    labels = np.asarray(dataset["labels"][:])
    if task.problem_type == "single_label_classification":
        return labels, 0, 1
    labels = labels.reshape(len(labels), -1).astype(np.float32)
    if task.problem_type == "multi_label_classification":
        return labels, 0, 1
    spread = labels.std(axis=0)
    centre, spread = labels.mean(axis=0), np.where(spread > 0, spread, 1).astype(np.float32)
    return (labels - centre) / spread, centre, spread
