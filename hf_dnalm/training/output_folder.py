"""The folder of a run: refuse what would mix two runs, find where a killed one goes on."""

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
_FOLDERS = ("adapter", "report")  # beside the checkpoints
_FILES = re.compile(r"run\.json|config\.json|task\.json|training_args\.bin|model.*\.safetensors(\.index\.json)?")


def check_output_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless the user said what shall become of it.

    Raises:
        ValueError: neither `resume` nor `overwrite`, and the folder is not empty.
        NotADirectoryError: there is a file of this name.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"the output folder {folder} is a file; choose another --output_dir")
    if not resume and not overwrite and folder.is_dir() and any(folder.iterdir()):
        raise ValueError(
            f"the output folder {folder} is not empty; --resume goes on with the run in it, --overwrite replaces it, "
            "or choose another --output_dir"
        )


def clear_earlier_run(folder: Path) -> None:
    """Remove the model, checkpoints, adapter and report of an earlier run; what is not of a run stays."""
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        if child.is_dir() and (child.name in _FOLDERS or _CHECKPOINT.fullmatch(child.name)):
            shutil.rmtree(child)
        elif child.is_file() and _FILES.fullmatch(child.name):
            child.unlink()


@contextmanager
def claimed_folder(folder: Path, *, inputs: Iterable[str | Path], resume: bool, overwrite: bool) -> Iterator[None]:
    """Hold the output folder for this run, of several processes by the first one; entered before anything is read.

    Args:
        inputs: files and folders that are read; names that are no paths are ignored.

    Raises:
        ValueError: as `check_output_folder`; or the folder is one of the inputs.
        BlockingIOError: another run is writing there.
    """
    refuse_input(folder, inputs)
    check_output_folder(folder, resume=resume, overwrite=overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with claimed(folder) if os.environ.get("RANK", "0") == "0" else nullcontext():
        yield


def refuse_named_checkpoint(checkpoint: Path, folder: Path, *, overwrite: bool, **kind: Any) -> None:
    """Refuse a checkpoint that a run cannot go on from, before anything is read or removed.

    Args:
        folder: the output folder.
        overwrite: whether what an earlier run left in there will be removed.
        kind: as in `checkpoint_fault`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the checkpoint is not whole, or would be removed.
    """
    if not checkpoint.is_dir():
        raise FileNotFoundError(f"cannot go on from {checkpoint}: there is no such folder")
    if overwrite and checkpoint.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"cannot go on from {checkpoint}: it lies in {folder}, whose earlier run --overwrite removes. Leave out "
            "--overwrite and use --resume, or choose another --output_dir."
        )
    if (fault := checkpoint_fault(checkpoint, **kind)) is not None:
        raise ValueError(f"cannot go on from {checkpoint}: {fault}. Name another checkpoint, or use --resume.")


def last_checkpoint(folder: Path, **kind: Any) -> Path | None:
    """The whole checkpoint with the most steps; others are passed over, with a line in the log that says why.

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
        logger.warning("%s is passed over: %s", steps[step], fault)
    return None


def trainer_state(checkpoint: Path) -> dict[str, Any] | None:
    """What Trainer noted about the run so far; None where the checkpoint was not finished."""
    try:
        return json.loads((checkpoint / "trainer_state.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def stopped_early(checkpoint: Path) -> bool:
    """Whether early stopping had ended the run that left this checkpoint."""
    state = trainer_state(checkpoint) or {}
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    return bool(control.get("should_training_stop"))
