"""Binary files of sequences, labels and vectors: HDF5, Parquet, bigWig, archives."""

from __future__ import annotations

from tests.fuzz.target import Target

TARGETS: list[Target] = []
