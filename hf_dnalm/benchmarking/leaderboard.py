"""The leaderboard: all results of a folder, with intervals, paired tests and ranks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from hf_dnalm.benchmarking.cells import BASELINES, Result, read_results
from hf_dnalm.benchmarking.published_results import PublishedValue, published_values
from hf_dnalm.benchmarking.statistics import (
    LEVEL,
    Ranks,
    holm,
    mcnemar,
    paired_bootstrap,
    ranks_over_tasks,
    wilcoxon_pairs,
)
from hf_dnalm.evaluation.bootstrap import bootstrap_draws, interval_95
from hf_dnalm.evaluation.json_values import json_number
from hf_dnalm.evaluation.model_scores import ConfidenceInterval
from hf_dnalm.tasks import Task

RUN = tuple[int, int, int]  # folds, fold and seed: runs with the same three numbers are compared


@dataclass(frozen=True)
class Score:
    """One contestant on one task.

    Attributes:
        interval: the task's metric, a mean over the runs, with its 95 % bootstrap interval over test rows.
        spread: standard deviation over the runs (folds and seeds); NaN for a single run.
        runs: number of runs.
        metrics: every metric of the task, a mean over the runs.
        seconds: total time of all runs; they may have run on different machines.
    """

    interval: ConfidenceInterval
    spread: float
    runs: int
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """Two contestants on the same test rows, in the runs that both have.

    Attributes:
        first, second: contestants.
        difference, low, high: first minus second in units of the metric, with the 95 % interval of the paired
            bootstrap.
        p, p_holm: two-sided p value of the difference, and the same adjusted for all pairs of this task.
        mcnemar_p: McNemar's p value for the decisions in the first run that both have; NaN if there are no decisions.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    mcnemar_p: float

    @property
    def is_significant(self) -> bool:
        """Whether the two differ at the 5 % level, adjusted for all pairs of the task."""
        return self.p_holm < LEVEL


@dataclass(frozen=True)
class TaskResult:
    """All contestants on one task.

    Attributes:
        task: the task, with notes on the data that were used.
        rows: number of rows of each split, in the first run.
        scores: contestant → score, for contestants with at least one run.
        comparisons: every pair of contestants.
        published: results that others have published for this task.
    """

    task: Task
    rows: dict[str, int]
    scores: dict[str, Score]
    comparisons: list[Comparison]
    published: list[PublishedValue]

    @property
    def best(self) -> str | None:
        """The contestant with the best value; None if every value is undefined."""
        sign = 1 if self.task.greater_is_better else -1
        defined = {name: sign * score.interval.value for name, score in self.scores.items()}
        defined = {name: value for name, value in defined.items() if not math.isnan(value)}
        return max(defined, key=lambda name: defined[name]) if defined else None

    @property
    def beaten_by_none(self) -> list[str]:
        """The best contestant and all that do not differ from it significantly at the 5 % level."""
        best = self.best
        worse = {
            each.second if each.first == best else each.first
            for each in self.comparisons
            if best in (each.first, each.second) and each.is_significant
        }
        return [
            name for name, score in self.scores.items() if name not in worse and not math.isnan(score.interval.value)
        ]


