"""The plots of a report, as matplotlib figures made without pyplot, so no global state changes."""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from hf_dnalm.evaluation.figures import plain_text
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.model_scores import Evaluation

logger = logging.getLogger(__name__)

# Okabe and Ito's colours, which colour-blind readers can distinguish.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999")
INK = "#010203"  # for lines and text; `to_svg` replaces it with the page's text colour
MAX_CURVES = len(COLOURS)  # ROC and PR curves of one plot
MAX_SCATTERS = 6  # targets
MAX_WRITTEN_CLASSES = 12  # with more classes, the confusion matrix shows only colours
CURVE_POINTS = 400  # more points make no visible difference at this size


class Plot(NamedTuple):
    """A figure of the report.

    Attributes:
        name: short name, for ids in the page.
        title: heading.
        caption: how to read the figure, or why it is missing.
        figure: None if it could not be drawn.
    """

    name: str
    title: str
    caption: str
    figure: Figure | None


def plots(evaluation: Evaluation, baselines: Sequence[Evaluation] = (), history: Sequence[dict] = ()) -> list[Plot]:
    """Draw every plot that fits the task: comparison, ROC and PR or scatter, confusion matrix, learning curve."""
    drawings: dict[str, Callable[[], Plot]] = {}
    if baselines:
        drawings["comparison"] = lambda: _comparison(evaluation, baselines)
    if evaluation.task.problem_type == "regression":
        drawings["scatter"] = lambda: _scatter(evaluation)
    else:
        drawings["ranking"] = lambda: _ranking(evaluation)
    if evaluation.task.problem_type == "single_label_classification":
        drawings["confusion"] = lambda: _confusion(evaluation)
    if any("loss" in entry for entry in history):
        drawings["learning curve"] = lambda: _learning_curve(evaluation, history)
    return [drawn_or_noted(name, draw) for name, draw in drawings.items()]


def drawn_or_noted(name: str, draw: Callable[[], Plot]) -> Plot:
    """Draw a plot; if this fails, return a plot without a figure, whose caption gives the error."""
    try:
        with plain_text():
            return draw()
    except Exception as error:  # a failing plot must not prevent the report with the numbers
        return Plot(name.replace(" ", "-"), name.capitalize(), not_drawn(name, error), None)


def not_drawn(name: str, error: Exception) -> str:
    """Log that a plot could not be drawn, and return the caption that replaces it."""
    logger.warning("The plot %r could not be drawn (%s: %s).", name, type(error).__name__, error)
    return f"This plot could not be drawn ({type(error).__name__}: {' '.join(str(error).split())[:200]})."


