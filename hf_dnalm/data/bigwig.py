"""Read bigWig files: one value per base of a genome, such as the coverage of a sequencing experiment."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import weakref
from threading import Timer
from types import TracebackType
from typing import Any

import numpy as np

from hf_dnalm.damage import decoding
from hf_dnalm.genome import Interval, placed

_INSTALL = 'pyBigWig is needed for bigWig: pip install "hf_dnalm[bigwig]".'
_PATIENCE = 120  # seconds per answer; on a damaged file the library may never return


class BigWig:
    """The values of a bigWig file, as a context manager. `1` and `chr1` name the same contig.

    A separate process (`bigwig_process`) reads the file, because pyBigWig can crash on damaged files. A crash of that
    process becomes an error here.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a bigWig file, or a damaged one.
        ImportError: pyBigWig is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if importlib.util.find_spec("pyBigWig") is None:
            raise ImportError(_INSTALL)
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise FileNotFoundError(f"{self.path}: no such file.")
        command = [sys.executable, "-m", "hf_dnalm.data.bigwig_process", self.path]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, **pipes)
        self._ended = weakref.finalize(self, _end, self._process)
        try:
            with decoding(self.path):
                lengths = self._answer()["chroms"]
                self.lengths: dict[str, int] = {str(contig): int(bp) for contig, bp in lengths.items()}
            if not self.lengths:
                raise ValueError(f"{self.path}: not a bigWig file, or a damaged one (it has no contigs).")
        except ValueError:
            self.close()
            raise

    def __enter__(self) -> BigWig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._ended()

    def values(self, interval: Interval) -> np.ndarray:
        """The value of every base, (bases,) float32; 0 if the file has none. The strand is ignored.

        Raises:
            ValueError: no such contig, the interval extends past its end, or the file is damaged there.
        """
        contig, start, end, _ = placed(interval, self.lengths, self.path)
        if start == end:
            return np.zeros(0, dtype=np.float32)
        with decoding(self.path, str(interval)):
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(json.dumps([contig, start, end]).encode() + b"\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                raise ValueError("the reader ended") from None
            count = self._answer()["bytes"]
            values = np.frombuffer(self._process.stdout.read(count), dtype="<f4")
            if len(values) != end - start:
                raise ValueError(f"{len(values):,} values for {end - start:,} bases")
        return np.nan_to_num(values)

    def _answer(self) -> dict[str, Any]:
        """The reader process's next answer."""
        assert self._process.stdout is not None
        timer = Timer(_PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise ValueError("not a bigWig file, or so damaged that its reader crashed")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(f"not a bigWig file, or a damaged one: {answer['error']}")
        return answer


def _end(process: subprocess.Popen) -> None:
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except BrokenPipeError:  # unsent data for a process that has ended
            pass
    process.kill()
    process.wait()
