"""The regions of a BED file: coordinates, strand, split and label of every row, checked row by row."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hf_dnalm.compression import open_bytes
from hf_dnalm.genome import Genome, Interval

ALL = "all"  # the split of every row of a file without splits
_COLUMNS = {
    "contig": ("chromosome", "chrom", "#chrom", "chr"),
    "start": ("start", "chromstart"),
    "end": ("end", "stop", "chromend"),
    "strand": ("strand",),
    "split": ("split",),
    "label": ("label", "labels"),
    "ref": ("ref",),
    "alt": ("alt",),
}
_NEEDED = ("contig", "start", "end")


@dataclass(frozen=True)
class Regions:
    """The rows of a BED file, in its order.

    Attributes:
        path: of the file.
        lines: line of each row in the file, 1-based.
        intervals: 0-based half-open; strand "+" or "-", or "." where the file does not say.
        splits: of each row; "all" where the file has none.
        labels: text of each row, or None where the file has no such column.
        alts: the alternative letter of each row, or None likewise.
        refs: the reference's letter of each row, or None likewise.
    """

    path: str
    lines: list[int]
    intervals: list[Interval]
    splits: list[str]
    labels: list[str] | None
    alts: list[str] | None
    refs: list[str] | None

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """A row as error messages call it; `row` is 0-based, the message counts from 1.

        >>> Regions("a.bed", [2], [Interval("chr1", 0, 5)], ["all"], None, None, None).where(0)
        'a.bed: row 1 (line 2, chr1:1-5)'
        """
        return f"{self.path}: row {row + 1} (line {self.lines[row]}, {self.intervals[row]})"

    def rows_of(self, split: str) -> list[int]:
        """The 0-based rows of a split, in order.

        Raises:
            ValueError: no row is of this split.
        """
        rows = [row for row, each in enumerate(self.splits) if each == split]
        if not rows:
            raise ValueError(f"{self.path}: no row is of split {split!r}; there are: {', '.join(self.split_names)}.")
        return rows

    @property
    def split_names(self) -> list[str]:
        """The splits in the order in which they first occur."""
        return list(dict.fromkeys(self.splits))

    def check_against(self, genome: Genome) -> None:
        """Refuse rows that are not in the genome.

        Raises:
            ValueError: no such contig, with or without "chr", or the region reaches past its end.
        """
        lengths: dict[str, int] = {}
        for row, interval in enumerate(self.intervals):
            if interval.contig not in lengths:
                try:
                    lengths[interval.contig] = genome.lengths[genome.contig(interval.contig)]
                except ValueError as error:
                    raise ValueError(f"{self.where(row)}: {str(error).removesuffix('.')}.") from None
            if interval.end > lengths[interval.contig]:
                raise ValueError(
                    f"{self.where(row)} reaches past the end of {interval.contig}, which is "
                    f"{lengths[interval.contig]:,} bp in {genome.path}; is that the assembly of the file?"
                )


def read_regions(
    path: str | os.PathLike[str], *, columns: Sequence[str] | None = None, strands: bool = False
) -> Regions:
    """The rows of a BED file: tab-separated, plain or gzip, coordinates 0-based half-open.

    A header names the columns: `chromosome`, `start`, `end`, and as far as they are there `strand`, `split`, `label`,
    `ref` and `alt`; others are passed over. Without a column `split`, the last column is it, as in the published code,
    when it has no other meaning and the file has a header; else all rows are of one split, "all".

    Args:
        columns: names of the columns of a file without a header.
        strands: every row must say "+" or "-".

    Raises:
        FileNotFoundError: no such file.
        ValueError: no header and no `columns`, a missing column, a row that is refused; names file and line.
    """
    name = os.fspath(path)
    with open_bytes(name) as handle:
        rows = [(number, fields) for number, fields in _cells(handle, name) if fields != [""]]
    if not rows:
        raise ValueError(f"{name}: has no rows.")
    if columns is None:
        header = rows.pop(0)[1]
        if len(header) > 1 and header[1].strip().isdigit():
            raise ValueError(
                f"{name}: the first line is a row, not a header (chromosome, start, end, split, label, between tabs); "
                "write one, or give the columns of a file without one."
            )
    else:
        header = list(columns)
    if not rows:
        raise ValueError(f"{name}: has a header and no rows.")
    places = _places(header, name, has_header=columns is None)
    if strands and "strand" not in places:
        raise ValueError(f"{name}: the task reads strands, and there is no column 'strand' among {', '.join(header)}.")
    for number, fields in rows:
        if len(fields) != len(header):
            raise ValueError(f"{name}: line {number} has {len(fields)} columns, where {len(header)} are expected.")

    def column(key: str) -> list[str] | None:
        return [fields[places[key]].strip() for _, fields in rows] if key in places else None

    return Regions(
        path=name,
        lines=[number for number, _ in rows],
        intervals=[_interval(fields, places, strands, f"{name}: line {number}") for number, fields in rows],
        splits=column("split") or [ALL] * len(rows),
        labels=column("label"),
        alts=column("alt"),
        refs=column("ref"),
    )


def _cells(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}: line {number} is not UTF-8 text ({error.reason}); save the file as UTF-8."
            ) from None
        if "\0" in text:
            raise ValueError(f"{name}: line {number} holds a NUL byte; the file is damaged.")
        yield number, text.rstrip("\r\n").split("\t")


def _places(header: Sequence[str], name: str, *, has_header: bool) -> dict[str, int]:
    """Which column holds what."""
    given = [title.strip().lower() for title in header]
    places = {
        key: given.index(found)
        for key, titles in _COLUMNS.items()
        if (found := next((title for title in titles if title in given), None)) is not None
    }
    missing = [_COLUMNS[key][0] for key in _NEEDED if key not in places]
    if missing:
        raise ValueError(f"{name}: no column {missing[0]!r} among {', '.join(header)}.")
    if "split" not in places and has_header and len(given) - 1 not in places.values():
        places["split"] = len(given) - 1
    return places


def _interval(fields: Sequence[str], places: dict[str, int], strands: bool, where: str) -> Interval:
    start, end = (fields[places[key]].strip() for key in ("start", "end"))
    are_numbers = all(each.isdecimal() and len(each) < 19 for each in (start, end))
    if not are_numbers or int(start) >= int(end):
        raise ValueError(
            f"{where}: start {start!r} and end {end!r} are no region; they count from 0, and the end is not part of it."
        )
    strand = fields[places["strand"]].strip() if "strand" in places else "."
    if strand not in ("+", "-", "."):
        raise ValueError(f"{where}: strand is {strand!r}; it must be + or -.")
    if strands and strand == ".":
        raise ValueError(f"{where}: strand is '.', and the task reads strands: it must be + or -.")
    return Interval(fields[places["contig"]].strip(), int(start), int(end), strand)
