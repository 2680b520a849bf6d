"""Results that others published for the benchmark tasks, with their sources, to compare our own numbers with.

The numbers are plain data, in `published_results.json`. None of them is a target: training rows, recipes and test
protocols differ. Each value says how it was measured as far as its source does.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, NamedTuple

from hf_dnalm.tasks import Task


class PublishedValue(NamedTuple):
    """One number that somebody printed.

    Attributes:
        model: as the source calls it.
        metric: one of ours where it is the same number, or else in words.
        value: in the unit of our metric, 0 to 1 where the source prints percent.
        source: where it stands.
        protocol: how it was measured, as far as the source says.
    """

    model: str
    metric: str
    value: float
    source: str
    protocol: str


def published_values(task: Task) -> list[PublishedValue]:
    """Everything that is known of a task, in the order of the sources; empty where nothing is.

    >>> from hf_dnalm.suites import benchmark_tasks
    >>> published_values(benchmark_tasks()["gue"]["emp_H3"])[8]._replace(source="…", protocol="…")
    PublishedValue(model='DNABERT-2', metric='mcc', value=0.7827, source='…', protocol='…')
    """
    suite, _, name = task.name.partition("/")
    values = []
    for table in published_tables():
        if table["suite"] != suite or name not in table["rows"]:
            continue
        unclear = table.get("unclear", {}).get(name)
        metric = f"unclear: {unclear}" if unclear else table["metric"]
        for model, printed in zip(table["models"], table["rows"][name], strict=True):
            if printed is not None:
                value = round(printed * table["scale"], 6)
                values.append(PublishedValue(model, metric, value, table["source"], table["protocol"]))
    return values


@functools.cache
def published_tables() -> list[dict[str, Any]]:
    """The tables as they stand in `published_results.json`.

    Each has `key`, `suite`, `metric`, `scale` (what a printed number is multiplied by), `source`, `protocol`, `models`
    (the columns), `rows` (task → one number for each column, null where nothing is printed or it cannot be read) and
    sometimes `unclear` (task → why its number cannot be compared).
    """
    text = resources.files("hf_dnalm.benchmarking").joinpath("published_results.json").read_text(encoding="utf-8")
    return json.loads(text)["tables"]
