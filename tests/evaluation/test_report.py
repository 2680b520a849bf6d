"""The report: every number is in report.json, the page has no external resources, and no partial file remains."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from hf_dnalm.evaluation import Evaluation, metrics_table, verdict, write_report
from hf_dnalm.evaluation import report as report_module
from hf_dnalm.evaluation.plots import plots, to_svg
from hf_dnalm.tasks import Task
from tests.evaluation.test_outputs import BASES, BINARY, EXPRESSION, SPLICE, STRENGTH, TRACKS

HISTORY = [
    {"loss": 0.7, "grad_norm": float("nan"), "step": 10},
    {"eval_loss": 0.6, "eval_mcc": 0.1, "step": 10},
    {"loss": 0.5, "step": 20},
    {"eval_loss": 0.5, "eval_mcc": 0.3, "step": 20},
    {"train_runtime": 3.0, "step": 20},
]
MANY = Task("tracks", "multi_label_classification", tuple(f"track {i}" for i in range(11)), metric="auroc")
CLASSES = Task("families", "single_label_classification", tuple(f"class {i}" for i in range(15)), metric="mcc")
TARGETS = Task("tissues", "regression", tuple(f"tissue {i}" for i in range(8)), metric="r2")


def _evaluation(task: Task, *, noise: float = 1.0, n: int = 60, **options) -> Evaluation:
    generator = np.random.default_rng(0)
    noisy = lambda signal: signal + noise * generator.normal(size=signal.shape)  # noqa: E731
    if task.level == "nucleotide":
        labels = [generator.integers(0, 2, 5) for _ in range(n)]
        logits = [noisy(np.eye(2)[row]) for row in labels]
    elif task.problem_type == "regression":
        labels = generator.normal(size=(n, task.num_labels))
        logits = noisy(labels)
    elif task.problem_type == "multi_label_classification":
        labels = generator.integers(0, 2, (n, task.num_labels))
        logits = noisy(labels.astype(float))
    else:
        labels = generator.integers(0, task.num_labels, n)
        logits = noisy(np.eye(task.num_labels)[labels])
    return Evaluation.from_logits(task, logits, labels, **{"bootstrap": 20, **options})


class _Page(HTMLParser):
    """Checks that elements are closed in order, and collects the values of src and href."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(
    ("task", "drawn"),
    [
        (BINARY, ["comparison", "ranking", "confusion", "learning"]),
        (SPLICE, ["comparison", "ranking", "confusion", "learning"]),
        (CLASSES, ["comparison", "ranking", "confusion", "learning"]),
        (BASES, ["comparison", "ranking", "confusion", "learning"]),
        (TRACKS, ["comparison", "ranking", "learning"]),
        (MANY, ["comparison", "ranking", "learning"]),
        (STRENGTH, ["comparison", "scatter", "learning"]),
        (EXPRESSION, ["comparison", "scatter", "learning"]),
        (TARGETS, ["comparison", "scatter", "learning"]),
    ],
    ids=lambda value: value.name if isinstance(value, Task) else "",
)
def test_the_page_stands_alone_and_has_the_plots_of_its_task(task, drawn, tmp_path):
    evaluation, baseline = _evaluation(task), _evaluation(task, noise=4.0, name="guess")
    files = write_report(evaluation, tmp_path / "report", title="A <title>", history=HISTORY, baseline=baseline)
    assert [plot.name for plot in plots(evaluation, [baseline], HISTORY)] == drawn
    text = files.html.read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert all(reference.startswith(("#", "data:")) for reference in page.references)
    assert len(page.ids) == len(set(page.ids))
    pointed_at = set(re.findall(r"url\(#([^)]+)\)", text)) | {r[1:] for r in page.references if r.startswith("#")}
    assert pointed_at <= set(page.ids)
    assert not re.search(r"@import|<script|<link|url\((?!#)", text)
    assert "A &lt;title&gt;" in text
    assert evaluation.task.label_names[0] in "".join(page.text)


