"""A section of a report: a heading, a note and a table."""

from __future__ import annotations

from typing import NamedTuple


class Section(NamedTuple):
    """A heading with a note and a table; the first row of the table has the column names."""

    title: str
    note: str
    rows: list[list[str]]
