"""Intervals and variants: positions on the contigs of a genome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_MITOCHONDRION = ("chrM", "MT", "chrMT", "M")


class Interval(NamedTuple):
    """A stretch of a contig: 0-based, half-open; strand "-" gives the reverse complement."""

    contig: str
    start: int
    end: int
    strand: str = "+"

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1:,}-{self.end:,}"  # 1-based, as genome browsers write it


class Variant(NamedTuple):
    """One alternative allele at one position.

    Attributes:
        contig: as named in the input file.
        start: 0-based position of the first letter of `ref`; POS in VCF is one more.
        ref: the letters of the reference, at least one.
        alt: the letters that replace them, at least one.
        name: ID of the record, or empty.
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
        """True if one letter replaces one letter."""
        return len(self.ref) == len(self.alt) == 1

    @property
    def end(self) -> int:
        """0-based position after the last letter of `ref`."""
        return self.start + len(self.ref)


def find_contig(name: str, lengths: Mapping[str, int], path: str) -> str:
    """Return the name that the file uses for a contig, with or without "chr".

    Args:
        name: the contig to find.
        lengths: name → length in bp of the file's contigs.
        path: of the file, for the error message.

    Raises:
        ValueError: the file has no such contig.
    """
    names = _MITOCHONDRION if name in _MITOCHONDRION else (name, f"chr{name}", name.removeprefix("chr"))
    for each in (name, *names):
        if each in lengths:
            return each
    first = ", ".join(list(lengths)[:5])
    raise ValueError(
        f"{path} has no contig {name!r}, with or without 'chr'; it has {first}"
        + (f" and {len(lengths) - 5} more." if len(lengths) > 5 else ".")
    )


def placed(interval: Interval, lengths: Mapping[str, int], path: str) -> Interval:
    """Return the interval with the file's own name for its contig.

    Raises:
        ValueError: the file has no such contig, or the interval extends past its end.
    """
    contig = find_contig(interval.contig, lengths, path)
    if not 0 <= interval.start <= interval.end <= lengths[contig]:
        raise ValueError(f"{interval} reaches past the end of {contig}, which is {lengths[contig]:,} bp in {path}.")
    return interval._replace(contig=contig)
