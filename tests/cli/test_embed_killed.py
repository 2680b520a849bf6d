"""`dnalm embed` under SIGKILL and in two processes. DNALM_KILLS=10 is the full run."""

from __future__ import annotations

import random

import numpy as np
import pytest

from hf_dnalm.cli import app
from tests.cli.killing import KILLS, PATIENCE, finished_shards, kill_after, start
from tests.cli.language_models import save, write_fasta


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    generator = np.random.default_rng(0)
    lengths = generator.integers(20, 900, size=400)
    letters = {f"s{number}": "".join(generator.choice(list("ACGTN"), bp)) for number, bp in enumerate(lengths)}
    return write_fasta(tmp_path_factory.mktemp("fasta") / "x.fa", letters)


def test_killed_at_any_moment_the_same_command_goes_on(model, fasta, tmp_path):
    out, undisturbed = tmp_path / "x.npz", tmp_path / "undisturbed.npz"
    flags = ["embed", model, fasta, "--shard-bp", "500", "--dtype", "float32", "--out"]  # some 250 shards
    moments = random.Random(0)
    there = [0]
    for number in range(KILLS):
        running = start([*flags, str(out)], processes=1 + number % 2)
        kill_after(running, out, shards=moments.randint(1, 18), seconds=moments.uniform(0, 0.05))
        assert not out.exists()
        there.append(finished_shards(out))
    assert there == sorted(set(there))  # every run went on from where the one before it stopped
    for each in start([*flags, str(out)], processes=2):
        said, _ = each.communicate(timeout=PATIENCE)
        assert each.returncode == 0, said
    app.main([*flags, str(undisturbed)])
    assert out.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["undisturbed.npz", "x.npz"]
    with np.load(out) as file:
        assert file["names"].tolist() == [f"s{number}" for number in range(400)]
