"""Claims on outputs: one run at a time, never over an input, never over a result unasked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from hf_dnalm.outputs import check_output, claimed, claimed_outputs


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">a\nACGT\n")
    return path


@pytest.mark.parametrize("kind", ["same", "link", "hard link", "relative"])
def test_an_output_that_is_an_input_is_refused_also_by_a_link(tmp_path, genome, kind, monkeypatch):
    output = genome
    if kind == "link":
        output = tmp_path / "link.tsv"
        output.symlink_to(genome)
    elif kind == "hard link":
        output = tmp_path / "hard.tsv"
        os.link(genome, output)
    elif kind == "relative":
        monkeypatch.chdir(tmp_path)
        output = "./genome.fa"
    for overwrite in (True, False):
        with (
            pytest.raises(ValueError, match=r"is also an input of this run \(.*genome\.fa\); choose another output\."),
            claimed_outputs([output], inputs=["owner/name", genome], overwrite=overwrite),
        ):
            pass
    assert genome.read_text() == ">a\nACGT\n"


def test_a_file_of_the_models_folder_is_an_input_too(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_text("weights")
    with pytest.raises(ValueError, match="is also an input of this run"):
        check_output(weights, inputs=[tmp_path / "model"], overwrite=True)
    check_output(tmp_path / "model" / "vectors.npz", inputs=[tmp_path / "model"], overwrite=False)


def test_an_existing_output_is_replaced_only_when_asked(tmp_path):
    output, folder = tmp_path / "out.tsv", tmp_path / "report"
    folder.mkdir()
    for path in (output, folder):  # an empty folder holds nothing that could be lost
        check_output(path, inputs=[], overwrite=False)
    output.write_text("result")
    (folder / "report.json").write_text("{}")
    for path in (output, folder):
        with pytest.raises(ValueError, match=r"exists already; give --overwrite \(overwrite=True\) to replace it\."):
            check_output(path, inputs=[], overwrite=False)
        check_output(path, inputs=[], overwrite=True)


def test_two_outputs_of_one_name_are_refused(tmp_path):
    with (
        pytest.raises(ValueError, match=r"two outputs of this run are .*x\.json; name another file for one of them\."),
        claimed_outputs([tmp_path / "x.json", None, tmp_path / "x.json"], inputs=[], overwrite=True),
    ):
        pass


def test_an_output_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"cannot write .*x\.tsv: there is no folder"),
        claimed(tmp_path / "no" / "x.tsv"),
    ):
        pass


def test_a_claim_excludes_other_processes_and_leaves_no_file(tmp_path):
    output = tmp_path / "out.tsv"
    code = f"from hf_dnalm.outputs import claimed\nwith claimed({str(output)!r}): pass"
    with claimed(output):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert refused.returncode == 1
        assert "BlockingIOError: another run is writing" in refused.stderr
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert not list(tmp_path.iterdir())


def test_a_claim_is_waited_for_when_asked_and_handed_on_one_by_one(tmp_path):
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(20):
            with claimed(tmp_path / "board", wait=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
        assert not each.is_alive()
    assert (max(most), len(most)) == (1, 160)


def test_other_processes_of_the_same_run_do_not_claim(tmp_path, monkeypatch):
    with claimed_outputs([tmp_path / "x.tsv"], inputs=[], overwrite=False):
        monkeypatch.setenv("RANK", "1")
        with claimed_outputs([tmp_path / "x.tsv"], inputs=[], overwrite=False):
            pass
        monkeypatch.setenv("RANK", "0")
        with (
            pytest.raises(BlockingIOError, match=r"another run is writing .*x\.tsv .*; wait for it to end, or choose"),
            claimed_outputs([tmp_path / "x.tsv"], inputs=[], overwrite=False),
        ):
            pass
