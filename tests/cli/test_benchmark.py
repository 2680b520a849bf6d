"""`dnalm benchmark`: flags in, results and a leaderboard out; killed at random moments it ends as if undisturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hf_dnalm.cli.benchmark import leave_group
from hf_dnalm.cli.main import main
from tests.benchmarking.conftest import data_dir, tiny  # noqa: F401  (fixtures)
from tests.benchmarking.test_run import contents
from tests.cli.test_finetune import in_a_process

QUICK = ["--allow-subset", "--bootstrap", "50", "--num_train_epochs", "1", "--per_device_train_batch_size", "8"]


def flags(data: Path, output: Path, *more: str) -> list[str]:
    return ["benchmark", "--suites", "gue", "--data-dir", str(data), "--output", str(output), *QUICK, *more]


def test_the_table_is_printed_and_the_log_is_not(data_dir, tiny, tmp_path, capsys, caplog):  # noqa: F811
    tasks = ["--tasks", "prom_core_tata,splice_*", "--models", f"mine={tiny}", "--methods", "probe"]
    main(flags(data_dir, tmp_path / "out", *tasks, "--baselines", "kmer", "--seeds", "0", "1"))
    printed = capsys.readouterr()
    header, first, *_ = printed.out.splitlines()
    assert header.split() == ["task", "metric", "test", "kmer", "mine", "(probe)"]
    assert first.startswith("gue/prom_core_tata")
    assert "±" in first
    assert str(tmp_path / "out" / "leaderboard.html") in printed.out
    assert "'eval_loss'" not in printed.out
    assert "gue/splice_reconstructed: mine (probe), seed 1: " in caplog.text
    facts = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert facts["settings"]["mine (probe)"]["training"] == {"num_train_epochs": 1}


def test_the_same_command_in_two_processes_gives_the_same_results(data_dir, tiny, tmp_path, capsys):  # noqa: F811
    more = ["--tasks", "prom_core_tata", "--models", str(tiny), "--baselines", "majority", "kmer"]
    main(flags(data_dir, tmp_path / "one", *more))
    main(flags(data_dir, tmp_path / "two", *more, "--jobs", "2"))
    assert capsys.readouterr().out.count("contestants on 1 task.") == 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 6


def test_processes_of_accelerate_take_different_cells(data_dir, tiny, tmp_path):  # noqa: F811
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "hf_dnalm"]
    more = ["--tasks", "prom_core_tata", "--models", str(tiny), "--baselines", "majority", "kmer"]
    two = in_a_process(*launch, *flags(data_dir, tmp_path / "two", *more))
    assert two.returncode == 0, two.stderr
    for number, who in enumerate(("majority", "kmer", "tiny (full)"), start=1):
        assert two.stderr.count(f"gue/prom_core_tata: {who}, seed 0: ") == 1, number
    main(flags(data_dir, tmp_path / "one", *more))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_process_of_a_group_works_alone_on_its_own_gpu():
    environment = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "x", "OTHER": "y"}
    assert leave_group(environment) == (5, 8)
    assert environment == {"OTHER": "y", "CUDA_VISIBLE_DEVICES": "1"}
    environment = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "CUDA_VISIBLE_DEVICES": "4,6"}
    leave_group(environment)
    assert environment["CUDA_VISIBLE_DEVICES"] == "6"
    assert leave_group({}) == (0, 1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--tasks", "x*"], "no task of gue matches 'x*'"),
        (["--tasks", "emp_H3", "--jobs", "0"], "--jobs is 0; it must be 1 or more"),
        (["--tasks", "emp_H3", "--no-such-flag"], "no such flag or value: --no-such-flag (see dnalm benchmark --help)"),
        (["--tasks", "emp_H3", "--learning-rate", "fast"], "invalid float value: 'fast'"),
        (["--tasks", "emp_H3", "--seed", "3"], "the benchmark sets seed itself"),
        (["--tasks", "emp_H3", "--data-dir", "gue=a", "b"], "give one folder, or SUITE=FOLDER for each suite"),
        (
            ["--tasks", "emp_H3"],
            "1 cell failed; the results of all others are kept. First error: gue/emp_H3: majority, seed 0: ",
        ),
    ],
)
def test_bad_input_is_one_line(more, message, data_dir, tmp_path, capsys):  # noqa: F811
    with pytest.raises(SystemExit) as stop:
        main(flags(data_dir, tmp_path / "out", "--baselines", "majority", *more))
    assert stop.value.code == 2
    *_, line = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("dnalm benchmark: error:")
    assert message in line
    assert not line.endswith("..")
    assert not list(tmp_path.glob("out/cells/*/*/*"))


def test_without_an_output_folder_the_way_is_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", "--tasks", "gue/emp_H3"])
    assert stop.value.code == 2
    assert "--output" in capsys.readouterr().err


def test_killed_at_random_moments_it_ends_like_an_undisturbed_run(data_dir, tiny, tmp_path):  # noqa: F811
    """DNALM_KILLS=10 is the full run, on more cells."""
    kills = int(os.environ.get("DNALM_KILLS", "1"))
    tasks, seeds = ("prom_core_tata", ["0"]) if kills == 1 else ("prom_core_tata,splice_*", ["0", "1"])
    more = ["--tasks", tasks, "--models", str(tiny), "--methods", "full", "probe", "--seeds", *seeds]
    more += ["--eval_strategy", "steps", "--eval_steps", "1", "--learning_rate", "1e-3"]
    started = time.monotonic()
    main(flags(data_dir, tmp_path / "undisturbed", *more))
    cells = 5 * len(tasks.split(",")) * len(seeds)
    a_cell = (time.monotonic() - started) / cells
    generator, killed = random.Random(kills), 0
    for left in range(kills, 0, -1):
        done = finished(tmp_path / "killed")
        target = done + generator.randint(0, 2 * (cells - done) // (left + 1))
        one = in_the_background(flags(data_dir, tmp_path / "killed", *more))
        while one.poll() is None and finished(tmp_path / "killed") < max(target, 1):
            time.sleep(0.05)
        time.sleep(generator.uniform(0, 2 * a_cell))
        one.send_signal(signal.SIGKILL)
        killed += one.wait() == -signal.SIGKILL
    assert killed > 0
    main(flags(data_dir, tmp_path / "killed", *more))
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
    assert len(contents(tmp_path / "killed")) == 2 * cells
    assert list((tmp_path / "killed" / "unfinished").iterdir()) == []
    assert not list((tmp_path / "killed").rglob("*.part"))


def finished(output: Path) -> int:
    return len(list(output.glob("cells/*/*/*.json")))


def in_the_background(arguments: list[str]) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "hf_dnalm", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
