"""Record: one sequence as it stands in a file, before letters and labels are checked."""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """One entry of a file.

    Attributes:
        number: counted from 1, as people count records.
        name: as the file has it, or the number where the file has no names.
        sequence: the letters as they stand there.
        sequence2: the letters of the second sequence of a pair, None where there is none.
        label: what the file says, unchecked: text, a number, a list of those, or None where nothing is said.
    """

    number: int
    name: str
    sequence: str
    label: object = None
    sequence2: str | None = None

    def where(self, source: object) -> str:
        """The record as an error message calls it.

        >>> Record(3, "chr1", "ACGT").where("genome.fa")
        "genome.fa: record 3 ('chr1')"
        """
        return f"{source}: record {self.number} ({self.name!r})"
