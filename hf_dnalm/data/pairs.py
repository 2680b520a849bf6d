"""Read pairs of sequences from one species, the training data of contrastive models such as DNABERT-S."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasets import Dataset

from hf_dnalm.data import tables
from hf_dnalm.data.files import dataset_from_records
from hf_dnalm.data.records import Record


def read_contrastive_pairs(path: str | Path) -> Dataset:
    """The rows of a CSV file without a header, plain or gzip, with two columns: the two sequences of a pair.

    Letters are checked as in `read_file`.

    Returns:
        `name` ("1", "2", …), `sequence` and `sequence2`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a row without exactly two cells, an empty cell, or a letter that is not DNA; names file and row.
    """
    return dataset_from_records(_records(path), source=str(path), task=None, labels_required=False)


def _records(path: str | Path) -> Iterator[Record]:
    number = 0
    with tables.separated_rows(path) as rows:
        for number, cells in enumerate(rows, start=1):
            if len(cells) != 2:
                raise ValueError(
                    f"{path}: record {number} has {len(cells)} cells; a file of pairs has two sequences in a row and "
                    "no header."
                )
            yield Record(number, str(number), cells[0], None, cells[1])
    if not number:
        raise ValueError(f"{path}: the file has no records; check that it is complete.")
