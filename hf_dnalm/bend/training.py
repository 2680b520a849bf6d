"""Train a network on a task's embeddings or sequences, fold by fold, with one result file per fold.

The optimizer is AdamW with the task's settings; the epoch with the best validation metric is tested. The complete state
is written after every epoch, so a killed run continues with the next epoch and ends with the same numbers as an
uninterrupted one.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from hf_dnalm.bend.batches import Source, Stream
from hf_dnalm.bend.folds import Fold, choose_folds, find_folds
from hf_dnalm.bend.losses import bend_loss
from hf_dnalm.bend.networks import NetworkName, build_network
from hf_dnalm.bend.scoring import Predictions
from hf_dnalm.damage import decoding, read_json
from hf_dnalm.evaluation.json_values import json_number
from hf_dnalm.inference.output_files import whole_file
from hf_dnalm.outputs import claimed
from hf_dnalm.same_run import refuse_another_run
from hf_dnalm.suites.bend.definition import PADDING, BendTask

logger = logging.getLogger(__name__)

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
GIGABYTE = 1_000_000_000
_PACKAGES = ("hf_dnalm", "torch", "transformers", "numpy", "scikit-learn")
_STATE, RESULT, SUMMARY, WEIGHTS = "state.pt", "result.json", "summary.json", "network.safetensors"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a network is trained, in addition to the settings of the task.

    Attributes:
        network: "cnn" for embeddings; "resnet" or "basset" for sequences.
        seed: of the initial weights, the order of samples and dropout.
        dtype: precision of training, with weights in float32; "float16", as published, scales the gradients. Validation
            and test are in float32.
        memory_bytes: size of the shuffle buffer, see `Stream`; 0: train in the order of the files.
        compat: train as published: padding counts in binary cross entropy and affects the last nucleotides of shorter
            sequences, padding of sequences is A, and every file is a part of its own.
        bootstrap: resamples for the interval of the test metric; 0: no interval.
    """

    network: NetworkName = "cnn"
    seed: int = 0
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    memory_bytes: int = GIGABYTE
    compat: bool = False
    bootstrap: int = 1000

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}; it must be one of {', '.join(DTYPES)}.")
        for field in ("seed", "memory_bytes", "bootstrap"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)}; it must be 0 or more.")


def train_bend(
    task: BendTask,
    source: Source,
    output: str | os.PathLike[str],
    *,
    folds: Sequence[int] | None = None,
    settings: Settings | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[str], object] | None = None,
) -> dict[str, Any]:
    """Train and test the requested folds, and summarise all folds that have a result.

    A finished fold is not trained again, and an unfinished fold continues after its last epoch. A run with another
    task, other data or other settings is refused.

    Args:
        task: a published task or your own; `dataclasses.replace` changes its epochs or learning rate.
        source: the embeddings or sequences.
        output: folder for the results, made if it does not exist. It gets `result.json` and the best epoch's
            `network.safetensors` (and `state.pt` during training), with cross-validation in one folder `fold_<k>` per
            fold; and `summary.json` over all folds.
        folds: numbers of the folds, counted from 0; None: all.
        progress: called after each epoch with a line of text.

    Returns:
        The contents of `summary.json`: metric → mean, sd and values over all folds that have a result.

    Raises:
        ValueError: the task is zero-shot, its splits or samples do not fit, or the folder has a run with other
            settings; the message names the differences.
    """
    settings = settings or Settings()
    if task.is_zero_shot:
        raise ValueError(
            f"task {task.name!r} is zero-shot, so there is nothing to train. Score it with dnalm bend zero-shot."
        )
    device = torch.device(device)
    every = find_folds(task, source.parts, compat=settings.compat)
    chosen = choose_folds(task, every, folds)
    output = Path(output)
    runs = [_FoldRun(task, source, fold, _folder(output, fold), settings, device) for fold in every]
    for run in runs:
        if run.fold in chosen:
            run.folder.parent.mkdir(parents=True, exist_ok=True)
            with claimed(run.folder):
                run.result(progress or logger.info)
    summary = summarise(task, [run.result(logger.info) for run in runs if (run.folder / RESULT).exists()])
    _write_json(summary, output / SUMMARY)
    return summary


