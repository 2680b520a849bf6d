"""Published numbers belong to existing tasks, have our units, and name their source."""

from __future__ import annotations

import pytest

from hf_dnalm.benchmarking.published_results import published_tables, published_values
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.table import METRICS_OF
from hf_dnalm.suites import benchmark_tasks
from hf_dnalm.tasks import Task

TABLES = published_tables()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["key"])
def test_every_task_of_a_table_exists_and_has_that_metric(table):
    tasks = benchmark_tasks()[table["suite"]]
    assert table["rows"]
    assert table["source"]
    assert table["protocol"]
    assert len(set(table["models"])) == len(table["models"])
    for name, row in table["rows"].items():
        assert name in tasks
        assert len(row) == len(table["models"])
        for printed in row:
            assert printed is None or -0.1 <= printed * table["scale"] <= 1
        if table["metric"] in METRICS:
            assert table["metric"] in METRICS_OF[tasks[name].problem_type]
    assert set(table.get("unclear", {})) <= set(table["rows"])


def test_no_two_tables_have_one_key():
    keys = [table["key"] for table in TABLES]
    assert len(set(keys)) == len(keys)


def test_the_means_of_dnabert2s_table_are_those_that_the_paper_prints():
    table = next(each for each in TABLES if each["key"] == "dnabert2-gue")
    columns = dict(zip(table["models"], zip(*table["rows"].values(), strict=True), strict=True))
    means = {name: round(sum(column) / len(column), 2) for name, column in columns.items()}
    assert len(table["rows"]) == 28
    assert means["DNABERT-2"] == 66.81
    assert means["NT-2500M-multi"] == 66.93
    assert means["DNABERT 6-mer"] == 60.51


def test_an_unclear_metric_is_marked():
    values = published_values(benchmark_tasks()["gue"]["virus_covid"])
    of_the_paper = [value for value in values if "DNABERT-2), Table 4" in value.source]
    assert of_the_paper
    assert all(value.metric.startswith("unclear: ") for value in of_the_paper)


def test_a_metric_that_is_not_ours_is_described():
    values = published_values(benchmark_tasks()["plant-genomic-benchmark"]["gene_exp.zea_mays"])
    assert [value.metric in METRICS for value in values] == [False]


def test_a_task_of_ones_own_has_none():
    assert published_values(Task("mine", "regression", ("a",), metric="r2")) == []
