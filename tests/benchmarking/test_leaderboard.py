"""The leaderboard follows from the predictions, and the pages show it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.benchmarking import Leaderboard, collect, leaderboard, write_leaderboard
from hf_dnalm.benchmarking.cells import Cell, Folder, read_results, write_result
from hf_dnalm.benchmarking.pages import score_rows, summary
from hf_dnalm.benchmarking.plots import plots
from hf_dnalm.benchmarking.statistics import mcnemar
from hf_dnalm.evaluation import Evaluation
from hf_dnalm.suites import benchmark_tasks

NAMES = ("emp_H3", "emp_H4", "prom_core_tata", "virus_covid", "human_tf_0")
SKILL = {"majority": 0.0, "good": 0.9, "also good": 0.9, "poor": 0.5}


def decided(classes: int, skill: float, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right with this probability, and the labels, which are the same for every skill."""
    labels = np.random.default_rng(1).integers(classes, size=rows)
    generator = np.random.default_rng((seed, int(skill * 100)))
    right = generator.random(rows) < skill
    decisions = np.where(right, labels, (labels + 1) % classes) if skill else np.zeros(rows, dtype=int)
    return 4 * np.eye(classes)[decisions], labels


def write(
    folder: Path,
    suite: str,
    name: str,
    model: str,
    skill: float,
    *,
    seed: int = 0,
    rows: int = 200,
    bootstrap: int = 50,
) -> None:
    task = benchmark_tasks()[suite][name]
    if task.problem_type == "single_label_classification":
        logits, labels = decided(task.num_labels, skill, rows, seed + len(model))
    else:
        labels = np.random.default_rng(1).normal(size=(rows, task.num_labels))
        logits = skill * labels + (1 - skill) * np.random.default_rng(seed + len(model)).normal(size=labels.shape)
    method = "" if model in ("majority", "kmer", "cnn") else "full"
    cell = Cell(suite, name, model, method, 0, 0, seed)
    write_result(
        Folder(folder),
        cell,
        Evaluation.from_logits(task, logits, labels, bootstrap=bootstrap),
        settings={"bootstrap": bootstrap} | ({"training": {"learning_rate": 1e-3}} if method else {}),
        data={"how": "", "rows": {"train": 9, "validation": 5, "test": rows}, "digests": {"test": "same"}},
        seconds=1.5,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Four contestants on five tasks of classes, of which two are good, and one task of numbers that only one has."""
    folder = tmp_path_factory.mktemp("board")
    for name in NAMES:
        for model, skill in SKILL.items():
            write(folder, "gue", name, model, skill)
    write(folder, "gue", "emp_H3", "good", 0.8, seed=1)
    write(folder, "plant-genomic-benchmark", "promoter_strength.leaf", "good", 0.9)
    return folder


@pytest.fixture(scope="module")
def board(folder) -> Leaderboard:
    found = collect(folder)
    assert found is not None
    return found


def test_the_good_share_the_first_places_and_the_others_are_beaten(board):
    ranks = dict(zip(board.contestants, board.ranks.average, strict=True))
    assert board.ranked == [f"gue/{name}" for name in sorted(NAMES)]
    assert ranks["majority"] > ranks["poor (full)"] > max(ranks["good (full)"], ranks["also good (full)"])
    for each in board.tasks[:5]:
        assert set(each.beaten_by_none) == {"good (full)", "also good (full)"}
        assert each.best in each.beaten_by_none
    assert board.ranks.friedman_p < 0.05


def test_every_pair_of_a_task_is_compared_once_and_corrected_together(board):
    pairs = board.tasks[0].comparisons
    assert len(pairs) == 6
    assert all(pair.p <= pair.p_holm for pair in pairs)
    assert min(pair.p_holm for pair in pairs) == pytest.approx(6 * 2 / 601, rel=0.01)
    assert board.bootstrap == 600, "as many resamples as six pairs need"


def test_several_runs_are_a_mean_with_a_spread(board):
    score = next(each for each in board.tasks if each.task.name == "gue/emp_H3").scores["good (full)"]
    assert score.runs == 2
    assert 0 < score.spread < 0.3
    assert score.interval.low < score.interval.value < score.interval.high
    assert score.seconds == 3.0
    assert math.isnan(board.tasks[-2].scores["good (full)"].spread)


def test_the_interval_of_a_score_holds_the_middle_95_percent_of_the_resamples(folder, monkeypatch):
    monkeypatch.setattr(leaderboard, "bootstrap_draws", lambda task, *_, **__: {task.metric: np.arange(1001.0)})
    (scores,) = (each.scores for each in collect(folder).tasks if each.task.name.endswith("emp_H4"))
    assert all((score.interval.low, score.interval.high) == (25.0, 975.0) for score in scores.values())


def test_mcnemar_compares_the_first_run_that_both_models_have(tmp_path):
    for seed, skills in ((1, (0.9, 0.9)), (2, (1.0, 0.5)), (3, (0.5, 0.6))):
        for model, skill in zip(("one", "another"), skills, strict=True):
            if (model, seed) != ("another", 1):
                write(tmp_path, "gue", "emp_H3", model, skill, seed=seed)
    (comparison,) = collect(tmp_path).tasks[0].comparisons
    runs = {(each.cell.model, each.cell.seed): each.outputs for each in read_results(tmp_path)}
    task = benchmark_tasks()["gue"]["emp_H3"]
    right = [runs[model, 2].decisions(task) == runs[model, 2].references for model in ("one", "another")]
    assert comparison.mcnemar_p == mcnemar(*right)
    later = [runs[model, 3].decisions(task) == runs[model, 3].references for model in ("one", "another")]
    assert comparison.mcnemar_p != mcnemar(*later), "otherwise the test could not tell the runs apart"


def test_without_resamples_there_are_no_intervals_and_no_tests(tmp_path):
    for model, skill in SKILL.items():
        write(tmp_path, "gue", "emp_H3", model, skill, bootstrap=0)
    board = collect(tmp_path)
    assert board.bootstrap == 0
    (task,) = board.tasks
    assert all(math.isnan(each.interval.low) for each in task.scores.values())
    assert not any(each.is_significant for each in task.comparisons)
    files = write_leaderboard(board, tmp_path)
    text = files.markdown.read_text()
    assert "without intervals and paired tests (bootstrap is 0)" in text
    assert "ignificantly" not in summary(board)
    assert not any("**" in cell or "=" in cell for cell in score_rows(board)[1])
    facts = json.loads(files.json.read_text())["tasks"][0]
    assert facts["comparisons"][0]["p"] is None
    assert facts["not_beaten"] is None
    assert "95 %" not in text
    assert not any("interval" in plot.title or "interval" in plot.caption for plot in plots(board))


def test_a_task_that_not_all_have_is_shown_and_not_ranked(board):
    assert board.tasks[-1].task.name not in board.ranked
    assert score_rows(board)[-1][3:] == [
        "not run",
        "not run",
        str(board.tasks[-1].scores["good (full)"].interval),  # nobody to compare it with, so not in bold
        "not run",
    ]


def test_different_settings_of_a_contestant_are_reported(folder, board, tmp_path):
    assert board.mixed == []
    text = write_leaderboard(board, tmp_path).markdown.read_text()
    assert "not the same in all results" not in text
    path = next(folder.glob("cells/gue/emp_H4/good*.json"))
    facts = json.loads(path.read_text())
    try:
        path.write_text(json.dumps(facts | {"settings": {"bootstrap": 50, "training": {}}}))
        changed = collect(folder)
    finally:
        path.write_text(json.dumps(facts))
    assert changed is not None
    assert changed.mixed == ["good (full)"]
    assert "not the same in all results" in write_leaderboard(changed, tmp_path).markdown.read_text()


def test_the_files_hold_the_numbers(board, tmp_path):
    files = write_leaderboard(board, tmp_path, title="Mine")
    facts = json.loads(files.json.read_text())
    assert facts["title"] == "Mine"
    assert facts["ranks"]["average"] == dict(zip(board.contestants, board.ranks.average, strict=True))
    first = facts["tasks"][0]
    assert first["scores"]["majority"]["value"] == 0
    assert {value["model"] for value in first["published"]} >= {"DNABERT-2", "NT-2500M-multi"}
    text = files.markdown.read_text()
    assert text.startswith("# Mine\n")
    assert "| gue/emp_H3 | MCC | 200 |" in text
    assert "github.com/MAGICS-LAB/DNABERT_2 @ d87d29f" in text
    assert "Protocol: trained on the whole training split" in text
    assert "learning_rate 0.001" in text
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_published_and_own_values_are_compared_only_for_the_same_metric(board, tmp_path):
    text = write_leaderboard(board, tmp_path).markdown.read_text()
    tables = dict(re.findall(r"^## Published: (.*)\n\n(.*(?:\n\|.*|\n)*)", text, flags=re.MULTILINE))
    assert "poor (full), here" in tables["F1"]
    unclear = next(table for title, table in tables.items() if title.startswith("unclear"))
    assert "here |" not in unclear
    assert "This is not one of our metrics" in unclear


def test_only_a_contestant_that_beats_another_is_bold_and_named_as_better(tmp_path):
    write(tmp_path, "gue", "emp_H3", "good", 0.9)
    alone = collect(tmp_path)
    assert "**" not in score_rows(alone)[1][-1]
    assert "On no task is one contestant significantly better" in summary(alone)
    write(tmp_path, "gue", "emp_H3", "majority", 0.0)
    both = collect(tmp_path)
    scores = both.tasks[0].scores
    assert score_rows(both)[1][3:] == [str(scores["majority"].interval), f"**{scores['good (full)'].interval}**"]
    assert "Significantly better than every other contestant: good (full) on 1." in summary(both)
    assert "<strong>" in write_leaderboard(both, tmp_path).html.read_text()


def test_the_page_is_self_contained_and_shows_every_plot(board, tmp_path):
    page = write_leaderboard(board, tmp_path).html.read_text()
    assert page.count("<svg") == 3
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "All pairs" in page
    assert " =</td>" in page
    assert [plot.name for plot in plots(board)] == ["heatmap", "ranks", "intervals"]


def test_a_single_contestant_has_neither_pairs_nor_ranks(tmp_path):
    write(tmp_path, "gue", "emp_H3", "majority", 0.0)
    board = collect(tmp_path)
    assert board is not None
    assert board.tasks[0].comparisons == []
    assert [plot.name for plot in plots(board)] == ["heatmap", "intervals"]
    assert summary(board).startswith("1 contestant on 1 task.")
    assert write_leaderboard(board, tmp_path).html.exists()
