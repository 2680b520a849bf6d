"""The --overwrite flag, which all commands share that write a result."""

from __future__ import annotations

import argparse


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """Add --overwrite; without it, an existing output is an error."""
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output; default: refuse")
