"""Intervals of a contig and variants: the values that all code about genomes speaks in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_MITOCHONDRION = ("chrM", "MT", "chrMT", "M")


class Interval(NamedTuple):
    """A stretch of a contig: 0-based, half-open; `strand` "-" is read as the reverse complement."""

    contig: str
    start: int
    end: int
    strand: str = "+"

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1:,}-{self.end:,}"  # 1-based, as genome browsers write it


class Variant(NamedTuple):
    """One alternative at one place.

    Attributes:
        contig: as the reader's file has it.
        start: 0-based position of the first letter of `ref`; VCF's POS is one more.
        ref: the letters of the reference, at least one.
        alt: the letters in their place, at least one.
        name: of the record, empty where it has none.
    """

    contig: str
    start: int
    ref: str
    alt: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1:,} {self.ref}>{self.alt}"

    @property
    def is_snv(self) -> bool:
        """One letter for one letter."""
        return len(self.ref) == len(self.alt) == 1

    @property
    def end(self) -> int:
        """0-based position after the last letter of `ref`."""
        return self.start + len(self.ref)


def find_contig(name: str, lengths: Mapping[str, int], path: str) -> str:
    """The name under which a file of that path has a contig; `lengths` are those of its contigs.

    Raises:
        ValueError: there is none under this name, with or without "chr".
    """
    names = _MITOCHONDRION if name in _MITOCHONDRION else (name, f"chr{name}", name.removeprefix("chr"))
    for each in (name, *names):
        if each in lengths:
            return each
    first = ", ".join(list(lengths)[:5])
    raise ValueError(
        f"{path} has no contig {name!r}, with or without 'chr'; it has {first}"
        + (f" and {len(lengths) - 5} more" if len(lengths) > 5 else "")
    )


def placed(interval: Interval, lengths: Mapping[str, int], path: str) -> Interval:
    """The interval on the file's own name of its contig.

    Raises:
        ValueError: no such contig, or the interval reaches past an end of it.
    """
    contig = find_contig(interval.contig, lengths, path)
    if not 0 <= interval.start <= interval.end <= lengths[contig]:
        raise ValueError(f"{interval} reaches past the end of {contig}, which is {lengths[contig]:,} bp in {path}")
    return interval._replace(contig=contig)
