"""The leaderboard's plots: a heat map of tasks and contestants, average ranks, and scores with intervals."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from hf_dnalm.benchmarking.leaderboard import Leaderboard
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.plots import COLOURS, INK, Plot, drawn_or_noted, name_axes, new_axes


def plots(leaderboard: Leaderboard) -> list[Plot]:
    """The heat map, the ranks if they are defined, and the scores."""
    drawings = {"heatmap": heat_map, "ranks": rank_plot, "intervals": intervals}
    if math.isnan(leaderboard.ranks.critical_difference):
        del drawings["ranks"]
    return [drawn_or_noted(name, partial(draw, leaderboard)) for name, draw in drawings.items()]


def heat_map(leaderboard: Leaderboard) -> Plot:
    """One row for each task; the colour shows where a value lies between the worst and the best of its row."""
    names, tasks = leaderboard.contestants, leaderboard.tasks
    values = np.full((len(tasks), len(names)), np.nan)
    share = values.copy()
    for row, each in enumerate(tasks):
        for name, score in each.scores.items():
            values[row, names.index(name)] = score.interval.value
        defined = values[row][~np.isnan(values[row])]
        if defined.size:
            ends = (defined.min(), defined.max()) if each.task.greater_is_better else (defined.max(), defined.min())
            share[row] = (values[row] - ends[0]) / (ends[1] - ends[0]) if ends[0] != ends[1] else 1.0
            share[row][np.isnan(values[row])] = np.nan
    labels = [f"{each.task.name}  {METRICS[each.task.metric].title}" for each in tasks]
    left = 0.075 * max(len(label) for label in labels)
    figure, (axes,) = new_axes(1, width=left + 1.25 * len(names) + 0.4, height=1.3 + 0.34 * len(tasks))
    shades = LinearSegmentedColormap.from_list("shades", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)])
    axes.pcolormesh(np.nan_to_num(share), cmap=shades, vmin=0, vmax=1, edgecolors=to_rgba(INK, 0.3), linewidth=0.5)
    for row, column in np.ndindex(values.shape):
        text = "" if math.isnan(values[row, column]) else f"{values[row, column]:z.3f}"
        colour = "#FFFFFF" if share[row, column] > 0.5 else INK
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=20, ha="right", fontsize=9)
    axes.set_yticks(np.arange(len(tasks)) + 0.5, labels, fontsize=9)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    caption = "Each task's own metric. Colour: from the worst value of the row (none) to the best (full)."
    return Plot("heatmap", "Tasks and models", caption, figure)


def rank_plot(leaderboard: Leaderboard) -> Plot:
    """Average ranks, with bars over groups within the critical difference (Demšar 2006)."""
    ranks, critical = leaderboard.ranks.average, leaderboard.ranks.critical_difference
    order = np.argsort(ranks, kind="stable")
    ascending = [ranks[index] for index in order]
    groups = _groups(ascending, critical)
    figure, (axes,) = new_axes(1, width=8.0, height=1.2 + 0.3 * len(order) + 0.16 * len(groups))
    top = 0.5 * len(groups) + 1
    for place, index in enumerate(order):
        y = -place - 1
        axes.plot([ranks[index]] * 2, [y, top], color=INK, alpha=0.25, linewidth=0.8)
        axes.plot([ranks[index]], [y], "o", color=COLOURS[0], markersize=7)
        label = f"  {leaderboard.contestants[index]}  {ranks[index]:.2f}"
        axes.text(ranks[index], y, label, va="center", ha="left", fontsize=10, color=INK)
    for level, (first, last) in enumerate(groups):
        axes.plot([first - 0.03, last + 0.03], [0.5 * level + 0.5] * 2, color=COLOURS[4], linewidth=3)
    axes.plot([1, 1 + critical], [top] * 2, color=INK, linewidth=2)
    axes.text(1, top + 0.2, f"critical difference {critical:.2f}", fontsize=9, color=INK, va="bottom")
    axes.set(xlim=(0.8, len(order) + 1.2), ylim=(-len(order) - 0.8, top + 1.2))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    name_axes(axes, "Average rank (1 is best)", "")
    caption = (
        f"Over the {leaderboard.ranks.tasks} tasks with a result for every contestant. Contestants under one bar do "
        "not differ significantly at the 5 % level (Nemenyi)."
    )
    return Plot("ranks", "Average ranks", caption, figure)


def _groups(ascending: list[float], critical: float) -> list[tuple[float, float]]:
    """First and last rank of each maximal group of two or more ranks within the critical difference.

    >>> _groups([1.0, 1.5, 3.0, 3.2], 1.0)
    [(1.0, 1.5), (3.0, 3.2)]
    """
    groups: list[tuple[int, int]] = []
    for start in range(len(ascending)):
        end = max(index for index, rank in enumerate(ascending) if rank - ascending[start] <= critical)
        if end > start and not any(first <= start and end <= last for first, last in groups):
            groups.append((start, end))
    return [(ascending[first], ascending[last]) for first, last in groups]


def intervals(leaderboard: Leaderboard) -> Plot:
    """Every score of every task, with its interval if there are intervals."""
    names, tasks, tested = leaderboard.contestants, leaderboard.tasks, leaderboard.bootstrap > 0
    columns = min(2, len(tasks))
    figure, panels = new_axes(columns, rows=math.ceil(len(tasks) / columns), width=4.4, height=0.95 + 0.24 * len(names))
    for panel in panels[len(tasks) :]:
        panel.set_visible(False)
    for panel, each in zip(panels, tasks, strict=False):
        coloured = each.beaten_by_none if tested else [each.best]
        for row, name in enumerate(names):
            if name not in each.scores:
                continue
            value, low, high = each.scores[name].interval
            colour = COLOURS[0] if name in coloured else INK
            if not math.isnan(low):
                panel.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
            panel.plot([value], [row], "o", color=colour, markersize=5)
        panel.set_yticks(range(len(names)), names, fontsize=8, color=INK)
        panel.set_ylim(len(names) - 0.5, -0.5)
        panel.spines["left"].set_visible(False)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
        name_axes(panel, METRICS[each.task.metric].title, "", each.task.name.replace("/", "/\n"))
    caption = "Dot: mean value over the runs. Coloured: the best contestant."
    if tested:
        caption = (
            "Dot: mean value over the runs. Line: 95 % bootstrap interval over test rows. Coloured: the best "
            "contestant and all that do not differ from it significantly."
        )
    return Plot("intervals", "Scores with intervals" if tested else "Scores", caption, figure)
