"""What machine the figures are of: its processor, and how fast it multiplies matrices."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import torch


def cpu_name() -> str:
    """The processor's own name where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def matmul_ceiling(dtype: torch.dtype = torch.float32, device: str = "cpu", repeats: int = 10) -> float:
    """Operations per second of a lone product of 2,048 × 2,048 × 2,048, the best of `repeats`."""
    left, right = (torch.randn(2_048, 2_048, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for a GPU to be done
        seconds.append(time.perf_counter() - start)
    return 2 * 2_048**3 / min(seconds[1:])
