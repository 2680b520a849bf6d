"""The leaderboard as files: leaderboard.json for programs, .md for a repository, .html with plots."""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path

from hf_dnalm.benchmarking.leaderboard import Leaderboard, TaskResult
from hf_dnalm.benchmarking.plots import plots
from hf_dnalm.evaluation.markdown import markdown
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.report import ReportFiles
from hf_dnalm.evaluation.report_html import render_html
from hf_dnalm.evaluation.sections import Section
from hf_dnalm.inference.output_files import whole_file

TITLE = "Leaderboard"


def write_leaderboard(leaderboard: Leaderboard, folder: str | Path, *, title: str = TITLE) -> ReportFiles:
    """Write the three files into `folder`, each complete or not at all. The HTML page loads no external files."""
    folder = Path(folder)
    sentence = summary(leaderboard)
    parts = sections(leaderboard)
    numbers = {"title": title, "summary": sentence, **leaderboard.to_dict()}
    as_json = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    # The numbers come first, so that they exist even if drawing a plot fails.
    _write(folder / "leaderboard.json", as_json)
    _write(folder / "leaderboard.md", markdown(title, sentence, parts))
    page = render_html(title, sentence, [*parts, _pairs(leaderboard)], plots(leaderboard))
    _write(folder / "leaderboard.html", page)
    return ReportFiles(*(folder / f"leaderboard.{kind}" for kind in ("json", "md", "html")))


