"""`dnalm verify`: check that a checkpoint is complete, sound and identical to the published one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from hf_dnalm.cli.parser import Parser

if TYPE_CHECKING:
    from hf_dnalm.verification import Verification

_DESCRIPTION = """\
Load a checkpoint in float32 on the CPU and check it on short sequences: tensors, finite numbers, padding on either
side, tokenizer, both strands, and published numbers if some are known. Exit code 0: all checks passed; 1: a check
failed; 2: the checkpoint cannot be read.
"""


def run(arguments: list[str]) -> None:
    """Print one line per check; exit with 1 if any failed."""
    options = _parser().parse_args(arguments)

    from hf_dnalm.verification import verify

    revision = {} if options.revision is None else {"revision": options.revision}
    result = verify(options.model, family=options.family, published=options.published, **revision)
    print(json.dumps(asdict(result) | {"ok": result.ok}, indent=2) if options.json else text(result))
    if not result.ok:
        raise SystemExit(1)


def _parser() -> Parser:
    parser = Parser("verify", _DESCRIPTION, example="dnalm verify zhihan1996/DNABERT-2-117M")
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a model of a family of this package")
    parser.add_argument(
        "--family", help="model family, if config.json does not tell it; default: recognised from the files"
    )
    parser.add_argument("--revision", help="branch, tag or commit of MODEL on the Hub; default: the pinned one")
    parser.add_argument(
        "--published", metavar="ID", help="Hub id of the published checkpoint that MODEL is a copy of; default: MODEL"
    )
    parser.add_argument("--json", action="store_true", help="print JSON; default: a table")
    return parser


def text(result: Verification) -> str:
    """What was loaded, one line per check, details of some checks, and the verdict."""
    from hf_dnalm.cli.list import table

    parameters = "weights cannot be loaded" if result.parameters is None else f"{result.parameters:,} parameters"
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
        "all checks passed" if result.ok else f"FAILED: {', '.join(failed)}",
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
