"""Whether a model is being exported: lengths are then symbols, and input values cannot be inspected."""

from __future__ import annotations

import torch


def is_exported() -> bool:
    """Whether torch.export or torch.onnx.export runs the model."""
    exporting = getattr(torch.compiler, "is_exporting", None)  # torch 2.6 has none
    if exporting is not None:
        return exporting()
    return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


def refuse_export(why: str) -> None:
    """Raise ValueError if the model is being exported; `why` names the operation that a fixed program cannot do."""
    if is_exported():
        raise ValueError(f"torch.export and ONNX cannot export this model: {why}")
