"""The flag of all commands that write a result: may an existing one be replaced?"""

from __future__ import annotations

import argparse


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """Add --overwrite."""
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output; default: refuse")
