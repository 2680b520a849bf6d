"""Time and memory of HyenaDNA on long sequences, compared with the official port's algorithm.

Each cell is one forward of the body of `hyenadna-large-1m-seqlen-hf` (random weights) in a process of its own.

    python speed/long_sequences.py
    python speed/long_sequences.py --lengths 32768 --sides ours
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))
import peers
from families import Family, build, inputs
from machine import cpu_name, peak_memory_mib, resident_mib

RESULTS = Path(__file__).parent / "results" / "long_sequences.md"
FAMILY = Family("LongSafari/hyenadna-large-1m-seqlen-hf", 1, "the official port's algorithm", peers.plain_hyenadna)
LENGTHS_BP = (32_768, 160_000, 1_000_000)
PEER_UP_TO = 160_000  # bp
SECONDS, GIB = 1_200, 22  # after which, and over which, a cell is given up


@torch.inference_mode()
def measure(side: str, length_bp: int) -> dict[str, float]:
    """Seconds of one forward, and the peak of memory above what the weights take, in MiB."""
    resource.setrlimit(resource.RLIMIT_AS, (GIB * 2**30, GIB * 2**30))
    model = build(FAMILY)
    ids, mask = inputs(FAMILY, model, length_bp)
    if side == "ours":
        forward: peers.Forward = lambda ids, mask: model(input_ids=ids, attention_mask=mask).last_hidden_state  # noqa: E731
    else:
        forward = FAMILY.make_peer(model)
    before = resident_mib()
    start = time.perf_counter()
    forward(ids, mask)
    return {"seconds": time.perf_counter() - start, "mib": max(peak_memory_mib() - before, 0.0)}


def cell(side: str, length_bp: int) -> list[str]:
    """Seconds, bp/s and memory, or why there are none."""
    command = [sys.executable, __file__, "--cell", side, str(length_bp)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return [f"over {SECONDS} s", "", ""]
    except subprocess.CalledProcessError as error:
        if "not enough memory" not in error.stderr and "allocate memory" not in error.stderr:
            raise RuntimeError(f"{side}, {length_bp:,} bp:\n{error.stderr}") from None
        return ["", "", f"over {GIB} GiB"]
    found = json.loads(done.stdout.splitlines()[-1])
    return [f"{found['seconds']:.1f}", f"{length_bp / found['seconds']:,.0f}", f"{found['mib']:,.0f}"]


def report(lengths: list[int], sides: list[str]) -> str:
    """The page of results in Markdown."""
    lines = [
        "# Long sequences: time and memory",
        "",
        f"Written by `speed/long_sequences.py`. {cpu_name()}, {torch.get_num_threads()} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}. The body of "
        f"{FAMILY.hub_id} in float32, random weights, one sequence, one forward without warming up, each in a process "
        f"of its own that may take {GIB} GiB of addresses and {SECONDS} s. Memory is the peak above the weights. The "
        f"peer is {FAMILY.peer}, with the same weights; it was not tried beyond {PEER_UP_TO:,} bp.",
        "",
        "| bp | side | seconds | bp/s | MiB |",
        "|---|---|---|---|---|",
    ]
    for length in lengths:
        for side in sides if length <= PEER_UP_TO else ("ours",):
            lines.append(f"| {' | '.join([f'{length:,}', side, *cell(side, length)])} |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS_BP), metavar="BP")
    parser.add_argument("--sides", nargs="+", choices=["ours", "peer"], default=["ours", "peer"])
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--cell", nargs=2, metavar=("SIDE", "BP"), help="one measurement, printed as JSON")
    arguments = parser.parse_args()
    if arguments.cell:
        side, length = arguments.cell
        print(json.dumps(measure(side, int(length))))
        return
    page = report(arguments.lengths, arguments.sides)
    temporary = arguments.output.with_suffix(".partial")
    temporary.write_text(page)
    os.replace(temporary, arguments.output)


if __name__ == "__main__":
    main()
