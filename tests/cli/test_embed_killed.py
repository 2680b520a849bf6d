"""`dnalm embed` under SIGKILL and in two processes. DNALM_KILLS=10 is the full run."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.cli.main import main
from tests.cli.killing import killed_and_finished
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
    flags = ["embed", model, fasta, "--shard-bp", "500", "--dtype", "float32", "--output"]  # some 250 shards
    killed_and_finished(flags, out, shards=18)
    main([*flags, str(undisturbed)])
    assert out.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["undisturbed.npz", "x.npz"]
    with np.load(out) as file:
        assert file["names"].tolist() == [f"s{number}" for number in range(400)]
