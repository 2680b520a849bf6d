"""Seconds that importing this package costs, side by side with transformers alone; writes results/import_time.md.

Run on a quiet machine: `python speed/import_time.py [repeats]`. Each import is a fresh process; the two of a pair
take turns, so that both see the same machine, and medians are compared.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median

PAIRS = (
    ("import transformers", "import transformers, hf_dnalm"),
    ("from transformers import AutoModel", "from hf_dnalm import AutoModel"),
)
COMMANDS = (["--help"], ["list"], ["list", "--tasks"], ["info", "InstaDeepAI/agro-nucleotide-transformer-1b"])
CLOCK = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def import_seconds(statement: str) -> float:
    """Seconds of one import in a fresh process, Python's own start left out."""
    command = [sys.executable, "-c", CLOCK.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def command_seconds(arguments: list[str]) -> float:
    """Seconds of one `dnalm` command, Python's start included."""
    command = f"[sys.executable, '-m', 'hf_dnalm', *{arguments!r}]"
    return import_seconds(f"import subprocess, sys; subprocess.run({command}, capture_output=True)")


def main(repeats: int) -> None:
    lines = [
        "# Import time",
        "",
        f"Medians of {repeats} fresh processes each, in turns. Python {platform.python_version()}, "
        f"transformers {version('transformers')}, torch {version('torch')}.",
        "",
        "| transformers alone | s | with hf_dnalm | s | difference | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for alone, ours in PAIRS:
        import_seconds(alone), import_seconds(ours)  # warm the disk cache
        seconds = [(import_seconds(alone), import_seconds(ours)) for _ in range(repeats)]
        first, second = (median(column) for column in zip(*seconds, strict=True))
        lines.append(
            f"| `{alone}` | {first:.3f} | `{ours}` | {second:.3f} | {second - first:+.3f} s | {second / first:.2f} |"
        )
    lines += ["", "| command | s |", "|---|---|"]
    for arguments in COMMANDS:
        lines.append(
            f"| `dnalm {' '.join(arguments)}` | {median(command_seconds(arguments) for _ in range(repeats)):.2f} |"
        )
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "results" / "import_time.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
