"""`python -m tests.fuzz [READER …] -n 10000`: how many damaged inputs each reader read and refused, and every fault."""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

_PATIENCE = 120  # seconds for one input, or for the start
_SHOWN = 12  # faults of one reader that are printed


class Run(NamedTuple):
    """How the inputs of one reader ended."""

    name: str
    counts: Counter
    faults: list[str]


def fuzz(name: str, count: int, seed: int) -> Run:
    """Read damaged inputs in a process of their own, which is started again after one that killed it."""
    counts: Counter = Counter()
    faults: list[str] = []
    number = 0
    while number < count:
        command = [sys.executable, "-m", "tests.fuzz.worker", name, str(number), str(count), str(seed)]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        lines: queue.Queue = queue.Queue()
        # both pipes are read by threads, so that neither fills up
        reader = threading.Thread(
            target=lambda pipe, put: [*map(put, pipe), put(None)], args=(worker.stdout, lines.put)
        )
        said: list[str] = []
        errors = threading.Thread(target=lambda pipe, keep: keep.extend(pipe), args=(worker.stderr, said))
        reader.start(), errors.start()
        ready = False
        while True:
            try:
                line = lines.get(timeout=_PATIENCE)
            except queue.Empty:
                line, fault = None, "hang"
                worker.kill()
            else:
                fault = "crash"
            if line is None:
                break
            try:
                at, kind, detail = json.loads(line)
            except ValueError:  # a library printed something
                continue
            ready = True
            if at < 0:
                continue
            number = at + 1
            counts[kind] += 1
            if kind == "fault":
                faults.append(f"input {at}: {detail}")
        worker.wait(), reader.join(), errors.join()
        if not ready:
            raise SystemExit(f"{name}: the valid input was not read:\n{''.join(said)[-3000:]}")
        if number < count:
            counts["fault"] += 1
            faults.append(f"input {number}: {fault} of the process: {''.join(said)[-300:].strip()}")
            number += 1
    return Run(name, counts, faults)


def main() -> None:
    """Fuzz the readers that were named, or all, and end with 1 when there was a fault."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__, allow_abbrev=False)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("-n", type=int, default=1_000, metavar="N", help="inputs for each reader; default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="other numbers give other inputs; default: 0")
    parser.add_argument("--jobs", type=int, default=1, help="readers at a time; default: 1")
    options = parser.parse_args()
    unknown = set(options.readers) - set(TARGETS)
    if unknown:
        parser.error(f"no reader {sorted(unknown)[0]!r}; there are: {', '.join(TARGETS)}")
    names = options.readers or list(TARGETS)
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = []
        for run in pool.map(lambda name: fuzz(name, options.n, options.seed), names):
            runs.append(run)
            for fault in run.faults[:_SHOWN]:
                print(f"{run.name}: {fault[:400]}", flush=True)
    print("\n| reader | inputs | read | refused by name | faults |\n|---|---|---|---|---|")
    for name, counts, _ in runs:
        print(
            f"| {name} | {sum(counts.values()):,} | {counts['read']:,} | {counts['refused']:,} | {counts['fault']:,} |"
        )
    raise SystemExit(any(run.faults for run in runs))


if __name__ == "__main__":
    main()
