"""`dnalm finetune`: flags, output folder and printed result; bad input is one line and leaves no files."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from hf_dnalm.cli.finetune import _parser
from hf_dnalm.cli.main import main
from tests.training.conftest import TASKS, labelled

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CONFIG = {"model_type": "dnalm_nucleotide_transformer", "vocab_size": 75, "hidden_size": 16, "intermediate_size": 32}
CONFIG |= {"num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 32, "hidden_dropout_prob": 0.1}


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    """A config for random weights and a labelled file for each split."""
    paths = {"config": tmp_path / "config.json"}
    paths["config"].write_text(json.dumps(CONFIG))
    for seed, (split, rows) in enumerate({"train": 24, "validation": 11, "test": 13}.items()):
        paths[split] = tmp_path / f"{split}.csv"
        labelled(TASKS["single"], rows, seed=seed).to_csv(paths[split], index=False)
    return paths


def flags(files: dict[str, Path], output_dir: Path, *more: str) -> list[str]:
    named = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    quick = ["--bootstrap", "20", "--disable_tqdm", "True", "--use_cpu", "--num_train_epochs", "1"]
    return ["finetune", *named, "--output_dir", str(output_dir), *quick, *more]


def in_a_process(*command: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=240
    )


def metrics_in(folder: Path) -> dict[str, float]:
    return json.loads((folder / "report" / "report.json").read_text())["metrics"]


def test_the_result_is_printed_and_the_log_is_not(files, tmp_path, capsys):
    main(flags(files, tmp_path / "out", "--baseline", "--reverse-complement"))
    printed = capsys.readouterr()
    assert "13 test sequences" in printed.out
    assert "5-mer logistic regression" in printed.out
    assert f"Model and report are in {tmp_path / 'out'}" in printed.out
    assert "'eval_loss'" in printed.err
    assert "'eval_loss'" not in printed.out


def test_one_file_is_cut_into_three(files, tmp_path):
    main(flags({name: files[name] for name in ("config", "train")}, tmp_path / "out"))
    assert "divided into 80 % train" in (tmp_path / "out" / "report" / "report.md").read_text()


def test_a_fold_of_one_file_trains_chooses_and_tests(files, tmp_path):
    only = {name: files[name] for name in ("config", "train")}
    main(flags(only, tmp_path / "out", "--folds", "4", "--fold", "1"))
    report = json.loads((tmp_path / "out" / "report" / "report.json").read_text())
    assert 5 <= report["n"] <= 7  # 24 rows, by class
    note = "splits are fold 1 (counted from 0) of 4, drawn with seed 42"
    assert note in json.loads((tmp_path / "out" / "task.json").read_text())["description"]


def word(number: int) -> str:
    """Eight letters, others for every number."""
    return "".join("ACGT"[number >> shift & 3] for shift in range(0, 16, 2))


def test_a_file_of_bins_trains_and_predicts(files, tmp_path, capsys):
    rows = [f"{word(row)}{'GGCC' * (row % 3)},{';'.join(['0.5', '-1', *['2.5'] * (row % 3)])}" for row in range(24)]
    (tmp_path / "bins.csv").write_text("\n".join(["sequence,labels", *rows]) + "\n")
    given = {"config": files["config"], "train": tmp_path / "bins.csv"}
    main(flags(given, tmp_path / "out", "--level", "bin", "--bin_bp", "4"))
    report = (tmp_path / "out" / "report" / "report.md").read_text()
    assert "bin level" in report
    assert " bins)" in report
    (tmp_path / "new.fa").write_text(">a\nACGTACGTACGT\n")
    main(["predict", str(tmp_path / "out"), str(tmp_path / "new.fa"), "--output", str(tmp_path / "new.tsv")])
    lines = (tmp_path / "new.tsv").read_text().splitlines()
    assert [line.split("\t")[:3] for line in lines] == [
        ["name", "start", "end"],
        ["a", "0", "4"],
        ["a", "4", "8"],
        ["a", "8", "12"],
    ]


def test_a_file_of_pairs_trains_predicts_and_is_scored(tmp_path, separating_folder, capsys):
    rows = [f"{word(row)},GGC{'A' * (row % 5)},{row % 2}" for row in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(["first,second,label", *rows]) + "\n")
    columns = ["--sequence_column", "first", "--sequence2_column", "second"]
    quick = ["--bootstrap", "20", "--use_cpu", "--num_train_epochs", "1"]
    given = ["--train", str(tmp_path / "pairs.csv"), "--output_dir", str(tmp_path / "out")]
    main(["finetune", "--model", str(separating_folder), *given, *columns, *quick])
    (tmp_path / "new.csv").write_text("sequence,sequence2,label\nACGTACG,GGCA,1\nACGTACGT,GGC,0\n")
    main(["predict", str(tmp_path / "out"), str(tmp_path / "new.csv"), "--output", str(tmp_path / "new.tsv")])
    assert len((tmp_path / "new.tsv").read_text().splitlines()) == 3
    scored = ["evaluate", str(tmp_path / "out"), str(tmp_path / "new.csv"), "--output", str(tmp_path / "scored")]
    main([*scored, "--bootstrap", "0"])
    assert json.loads((tmp_path / "scored" / "report.json").read_text())["n"] == 2


@pytest.fixture
def separating_folder(tmp_path) -> Path:
    """A model whose tokenizer puts a separator between two sequences."""
    from tests.toys.dnabert2 import toy_model, toy_tokenizer

    toy_model("masked_lm").save_pretrained(tmp_path / "model")
    toy_tokenizer().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("vocab_size", [75, 73], ids=["version 2", "version 1"])
def test_a_config_brings_the_tokenizer_of_its_vocabulary(files, tmp_path, vocab_size):
    files["config"].write_text(json.dumps(CONFIG | {"vocab_size": vocab_size, "pad_token_id": 1}))
    main(flags(files, tmp_path / "out"))
    vocabulary = json.loads((tmp_path / "out" / "tokenizer.json").read_text())["model"]["vocab"]
    assert vocabulary["AAA"] == (6 if vocab_size == 75 else 4)
    assert json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())["model_max_length"] == 30


def test_without_flags_the_way_to_help_is_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["finetune"])
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_lists_our_flags_and_transformers_flags(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["finetune", "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if line.startswith("  --")]
    flags = {words[0] for words in lines}
    assert {"--reverse-complement", "--gradient-accumulation-steps", "--lora-rank", "--output-dir"} <= flags
    assert not any("_" in flag for flag in flags)
    assert "Rank of the LoRA update (default: 8)." in printed
    assert "Turn off --merge." in printed
    groups = [line for line in printed.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert [group.rstrip(":") for group in groups] == [
        *("options", "model", "data", "task", "method", "training"),
        "every other flag of transformers.TrainingArguments",
        "example",
    ]
    assert printed.index("--output-dir VALUE") < printed.index("--max-steps VALUE")
    *_, example = printed.rstrip().splitlines()
    _parser().parse_args(shlex.split(example)[2:])


def rewrite(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "more", "message"),
    [
        (lambda files: rewrite(files["train"], "labels", "target"), [], "labels"),
        (lambda files: rewrite(files["test"], "12,", "12,ACGTJ"), [], "J"),
        (lambda files: files["train"].write_text("name,sequence,labels\na,ACGT,0\na,CCGT,1\n"), [], "'a'"),
        (lambda files: files["train"].write_text("name,sequence,labels\n"), [], "train.csv"),
        (
            lambda files: rewrite(files["train"], ",1\n", ",0.5\n"),
            ["--problem_type", "multi_label_classification"],
            "0.5",
        ),
        (lambda files: files["test"].write_text("name,sequence,labels\na,ACGT,7\n"), [], "7"),
        (lambda files: None, ["--max_tokens", "4"], "Pass overflow='truncate' or shorten it."),
        (lambda files: files["test"].unlink(), [], "test.csv"),
        (lambda files: files["config"].write_text("{"), [], "config.json: cannot be read (Expecting"),
        (
            lambda files: rewrite(files["config"], "75", "74"),
            [],
            "vocab_size is 74; a k-mer vocabulary has 4^k",
        ),
        (
            lambda files: rewrite(files["config"], "75", '"75"'),
            [],
            "config.json: vocab_size is '75', a string; it must be a whole number",
        ),
        (lambda files: rewrite(files["config"], "dnalm_nucleotide", "other"), [], "model_type is 'other_transformer'"),
        (lambda files: None, ["--method", "lora"], "was not loaded from a folder or a Hub id"),
        (lambda files: None, ["--task", "pgb/poly_a"], "give either --task SUITE/NAME"),
        (lambda files: None, ["--metric", "r2"], "metric 'r2'"),
        (lambda files: None, ["--learning-rate", "fast"], "invalid float value: 'fast'"),
        (lambda files: None, ["--no-such-flag"], "no such flag or value: --no-such-flag (see dnalm finetune --help)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_line_and_leaves_nothing(spoil, more, message, files, tmp_path, capsys):
    spoil(files)
    with pytest.raises(SystemExit) as stop:
        main(flags(files, tmp_path / "out", *more))
    assert stop.value.code == 2
    printed = capsys.readouterr()
    *_, line = printed.err.strip().split("\n")
    assert line.startswith("dnalm finetune: error:")
    assert message in line
    assert printed.out == ""
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_with_a_missing_tensor_is_refused(files, upstream_v2, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in upstream_v2.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(broken / "model.safetensors")
    del weights["esm.encoder.layer.0.output.dense.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    files = {"model": broken} | {name: path for name, path in files.items() if name != "config"}
    with pytest.raises(SystemExit) as stop:
        main(flags(files, tmp_path / "out"))
    assert stop.value.code == 2
    assert "esm.encoder.layer.0.output.dense.weight" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
from hf_dnalm.training import trainer
from hf_dnalm.training.augmentation import EpochClock

class Kill(EpochClock):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 8:
            os.kill(os.getpid(), signal.SIGKILL)

trainer.EpochClock = Kill
from hf_dnalm.cli.finetune import _parser
from hf_dnalm.cli.main import main
main(sys.argv[1:])
"""


