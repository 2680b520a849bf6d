"""Claims on outputs: one run at a time, never over an input, never over a result unasked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hf_dnalm.outputs import check_output, claimed


def test_an_output_that_is_an_input_is_refused_also_by_a_link(tmp_path):
    genome = tmp_path / "genome.fa"
    genome.write_text(">a\nACGT\n")
    link, hard = tmp_path / "link.tsv", tmp_path / "hard.tsv"
    link.symlink_to(genome)
    os.link(genome, hard)
    for output in (genome, link, hard):
        with pytest.raises(ValueError, match=r"is also an input of this run; choose another output\."):
            check_output(output, inputs=["owner/name", genome], overwrite=True)


def test_an_existing_output_is_replaced_only_when_asked(tmp_path):
    output = tmp_path / "out.tsv"
    check_output(output, inputs=[], overwrite=False)
    output.write_text("result")
    with pytest.raises(ValueError, match=r"exists already; give --overwrite"):
        check_output(output, inputs=[], overwrite=False)
    check_output(output, inputs=[], overwrite=True)


def test_a_claim_excludes_other_processes_and_leaves_no_file(tmp_path):
    output = tmp_path / "out.tsv"
    code = f"from hf_dnalm.outputs import claimed\nwith claimed({str(output)!r}): pass"
    with claimed(output):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert refused.returncode == 1
        assert "BlockingIOError: another run is writing" in refused.stderr
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert not list(tmp_path.iterdir())
