"""A small genome whose letters are known, for suites that hold places instead of letters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LETTERS = "".join(np.random.default_rng(5).choice(list("ACGT"), size=4_000))


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_reference(folder: Path) -> Path:
    """chr1 has `LETTERS`, chr2 has them from the last to the first."""
    path = folder / "genome" / "hg.fa"
    write(path, ">chr1", LETTERS, ">chr2", LETTERS[::-1])
    return path