def test_json_has_every_number_and_what_it_was_made_with(tmp_path):
    evaluation = _evaluation(SPLICE, split="validation", seed=4, settings={"dtype": "float32"})
    baseline = _evaluation(SPLICE, noise=3.0, name="5-mer logistic regression", settings={"k": 5})
    files = write_report(
        evaluation,
        tmp_path,
        title="Splice",
        history=HISTORY,
        baseline=baseline,
        settings={"rate": 1e-4, "at": tmp_path},
    )
    report = json.loads(files.json.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (report["n"], report["split"], report["seed"], report["title"]) == (60, "validation", 4, "Splice")
    assert report["metrics"]["mcc"]["value"] == evaluation.metrics["mcc"].value
    assert report["metrics"]["mcc"]["low"] == evaluation.metrics["mcc"].low
    assert report["per_label"]["auroc"]["donor"] == evaluation.per_label["auroc"][0]
    assert report["baselines"][0]["metrics"]["mcc"]["value"] == baseline.metrics["mcc"].value
    assert report["baselines"][0]["settings"] == {"k": 5}
    assert report["settings"] == {"dtype": "float32", "rate": 1e-4, "at": str(tmp_path)}
    assert report["history"][0] == {"loss": 0.7, "grad_norm": None, "step": 10}
    assert report["task"] == SPLICE.to_dict()
    assert report["verdict"] == verdict(evaluation, [baseline])


def test_markdown_has_the_same_tables(tmp_path):
    evaluation = _evaluation(dataclasses.replace(BINARY, description="0 | 1"))
    text = write_report(evaluation, tmp_path, title="Promoters").markdown.read_text()
    assert text.startswith(f"# Promoters\n\n{verdict(evaluation)}\n")
    assert f"| MCC | {evaluation.metrics['mcc']} |" in text
    assert "0 \\| 1" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("noise", "expected"),
    [(4.0, "the model's interval is entirely above"), (0.0, "interval is entirely below"), (1.0, "is within")],
)
def test_the_verdict_compares_the_interval_with_the_baseline(noise, expected):
    evaluation = _evaluation(BINARY, n=200)
    sentence = verdict(evaluation, [_evaluation(BINARY, noise=noise, n=200, name="guess")])
    value, low, high = evaluation.primary
    assert sentence.startswith(f"MCC {value:.3f} (95 % interval {low:.3f} to {high:.3f}) on 200 test sequences.")
    assert expected in sentence


def test_the_verdict_without_intervals_or_values_says_so():
    evaluation = _evaluation(BINARY, bootstrap=0)
    assert "no interval was computed" in verdict(evaluation, [evaluation])
    ranked = dataclasses.replace(BINARY, metric="auroc")
    undefined = Evaluation.from_logits(ranked, np.eye(2), [1, 1], bootstrap=5)
    sentence = verdict(undefined, [undefined])
    assert sentence.startswith("AUROC undefined on 2 test sequences.")
    assert "cannot be compared" in sentence
    assert verdict(_evaluation(BASES)).endswith("on 60 test sequences (300 bases).")


def test_undefined_numbers_are_drawn_and_written_without_a_warning(tmp_path):
    one_kind = Evaluation.from_logits(BINARY, np.eye(2), [1, 1], bootstrap=5)
    write_report(one_kind, tmp_path, title="One kind", baseline=one_kind)
    constant = Evaluation.from_logits(EXPRESSION, np.eye(2), np.ones((2, 2)), bootstrap=5)
    files = write_report(constant, tmp_path, title="Constant", baseline=[constant])
    assert "undefined" in files.markdown.read_text()


def test_the_table_of_metrics_has_a_column_for_each():
    evaluation, baseline = _evaluation(STRENGTH), _evaluation(STRENGTH, noise=3.0, name="guess")
    header, *rows = metrics_table(evaluation, [baseline])
    assert header == ["metric", "model", "guess"]
    assert rows[0] == ["R² (1 − SSE/SST)", str(evaluation.metrics["r2"]), str(baseline.metrics["r2"])]


@pytest.mark.parametrize(
    ("evaluation", "expected"),
    [
        (_evaluation(BINARY, bootstrap=0), "Values without intervals.\n"),
        (_evaluation(BINARY, seed=3), "Value and 95 % bootstrap interval (20 resamples of whole sequences, seed 3).\n"),
        (_evaluation(TRACKS, bootstrap=0), "Values without intervals. Means over 2 of 2 labels.\n"),
        (
            Evaluation.from_logits(TRACKS, np.eye(2), [[1, 0], [0, 0]], bootstrap=0),
            "Values without intervals. Means over 1 of 2 labels; the others are undefined on this split.\n",
        ),
    ],
)
def test_the_report_says_how_the_numbers_came_to_be(evaluation, expected, tmp_path):
    assert expected in write_report(evaluation, tmp_path, title="x").markdown.read_text()


