"""`dnalm verify SRC`: is a checkpoint whole, sound, and the one that was published?"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_dnalm.verification import Verification

_DESCRIPTION = """\
Load a checkpoint in float32 on the CPU and check it with short sequences: its tensors, finite numbers, padding on
either side, its tokenizer, both strands, and published numbers where some are known. Exit code 0: nothing failed;
1: a check failed; 2: the source cannot be read.
"""


def run(arguments: list[str]) -> None:
    """Print a line for each check, and exit with 1 when one failed."""
    parser = argparse.ArgumentParser(prog="dnalm verify", description=_DESCRIPTION)
    parser.add_argument("source", metavar="SRC", help="a folder or a Hub id, of a family of this package")
    parser.add_argument("--family", help="read SRC as this family, whatever its config.json says")
    parser.add_argument("--revision", help="branch, tag or commit of SRC on the Hub")
    parser.add_argument(
        "--published", metavar="ID", help="the published checkpoint that the folder SRC is a copy of, by its Hub id"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args(arguments)

    from hf_dnalm.verification import verify

    revision = {} if options.revision is None else {"revision": options.revision}
    result = verify(options.source, family=options.family, published=options.published, **revision)
    print(json.dumps(asdict(result) | {"ok": result.ok}, indent=2) if options.json else text(result))
    if not result.ok:
        raise SystemExit(1)


def text(result: Verification) -> str:
    """What was loaded, a line for each check, what is to be said about some of them, and how it went."""
    from hf_dnalm.cli.list import table

    parameters = "weights that do not load" if result.parameters is None else f"{result.parameters:,} parameters"
    revision = "" if result.revision is None else f" at {result.revision}"
    rows = [
        {"check": check.name, "result": check.outcome, "figure": check.figure, "compared": check.compared}
        for check in result.checks
    ]
    details = [f"{check.name}: {detail}" for check in result.checks for detail in check.details]
    failed = [check.name for check in result.checks if check.outcome == "FAILED"]
    paragraphs = [
        f"{result.source}{revision}: {result.family}, {result.auto_class}, {parameters}",
        table(rows, ("check", "result", "figure", "compared")),
        "\n".join(details),
        "nothing failed" if result.ok else f"FAILED: {', '.join(failed)}",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