def test_a_killed_run_that_is_resumed_ends_like_an_undisturbed_one(files, tmp_path):
    more = ["--eval_strategy", "steps", "--eval_steps", "3", "--num_train_epochs", "2", "--reverse_complement"]
    more += ["--per_device_train_batch_size", "4", "--learning_rate", "1e-3"]  # 6 steps in an epoch
    killed = in_a_process("-c", KILLED, *flags(files, tmp_path / "killed", *more))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed" / "report").exists()
    assert sorted(each.name for each in (tmp_path / "killed").glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-6"]
    main(flags(files, tmp_path / "killed", *more, "--resume"))
    main(flags(files, tmp_path / "undisturbed", *more))
    assert metrics_in(tmp_path / "killed") == metrics_in(tmp_path / "undisturbed")
    ends = [load_file(tmp_path / name / "model.safetensors") for name in ("killed", "undisturbed")]
    assert_close(*ends, rtol=0, atol=0)


def test_two_processes_measure_what_one_does(files, tmp_path):
    more = ["--learning_rate", "0", "--per_device_eval_batch_size", "4"]  # 11 and 13 sequences fill no last batch
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "hf_dnalm"]
    two = in_a_process(*launch, *flags(files, tmp_path / "two", *more))
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("13 test sequences") == 1
    main(flags(files, tmp_path / "one", *more))
    for metric, value in metrics_in(tmp_path / "one").items():
        assert metrics_in(tmp_path / "two")[metric] == pytest.approx(value, abs=1e-6)
    losses = [
        next(entry["eval_loss"] for entry in json.loads(path.read_text())["history"] if "eval_loss" in entry)
        for path in (tmp_path / name / "report" / "report.json" for name in ("one", "two"))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_plain_transformers_reads_the_checkpoint_of_a_fine_tuned_upstream_model(files, tmp_path, upstream_v2, stranger):
    from hf_dnalm.auto import AutoModelForSequenceClassification

    files = {"model": upstream_v2} | {name: path for name, path in files.items() if name != "config"}
    main(flags(files, tmp_path / "out", "--max_steps", "1", "--eval_strategy", "steps", "--eval_steps", "1"))
    checkpoint = tmp_path / "out" / "checkpoint-1"
    seen = stranger.read(checkpoint, "AutoModelForSequenceClassification", "ACGTTGCAACGTA")
    assert seen["missing"] == seen["unexpected"] == []
    ours = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        logits = ours(torch.tensor([seen["ids"]])).logits[0]
    assert_close(torch.tensor(seen["numbers"]), logits)
