"""BigWig files: one value for each base."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from hf_dnalm.data.bigwig import BigWig
from hf_dnalm.genome import Interval

bigwig = pytest.importorskip("pyBigWig")


@pytest.fixture
def path(tmp_path) -> str:
    path = str(tmp_path / "signal.bigWig")
    with bigwig.open(path, "w") as file:
        file.addHeader([("chr1", 20), ("chrM", 5)])
        file.addEntries(["chr1", "chrM"], [4, 0], ends=[6, 5], values=[1.5, -2.0])
    return path


@pytest.mark.parametrize(
    ("interval", "values"),
    [
        (Interval("chr1", 3, 8), [0, 1.5, 1.5, 0, 0]),
        (Interval("1", 5, 6, "-"), [1.5]),
        (Interval("MT", 0, 2), [-2, -2]),
        (Interval("chr1", 19, 20), [0]),
        (Interval("chr1", 4, 4), []),
    ],
)
def test_every_base_has_a_value(path, interval, values):
    with BigWig(path) as track:
        found = track.values(interval)
    assert found.dtype == np.float32
    assert found.tolist() == values


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (Interval("chr2", 0, 1), "has no contig 'chr2', with or without 'chr'; it has chr1, chrM"),
        (Interval("chr1", 15, 21), "chr1:16-21 reaches past the end of chr1, which is 20 bp"),
    ],
)
def test_places_that_the_file_does_not_have_are_refused(path, interval, message):
    with BigWig(path) as track, pytest.raises(ValueError, match=message):
        track.values(interval)


def test_what_is_no_bigwig_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.bw: no such file"):
        BigWig(tmp_path / "absent.bw")
    (tmp_path / "text.bw").write_text("chr1\t0\t1\t2.0\n")
    with pytest.raises(ValueError, match=r"text.bw: cannot be read \(not a bigWig file, or a damaged one"):
        BigWig(tmp_path / "text.bw")


def test_without_pybigwig_the_error_says_how_to_install_it(monkeypatch, path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "hf_dnalm\[bigwig\]"'):
        BigWig(path)


def test_a_reader_that_crashes_is_an_error_and_not_the_end_of_this_process(path):
    with BigWig(path) as track:
        track._process.kill()
        track._process.wait()
        with pytest.raises(ValueError, match=r"signal.bigWig: chr1:1-5: cannot be read \(.*reader (ended|crashed)"):
            track.values(Interval("chr1", 0, 5))


def test_a_reader_that_searches_for_ever_is_ended(path, monkeypatch):
    monkeypatch.setattr("hf_dnalm.data.bigwig._PATIENCE", 0.2)
    waiting = [sys.executable, "-c", "import time; time.sleep(60)"]
    start = subprocess.Popen
    monkeypatch.setattr("hf_dnalm.data.bigwig.subprocess.Popen", lambda _, **pipes: start(waiting, **pipes))
    with pytest.raises(ValueError, match=r"signal.bigWig: cannot be read \(not a bigWig file, or so damaged that its"):
        BigWig(path)


def test_a_closed_file_leaves_no_process(path):
    track = BigWig(path)
    process = track._process
    track.close()
    assert process.poll() is not None
    track.close()
