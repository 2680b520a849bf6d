import json
import shutil

import numpy as np
import pytest

from hf_dnalm.cli.main import main
from hf_dnalm.data import read_file
from hf_dnalm.evaluation import compute_metrics
from hf_dnalm.inference import predict
from hf_dnalm.tasks import Task
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

LABELS = {0: "no", 1: "yes"}


def _sequences(n: int) -> list[str]:
    generator = np.random.default_rng(0)
    return ["".join(row) for row in np.array(list("ACGT"))[generator.integers(0, 4, (n, 20))]]


def _save(folder, model):
    model.save_pretrained(folder)
    toy_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    model = toy_model("sequence", id2label=LABELS, problem_type="single_label_classification")
    return _save(tmp_path_factory.mktemp("models") / "classifier", model)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "test.csv"
    rows = [f"s{i},{sequence},{LABELS[i % 2]}\n" for i, sequence in enumerate(_sequences(12))]
    path.write_text("name,sequence,labels\n" + "".join(rows))
    return path


def _run(capsys, *arguments) -> list[list[str]]:
    """The table on stdout: rows of cells."""
    main(["evaluate", *map(str, arguments), "--dtype", "float32", "--bootstrap", "20"])
    return [line.split("  ") for line in capsys.readouterr().out.splitlines()]


def _refused(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *map(str, arguments)])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    (line,) = [line for line in captured.err.splitlines() if line.startswith("dnalm evaluate: error: ")]
    return line  # the other lines are argparse's usage and transformers' progress bars


def test_the_table_and_the_report_are_those_of_the_models_predictions(classifier, table, tmp_path, capsys):
    rows = _run(capsys, classifier, table, "--output", tmp_path / "report", "--seed", 7, "--token-budget", 16)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    task = Task.from_dict(report["task"])
    assert (task.name, task.label_names) == ("test.csv", ("no", "yes"))
    data = read_file(table, task=task)
    logits = predict(toy_model("sequence", id2label=LABELS), toy_tokenizer(), data, task=task).logits
    for metric, value in compute_metrics(task, logits, data["labels"][:]).items():
        assert report["metrics"][metric]["value"] == pytest.approx(value, abs=1e-4)
    assert (report["n"], report["seed"], report["split"]) == (12, 7, "test")
    assert report["metrics"]["mcc"]["resamples"] == 20
    assert report["settings"]["dtype"] == "float32"
    assert rows[0][0] == "metric"
    assert [row[0] for row in rows[1:]] == ["MCC", "F1", "Accuracy", "AUROC", "AUPRC"]
    assert f"{report['metrics']['mcc']['value']:z.3f}" in rows[1][-1]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "report.md", "report.html"}


def test_a_fasta_with_class_numbers_is_the_same_as_a_table_with_class_names(classifier, table, tmp_path, capsys):
    fasta = tmp_path / "test.fa"
    fasta.write_text("".join(f">s{i}|{i % 2}\n{sequence}\n" for i, sequence in enumerate(_sequences(12))))
    one = _run(capsys, classifier, table, "--output", tmp_path / "table")
    assert _run(capsys, classifier, fasta, "--output", tmp_path / "fasta") == one


def test_metric_and_baseline_and_split_reach_the_report(classifier, table, tmp_path, capsys):
    options = ("--metric", "auroc", "--baseline", table, "--split", "holdout")
    rows = _run(capsys, classifier, table, "--output", tmp_path, *options)
    report = json.loads((tmp_path / "report.json").read_text())
    assert next(iter(report["metrics"])) == report["task"]["metric"] == "auroc"
    assert report["split"] == report["baselines"][0]["split"] == "holdout"
    assert report["baselines"][0]["name"] == "5-mer logistic regression"
    assert rows[1][0] == "AUROC"


def test_the_task_beside_the_model_is_taken(classifier, table, tmp_path, capsys):
    model = shutil.copytree(classifier, tmp_path / "model")
    task = Task("strand", "single_label_classification", ("no", "yes"), metric="f1", description="1 = yes")
    (model / "task.json").write_text(json.dumps(task.to_dict()))
    _run(capsys, model, table, "--output", tmp_path / "report")
    assert json.loads((tmp_path / "report" / "report.json").read_text())["task"] == task.to_dict()


