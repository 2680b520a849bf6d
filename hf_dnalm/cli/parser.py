"""The parser that every command uses: no abbreviated flags, and a help text that ends with an example."""

from __future__ import annotations

import argparse
import textwrap


class Parser(argparse.ArgumentParser):
    """Flags of one command.

    Attributes:
        example: a complete command line, shown at the end of the help.
    """

    def __init__(self, command: str, description: str, *, example: str) -> None:
        self.example = example
        super().__init__(
            prog=f"dnalm {command}",
            description=textwrap.fill(" ".join(description.split()), 80, break_on_hyphens=False),
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
