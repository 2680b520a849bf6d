"""Render the tables of docs/benchmarks.md: the tasks of every suite, their sizes, and the meaning of their labels."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from hf_dnalm.suites import benchmark_tasks, published_task
from hf_dnalm.tasks import Task

_WIDTH = 130
_SECTION = "<!-- tasks of {} -->\n"
_END = "<!-- end -->"


def render_benchmarks_page(page: str) -> str:
    """The page with up-to-date tables between the markers `<!-- tasks of gue -->` and `<!-- end -->`.

    Raises:
        ValueError: the page has no markers for a suite.
    """
    for suite, tasks in benchmark_tasks().items():
        start = re.escape(_SECTION.format(suite))
        if not re.search(rf"{start}.*?{_END}", page, flags=re.DOTALL):
            raise ValueError(f"the page has no {_SECTION.format(suite).strip()} followed by {_END}; add both markers.")
        parts = [part for part in (_facts(tasks), _table(suite, tasks), _meanings(tasks)) if part]
        section = "\n\n".join(parts)
        before, rest = page.split(_SECTION.format(suite), 1)
        page = f"{before}{_SECTION.format(suite)}\n{section}\n\n{rest[rest.index(_END) :]}"
    return page


def write_benchmarks_page(path: str | os.PathLike[str]) -> Path:
    """Update the tables of a page in place; returns its path."""
    path = Path(path)
    path.write_text(render_benchmarks_page(path.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def _facts(tasks: dict[str, Task]) -> str:
    """Licence and citation, if all tasks of a suite share them."""
    lines = []
    for name, values in (
        ("Licence", {task.licence for task in tasks.values()}),
        ("Citation", {task.citation.split("; ")[0] for task in tasks.values()}),
    ):
        if len(values) == 1 and (value := values.pop()):
            lines.append(f"{name}: {value.removesuffix('.')}.")
    return textwrap.fill(" ".join(lines), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(suite: str, tasks: dict[str, Task]) -> str:
    rows = ["| task | predicts | bp | rows | metric |", "|---|---|---|---|---|"]
    for name, task in tasks.items():
        rows.append(f"| `{name}` | {_predicts(task)} | {_length(task)} | {_rows(suite, name)} | {task.metric} |")
    return "\n".join(rows)


def _predicts(task: Task) -> str:
    kind = {
        "single_label_classification": f"{task.num_labels} classes",
        "multi_label_classification": f"{task.num_labels:,} tracks",
        "regression": f"{task.num_labels} values" if task.num_labels > 1 else "a value",
    }[task.problem_type]
    where = {"sequence": "", "nucleotide": " of each base", "bin": f" of each {task.bin_bp} bp"}[task.level]
    return f"{kind}{where}{', of a pair' if task.pair else ''}"


def _length(task: Task) -> str:
    if task.length_bp is None:
        return ""
    shortest, longest = task.length_bp
    return f"{shortest:,}" if shortest == longest else f"{shortest:,}–{longest:,}"


def _rows(suite: str, name: str) -> str:
    published = published_task(suite, name)
    if published is None:
        return ""
    counts = [
        f"{published.rows[split]:,}" if split in published.rows else "?" if split in published.files else "-"
        for split in ("train", "validation", "test")
    ]
    return " / ".join(counts)


def _meanings(tasks: dict[str, Task]) -> str:
    """What the labels mean; tasks with the same meaning share a line."""
    tasks_of: dict[str, list[str]] = {}
    for name, task in tasks.items():
        meaning = task.description.split(" Rows: ")[0]
        tasks_of.setdefault(meaning, []).append(f"`{name}`")
    lines = [f"- {', '.join(names)}: {meaning}" for meaning, names in tasks_of.items()]
    wrapped = (
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in lines
    )
    return "\n".join(wrapped)
