"""BigWig: a number for each base of a genome, such as the coverage of a sequencing experiment."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import numpy as np

from hf_dnalm.genome import Interval, placed

_INSTALL = 'pyBigWig is needed for bigWig: pip install "hf_dnalm[bigwig]"'


class BigWig:
    """The values of a bigWig file; contigs are found under `1` and `chr1` alike. A context manager.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a bigWig file.
        ImportError: pyBigWig is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import pyBigWig
        except ImportError:
            raise ImportError(_INSTALL) from None
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise FileNotFoundError(f"{self.path}: no such file")
        try:
            self._file: Any = pyBigWig.open(self.path)
        except RuntimeError:
            raise ValueError(f"{self.path}: not a bigWig file, or a damaged one") from None
        self.lengths: dict[str, int] = self._file.chroms()

    def __enter__(self) -> BigWig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def values(self, interval: Interval) -> np.ndarray:
        """The value of every base, (bases,) float32; 0 where the file has none. The strand is not looked at.

        Raises:
            ValueError: no such contig, or the interval reaches past an end of it.
        """
        contig, start, end, _ = placed(interval, self.lengths, self.path)
        if start == end:
            return np.zeros(0, dtype=np.float32)
        return np.nan_to_num(self._file.values(contig, start, end, numpy=True))
