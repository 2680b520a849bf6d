"""`dnalm score-variants` under SIGKILL and in two processes. DNALM_KILLS=10 is the full run."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.cli.main import main
from tests.cli.killing import killed_and_finished
from tests.cli.language_models import save, write_fasta, write_vcf

pytest.importorskip("pysam", reason="pysam is not installed")


def test_killed_at_any_moment_the_same_command_goes_on(tmp_path):
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 4_000))
    genome = write_fasta(tmp_path / "genome.fa", {"chr1": letters})
    rows = [f"1\t{place + 1}\t.\t{letters[place]}\t{'A' if letters[place] != 'A' else 'C'}" for place in range(400)]
    vcf = write_vcf(tmp_path / "in.vcf", *rows)
    out, undisturbed = tmp_path / "x.tsv", tmp_path / "undisturbed.tsv"
    flags = ["score-variants", save(tmp_path / "model"), vcf, "--reference", genome, "--shard-variants", "4"]
    flags += ["--window-bp", "64", "--dtype", "float32", "--output"]
    killed_and_finished(flags, out, shards=8)
    main([*flags, str(undisturbed)])
    assert len(out.read_text().splitlines()) == 401
    assert out.read_bytes() == undisturbed.read_bytes()
    assert not out.with_name("x.tsv.shards").exists()
