"""Commands that are started as torchrun starts them, and killed. DNALM_KILLS=10 is the full run."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time

KILLS = int(os.environ.get("DNALM_KILLS", "1"))
PATIENCE = 120  # seconds


def start(flags: list[str], *, processes: int) -> list[subprocess.Popen]:
    """The command as torchrun starts it: one process for each rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    together = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, "-m", "hf_dnalm", *flags]
    return [
        subprocess.Popen(
            command,
            env=os.environ | ({"RANK": str(rank), "LOCAL_RANK": str(rank)} | together if processes > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(processes)
    ]


def finished_shards(out) -> int:
    return len(list(out.parent.glob(f"{out.name}.shards/0*.safetensors")))


def kill_after(running: list[subprocess.Popen], out, shards: int, seconds: float) -> None:
    """SIGKILL all, some time after they have finished so many shards more, if they have not ended before."""
    wanted, deadline = finished_shards(out) + shards, time.monotonic() + PATIENCE
    while finished_shards(out) < wanted and not out.exists() and any(each.poll() is None for each in running):
        assert time.monotonic() < deadline, "no shard was written"
        time.sleep(0.002)
    time.sleep(seconds)
    for each in running:
        each.kill()
    for each in running:
        each.communicate()


def killed_and_finished(flags: list[str], out, *, shards: int) -> None:
    """Kill the command again and again, each time some shards later, alone and in two processes; then let it end."""
    moments, there = random.Random(0), [0]
    for number in range(KILLS):
        running = start([*flags, str(out)], processes=1 + number % 2)
        kill_after(running, out, shards=moments.randint(1, shards), seconds=moments.uniform(0, 0.05))
        assert not out.exists()
        there.append(finished_shards(out))
    assert there == sorted(set(there))  # every run went on from where the one before it stopped
    for each in start([*flags, str(out)], processes=2):
        output, _ = each.communicate(timeout=PATIENCE)
        assert each.returncode == 0, output
