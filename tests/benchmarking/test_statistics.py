"""The significance tests against numbers computed by hand or by brute force."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.benchmarking.statistics import holm, mcnemar, paired_bootstrap, ranks_over_tasks, wilcoxon_pairs
from hf_dnalm.evaluation.bootstrap import bootstrap_draws
from hf_dnalm.evaluation.metrics import MCC
from hf_dnalm.evaluation.outputs import read_outputs
from hf_dnalm.tasks import Task

TASK = Task("two", "single_label_classification", ("a", "b"), metric="mcc")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_ordered_like_the_p_values_and_between_them_and_bonferroni(values):
    adjusted = holm(values)
    for index, (p, q) in enumerate(zip(values, adjusted, strict=True)):
        assert p <= q <= min(1, p * len(values)) + 1e-12
        assert all(q <= adjusted[other] for other, larger in enumerate(values) if larger > p), index


def test_holm_leaves_out_what_is_undefined():
    adjusted = holm([0.02, math.nan, 0.01])
    assert adjusted[2] == 0.02
    assert adjusted[0] == 0.02
    assert math.isnan(adjusted[1])


@pytest.mark.parametrize(
    ("only_first", "only_second", "both", "p"),
    [
        (9, 1, 0, 2 * 11 / 1024),  # 2 × (C(10, 0) + C(10, 1)) / 2^10
        (1, 9, 5, 2 * 11 / 1024),
        (3, 3, 2, 1.0),
        (2, 0, 7, 0.5),
        (0, 4, 1, 0.125),
    ],
)
def test_mcnemar_is_the_exact_binomial_test_of_the_rows_where_one_is_right(only_first, only_second, both, p):
    first = np.array([True] * only_first + [False] * only_second + [True] * both)
    second = np.array([False] * only_first + [True] * only_second + [True] * both)
    assert mcnemar(first, second) == pytest.approx(p)


@pytest.mark.parametrize(("opposed", "p"), [(0, 0.02), (4, 0.1), (99, 0.02), (49, 1.0)])
def test_the_p_value_of_a_difference_counts_the_resamples_on_the_other_side(opposed, p):
    draws = np.array([-1.0] * opposed + [1.0] * (99 - opposed))  # twice (opposed + 1) of 100
    assert paired_bootstrap(0.5, 0.1, draws, np.zeros(99)).p == pytest.approx(p)


def test_models_that_are_right_on_the_same_rows_are_alike():
    assert mcnemar(np.array([True, False]), np.array([True, False])) == 1.0


def test_the_paired_difference_is_narrower_than_two_intervals_say():
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=400)
    right = generator.random(400) < 0.8
    better = right | (generator.random(400) < 0.25)  # right wherever the other is, and on some rows more
    draws, values = [], []
    for is_right in (better, right):
        decisions = np.where(is_right, labels, 1 - labels)
        logits = np.eye(2)[decisions]
        outputs = read_outputs(TASK, logits, labels)
        draws.append(bootstrap_draws(TASK, outputs, resamples=500, metrics=["mcc"])["mcc"])
        values.append(float(MCC.score(decisions, labels)[0]))
    found = paired_bootstrap(*values, *draws)
    assert found.p < 0.01
    assert 0 < found.low < found.difference < found.high
    apart = np.percentile(draws[0], 2.5) - np.percentile(draws[1], 97.5)
    assert found.low > apart, "pairing takes away what both have in common"


def test_the_interval_of_a_difference_holds_the_middle_95_percent():
    found = paired_bootstrap(0.5, 0.1, np.arange(1001.0), np.zeros(1001))
    assert (found.low, found.high) == (25.0, 975.0)


def test_two_equal_models_do_not_differ():
    draws = np.array([0.1, 0.2, 0.3])
    found = paired_bootstrap(0.2, 0.2, draws, draws)
    assert (found.difference, found.p) == (0, 1)


def test_a_difference_without_any_defined_resample_is_undefined():
    assert math.isnan(paired_bootstrap(0.1, 0.2, np.array([np.nan]), np.array([0.1])).p)
    assert math.isnan(paired_bootstrap(math.nan, 0.2, np.array([0.1]), np.array([0.1])).low)


def test_nemenyis_critical_difference_is_that_of_the_published_table():
    """Demšar 2006, table 5: q is 2.569 for four classifiers; with 14 data sets CD = 2.569 sqrt(4·5 / (6·14)) = 1.25."""
    scores = np.random.default_rng(0).random((14, 4))
    assert ranks_over_tasks(scores).critical_difference == pytest.approx(1.25, abs=0.01)


def test_ranks_of_what_is_tied_everywhere_say_nothing():
    found = ranks_over_tasks(np.ones((3, 3)))
    assert found.average == [2, 2, 2]
    assert found.friedman_p == 1


@pytest.mark.parametrize("shape", [(5, 2), (1, 4), (0, 4)])
def test_too_few_tasks_or_contestants_have_no_friedman_test(shape):
    found = ranks_over_tasks(np.random.default_rng(0).random(shape))
    assert math.isnan(found.friedman_p)
    assert math.isnan(found.critical_difference)


def test_wilcoxon_finds_the_one_that_is_always_better():
    generator = np.random.default_rng(1)
    scores = generator.random((12, 3)) * 0.1
    scores[:, 2] += 1
    found = wilcoxon_pairs(scores)
    assert list(found) == list(combinations(range(3), 2))
    assert found[0, 2] == pytest.approx(3 * 2 / 2**12)
    assert found[0, 1] > 0.05
    assert wilcoxon_pairs(np.ones((4, 2))) == {(0, 1): 1.0}
