"""Several commands on one output, some of them killed: the output is complete, from one run, and nothing hangs.

DNALM_KILLS=10 is the full run: ten rounds of two and of eight processes.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.cli.killing import KILLS, PATIENCE
from tests.cli.language_models import save, write_fasta

ROUNDS = [(2, number) for number in range(KILLS)] + [(8, number) for number in range(KILLS if KILLS > 1 else 0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two inputs whose records have other names."""
    generator = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("files")
    written = []
    for name, count in (("a", 300), ("b", 40)):
        letters = {f"{name}{number}": "".join(generator.choice(list("ACGT"), 300)) for number in range(count)}
        written.append(write_fasta(folder / f"{name}.fa", letters))
    return written


@pytest.mark.parametrize(("processes", "number"), ROUNDS)
def test_an_output_is_whole_and_of_one_run_whoever_was_killed(model, files, tmp_path, processes, number):
    moments, out = random.Random(100 * processes + number), tmp_path / "x.npz"
    running = []
    for which in range(processes):
        flags = [model, files[which % 2], "--output", str(out), "--shard-bp", "2000", "--dtype", "float32"]
        command = [sys.executable, "-m", "hf_dnalm", "embed", *flags]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        running.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        )
    killed = moments.sample(range(processes), k=processes // 2)
    started = time.monotonic()
    for which in killed:
        time.sleep(moments.uniform(0, 4))
        running[which].kill()
    for which, each in enumerate(running):
        text, _ = each.communicate(timeout=PATIENCE + 10 * processes)
        if which not in killed:
            assert each.returncode in (0, 2), text
            if each.returncode == 2:
                assert any(
                    reason in text for reason in ("another run is writing", "exists already", "of another run")
                ), text
    assert time.monotonic() - started < PATIENCE + 10 * processes
    if out.exists():
        with np.load(out) as file:
            names = set(file["names"].tolist())
        assert names in ({f"a{number}" for number in range(300)}, {f"b{number}" for number in range(40)})
        return
    # Everybody was killed or refused: the folder of shards is of one run, whose command still ends.
    codes = []
    for each in files:
        command = [sys.executable, "-m", "hf_dnalm", "embed", model, each, "--output", str(out), "--shard-bp", "2000"]
        codes.append(subprocess.run([*command, "--dtype", "float32"], capture_output=True, text=True).returncode)
        if out.exists():
            break
    assert codes[-1] == 0
    assert not out.with_name("x.npz.shards").exists()
    shutil.rmtree(tmp_path)
