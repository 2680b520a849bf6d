"""`dnalm list`: the registry of published checkpoints, or of benchmark tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.checkpoints.passport import in_millions
from hf_dnalm.cli.aligned import aligned
from hf_dnalm.cli.parser import Parser


def run(arguments: list[str]) -> None:
    """Print the table or, with --json, its rows as JSON."""
    options = _parser().parse_args(arguments)
    rows = task_rows() if options.tasks else checkpoint_rows()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(table(rows, TASK_COLUMNS if options.tasks else CHECKPOINT_COLUMNS))
    if not options.tasks:
        print()
        print("context: the longest input; +: inputs longer than in pre-training work too.")
        print("revision: the pinned commit; main: no commit is pinned; -: not on the Hub.")


def _parser() -> Parser:
    parser = Parser(
        "list",
        "List the published checkpoints that this package loads by name, or with --tasks the benchmark tasks.",
        example="dnalm list --tasks",
    )
    parser.add_argument("--tasks", action="store_true", help="list benchmark tasks; default: checkpoints")
    parser.add_argument("--json", action="store_true", help="print JSON; default: a table")
    return parser


CHECKPOINT_COLUMNS = ("checkpoint", "family", "parameters", "k", "tokens", "context", "licence", "revision")
TASK_COLUMNS = ("task", "type", "labels", "metric", "length", "licence")


def checkpoint_rows() -> list[dict[str, Any]]:
    """One row for each checkpoint; `context_tokens` includes special tokens, `context_bp` is in bp.

    `k` and `context_bp` are None if tokens differ in length. The context is None if it is unlimited and the length in
    pre-training is unknown. `limited`: longer inputs are refused.
    """
    return [
        {
            "checkpoint": checkpoint.hub_id,
            "family": passport.family,
            "parameters": checkpoint.parameters,
            "k": checkpoint.k,
            "context_tokens": checkpoint.context_tokens,
            "context_bp": passport.context_bp(checkpoint),
            "limited": passport.limited,
            "licence": passport.licence_of(checkpoint),
            "revision": checkpoint.revision,
            "download": checkpoint.download,
        }
        for passport in PASSPORTS
        for checkpoint in passport.checkpoints
    ]


def task_rows() -> list[dict[str, Any]]:
    """One row for each benchmark task; `length_bp`: shortest and longest sequence."""
    from hf_dnalm.suites import benchmark_tasks

    return [
        {
            "suite": suite,
            "task": name,
            "problem_type": task.problem_type,
            "num_labels": task.num_labels,
            "metric": task.metric,
            "length_bp": task.length_bp,
            "licence": task.licence,
            "description": task.description,
        }
        for suite, tasks in benchmark_tasks().items()
        for name, task in tasks.items()
    ]


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """The rows as aligned columns, a line each."""
    return aligned([columns, *([_cell(row, column) for column in columns] for row in rows)])


def _cell(row: dict[str, Any], column: str) -> str:
    """The text of one table cell."""
    if column == "parameters":
        return in_millions(row["parameters"])
    if column == "tokens" and row["context_tokens"] is None:
        return "any"
    if column == "tokens":
        return f"{row['context_tokens']:,}" + ("" if row["limited"] else "+")
    if column == "context":
        return "" if row["context_bp"] is None else f"{row['context_bp']:,} bp"
    if column == "k":
        return "" if row["k"] is None else str(row["k"])
    if column == "revision":
        return row["revision"] or ("-" if row["download"] else "main")
    if column == "task" and "suite" in row:
        return f"{row['suite']}/{row['task']}"
    if column == "type":
        return row["problem_type"].removesuffix("_classification").replace("_", "-")
    if column == "labels":
        return str(row["num_labels"])
    if column == "length":
        shortest, longest = row["length_bp"] or (None, None)
        return "" if shortest is None else f"{shortest:,} bp" if shortest == longest else f"{shortest:,}–{longest:,} bp"
    return str(row[column])