def to_svg(plot: Plot) -> str:
    """The figure as an `<svg>` element for a page, with unique ids and in the page's text colour."""
    buffer = io.StringIO()
    # A fixed salt: the same numbers give the same file, byte for byte.
    with plain_text(), matplotlib.rc_context({"svg.hashsalt": plot.name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the page's font may have it
        FigureCanvasSVG(plot.figure).print_svg(buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{plot.name}-", svg)


def new_axes(columns: int, *, width: float = 3.6, height: float = 3.4, rows: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(rows * columns)]
    for each in axes:
        each.patch.set_alpha(0.0)
        each.tick_params(colors=INK, labelsize=9)
        for side, spine in each.spines.items():
            spine.set_color(INK)
            spine.set_visible(side in ("left", "bottom"))
    return figure, axes


def name_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    axes.set_xlabel(x, color=INK, fontsize=10)
    axes.set_ylabel(y, color=INK, fontsize=10)
    axes.set_title(title, color=INK, fontsize=10, loc="left")


def add_legend(axes: Axes, **options) -> None:
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, **options)


def _comparison(evaluation: Evaluation, baselines: Sequence[Evaluation]) -> Plot:
    entries = [evaluation, *baselines]
    figure, (axes,) = new_axes(1, width=7.2, height=0.7 + 0.35 * len(entries))
    for row, each in enumerate(entries):
        value, low, high = each.metrics[evaluation.task.metric]
        colour = COLOURS[0] if row == 0 else INK
        if not math.isnan(low):
            axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot([value], [row], "o", color=colour, markersize=7)
    axes.set_yticks(range(len(entries)), [each.name for each in entries], fontsize=10, color=INK)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=INK, alpha=0.15, linewidth=0.6)
    name_axes(axes, METRICS[evaluation.task.metric].title, "")
    caption = "Dot: value on the same sequences. Line: 95 % bootstrap interval."
    return Plot("comparison", "Model and baseline", caption, figure)


def _ranking(evaluation: Evaluation) -> Plot:
    task, (scores, references, _, _) = evaluation.task, evaluation.outputs
    if references.ndim == 1:
        references = references[:, None] == np.arange(task.num_labels)
    binary = task.problem_type == "single_label_classification" and task.num_labels == 2
    labels = [1] if binary else list(range(task.num_labels))
    scored = [label for label in labels if 0 < references[:, label].sum() < len(references)]
    figure, (roc, recall_precision) = new_axes(2)
    for label, colour in zip(scored[:MAX_CURVES], COLOURS, strict=False):
        false_positive, true_positive, _ = roc_curve(references[:, label], scores[:, label])
        precision, recall, _ = precision_recall_curve(references[:, label], scores[:, label])
        roc.plot(*_thin(false_positive, true_positive), color=colour, linewidth=1.6, label=task.label_names[label])
        recall_precision.plot(*_thin(recall[:-1], precision[:-1]), color=colour, linewidth=1.6)
        share = references[:, label].mean()
        recall_precision.axhline(share, color=colour, alpha=0.6, linewidth=0.8, linestyle=(0, (4, 3)))
    roc.plot([0, 1], [0, 1], color=INK, alpha=0.5, linewidth=0.8, linestyle=(0, (4, 3)))
    for axes in (roc, recall_precision):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    name_axes(roc, "False positive rate", "True positive rate", _with_value("ROC", evaluation, "auroc"))
    name_axes(recall_precision, "Recall", "Precision", _with_value("Precision–recall", evaluation, "auprc"))
    if scored and not binary:
        add_legend(roc, loc="lower right")
    caption = f"{task.label_names[1]!r} against {task.label_names[0]!r}." if binary else "Each label against the rest."
    if len(scored) > MAX_CURVES:
        caption += f" Only the first {MAX_CURVES} of {len(scored)} labels are drawn; the table of labels has all."
    return Plot("ranking", "ROC and precision–recall", f"{caption} Dashed lines: random guessing.", figure)


def _with_value(title: str, evaluation: Evaluation, metric: str) -> str:
    value = evaluation.metrics[metric].value
    return title if math.isnan(value) else f"{title}, area {value:z.3f}"


def _thin(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `CURVE_POINTS` points of a curve, evenly spaced along its length."""
    travelled = np.r_[0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    kept = np.unique(np.searchsorted(travelled, np.linspace(0, travelled[-1], CURVE_POINTS)).clip(max=len(x) - 1))
    return x[kept], y[kept]


def _confusion(evaluation: Evaluation) -> Plot:
    task, outputs = evaluation.task, evaluation.outputs
    classes = task.num_labels
    table = confusion_matrix(outputs.references, outputs.decisions(task), labels=np.arange(classes))
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(7.0, 2.6 + 0.55 * classes)
    names = 0.09 * max(len(name) for name in task.label_names)  # width of the longest name in inches
    figure, (axes,) = new_axes(1, width=side + names + 0.4, height=side + (names if classes > 3 else 0.0))
    shades = LinearSegmentedColormap.from_list("shades", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)])
    axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors=to_rgba(INK, 0.3), linewidth=0.5)
    if classes <= MAX_WRITTEN_CLASSES:
        for row, column in np.ndindex(table.shape):
            text = f"{table[row, column]:,}\n{share[row, column]:.0%}"
            colour = "#FFFFFF" if share[row, column] > 0.5 else INK
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=9, color=colour)
    centres = np.arange(classes) + 0.5
    axes.set_xticks(centres, task.label_names, rotation=0 if classes <= 3 else 90)
    axes.set_yticks(centres, task.label_names)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    name_axes(axes, "Predicted", "True")
    counted = {"nucleotide": "Bases", "bin": "Bins"}.get(task.level, "Sequences")
    return Plot(
        "confusion", "Confusion matrix", f"{counted}, and their share of the true class (rows sum to 100 %).", figure
    )


def _scatter(evaluation: Evaluation) -> Plot:
    task, (predicted, measured, _, _) = evaluation.task, evaluation.outputs
    shown = min(task.num_labels, MAX_SCATTERS)
    columns = min(shown, 3)
    rows = math.ceil(shown / columns)
    figure, all_axes = new_axes(
        columns, rows=rows, width=3.6 if columns > 1 else 4.6, height=3.4 if columns > 1 else 4.2
    )
    for axes in all_axes[shown:]:
        axes.set_visible(False)
    opacity = float(np.clip(300 / len(measured), 0.08, 0.6))
    for target, axes in zip(range(shown), all_axes, strict=False):
        x, y = measured[:, target], predicted[:, target]
        axes.scatter(x, y, s=9, color=COLOURS[0], alpha=opacity, linewidths=0, rasterized=len(x) > 500)
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color=INK, alpha=0.6, linewidth=0.8, linestyle=(0, (4, 3)))
        values = evaluation.per_label.get("r2", [evaluation.metrics["r2"].value])
        r2 = "" if math.isnan(values[target]) else f", R² {values[target]:z.3f}"
        name_axes(axes, "Measured", "Predicted", f"{task.label_names[target]}{r2}")
    dot = "bin" if task.level == "bin" else "sequence"
    caption = f"One dot is one {dot}. Dashed line: prediction equals measurement."
    if task.num_labels > shown:
        caption += f" Only the first {shown} of {task.num_labels} targets are drawn; the table of labels has all."
    return Plot("scatter", "Predicted and measured", caption, figure)


def _learning_curve(evaluation: Evaluation, history: Sequence[dict]) -> Plot:
    key = f"eval_{evaluation.task.metric}"
    figure, (loss, metric) = new_axes(2)
    for name, label, colour in (("loss", "training", COLOURS[0]), ("eval_loss", "validation", COLOURS[1])):
        _line(loss, history, name, colour, label)
    name_axes(loss, "Step", "Loss")
    add_legend(loss)
    if any(key in entry for entry in history):
        _line(metric, history, key, COLOURS[1], "validation")
        name_axes(metric, "Step", f"{METRICS[evaluation.task.metric].title} (validation)")
    else:
        metric.set_visible(False)
    return Plot("learning", "Learning curve", "Loss and the task's metric during training.", figure)


def _line(axes: Axes, history: Sequence[dict], name: str, colour: str, label: str) -> None:
    points = [(entry["step"], entry[name]) for entry in history if name in entry and entry[name] is not None]
    if points:
        marker = "o" if len(points) <= 30 else ""
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6, marker=marker, markersize=4, label=label)
