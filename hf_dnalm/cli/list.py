"""`dnalm list`: the published checkpoints that this package knows, or the benchmark tasks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.checkpoints.passport import in_millions


def run(arguments: list[str]) -> None:
    """Print a table, or with --json the same as JSON."""
    parser = argparse.ArgumentParser(
        prog="dnalm list",
        description="The published checkpoints that this package knows, or with --tasks the benchmark tasks.",
    )
    parser.add_argument("--tasks", action="store_true", help="list benchmark tasks in place of checkpoints")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args(arguments)
    rows = task_rows() if options.tasks else checkpoint_rows()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(table(rows, TASK_COLUMNS if options.tasks else CHECKPOINT_COLUMNS))
    if not options.tasks:
        print()
        print("context: the longest input; + where longer ones than in pre-training are read too.")
        print("revision: the commit that was checked and is read; main where none was; - where it lies elsewhere.")


CHECKPOINT_COLUMNS = ("checkpoint", "family", "parameters", "k", "tokens", "context", "licence", "revision")
TASK_COLUMNS = ("task", "type", "labels", "metric", "length", "licence")


def checkpoint_rows() -> list[dict[str, Any]]:
    """One row a checkpoint: plain numbers; `context_tokens` in tokens, special ones counted, `context_bp` in bp.

    `k` and `context_bp` are None where tokens differ in length; the context is None where nothing limits it and that of
    pre-training is not known. `limited` says whether the context is a limit.
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
    """One row a benchmark task: what it asks, what is scored; `length_bp`: shortest and longest sequence."""
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
    lines = [columns, *([_cell(row, column) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(row: dict[str, Any], column: str) -> str:
    """What a table shows of a row's numbers."""
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
