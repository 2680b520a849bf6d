"""Published results for the benchmark tasks, with their sources.

The numbers are in `published_results.json`. They are for comparison and are not targets: training rows, training
settings and test protocols differ. Each value has its protocol, as far as its source describes it.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, NamedTuple

from hf_dnalm.tasks import Task


class PublishedValue(NamedTuple):
    """One published number.

    Attributes:
        model: its name in the source.
        metric: the name of our metric if it is the same, otherwise a description.
        value: in the unit of our metric; values in percent are converted to 0 to 1.
        source: publication or repository, with table or commit.
        protocol: how it was measured, as far as the source describes it.
    """

    model: str
    metric: str
    value: float
    source: str
    protocol: str


def published_values(task: Task) -> list[PublishedValue]:
    """All published values of a task, in the order of the sources; empty if there are none.

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
    """The tables of `published_results.json`.

    Each has `key`, `suite`, `metric`, `scale` (factor from a published number to the value), `source`, `protocol`,
    `models` (the columns) and `rows` (task → one number for each column, null if it is missing or illegible). Some have
    `unclear` (task → why its number cannot be compared).
    """
    text = resources.files("hf_dnalm.benchmarking").joinpath("published_results.json").read_text(encoding="utf-8")
    return json.loads(text)["tables"]
