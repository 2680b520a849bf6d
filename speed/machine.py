"""What machine the figures are of: its processor, and how fast it multiplies matrices."""

from __future__ import annotations

import platform
import re
import resource
import time
from pathlib import Path

import torch

from hf_dnalm.inference.batches import multiplies_bfloat16


def cpu_name() -> str:
    """The processor's own name where the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def processor(device: str = "cpu") -> str:
    """The processor that the tensors are on, and what of its arithmetic decides about speed."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    bfloat16 = "AMX" if multiplies_bfloat16(torch.device(device)) else "no bfloat16 arithmetic"
    return f"{cpu_name()}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, {bfloat16}"


def peak_memory_mib() -> float:
    """The most memory that this process held. `getrusage` would count what the process held that started this one."""
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def resident_mib() -> float:
    """What this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def matmul_ceiling(dtype: torch.dtype = torch.float32, device: str = "cpu", repeats: int = 20) -> float:
    """Operations per second of a lone product of 2,048 × 2,048 × 2,048, the best of `repeats`."""
    left, right = (torch.randn(2_048, 2_048, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for a GPU to be done
        seconds.append(time.perf_counter() - start)
    return 2 * 2_048**3 / min(seconds[1:])