def summarise(task: BendTask, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation (n - 1 degrees of freedom) of every metric over the folds."""
    metrics: dict[str, Any] = {}
    for name in results[0]["test"]["metrics"]:
        values = [result["test"]["metrics"][name] for result in results]
        defined = np.array([value for value in values if value is not None], dtype=np.float64)
        metrics[name] = {
            "mean": json_number(defined.mean() if defined.size else math.nan),
            "sd": json_number(defined.std(ddof=1) if defined.size > 1 else math.nan),
            "values": values,
        }
    return {
        "task": task.name,
        "metric": task.metric,
        "folds": [result["fold"] for result in results],
        "folds_of_task": task.cross_validation or 1,
        "metrics": metrics,
        "settings": results[0]["settings"],
        "data": results[0]["data"],
    }


class _FoldRun:
    """One fold: its data, its output folder and its training state."""

    def __init__(
        self, task: BendTask, source: Source, fold: Fold, folder: Path, settings: Settings, device: torch.device
    ) -> None:
        self.task, self.fold, self.folder, self.settings, self.device = task, fold, folder, settings, device
        self.train, self.validation, self.test = (
            Stream(task, source, parts, memory_bytes=memory_bytes, compat=settings.compat)
            for parts, memory_bytes in (
                (fold.train, settings.memory_bytes),
                (fold.validation, settings.memory_bytes),
                (fold.test, 0),  # read once
            )
        )
        # Must be equal for a run to continue. Converted to JSON and back, to compare equal to the written file.
        self.identity: dict[str, Any] = json.loads(
            json.dumps(
                {
                    "task": dataclasses.asdict(task) | {"bed": None, "hdf5": None},  # files may move
                    "fold": fold.number,
                    "settings": dataclasses.asdict(settings),
                    "data": source.identity,
                }
            )
        )

    def result(self, progress: Callable[[str], object]) -> dict[str, Any]:
        """The result of the fold, read if it exists, otherwise trained and tested now."""
        written = self.folder / RESULT
        if written.exists():
            result: dict[str, Any] = read_json(written)
            self._check_same({key: result.get(key) for key in self.identity}, written)
            return result
        self.folder.mkdir(parents=True, exist_ok=True)
        network = self._network()
        state = self._train(network, progress)
        network.load_state_dict(state["best"])
        predictions, loss = self._predict(network, self.test, "test")
        with whole_file(self.folder / WEIGHTS) as partial:
            save_file({key: value.contiguous() for key, value in state["best"].items()}, partial)
        result = self.identity | {
            "best_epoch": state["best_epoch"],
            "history": state["history"],
            "test_loss": json_number(loss),
            "test": predictions.report(bootstrap=self.settings.bootstrap, seed=self.settings.seed),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "device": str(self.device),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        }
        _write_json(result, written)
        (self.folder / _STATE).unlink(missing_ok=True)
        return result

    def _train(self, network: nn.Module, progress: Callable[[str], object]) -> dict[str, Any]:
        """Run all epochs, starting after the last one that was written."""
        state = self._state(network)
        network.load_state_dict(state["network"])
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.task.learning_rate, weight_decay=self.task.weight_decay
        )
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.settings.dtype == "float16")
        if state["optimizer"] is not None:
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
        for epoch in range(len(state["history"]), self.task.epochs):
            loss = self._epoch(network, optimizer, scaler, epoch)
            predictions, validation_loss = self._predict(network, self.validation, "validation")
            metric = predictions.metric()
            weights = _weights(network)
            best = max(
                (each["validation"] for each in state["history"] if each["validation"] is not None), default=None
            )
            if not math.isnan(metric) and (best is None or metric > best):
                state |= {"best": weights, "best_epoch": epoch + 1}
            row = {"epoch": epoch + 1, "train_loss": loss, "validation_loss": validation_loss, "validation": metric}
            state["history"].append({key: json_number(value) for key, value in row.items()} | {"epoch": epoch + 1})
            state |= {"network": weights, "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict()}
            with whole_file(self.folder / _STATE) as partial:
                torch.save(state, partial)
            where = "" if self.fold.number is None else f"fold {self.fold.number}, "
            progress(
                f"{where}epoch {epoch + 1}/{self.task.epochs}: loss {loss:.4f}, validation loss {validation_loss:.4f}, "
                f"{self.task.metric} {metric:.4f}"
            )
        if state["best"] is None:
            raise ValueError(
                f"task {self.task.name!r}: {self.task.metric} is undefined on the validation split in every epoch. The "
                "split needs positive and negative examples of a label."
            )
        return state

    def _state(self, network: nn.Module) -> dict[str, Any]:
        """The training state, read if it exists, otherwise that of a new network."""
        path = self.folder / _STATE
        if path.exists():
            with decoding(path, remedy="Delete it to train this fold from the beginning."):
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
                identity = state["identity"]
            self._check_same(identity, path)
            return state
        start: dict[str, Any] = {"identity": self.identity, "network": _weights(network), "history": []}
        return start | {"optimizer": None, "scaler": None, "best": None, "best_epoch": None}

    def _network(self) -> nn.Module:
        """A new network; its weights depend on the seed alone."""
        first = next(iter(self.train.batches(1)), None)
        if first is None:
            raise ValueError(
                f"task {self.task.name!r}: the training split has no samples. Each split needs at least one."
            )
        letters = first.inputs.ndim == 2
        if not letters and self.settings.network != "cnn":
            raise ValueError(
                f"network {self.settings.network!r} reads sequences, not embeddings. Use 'cnn', or pass sequences."
            )
        size = {} if letters else {"input_size": first.inputs.shape[2]}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            network = build_network(self.task, self.settings.network, length_bp=first.inputs.shape[1], **size)
        return network.to(self.device)

    def _epoch(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler, epoch: int
    ) -> float:
        """One pass over the training samples; returns the mean loss of the batches."""
        network.train()
        losses = []
        dtype, seed = DTYPES[self.settings.dtype], self.settings.seed
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0]))  # of dropout
            for inputs, real, labels in self.train.batches(self.task.batch_size, order=(seed, epoch)):
                if not self.settings.compat and not (labels != PADDING).any():
                    continue
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32):
                    logits = self._logits(network, inputs, real)
                loss = bend_loss(self.task, logits, labels.to(self.device), compat=self.settings.compat)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                losses.append(loss.detach())
        mean = float(torch.stack(losses).mean()) if losses else math.nan
        if not math.isfinite(mean):
            raise ValueError(
                f"task {self.task.name!r}: the loss is {mean} in epoch {epoch + 1}. Check that the training samples "
                "have labels, or lower the learning rate."
            )
        return mean

    def _predict(self, network: nn.Module, stream: Stream, split: str) -> tuple[Predictions, float]:
        """Predictions for all samples in float32, and the mean loss of the batches."""
        network.eval()
        predictions = Predictions(self.task)
        losses = []
        with torch.inference_mode():
            for inputs, real, labels in stream.batches(self.task.batch_size):
                logits = self._logits(network, inputs, real)
                losses.append(bend_loss(self.task, logits, labels.to(self.device), compat=self.settings.compat))
                predictions.add(logits, labels)
        if not losses:
            raise ValueError(
                f"task {self.task.name!r}: the {split} split has no samples. Each split needs at least one."
            )
        return predictions, float(torch.stack(losses).nanmean())

    def _logits(self, network: nn.Module, inputs: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        mask = None if self.settings.compat or bool(real.all()) else real.to(self.device)
        return network(inputs.to(self.device), mask)

    def _check_same(self, earlier: dict[str, Any], path: Path) -> None:
        refuse_another_run(earlier, self.identity, path, "Choose another output folder")


def _weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}


def _folder(output: Path, fold: Fold) -> Path:
    return output if fold.number is None else output / f"fold_{fold.number}"


def _write_json(content: dict[str, Any], path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