def test_plots_leave_matplotlib_as_it_was_and_repeat_byte_for_byte():
    before = dict(matplotlib.rcParams)
    one, same = ([to_svg(plot) for plot in plots(_evaluation(STRENGTH), [], HISTORY)] for _ in range(2))
    assert one == same
    assert dict(matplotlib.rcParams) == before
    for svg in one:
        ElementTree.fromstring(svg)
        assert "#010203" not in svg


def test_a_long_curve_is_thinned(tmp_path):
    svg = to_svg(plots(_evaluation(BINARY, n=5000))[0])
    assert len(svg) < 100_000


def test_a_second_report_replaces_the_first_and_other_files_stay(tmp_path):
    folder = tmp_path / "a" / "report"
    write_report(_evaluation(BINARY), folder, title="First")
    (folder / "notes.txt").write_text("mine")
    write_report(_evaluation(BINARY), folder, title="Second")
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "report.html", "report.json", "report.md"]
    assert json.loads((folder / "report.json").read_text())["title"] == "Second"
    assert [path.name for path in folder.parent.iterdir()] == ["report"]


def test_a_page_that_cannot_be_written_leaves_the_numbers_and_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, "render_html", lambda *_: "\ud800")  # cannot be written as UTF-8
    with pytest.raises(UnicodeEncodeError):
        write_report(_evaluation(BINARY), tmp_path / "report", title="Broken")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["report.json", "report.md"]


HOSTILE = ("$x_{", "<script>alert(1)</script>", "a|b`c`", "**d** [e](http://f)", "# g\n\n---", "染色体 \x07", "")


@pytest.mark.parametrize("task", ["classes", "tracks", "targets"])
def test_names_from_users_are_shown_letter_for_letter(tmp_path, task):
    kinds = {"classes": "single_label_classification", "tracks": "multi_label_classification", "targets": "regression"}
    metric = {"classes": "mcc", "tracks": "auroc", "targets": "r2"}[task]
    hostile = Task("$\\frac{<b>`|", kinds[task], HOSTILE, metric=metric, description="$a$ <img src=x onerror=y> `z`")
    evaluation = _evaluation(hostile, name="m<o>del|$", settings={"ke`y": "<script>"})
    files = write_report(evaluation, tmp_path, title="<script>$t$</script>", history=HISTORY, baseline=[evaluation])
    page = files.html.read_text()
    assert "could not be drawn" not in page
    assert "<script" not in page
    assert "<img" not in page
    text = files.markdown.read_text()
    assert not re.search(r"(?<!\\)[`<]|(?<!\\)\]\(", text.replace("&lt;", ""))
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5, 6, 7, 8), line
    assert json.loads(files.json.read_text())["task"]["label_names"] == list(HOSTILE)


@pytest.mark.parametrize("broken", ["drawing", "writing"])
def test_a_plot_that_cannot_be_drawn_is_a_note_and_the_numbers_stay(tmp_path, monkeypatch, broken, caplog):
    def fail(*_):
        raise RuntimeError("no such glyph <x>")

    place = "plots._confusion" if broken == "drawing" else "report_html.to_svg"
    monkeypatch.setattr(f"hf_dnalm.evaluation.{place}", fail)
    files = write_report(_evaluation(BINARY), tmp_path, title="Cut")
    page = files.html.read_text()
    assert "This plot could not be drawn (RuntimeError: no such glyph &lt;x&gt;)." in page
    assert json.loads(files.json.read_text())["title"] == "Cut"
    assert "could not be drawn (RuntimeError" in caplog.text


def test_a_report_over_a_file_is_refused(tmp_path):
    (tmp_path / "report").write_text("")
    with pytest.raises(NotADirectoryError, match="report is a file; the report needs a folder"):
        write_report(_evaluation(BINARY), tmp_path / "report", title="x")


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        (_evaluation(SPLICE, bootstrap=0, name="g"), "baseline 'g' has another task \\('splice'\\) than the model"),
        (
            _evaluation(BINARY, n=9, bootstrap=0, name="g"),
            "another number of sequences \\(9\\) than the model \\(60\\)",
        ),
        (_evaluation(dataclasses.replace(STRENGTH, name="promoter"), bootstrap=0), "another metrics"),
    ],
)
def test_a_baseline_of_something_else_is_refused(baseline, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_report(_evaluation(BINARY, bootstrap=0), tmp_path / "report", title="x", baseline=baseline)
    assert list(tmp_path.iterdir()) == []
