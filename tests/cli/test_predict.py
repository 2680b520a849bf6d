import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet
import pytest
import torch

from hf_dnalm.cli.main import main
from hf_dnalm.inference import predict
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

SEQUENCES = {"b": "ACGTACGTAA", "a": "acgnR", "c": "GGG" * 20}


def _save(folder, model, **tokenizer_options):
    model.save_pretrained(folder)
    toy_tokenizer(**tokenizer_options).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    model = toy_model("sequence", id2label={0: "no", 1: "yes"}, problem_type="single_label_classification")
    return _save(tmp_path_factory.mktemp("classifier"), model)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "reads.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items()))
    return str(path)


def _refused(capsys, arguments) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["predict", *arguments])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    (line,) = [line for line in captured.err.splitlines() if line.startswith("dnalm predict: error: ")]
    return line  # the other lines are transformers' progress bars


def test_the_table_goes_to_stdout_in_input_order(classifier, fasta, capsys):
    main(["predict", classifier, fasta, "--dtype", "float32", "--token-budget", "32"])
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines(), delimiter="\t"))
    assert [row["name"] for row in rows] == list(SEQUENCES)
    assert {row["label"] for row in rows} <= {"no", "yes"}
    model = toy_model("sequence", id2label={0: "no", 1: "yes"}, problem_type="single_label_classification")
    expected = predict(model, toy_tokenizer(), list(SEQUENCES.values()), dtype=torch.float32).probabilities
    written = [[float(row["probability_no"]), float(row["probability_yes"])] for row in rows]
    np.testing.assert_allclose(written, expected, atol=1e-6)


def test_columns_of_a_table_can_be_named(classifier, tmp_path):
    (tmp_path / "in.csv").write_text("id,dna,label\nx,ACGT,7\ny,GGG,8\n")
    out = tmp_path / "out.parquet"
    options = ["--sequence-column", "dna", "--name-column", "id", "--output", str(out)]
    main(["predict", classifier, str(tmp_path / "in.csv"), *options])
    assert pyarrow.parquet.read_table(out)["name"].to_pylist() == ["x", "y"]


def test_a_model_of_single_bases_writes_bed(tmp_path, fasta):
    folder = _save(tmp_path / "model", toy_model("token", id2label={0: "out", 1: "exon"}))
    main(["predict", folder, fasta, "--output", str(tmp_path / "out.bed")])
    ends = {line.split("\t")[0]: int(line.split("\t")[2]) for line in (tmp_path / "out.bed").read_text().splitlines()}
    assert ends == {name: len(sequence) for name, sequence in SEQUENCES.items()}


def test_a_long_sequence_is_refused_or_truncated(tmp_path, fasta, capsys):
    model = toy_model("sequence", problem_type="regression", id2label={0: "strength"})
    folder = _save(tmp_path / "model", model, model_max_length=20)
    assert "sequence 'c' is 60 bp = 21 tokens" in _refused(capsys, [folder, fasta])
    main(["predict", folder, fasta, "--overflow", "truncate"])
    assert capsys.readouterr().out.splitlines()[0] == "name\tvalue_strength"


def test_an_adapter_predicts_like_the_model_it_was_saved_from(tmp_path, fasta, capsys):
    peft = pytest.importorskip("peft")
    base = _save(tmp_path / "base", toy_model("masked_lm"))
    model = toy_model("sequence", id2label={0: "strength"}, problem_type="regression")
    model.esm.load_state_dict(toy_model("masked_lm").esm.state_dict())
    model.name_or_path = model.config.name_or_path = base
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], init_lora_weights=False)
    adapted = peft.get_peft_model(model, config)
    adapted.save_pretrained(tmp_path / "adapter")
    expected = predict(adapted, toy_tokenizer(), list(SEQUENCES.values()), dtype=torch.float32).values[:, 0]
    main(["predict", str(tmp_path / "adapter"), fasta, "--dtype", "float32"])
    rows = list(csv.reader(capsys.readouterr().out.splitlines(), delimiter="\t"))[1:]
    np.testing.assert_allclose([float(row[-1]) for row in rows], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "out.xlsx"], "the extension must be one of .tsv, .tsv.gz, .csv, .parquet, .bed"),
        (["--output", "out.bed"], "BED holds a class for each base"),
        (["--output", "absent/out.tsv"], "there is no folder absent"),
        (["--token-budget", "0"], "token_budget must be at least 1, not 0"),
        (["--device", "toaster"], "--device toaster: "),
        (["--device", "cuda:99"], "--device cuda:99: "),
    ],
)
def test_bad_options_are_one_line(classifier, fasta, capsys, options, message):
    assert message in _refused(capsys, [classifier, fasta, *options])


def test_bad_letters_and_missing_files_are_one_line(classifier, tmp_path, capsys):
    (tmp_path / "bad.fa").write_text(">x\nACGJ\n")
    error = _refused(capsys, [classifier, str(tmp_path / "bad.fa"), "--output", str(tmp_path / "out.tsv")])
    assert "bad.fa" in error
    assert "'x'" in error
    assert "'J'" in error
    assert "absent.fa" in _refused(capsys, [classifier, str(tmp_path / "absent.fa")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.fa"]


def test_a_model_without_a_task_head_is_refused(tmp_path, fasta, capsys):
    folder = _save(tmp_path / "model", toy_model("masked_lm"))
    error = _refused(capsys, [folder, fasta])
    assert "is NucleotideTransformerForMaskedLM, which has no task head; fine-tune it first" in error


def test_a_killed_run_leaves_no_output(classifier, tmp_path):
    (tmp_path / "many.fa").write_text("".join(f">{i}\n{'ACGTTGCA' * 200}\n" for i in range(20_000)))
    out = tmp_path / "out.tsv"
    command = [sys.executable, "-m", "hf_dnalm", "predict", classifier, str(tmp_path / "many.fa"), "--output", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    time.sleep(5)  # it is importing, reading or predicting; 20,000 sequences take longer
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} <= {"many.fa", ".out.tsv.lock"}  # a lock that nobody holds