@dataclass(frozen=True)
class Leaderboard:
    """Every result of a folder.

    Attributes:
        contestants: baselines first, then models by name.
        tasks: sorted by name.
        ranks: average ranks over the tasks in `ranked`.
        ranked: names of the tasks for which all contestants have a defined value.
        wilcoxon: pair of contestants → Holm-adjusted p value over the tasks in `ranked`.
        settings: contestant → settings of its first result.
        mixed: contestants whose results were made with different settings.
        versions: versions of the packages that made the results.
        bootstrap: number of resamples for intervals and paired tests: the requested number, or more if many pairs are
            tested. 0: no intervals and no tests.
    """

    contestants: list[str]
    tasks: list[TaskResult]
    ranks: Ranks
    ranked: list[str]
    wilcoxon: dict[tuple[str, str], float]
    settings: dict[str, dict[str, Any]]
    mixed: list[str]
    versions: dict[str, str]
    bootstrap: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an undefined number is None."""
        order = dict(zip(self.contestants, self.ranks.average, strict=True)) if self.ranked else {}
        return {
            "contestants": self.contestants,
            "tasks": [_task_dict(each, tested=self.bootstrap > 0) for each in self.tasks],
            "ranks": {
                "average": order,
                "tasks": self.ranked,
                "friedman_p": json_number(self.ranks.friedman_p),
                "critical_difference": json_number(self.ranks.critical_difference),
                "wilcoxon": [
                    {"first": first, "second": second, "p_holm": p} for (first, second), p in self.wilcoxon.items()
                ],
            },
            "settings": self.settings,
            "mixed": self.mixed,
            "bootstrap": self.bootstrap,
            "versions": self.versions,
        }


def collect(folder: str | Path) -> Leaderboard | None:
    """The leaderboard of all finished cells in an output folder; None if no cell is finished.

    Raises:
        ValueError: a result cannot be read, or two results of the same task and run have different test rows.
    """
    results = read_results(folder)
    if not results:
        return None
    names = {result.cell.contestant for result in results}
    contestants = [name for name in BASELINES if name in names] + sorted(names - set(BASELINES))
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(f"{result.cell.suite}/{result.cell.task}", []).append(result)
    # With fewer resamples, even the smallest possible p value, 2 / (resamples + 1), would not be significant after
    # Holm's correction.
    pairs = len(contestants) * (len(contestants) - 1) // 2
    requested = max(result.facts["settings"]["bootstrap"] for result in results)
    bootstrap = max(100 * pairs, requested) if requested else 0
    tasks = [_task_result(name, group, contestants, bootstrap) for name, group in sorted(by_task.items())]
    complete = [
        each
        for each in tasks
        if len(each.scores) == len(contestants)
        and not any(math.isnan(score.interval.value) for score in each.scores.values())
    ]
    matrix = np.array(
        [
            [(1 if each.task.greater_is_better else -1) * each.scores[name].interval.value for name in contestants]
            for each in complete
        ]
    ).reshape(len(complete), len(contestants))
    # Values that differ only by rounding errors are ties.
    matrix = matrix.round(9)
    settings: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        known = settings.setdefault(result.cell.contestant, [])
        if result.facts["settings"] not in known:
            known.append(result.facts["settings"])
    return Leaderboard(
        contestants=contestants,
        tasks=tasks,
        ranks=ranks_over_tasks(matrix),
        ranked=[each.task.name for each in complete],
        wilcoxon={
            (contestants[first], contestants[second]): p for (first, second), p in wilcoxon_pairs(matrix).items()
        },
        settings={name: settings[name][0] for name in contestants},
        mixed=[name for name in contestants if len(settings[name]) > 1],
        versions=results[-1].facts["evaluation"]["versions"],
        bootstrap=bootstrap,
    )


def _task_result(name: str, results: Sequence[Result], contestants: Sequence[str], bootstrap: int) -> TaskResult:
    """Scores and paired tests of one task."""
    runs: dict[str, dict[RUN, Result]] = {}
    tests: dict[RUN, tuple[str, Result]] = {}
    for result in results:
        cell = result.cell
        run = (cell.folds, cell.fold, cell.seed)
        runs.setdefault(cell.contestant, {})[run] = result
        digest = result.facts["data"]["digests"]["test"]
        expected, other = tests.setdefault(run, (digest, result))
        if digest != expected:
            raise ValueError(
                f"{name}: {cell.contestant} and {other.cell.contestant} were scored on different test rows "
                f"(seed {cell.seed}, fold {cell.fold}). Delete the results of one and run it again."
            )
    task = results[0].task
    draws = {who: {run: _draws(task, result, bootstrap) for run, result in own.items()} for who, own in runs.items()}
    present = [who for who in contestants if who in runs]
    comparisons = [_compare(task, first, second, runs, draws) for first, second in combinations(present, 2)]
    adjusted = holm([each.p for each in comparisons])
    return TaskResult(
        task=task,
        rows=results[0].facts["data"]["rows"],
        scores={who: _score(task, runs[who], draws[who]) for who in present},
        comparisons=[_with_holm(each, p) for each, p in zip(comparisons, adjusted, strict=True)],
        published=published_values(task),
    )


def _draws(task: Task, result: Result, bootstrap: int) -> np.ndarray:
    """(resamples,) values of the task's metric; seed 0 for all, so that draws of the same test split are paired."""
    if bootstrap == 0:
        return np.empty(0)
    return bootstrap_draws(task, result.outputs, resamples=bootstrap, seed=0, metrics=(task.metric,))[task.metric]