def test_a_regression_is_scored_by_its_numbers(tmp_path, capsys):
    model = _save(tmp_path / "model", toy_model("sequence", num_labels=1, problem_type="regression"))
    (tmp_path / "test.tsv").write_text(
        "sequence\tstrength\n" + "".join(f"{sequence}\t{i / 2}\n" for i, sequence in enumerate(_sequences(6)))
    )
    rows = _run(capsys, model, tmp_path / "test.tsv", "--output", tmp_path / "r", "--labels-column", "strength")
    assert [row[0] for row in rows[1:]] == ["R² (1 − SSE/SST)", "R² (squared Pearson)", "Pearson r", "Spearman ρ"]


def test_a_model_of_bases_is_scored_base_by_base(tmp_path, capsys):
    model = _save(tmp_path / "model", toy_model("token", id2label={0: "intron", 1: "exon"}))
    records = [{"sequence": "ACGTAC", "labels": [0, 0, 1, 1, 1, 0]}, {"sequence": "GGGN", "labels": [0, 1, 1, -100]}]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, records)))
    _run(capsys, model, tmp_path / "test.jsonl", "--output", tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (report["n"], report["n_rows"], report["task"]["level"]) == (2, 9, "nucleotide")


@pytest.fixture
def benchmark(tmp_path):
    """A folder in the layout of the Plant Genomic Benchmark, with fewer rows than were published."""
    folder = tmp_path / "benchmark" / "poly_a"
    folder.mkdir(parents=True)
    for split, n in (("train", 20), ("test", 8)):
        records = [f">{split}{i}|{i % 2}\n{sequence}\n" for i, sequence in enumerate(_sequences(n))]
        (folder / f"arabidopsis_thaliana_{split}.fa").write_text("".join(records))
    return folder.parent


def test_a_benchmark_task_brings_its_labels_and_its_training_split(classifier, benchmark, tmp_path, capsys):
    data = "plant-genomic-benchmark/poly_a.arabidopsis_thaliana"
    options = ("--data-dir", benchmark, "--baseline", "train")
    assert "8 records" in _refused(capsys, classifier, data, "--output", tmp_path / "report", *options)
    _run(capsys, classifier, data, "--output", tmp_path / "report", *options, "--allow-subset")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["task"]["name"] == data
    assert "test has 8 of 30,384 published rows" in report["task"]["description"]
    assert report["n"] == 8
    assert report["baselines"][0]["settings"]["n_train"] == 18  # 10 % of 20 are the validation split


def test_what_cannot_be_scored_is_one_line_and_leaves_nothing(classifier, table, tmp_path, capsys):
    out = tmp_path / "report"
    bare, wrong = tmp_path / "bare.csv", tmp_path / "wrong.csv"
    bare.write_text("sequence\nACGT\n")
    wrong.write_text("sequence,labels\nACGT,yes\nACGA,maybe\n")
    regression = _save(tmp_path / "regression", toy_model("sequence", num_labels=1, problem_type="regression"))
    unclear = _save(tmp_path / "unclear", toy_model("sequence", num_labels=3))
    headless = _save(tmp_path / "headless", toy_model("masked_lm"))
    for arguments, message in (
        ((classifier, "nowhere/test.fa"), "nowhere/test.fa: no such file; a benchmark task is written SUITE/TASK"),
        ((classifier, "nowhere.csv"), "nowhere.csv: no such file"),
        ((classifier, "pbg/poly_a.arabidopsis_thaliana"), "no benchmark suite 'pbg'"),
        ((classifier, bare), "labels"),
        ((classifier, wrong), "'maybe' does not fit task 'wrong.csv'"),
        ((regression, table), "does not fit task 'test.csv' (regression)"),
        ((unclear, table), "3 labels and no problem_type"),
        ((headless, table), "no task head"),
        ((classifier, table, "--metric", "r2"), "metric 'r2' of task 'test.csv' does not fit"),
        ((classifier, table, "--bootstrap", "-1"), "--bootstrap is -1; it must be 0 (no intervals) or more"),
        ((classifier, table, "--baseline", bare), "labels"),
    ):
        assert message in _refused(capsys, *arguments, "--output", out)
        assert not out.exists()


def test_an_output_folder_is_asked_for(classifier, table, capsys):
    assert "required: --output" in _refused(capsys, classifier, table)
    assert f"--output {table} is a file; the report needs a folder" in _refused(
        capsys, classifier, table, "--output", table
    )
