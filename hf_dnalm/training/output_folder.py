"""The folder of a run: refuse what would mix two runs, find where a killed one goes on."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_WRITTEN_LAST = "trainer_state.json"  # Trainer writes it when all else of a checkpoint is there
_FOLDERS = ("adapter", "report")  # beside the checkpoints
_FILES = re.compile(r"config\.json|task\.json|training_args\.bin|model.*\.safetensors(\.index\.json)?")


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


def last_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint with the most steps; one that a kill cut short is left out, with a line in the log."""
    if not folder.is_dir():
        return None
    steps = {int(match[1]): child for child in folder.iterdir() if (match := _CHECKPOINT.fullmatch(child.name))}
    for step in sorted(steps, reverse=True):
        if trainer_state(steps[step]) is not None:
            return steps[step]
        logger.warning("%s is not whole and is left out", steps[step])
    return None


def trainer_state(checkpoint: Path) -> dict[str, Any] | None:
    """What Trainer noted about the run so far; None where the checkpoint was not finished."""
    try:
        return json.loads((checkpoint / _WRITTEN_LAST).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def stopped_early(checkpoint: Path) -> bool:
    """Whether early stopping had ended the run that left this checkpoint."""
    state = trainer_state(checkpoint) or {}
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    return bool(control.get("should_training_stop"))
