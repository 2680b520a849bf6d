"""Significance tests between models: on one task by its test rows, over many tasks by ranks.

On one task: the paired bootstrap of the difference of the metric, and McNemar's exact test for decisions. Over many
tasks, as recommended by Demšar (2006, J. Mach. Learn. Res. 7:1-30): Friedman's test on ranks with Nemenyi's critical
difference, and Wilcoxon's signed-rank test for each pair. p values of several pairs are adjusted by Holm's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from hf_dnalm.evaluation.bootstrap import interval_95

LEVEL = 0.05


class PairedDifference(NamedTuple):
    """A metric of one model minus that of another on the same rows.

    Attributes:
        difference: in units of the metric; positive if the first model has the larger value.
        low, high: 95 % interval: the 2.5 and 97.5 percentiles of the resamples.
        p: two-sided p value.
    """

    difference: float
    low: float
    high: float
    p: float


class Ranks(NamedTuple):
    """Ranks of contestants over many tasks.

    Attributes:
        average: average rank of each contestant, 1 is best; tied contestants share their mean rank.
        friedman_p: p value of the hypothesis that all contestants are equal; NaN with fewer than three contestants or
            two tasks.
        critical_difference: average ranks that differ by more than this are significantly different at the 5 % level
            (Nemenyi); NaN under the same conditions.
        tasks: number of tasks.
    """

    average: list[float]
    friedman_p: float
    critical_difference: float
    tasks: int


def paired_bootstrap(
    first: float, second: float, first_draws: np.ndarray, second_draws: np.ndarray
) -> PairedDifference:
    """Difference of two values of a metric, with its interval and p value from the same resamples of the test rows.

    The p value is twice the share of resamples on the other side of 0. One is added to both counts, so it is never 0.

    Args:
        first, second: values on all rows.
        first_draws, second_draws: (resamples,) results of `bootstrap_draws` with the same seed. Resamples in which
            either value is NaN are left out.

    >>> paired_bootstrap(0.9, 0.5, np.full(99, 0.9), np.full(99, 0.5)).p
    0.02
    >>> paired_bootstrap(0.5, 0.5, np.array([0.4, 0.6]), np.array([0.5, 0.5])).p
    1.0
    """
    differences = first_draws - second_draws
    differences = differences[~np.isnan(differences)]
    if not differences.size or np.isnan(first - second):
        return PairedDifference(first - second, float("nan"), float("nan"), float("nan"))
    low, high = interval_95(differences)
    below, above = ((np.sum(side) + 1) / (len(differences) + 1) for side in (differences <= 0, differences >= 0))
    return PairedDifference(first - second, low, high, float(min(1.0, 2 * min(below, above))))


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> float:
    """Exact two-sided p value that two models are right equally often, from rows where exactly one of them is right.

    Args:
        first_right, second_right: (rows,) bool, True if the model's decision is right.

    >>> mcnemar(np.array([True] * 9 + [False]), np.array([False] * 9 + [True]))  # 9 against 1: 2 × (1 + 10) / 1024
    0.021484375
    """
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(~first_right & second_right))
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for multiple tests by Holm's step-down method; NaN stays NaN and does not count as a test.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(values), np.nan)
    order = [index for index in np.argsort(values, kind="stable") if not np.isnan(values[index])]
    largest = 0.0
    for position, index in enumerate(order):
        largest = max(largest, min(1.0, float(values[index]) * (len(order) - position)))
        adjusted[index] = largest
    return adjusted.tolist()


def ranks_over_tasks(scores: np.ndarray) -> Ranks:
    """Average ranks, Friedman's test and Nemenyi's critical difference.

    Args:
        scores: (tasks, contestants) without NaN; larger is better.

    >>> ranks_over_tasks(np.array([[0.9, 0.5, 0.1], [0.8, 0.6, 0.2], [0.7, 0.7, 0.3]])).average
    [1.1666666666666667, 1.8333333333333333, 3.0]
    """
    tasks, contestants = scores.shape
    ranks = stats.rankdata(-scores, axis=1)
    friedman_p = critical = float("nan")
    if contestants > 2 and tasks > 1:
        all_tied = np.all(ranks == ranks[:, :1])  # the statistic would be 0 / 0
        friedman_p = 1.0 if all_tied else float(stats.friedmanchisquare(*scores.T).pvalue)
        quantile = stats.studentized_range.ppf(1 - LEVEL, contestants, np.inf) / np.sqrt(2)
        critical = float(quantile * np.sqrt(contestants * (contestants + 1) / (6 * tasks)))
    return Ranks(ranks.mean(axis=0).tolist() if tasks else [], friedman_p, critical, tasks)


def wilcoxon_pairs(scores: np.ndarray) -> dict[tuple[int, int], float]:
    """Holm-adjusted p value of Wilcoxon's signed-rank test for each pair of contestants.

    Args:
        scores: (tasks, contestants) without NaN. With n tasks, the smallest possible p value before adjustment is
            2 / 2^n.
    """
    pairs = list(combinations(range(scores.shape[1]), 2))
    raw = []
    for first, second in pairs:
        differences = scores[:, first] - scores[:, second]
        equal = len(differences) == 0 or not np.any(differences)
        raw.append(1.0 if equal else float(stats.wilcoxon(differences).pvalue))
    return dict(zip(pairs, holm(raw), strict=True))
