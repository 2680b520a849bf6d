"""Bins and pairs of sequences, from data to a folder that predicts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.evaluation import evaluate, kmer_baseline, majority_baseline
from hf_dnalm.inference import predict, write_predictions
from hf_dnalm.tasks import Task
from hf_dnalm.training import finetune
from tests.toys.dnabert2 import toy_backend, toy_model
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-3, "report_to": "none"}
BIN_BP = 4
BINS = {
    "signal": Task("signal", "regression", ("a", "b"), metric="pearson", level="bin", bin_bp=BIN_BP),
    "one signal": Task("one", "regression", ("a",), metric="r2", level="bin", bin_bp=BIN_BP),
    "tracks": Task("tracks", "multi_label_classification", ("a",), metric="auroc", level="bin", bin_bp=BIN_BP),
    "classes": Task("classes", "single_label_classification", ("a", "b"), metric="mcc", level="bin", bin_bp=BIN_BP),
}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report in every test would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


def bins(task: Task, rows: int, seed: int) -> Dataset:
    """Random sequences of 12 to 36 bp; a bin's labels say how much G and C it has, and the first bin has none."""
    generator = np.random.default_rng(seed)
    sequences = [
        "".join(generator.choice(list("ACGT"), size=size)) for size in generator.integers(3, 10, rows) * BIN_BP
    ]
    labels: list = []
    for sequence in sequences:
        shares = [sum(map(sequence[i : i + BIN_BP].count, "GC")) / BIN_BP for i in range(0, len(sequence), BIN_BP)]
        if task.problem_type == "regression":
            values = shares if task.num_labels == 1 else [[share, -share] for share in shares]
        else:
            values = [int(share > 0.5) for share in shares]
            values = values if task.problem_type.startswith("single") else [[value] for value in values]
        values[0] = [-100] * len(values[0]) if isinstance(values[0], list) else -100
        labels.append(values)
    return Dataset.from_dict({"name": [str(row) for row in range(rows)], "sequence": sequences, "labels": labels})


def bin_splits(task: Task) -> DatasetDict:
    return DatasetDict({name: bins(task, 16, seed) for seed, name in enumerate(("train", "validation", "test"))})


@pytest.mark.parametrize("name", BINS)
def test_a_model_of_bins_predicts_what_its_report_says(name, base_folder, tmp_path):
    task, splits = BINS[name], bin_splits(BINS[name])
    result = finetune(base_folder, splits, task, output_dir=tmp_path / "out", reverse_complement=True, **QUICK)
    labelled = sum(len(row) - 1 for row in splits["test"]["labels"])
    assert result.evaluation.n == 16
    assert result.evaluation.n_rows == labelled
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["bin_bp"] == BIN_BP
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    predictions = predict(model, tokenizer, splits["test"], dtype=torch.float32)  # the task is read in the config
    assert (predictions.task.level, predictions.task.bin_bp) == ("bin", BIN_BP)
    assert [len(each) for each in predictions.logits] == [len(row) for row in splits["test"]["labels"]]
    logits = np.concatenate([each[1:] for each in predictions.logits])
    scores = logits[:, 1:] - logits[:, :1] if task.problem_type.startswith("single") else logits
    measured = result.evaluation.outputs.scores
    assert_close(measured[:, -scores.shape[1] :], scores.astype(np.float64), rtol=1e-4, atol=1e-5)
    again = evaluate(model, tokenizer, splits["test"], task, bootstrap=0, dtype=torch.float32)
    assert again.primary.value == pytest.approx(result.evaluation.primary.value, abs=1e-5)
    write_predictions(predictions, tmp_path / "bins.tsv")
    header, first, second, *rest = (tmp_path / "bins.tsv").read_text().splitlines()
    assert header.split("\t")[:3] == ["name", "start", "end"]
    assert first.split("\t")[:3] == ["0", "0", "4"]
    assert second.split("\t")[:3] == ["0", "4", "8"]
    assert len(rest) + 2 == sum(map(len, predictions.logits))
    if task.problem_type.startswith("single"):
        write_predictions(predictions, tmp_path / "bins.bed")
        rows = [line.split("\t") for line in (tmp_path / "bins.bed").read_text().splitlines()]
        assert sum(int(end) - int(start) for _, start, end, *_ in rows) == sum(map(len, splits["test"]["sequence"]))
    else:
        with pytest.raises(ValueError, match="does not have exactly one class per bin, so it cannot be written as BED"):
            write_predictions(predictions, tmp_path / "bins.bed")


