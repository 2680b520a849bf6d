"""Readers: functions that turn the files of a published task into records, one for each file layout.

A reader takes a file or folder, the task, and the `Request`; it yields labelled records that are not checked yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from hf_dnalm.compression import open_bytes
from hf_dnalm.data import tables
from hf_dnalm.data.fasta import fasta_records
from hf_dnalm.data.files import file_records
from hf_dnalm.data.labels import IGNORED_BASE
from hf_dnalm.data.records import Record
from hf_dnalm.genome import Genome
from hf_dnalm.suites.task_definition import PublishedTask

_Item = TypeVar("_Item")
FILE_SPLITS = {"validation": "valid"}  # our split name → the name in published files, where they differ


class Request(NamedTuple):
    """What a reader needs besides the file.

    Attributes:
        split: the split to read; from a file with all splits, only its records are returned.
        genomes: the reference of each class, "" for all classes; empty if no reference was given.
        sequence_length: length in bp of each window; None uses the task's own.
        notes: the reader appends what a user must know, such as the number of excluded windows.
    """

    split: str
    genomes: Mapping[str, Genome]
    sequence_length: int | None
    notes: list[str]

    def genome(self, path: str | Path, label: str = "") -> Genome:
        """The reference of a class.

        Raises:
            ValueError: no reference was given for this class. The message names `path`, the file that needs it.
        """
        genome = self.genomes.get(label, self.genomes.get(""))
        if genome is None:
            of = f" of {label!r}" if self.genomes else ""
            raise ValueError(
                f"{path}: the file contains coordinates; pass reference= (--reference), the FASTA of the assembly{of}."
            )
        return genome


Reader = Callable[[str, PublishedTask, Request], Iterator[Record]]


def read_table(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """FASTA with labels in the headers, or a table with a sequence column and a label column."""
    columns = published.sequence_column, published.labels_column, "name"
    return file_records(path, True, *columns, sequence2_column=published.sequence2_column)


def read_table_of_singles_or_pairs(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """A table with two columns (sequence, label) or three (first sequence, second sequence, label), in this order."""
    with tables.separated_rows(path) as rows:
        header = [cell.strip() for cell in next(rows, [])]
    if len(header) != 3:
        return read_table(path, published, request)
    first, second, label = header
    return file_records(path, True, first, label, "name", sequence2_column=second)


def read_headerless(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """CSV without a header: the sequence, then one cell per label.

    At nucleotide level, the labels cover the middle of the sequence and the flanking bases have none. A label of -1
    also means "no label".
    """
    task = published.task
    with tables.separated_rows(path) as rows:
        for number, (sequence, *labels) in enumerate(rows, start=1):
            record = Record(number, str(number), sequence.strip(), labels)
            if task.level == "nucleotide":
                record = record._replace(label=_middle_labels(number, record.sequence, labels, path))
            elif len(labels) != task.num_labels:
                raise ValueError(
                    f"{record.where(path)} has {len(labels):,} labels after the sequence; {task.name} needs "
                    f"{task.num_labels:,}."
                )
            yield record


def _middle_labels(number: int, sequence: str, cells: list[str], path: str) -> list[int | str]:
    labels = [IGNORED_BASE if cell.strip() in ("-1", "-1.0") else cell for cell in cells]
    around = len(sequence) - len(labels)
    if around < 0 or around % 2:
        raise ValueError(
            f"{path}: record {number} has {len(sequence):,} bp and {len(labels):,} labels, which cannot be centred on "
            "it; correct the row."
        )
    return [*[IGNORED_BASE] * (around // 2), *labels, *[IGNORED_BASE] * (around // 2)]


def read_deepstarr(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """FASTA, with the activities in the same order in a tab-separated `Sequences_activity_*.txt` next to it."""
    name = Path(path).name.replace("Sequences_", "Sequences_activity_", 1).split(".")[0]
    found = labels_beside(path, f"{name}.txt")
    with open_bytes(path) as handle, tables.separated_rows(found, separator="\t") as rows:
        header = next(rows, [])
        absent = [name for name in published.task.label_names if name not in header]
        if absent:
            raise ValueError(f"{found}: no column {absent[0]!r}; the columns are {', '.join(header)}.")
        places = [header.index(name) for name in published.task.label_names]
        for record, cells in in_step(fasta_records(handle, path, labelled=False), rows, path, found):
            yield record._replace(label=[cells[place] for place in places])


def labels_beside(path: str | Path, name: str) -> Path:
    """The file of that name in the folder of `path`, plain or .gz.

    Raises:
        FileNotFoundError: no such file.
    """
    expected = Path(path).with_name(name)
    found = next((file for file in (expected, Path(f"{expected}.gz")) if file.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"{expected}: no such file; it has the labels of {path}. Copy it there.")
    return found


def in_step(
    records: Iterator[_Item], rows: Iterator[list[str]], path: str | Path, beside: str | Path
) -> Iterator[tuple[_Item, list[str]]]:
    """The records of a file, each with its row of the label file.

    Raises:
        ValueError: the files have different numbers of records.
    """
    number = 0
    for number, record in enumerate(records, start=1):
        cells = next(rows, None)
        if cells is None:
            raise ValueError(f"{beside}: has {number - 1:,} rows, but {path} has more records; copy both files again.")
        yield record, cells
    if next(rows, None) is not None:
        raise ValueError(f"{beside}: has more rows than the {number:,} records of {path}; copy both files again.")


def read_species(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """TSV with a header line, which is skipped: the sequence, then its species.

    Sequences are truncated to the protocol's length. For binning, short sequences and species with few sequences are
    excluded, as in the protocol.
    """
    task, limit = published.task, request.sequence_length or published.sequence_length
    kept: list[tuple[int, str, str]] = []
    cut = 0
    with tables.separated_rows(path, separator="\t") as rows:
        next(rows, None)
        for number, cells in enumerate(rows, start=1):
            if len(cells) < 2:
                raise ValueError(
                    f"{path}: record {number} has {len(cells)} cell; it needs a sequence and a species, tab-separated."
                )
            sequence, species = cells[0].strip(), cells[1].strip()
            cut += limit is not None and len(sequence) > limit
            kept.append((number, sequence[:limit], species))
    if cut:
        request.notes.append(f"{cut:,} sequences are truncated to {limit:,} bp, as in the protocol")
    if published.shortest_bp is not None:
        long = [row for row in kept if len(row[1]) >= published.shortest_bp]
        counts = Counter(species for *_, species in long)
        chosen = [row for row in long if counts[row[2]] >= published.smallest_class]
        if len(chosen) < len(kept):
            short, rare = len(kept) - len(long), len(long) - len(chosen)
            request.notes.append(
                f"{short:,} sequences below {published.shortest_bp:,} bp and {rare:,} of species with fewer than "
                f"{published.smallest_class} are excluded, as in the protocol"
            )
        kept = chosen
    if not kept:
        raise ValueError(f"{path}: no sequence passes the filters of {task.name}; check the file.")
    yield from (Record(number, str(number), sequence, species) for number, sequence, species in kept)
