"""Record: one sequence as read from a file, before its letters and labels are checked."""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """One entry of a file.

    Attributes:
        number: position in the file, counted from 1.
        name: the name in the file, or the number if the file has no names.
        sequence: the letters as read.
        sequence2: the second sequence of a pair, or None.
        label: as read, unchecked: text, a number, a list of either, or None if the record has no label.
    """

    number: int
    name: str
    sequence: str
    label: object = None
    sequence2: str | None = None

    def where(self, source: object) -> str:
        """The record's name in error messages.

        >>> Record(3, "chr1", "ACGT").where("genome.fa")
        "genome.fa: record 3 ('chr1')"
        """
        return f"{source}: record {self.number} ({self.name!r})"
