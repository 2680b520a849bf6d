"""Whether a model runs to be exported, where lengths are symbols and no number of the input can be looked at."""

from __future__ import annotations

import torch


def is_exported() -> bool:
    """Whether torch.export or torch.onnx.export runs the model."""
    exporting = getattr(torch.compiler, "is_exporting", None)  # torch 2.6 has none
    if exporting is not None:
        return exporting()
    return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


def refuse_export(why: str) -> None:
    """Raise ValueError where the model is exported: `why` says what it does that a fixed program cannot."""
    if is_exported():
        raise ValueError(f"torch.export and ONNX cannot hold this model: {why}")
