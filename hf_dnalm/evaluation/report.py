"""Write the report of an evaluation: report.json for programs, report.md for a repository, report.html to read."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hf_dnalm.evaluation.json_values import json_value
from hf_dnalm.evaluation.markdown import markdown
from hf_dnalm.evaluation.metrics import METRICS
from hf_dnalm.evaluation.model_scores import Evaluation
from hf_dnalm.evaluation.plots import plots
from hf_dnalm.evaluation.report_html import render_html
from hf_dnalm.evaluation.sections import Section
from hf_dnalm.inference.output_files import whole_file


class ReportFiles(NamedTuple):
    """The paths of a report's files."""

    json: Path
    markdown: Path
    html: Path


def write_report(
    evaluation: Evaluation,
    output: str | Path,
    *,
    title: str,
    history: Sequence[dict[str, Any]] | None = None,
    baseline: Evaluation | Sequence[Evaluation] | None = None,
    settings: dict[str, Any] | None = None,
) -> ReportFiles:
    """Write report.json, report.md and report.html into the folder `output`, which is created if necessary.

    The HTML page is a single file without external resources. Each file is written completely or not at all, and the
    numbers are written before any plot is drawn; a plot that fails is replaced by a note.

    Args:
        title: heading of the report.
        history: the Trainer's `state.log_history`, for the learning curve.
        baseline: one or more to compare with the model, scored on the same sequences.
        settings: how the model was made, as plain JSON values; the report lists them with those of `evaluation`.

    Raises:
        ValueError: a baseline of another task or of other sequences.
        NotADirectoryError: `output` is a file.
    """
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; the report needs a folder.")
    baselines = [baseline] if isinstance(baseline, Evaluation) else list(baseline or ())
    for each in baselines:
        _check_comparable(evaluation, each)
    history = list(history or ())
    settings = {**evaluation.settings, **(settings or {})}
    sentence = verdict(evaluation, baselines)
    parts = sections(evaluation, baselines, settings)
    facts = {
        "title": title,
        "verdict": sentence,
        **evaluation.to_dict(),
        "settings": settings,
        "baselines": [each.to_dict() for each in baselines],
        "history": history,
    }
    report = json.dumps(json_value(facts), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # The numbers are written first, so that a plot that fails cannot lose them.
    numbers = _write(folder, "report.json", report)
    text = _write(folder, "report.md", markdown(title, sentence, parts))
    page = render_html(title, sentence, parts, plots(evaluation, baselines, history))
    return ReportFiles(numbers, text, _write(folder, "report.html", page))


def verdict(evaluation: Evaluation, baselines: Sequence[Evaluation] = ()) -> str:
    """Summarise the result: the task's metric with its interval, and one sentence for each baseline."""
    metric = evaluation.task.metric
    counted = {"nucleotide": "bases", "bin": "bins"}.get(evaluation.task.level)
    bases = "" if counted is None else f" ({evaluation.n_rows:,} {counted})"
    value, low, high = evaluation.primary
    result = "undefined" if math.isnan(value) else f"{value:z.3f}"
    result += "" if math.isnan(low) else f" (95 % interval {low:z.3f} to {high:z.3f})"
    sequences = "sequence" if evaluation.n == 1 else "sequences"
    sentences = [f"{METRICS[metric].title} {result} on {evaluation.n:,} {evaluation.split} {sequences}{bases}."]
    for each in baselines:
        sentences.append(f"Baseline: {each.name}, {each.metrics[metric]}; {_comparison(evaluation, each)}.")
    return " ".join(sentences)


def _comparison(evaluation: Evaluation, baseline: Evaluation) -> str:
    (value, low, high), other = evaluation.primary, baseline.primary.value
    if math.isnan(value) or math.isnan(other):
        return "the two cannot be compared"
    if math.isnan(low):
        return f"the model is {'above' if value > other else 'not above'} it (no interval was computed)"
    if low > other or high < other:
        return f"the model's interval is entirely {'above' if low > other else 'below'} this value"
    return "this value is within the model's interval"


def metrics_table(evaluation: Evaluation, baselines: Sequence[Evaluation] = ()) -> list[list[str]]:
    """Return rows of text: a header, then one row per metric with value and interval of the model and each baseline."""
    columns = [evaluation, *baselines]
    rows = [["metric", *(each.name for each in columns)]]
    return rows + [[METRICS[name].title, *(str(each.metrics[name]) for each in columns)] for name in evaluation.metrics]


def sections(evaluation: Evaluation, baselines: Sequence[Evaluation], settings: dict[str, Any]) -> list[Section]:
    """The sections of the report, in order."""
    task = evaluation.task
    meaning = [["metric", "definition"]]
    meaning += [[METRICS[name].title, METRICS[name].description_text] for name in evaluation.metrics]
    parts = [Section("Metrics", _how_computed(evaluation), metrics_table(evaluation, baselines))]
    if evaluation.per_label:
        rows = [["label", *(METRICS[name].title for name in evaluation.per_label)]]
        for label, values in zip(task.label_names, zip(*evaluation.per_label.values(), strict=True), strict=True):
            rows.append([label, *("undefined" if math.isnan(value) else f"{value:z.3f}" for value in values)])
        parts.append(Section("Labels", "The metrics of each label.", rows))
    parts.append(Section("Definitions of the metrics", "", meaning))
    described = {
        "task": task.name,
        "problem type": task.problem_type.replace("_", " ") + f", {task.level} level",
        "labels": ", ".join(task.label_names),
        "description": task.description,
        "source": task.source,
        "licence": task.licence,
        "citation": task.citation,
        "split": f"{evaluation.split}, {evaluation.n:,} sequences",
    }
    parts.append(Section("Data", "", [["", ""], *([key, text] for key, text in described.items() if text)]))
    for each in baselines:
        if each.settings:
            parts.append(Section(f"Baseline: {each.name}", "", _two_columns(each.settings)))
    if settings:
        parts.append(Section("Settings", "", _two_columns(settings)))
    return [*parts, Section("Versions", "", _two_columns(evaluation.versions))]


def _how_computed(evaluation: Evaluation) -> str:
    resamples = sorted(set(evaluation.resamples.values()))
    note = "Values without intervals."
    if resamples != [0]:
        counts = " or ".join(f"{count:,}" for count in resamples)
        note = f"Value and 95 % bootstrap interval ({counts} resamples of whole sequences, seed {evaluation.seed})."
    scored, labels = evaluation.n_scored_labels, evaluation.task.num_labels
    if scored is None:
        return note
    left_out = "" if scored == labels else "; the others are undefined on this split"
    return f"{note} Means over {scored} of {labels} labels{left_out}."


def _two_columns(values: dict[str, Any]) -> list[list[str]]:
    return [
        ["", ""],
        *([key, value if isinstance(value, str) else json.dumps(json_value(value))] for key, value in values.items()),
    ]


def _check_comparable(evaluation: Evaluation, baseline: Evaluation) -> None:
    for what, ours, theirs in (
        ("task", evaluation.task.name, baseline.task.name),
        ("metrics", list(evaluation.metrics), list(baseline.metrics)),
        ("number of sequences", evaluation.n, baseline.n),
    ):
        if ours != theirs:
            raise ValueError(
                f"baseline {baseline.name!r} has another {what} ({theirs!r}) than the model ({ours!r}); "
                "score it on the same sequences."
            )


def _write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / name) as partial:
        partial.write_text(text, encoding="utf-8")
    return folder / name