def _score(task: Task, runs: Mapping[RUN, Result], draws: Mapping[RUN, np.ndarray]) -> Score:
    values = np.array([_value(result, task.metric) for result in runs.values()])
    means = np.mean([draws[run] for run in runs], axis=0)
    low, high = (math.nan, math.nan) if np.isnan(values).any() else interval_95(means)
    metrics = results_metrics(runs.values())
    return Score(
        interval=ConfidenceInterval(float(values.mean()), low, high),
        spread=float(values.std(ddof=1)) if len(values) > 1 else math.nan,
        runs=len(runs),
        metrics=metrics,
        seconds=sum(result.facts["seconds"] for result in runs.values()),
    )


def results_metrics(results: Any) -> dict[str, float]:
    """Mean over the runs of every metric."""
    tables = [result.facts["evaluation"]["metrics"] for result in results]
    return {name: float(np.mean([_or_nan(table[name]["value"]) for table in tables])) for name in tables[0]}


def _compare(
    task: Task,
    first: str,
    second: str,
    runs: Mapping[str, Mapping[RUN, Result]],
    draws: Mapping[str, Mapping[RUN, np.ndarray]],
) -> Comparison:
    shared = [run for run in runs[first] if run in runs[second]]
    if not shared:
        return Comparison(first, second, *(math.nan,) * 6)
    one, other = (float(np.mean([_value(runs[who][run], task.metric) for run in shared])) for who in (first, second))
    means = [np.mean([draws[who][run] for run in shared], axis=0) for who in (first, second)]
    paired = paired_bootstrap(one, other, *means) if means[0].size else (one - other, math.nan, math.nan, math.nan)
    mcnemar_p = math.nan
    if task.problem_type == "single_label_classification":
        outputs = [runs[who][shared[0]].outputs for who in (first, second)]
        mcnemar_p = mcnemar(*(each.decisions(task) == each.references for each in outputs))
    return Comparison(first, second, *paired, p_holm=math.nan, mcnemar_p=mcnemar_p)


def _with_holm(comparison: Comparison, p: float) -> Comparison:
    return dataclasses.replace(comparison, p_holm=p)


def _value(result: Result, metric: str) -> float:
    return _or_nan(result.facts["evaluation"]["metrics"][metric]["value"])


def _task_dict(each: TaskResult, *, tested: bool) -> dict[str, Any]:
    return {
        "task": each.task.to_dict(),
        "rows": each.rows,
        "best": each.best,
        "not_beaten": each.beaten_by_none if tested else None,
        "scores": {
            name: {
                **{part: json_number(value) for part, value in score.interval._asdict().items()},
                "spread": json_number(score.spread),
                "runs": score.runs,
                "metrics": {metric: json_number(value) for metric, value in score.metrics.items()},
                "seconds": round(score.seconds, 2),
            }
            for name, score in each.scores.items()
        },
        "comparisons": [
            {key: json_number(value) if isinstance(value, float) else value for key, value in vars(pair).items()}
            for pair in each.comparisons
        ],
        "published": [value._asdict() for value in each.published],
    }


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
