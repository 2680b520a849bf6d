"""The output folder of a run: never mix two runs, and find the checkpoint from which a killed run continues."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hf_dnalm.outputs import claimed, refuse_input
from hf_dnalm.training.whole_checkpoint import checkpoint_fault

logger = logging.getLogger(__name__)

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_FOLDERS = ("adapter", "report")  # in addition to the checkpoints
_FILES = re.compile(r"run\.json|config\.json|task\.json|training_args\.bin|model.*\.safetensors(\.index\.json)?")


def check_output_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that is not empty, unless the run in it is to be resumed or overwritten.

    Raises:
        ValueError: the folder is not empty, and neither `resume` nor `overwrite` is given.
        NotADirectoryError: the path is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"the output folder {folder} is a file. Choose another --output-dir (output_dir=…).")
    if not resume and not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise ValueError(
            f"the output folder {folder} is not empty. Continue the run in it with --resume (resume=True), replace it "
            "with --overwrite (overwrite=True), or choose another --output-dir (output_dir=…)."
        )


def clear_earlier_run(folder: Path) -> None:
    """Delete the model, checkpoints, adapter and report of an earlier run, and no other files."""
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir() and (child.name in _FOLDERS or _CHECKPOINT.fullmatch(child.name)):
            shutil.rmtree(child)
        elif child.is_file() and _FILES.fullmatch(child.name):
            child.unlink()


@contextmanager
def claimed_folder(folder: Path, *, inputs: Iterable[str | Path], resume: bool, overwrite: bool) -> Iterator[None]:
    """Lock the output folder for this run; of several processes, the first one holds the lock.

    Enter it before anything is read, so that a bad folder is reported immediately.

    Args:
        inputs: files and folders that the run reads; names that are not paths are ignored.

    Raises:
        ValueError: as `check_output_folder`, or the folder is one of the inputs.
        BlockingIOError: another run is writing to the folder.
    """
    refuse_input(folder, inputs)
    check_output_folder(folder, resume=resume, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with claimed(folder) if os.environ.get("RANK", "0") == "0" else nullcontext():
        yield


def refuse_named_checkpoint(checkpoint: Path, folder: Path, *, overwrite: bool, **kind: Any) -> None:
    """Refuse a checkpoint from which a run cannot continue, before anything is read or deleted.

    Args:
        folder: the output folder.
        overwrite: whether the files of an earlier run in `folder` will be deleted.
        kind: as in `checkpoint_fault`.

    Raises:
        FileNotFoundError: the checkpoint does not exist.
        ValueError: the checkpoint is incomplete, or would be deleted.
    """
    if not checkpoint.is_dir():
        raise FileNotFoundError(f"cannot continue from {checkpoint}: there is no such folder. Correct the path.")
    if overwrite and checkpoint.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"cannot continue from {checkpoint}: it is in {folder}, and --overwrite deletes the earlier run there. Use "
            "--resume instead of --overwrite, or choose another --output-dir."
        )
    if (fault := checkpoint_fault(checkpoint, **kind)) is not None:
        raise ValueError(f"cannot continue from {checkpoint}: {fault}. Name another checkpoint, or use --resume.")


def last_checkpoint(folder: Path, **kind: Any) -> Path | None:
    """The complete checkpoint with the most steps; incomplete ones are skipped, and the log gives the reason.

    Args:
        kind: as in `checkpoint_fault`.
    """
    if not folder.is_dir():
        return None
    steps = {int(match[1]): child for child in folder.iterdir() if (match := _CHECKPOINT.fullmatch(child.name))}
    for step in sorted(steps, reverse=True):
        fault = checkpoint_fault(steps[step], **kind)
        if fault is None:
            return steps[step]
        logger.warning("skipping %s: %s", steps[step], fault)
    return None


def trainer_state(checkpoint: Path) -> dict[str, Any] | None:
    """Trainer's state at this checkpoint; None if the checkpoint was not finished."""
    try:
        return json.loads((checkpoint / "trainer_state.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def stopped_early(checkpoint: Path) -> bool:
    """Whether early stopping ended the run at this checkpoint."""
    state = trainer_state(checkpoint) or {}
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    return bool(control.get("should_training_stop"))