def _write(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def summary(leaderboard: Leaderboard) -> str:
    """The main result in a few sentences."""
    tasks = len(leaderboard.tasks)
    sentences = [f"{_count(len(leaderboard.contestants), 'contestant')} on {_count(tasks, 'task')}."]
    if leaderboard.ranked:
        order = sorted(zip(leaderboard.ranks.average, leaderboard.contestants, strict=True))
        ranks = ", ".join(f"{name} {rank:.2f}" for rank, name in order)
        complete = _count(len(leaderboard.ranked), "task")
        sentences.append(f"Average ranks over the {complete} with a result for every contestant: {ranks}.")
    if leaderboard.bootstrap == 0:
        return " ".join(sentences)
    alone = dict.fromkeys(leaderboard.contestants, 0)
    for each in leaderboard.tasks:
        if len(each.scores) > 1 and len(each.beaten_by_none) == 1:
            alone[each.beaten_by_none[0]] += 1
    winners = [f"{name} on {count}" for name, count in alone.items() if count]
    if winners:
        sentences.append(f"Significantly better than every other contestant: {', '.join(winners)}.")
    else:
        sentences.append("On no task is one contestant significantly better than every other.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    """The number with its noun, in the plural if needed.

    >>> _count(1, "task"), _count(2, "task")
    ('1 task', '2 tasks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def score_rows(leaderboard: Leaderboard) -> list[list[str]]:
    """A header, and one row for each task: metric, test sequences, and every contestant's value with its interval.

    A value in bold is significantly better than every other; `=` marks values that do not differ significantly from the
    best.
    """
    rows = [["task", "metric", "test", *leaderboard.contestants]]
    for each in leaderboard.tasks:
        cells = [_score(each, name, tested=leaderboard.bootstrap > 0) for name in leaderboard.contestants]
        rows.append([each.task.name, METRICS[each.task.metric].title, f"{each.rows['test']:,}", *cells])
    return rows


def sections(leaderboard: Leaderboard) -> list[Section]:
    """The tables, top to bottom."""
    runs = sorted({score.runs for each in leaderboard.tasks for score in each.scores.values()})
    several = (
        ""
        if runs == [1]
        else f" Means over {' or '.join(map(str, runs))} runs (folds and seeds); ± is their standard deviation."
    )
    note = (
        f"Each task's own metric with its 95 % interval ({leaderboard.bootstrap:,} bootstrap resamples of the test "
        f"sequences).{several} Bold: significantly better than every other contestant (paired bootstrap, p < 0.05 "
        "after Holm's correction for all pairs of the task). =: no significant difference from the best."
    )
    if leaderboard.bootstrap == 0:
        note = f"Each task's own metric, without intervals and paired tests (bootstrap is 0).{several}"
    parts = [Section("Scores", note, score_rows(leaderboard))]
    if leaderboard.ranked:
        parts.append(_ranks(leaderboard))
    parts.append(_best_pairs(leaderboard))
    parts.append(
        Section(
            "Data",
            "Number of rows of each split, differences from the published files, and rows that splits share.",
            [["task", "train", "validation", "test", "notes"], *(_data(each) for each in leaderboard.tasks)],
        )
    )
    parts += _published(leaderboard)
    parts.append(_settings(leaderboard))
    versions = [["", ""], *([name, text] for name, text in leaderboard.versions.items())]
    return [*parts, Section("Versions", "", versions)]


def _score(each: TaskResult, name: str, *, tested: bool) -> str:
    score = each.scores.get(name)
    if score is None:
        return "not run"
    text = str(score.interval)
    if score.runs > 1:
        text += f" ± {score.spread:.3f}"
    if tested and len(each.scores) > 1 and name in each.beaten_by_none:
        text = f"**{text}**" if each.beaten_by_none == [name] else f"{text} ="
    return text


def _ranks(leaderboard: Leaderboard) -> Section:
    ranks = leaderboard.ranks
    note = f"Over {ranks.tasks} tasks; 1 is best."
    if not math.isnan(ranks.friedman_p):
        note += (
            f" Friedman's test that all contestants are equal has the p value {_p(ranks.friedman_p)}. Average ranks "
            f"that differ by more than {ranks.critical_difference:.2f} are significantly different at the 5 % level "
            "(Nemenyi). The other columns are p values of Wilcoxon's signed-rank test of row against column, after "
            "Holm's correction for all pairs."
        )
    suites = [name.partition("/")[0] for name in leaderboard.ranked]
    if {"gue", "nt-downstream"} <= set(suites):
        note += " GUE and nt-downstream share some sequences, in different splits, so their tasks are not independent."
    order = sorted(zip(ranks.average, leaderboard.contestants, strict=True))
    names = [name for _, name in order]
    rows = [["contestant", "average rank", *names]]
    for rank, name in order:
        tests = [
            ""
            if other == name
            else _p(leaderboard.wilcoxon.get((name, other), leaderboard.wilcoxon.get((other, name))))
            for other in names
        ]
        rows.append([name, f"{rank:.2f}", *tests])
    return Section("Ranks", note, rows)


def _best_pairs(leaderboard: Leaderboard) -> Section:
    rows = [["task", "best", "against", "difference", "p", "p (Holm)", "p (McNemar)"]]
    for each in leaderboard.tasks:
        against = [pair for pair in each.comparisons if each.best in (pair.first, pair.second)]
        if against:
            closest = max(against, key=lambda pair: (-1 if math.isnan(pair.p) else pair.p, -abs(pair.difference)))
            rows.append([each.task.name, *_pair(closest, each.best)])
    note = (
        "The best contestant of each task and the contestant that differs least significantly from it: difference of "
        "the metric with its 95 % interval and p value (paired bootstrap over the same test sequences), p after Holm's "
        "correction for all pairs of the task, and McNemar's exact p for the decisions of the first run, uncorrected. "
        "Training is not repeated in a resample; runs with other seeds show how much training adds to the variation."
    )
    if leaderboard.bootstrap == 0:
        note = (
            "The best contestant of each task and the one closest to it: difference of the metric, and McNemar's exact "
            "p for the decisions of the first run, uncorrected. No intervals, no paired tests (bootstrap is 0)."
        )
    return Section("Best against the next", note, rows)


def _pairs(leaderboard: Leaderboard) -> Section:
    rows = [["task", "first", "second", "difference", "p", "p (Holm)", "p (McNemar)"]]
    rows += [[each.task.name, *_pair(pair, pair.first)] for each in leaderboard.tasks for pair in each.comparisons]
    return Section("All pairs", "First minus second, as in “Best against the next”.", rows)


def _pair(pair, first: str | None) -> list[str]:
    sign = 1 if pair.first == first else -1
    difference, low, high = sign * pair.difference, *sorted((sign * pair.low, sign * pair.high))
    second = pair.second if pair.first == first else pair.first
    text = "undefined" if math.isnan(difference) else f"{difference:+.3f}"
    if not math.isnan(low):
        text += f" ({low:+.3f} to {high:+.3f})"
    return [str(first), second, text, _p(pair.p), _p(pair.p_holm), _p(pair.mcnemar_p)]


def _data(each: TaskResult) -> list[str]:
    _, here, notes = each.task.description.partition("Here: ")
    counts = [f"{each.rows.get(split, 0):,}" for split in ("train", "validation", "test")]
    return [each.task.name, *counts, f"{here}{notes}" if here else "as published"]


def _published(leaderboard: Leaderboard) -> list[Section]:
    """One table for each source and metric: our values of the metric, and the published ones."""
    values = [(value, each) for each in leaderboard.tasks for value in each.published]
    keys = [(value.source, value.metric, value.protocol) for value, _ in values]
    parts = []
    for source, metric, protocol in dict.fromkeys(keys):
        mine = [
            (value, each)
            for value, each in values
            if (value.source, value.metric, value.protocol) == (source, metric, protocol)
        ]
        models = list(dict.fromkeys(value.model for value, _ in mine))
        comparable = metric in METRICS
        ours = leaderboard.contestants if comparable else []
        rows = [["task", *(f"{name}, here" for name in ours), *models]]
        for name, group in groupby(mine, key=lambda pair: pair[1].task.name):
            pairs = list(group)
            each = pairs[0][1]
            printed = {value.model: f"{value.value:.3f}" for value, _ in pairs}
            rows.append([name, *(_metric(each, who, metric) for who in ours), *(printed.get(m, "–") for m in models)])
        title = METRICS[metric].title if comparable else metric
        comparison = (
            "The columns “here” have the same metric on the rows in “Data”; rows and training differ from the source's."
            if comparable
            else "This is not one of our metrics, so the table has no column with our values."
        )
        parts.append(Section(f"Published: {title}", f"{source}. Protocol: {protocol}. {comparison}", rows))
    return parts


def _metric(each: TaskResult, name: str, metric: str) -> str:
    score = each.scores.get(name)
    value = math.nan if score is None else score.metrics.get(metric, math.nan)
    return "–" if math.isnan(value) else f"{value:z.3f}"


def _settings(leaderboard: Leaderboard) -> Section:
    rows = [["contestant", "settings", "seconds"]]
    for name in leaderboard.contestants:
        settings = dict(leaderboard.settings[name])
        settings |= settings.pop("training", {})
        text = ", ".join(f"{key} {value}" for key, value in settings.items() if value not in (None, False))
        seconds = sum(each.scores[name].seconds for each in leaderboard.tasks if name in each.scores)
        mixed = (
            " (settings of the first result; they are not the same in all results)" if name in leaderboard.mixed else ""
        )
        rows.append([name, text + mixed, f"{seconds:,.0f}"])
    note = "Settings of the runs; all others have their defaults. Seconds are the total time of all runs."
    return Section("Settings", note, rows)


def _p(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
