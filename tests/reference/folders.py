"""Reads a checkpoint's folder as numpy arrays, and gives the reference for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from tests.reference.operations import Config, Weights


def stored_weights(folder: Path) -> Weights:
    """The stored tensors by their published names; numbers in float64."""
    safetensors = folder / "model.safetensors"
    if safetensors.exists():
        state = load_file(safetensors)
    else:
        state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    return {name: (each.double() if each.is_floating_point() else each).numpy() for name, each in state.items()}


def stored_config(folder: Path) -> Config:
    """config.json as it is."""
    return json.loads((folder / "config.json").read_text())


def golden_numbers(folder: Path) -> dict[str, np.ndarray]:
    """What the authors' code gave for this folder."""
    return {name: each.numpy() for name, each in load_file(folder / "golden.safetensors").items()}