@pytest.mark.parametrize("name", BINS)
def test_bins_have_a_majority_baseline_and_no_kmer_baseline(name):
    task, splits = BINS[name], bin_splits(BINS[name])
    baseline = majority_baseline(task, splits["train"], splits["test"], bootstrap=0)
    assert baseline.n_rows == sum(len(row) - 1 for row in splits["test"]["labels"])
    with pytest.raises(ValueError, match="for a bin-level task use majority_baseline"):
        kmer_baseline(task, splits["train"], splits["test"])


def test_class_weights_count_labelled_bins(base_folder, tmp_path):
    task = BINS["classes"]
    result = finetune(
        base_folder, bin_splits(task), task, output_dir=tmp_path, class_weights="balanced", max_steps=1, **QUICK
    )
    assert np.isfinite(result.evaluation.primary.value)


# --- pairs ----------------------------------------------------------------------------------------------------------

PAIRS = Task("touch", "single_label_classification", ("apart", "together"), metric="mcc", pair=True)


def pairs(rows: int, seed: int) -> Dataset:
    single = splits_of(TASKS["single"], train=rows)["train"]
    generator = np.random.default_rng(seed)
    seconds = ["".join(generator.choice(list("ACGT"), size=size)) for size in generator.integers(5, 30, rows)]
    return single.add_column("sequence2", seconds)


@pytest.fixture(scope="module")
def separating_folder(tmp_path_factory):
    """A model whose tokenizer puts a separator between two sequences, and marks the second."""
    from hf_dnalm.tokenization import DnaBpeTokenizer

    folder = tmp_path_factory.mktemp("pairs")
    toy_model("masked_lm").save_pretrained(folder)
    special = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    DnaBpeTokenizer(
        tokenizer_object=toy_backend(), mask_token="[MASK]", model_max_length=60, **special
    ).save_pretrained(folder)
    return folder


def test_a_model_of_pairs_predicts_what_its_report_says(separating_folder, tmp_path):
    splits = DatasetDict({name: pairs(16, seed) for seed, name in enumerate(("train", "validation", "test"))})
    result = finetune(separating_folder, splits, PAIRS, output_dir=tmp_path, reverse_complement=True, **QUICK)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    predictions = predict(model, tokenizer, splits["test"], dtype=torch.float32)
    assert predictions.task.pair
    scores = (predictions.logits[:, 1] - predictions.logits[:, 0]).astype(np.float64)
    assert_close(result.evaluation.outputs.scores[:, 1], scores, rtol=1e-4, atol=1e-5)
    swapped = splits["test"].rename_columns({"sequence": "a", "sequence2": "sequence"}).rename_column("a", "sequence2")
    assert not np.allclose(predict(model, tokenizer, swapped, dtype=torch.float32).logits, predictions.logits)
    # The same with transformers alone, one pair at a time.
    row = splits["test"][3]
    with torch.no_grad():
        alone = model(**tokenizer(row["sequence"], row["sequence2"], return_tensors="pt")).logits[0]
    assert_close(torch.from_numpy(predictions.logits[3]), alone, rtol=1e-4, atol=1e-5)


def test_a_family_without_a_separator_refuses_pairs(base_folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"pairs of sequences need a separator .* KmerTokenizer has none; use a family"
    ):
        finetune(base_folder, {"train": pairs(16, 0)}, PAIRS, output_dir=tmp_path, **QUICK)


def test_strings_are_no_pairs(separating_folder):
    model = AutoModelForSequenceClassification.from_pretrained(separating_folder, num_labels=2)
    tokenizer = AutoTokenizer.from_pretrained(separating_folder)
    with pytest.raises(
        ValueError, match=r"task 'touch' classifies pairs: give a Dataset with the columns name, sequence and"
    ):
        predict(model, tokenizer, ["ACGT"], task=PAIRS)


def test_the_kmer_baseline_counts_both_sequences_of_a_pair():
    train = Dataset.from_dict(
        {"sequence": ["ACGT" * 3] * 40, "sequence2": ["AAAA", "CCCC"] * 20, "labels": [0, 1] * 20}
    )
    assert kmer_baseline(PAIRS, train, train, k=2, bootstrap=0).primary.value == 1.0
