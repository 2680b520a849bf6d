"""The parser that every command uses: no abbreviated flags, and a help text that ends with an example."""

from __future__ import annotations

import argparse
import textwrap
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """The flags of one command.

    Attributes:
        example: a complete command line, shown at the end of the help.
    """

    def __init__(self, command: str, description: str, *, example: str) -> None:
        self.example = example
        super().__init__(
            prog=f"dnalm {command}",
            description=textwrap.fill(" ".join(description.split()), 80, break_on_hyphens=False),
            epilog="example:\n  " + continued(example),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, which ends with a full stop like every other error; exit with code 2."""
        super().error(message if message.endswith(".") else f"{message}.")


def continued(command: str) -> str:
    """A command line as lines of at most 80 characters that can be pasted into a shell.

    >>> print(continued("dnalm embed a-model reads.fa --output " + "long/" * 8 + "vectors.parquet"))
    dnalm embed a-model reads.fa --output \\
        long/long/long/long/long/long/long/long/vectors.parquet
    """
    lines = textwrap.wrap(command, 74, break_long_words=False, break_on_hyphens=False)
    return " \\\n    ".join(lines)
