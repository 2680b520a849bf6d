"""The process that reads damaged files, one after the other, and says how each ended; it may die of one."""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import tempfile
from pathlib import Path

from tests.fuzz.target import attempt, prepared
from tests.fuzz.targets import TARGETS

_MEMORY = 6 * 2**30  # bytes beyond what is mapped after a valid input; a header that asks for more is a fault


def main(name: str, first: int, last: int, seed: int) -> None:
    """Print one line of JSON for each input: its number, the kind of its ending, the detail."""
    faulthandler.enable()
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        template, file = prepared(target, Path(folder))
        target.read(template / file)  # the valid input must be read; it also does all imports
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY, resource.RLIM_INFINITY))
        print(json.dumps([-1, "ready", ""]), flush=True)
        for number in range(first, last):
            print(json.dumps([number, *attempt(target, template, file, number, seed=seed)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
