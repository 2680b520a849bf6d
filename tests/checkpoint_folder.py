"""Copies of a checkpoint's folder in which something is not as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file


def changed(
    folder: Path, to: Path, *, drop: tuple[str, ...] = (), add: dict | None = None, config: dict | None = None
) -> Path:
    """The folder with tensors dropped or added and fields of its config set."""
    shutil.copytree(folder, to)
    weights = {name: each for name, each in load_file(to / "model.safetensors").items() if name not in drop}
    save_file(weights | (add or {}), to / "model.safetensors", metadata={"format": "pt"})
    described = json.loads((to / "config.json").read_text()) | (config or {})
    (to / "config.json").write_text(json.dumps(described))
    return to
