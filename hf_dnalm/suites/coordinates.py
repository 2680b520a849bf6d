"""Sequences cut from a reference: intervals of classes, windows around places, and the two alleles of variants."""

from __future__ import annotations

import ast
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from hf_dnalm.damage import decoding
from hf_dnalm.data import tables
from hf_dnalm.data.labels import IGNORED_BASE
from hf_dnalm.data.records import Record
from hf_dnalm.genome import Interval
from hf_dnalm.suites.readers import FILE_SPLITS, Request, in_step, labels_beside, read_table
from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task


def read_classes(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """A table, or a folder with one folder of texts or one table of intervals for each class."""
    if not Path(path).is_dir():
        return read_table(path, published, request)
    if any(_interval_file(path, name) is not None for name in published.task.label_names):
        return interval_records(path, published.task, request)
    return class_folder_records(path, published.task)


def class_folder_records(path: str, task: Task) -> Iterator[Record]:
    """One text file for each sequence, in a folder for each class; classes in the order of their label names.

    Raises:
        FileNotFoundError: a class has no folder.
    """
    number = 0
    for label, name in enumerate(task.label_names):
        folder = Path(path, name)
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; {path} needs one for each of {task.label_names}.")
        for file in sorted(folder.glob("*.txt"), key=lambda file: (len(file.stem), file.stem)):  # 2 before 10
            number += 1
            yield Record(number, f"{name}/{file.stem}", file.read_text(encoding="utf-8"), str(label))


def interval_records(path: str, task: Task, request: Request) -> Iterator[Record]:
    """Intervals cut from the reference: `<class>.csv` with the columns id, region, start, end and strand.

    Starts are 0-based, ends are not part of the interval. A strand that is left empty is "+"; "-" is read as the
    reverse complement. Records are called `region:start-end(strand)`, with the numbers as the file has them.

    Raises:
        FileNotFoundError: a class has no file.
        ValueError: no reference; a column is not there; a place that the reference does not have.
    """
    number = 0
    for label, name in enumerate(task.label_names):
        file = _interval_file(path, name)
        if file is None:
            raise FileNotFoundError(f"{path}: has no {name}.csv; it needs one for each of {task.label_names}.")
        genome = request.genome(file, name)
        for row in _rows_by_name(file, ("region", "start", "end", "strand")):
            number += 1
            strand = _strand(row, file)
            interval = Interval(row["region"], _whole(row, "start", file), _whole(row, "end", file), strand)
            letters = genome.sequence(interval)
            place = f"{interval.contig}:{interval.start}-{interval.end}({strand})"
            yield Record(number, place, letters, str(label))


def interval_counts(path: str | Path, task: Task) -> dict[str, int]:
    """How many intervals each class of a split has, without the reference."""
    files = {name: _interval_file(path, name) for name in task.label_names}
    return {
        name: sum(1 for _ in _rows_by_name(file, ("region", "start", "end", "strand")))
        for name, file in files.items()
        if file is not None
    }


def _interval_file(path: str | Path, name: str) -> Path | None:
    return next((file for file in (Path(path, f"{name}.csv"), Path(path, f"{name}.csv.gz")) if file.is_file()), None)


def _rows_by_name(file: str | Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV as name to cell; "#" is the record's number, from 1.

    Raises:
        ValueError: a column is not there, or a row has another number of cells.
    """
    with tables.separated_rows(file) as rows:
        header = [cell.strip() for cell in next(rows, [])]
        absent = [column for column in columns if column not in header]
        if absent:
            raise ValueError(f"{file}: no column {absent[0]!r}; the columns are {', '.join(header)}.")
        for number, cells in enumerate(rows, start=1):
            if len(cells) != len(header):
                raise ValueError(f"{file}: record {number} has {len(cells)} cells, the header has {len(header)}.")
            yield {"#": str(number), **dict(zip(header, cells, strict=True))}


def read_signal(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """Intervals `chrom`, `start` (0-based) and `end` (not part of it), with the values of a bigWig track on each base.

    The track is the task's file in `beside`: in the folder of the table, in one of those above it, or in `raw` there.
    Bases without a value are 0.
    """
    from hf_dnalm.data.bigwig import BigWig

    genome = request.genome(path)
    with BigWig(_track_of(Path(path), published.beside[0])) as track:
        for row in _rows_by_name(path, ("chrom", "start", "end")):
            contig = genome.contig(row["chrom"])
            interval = Interval(contig, _whole(row, "start", path), _whole(row, "end", path))
            yield Record(int(row["#"]), str(interval), genome.sequence(interval), track.values(interval))


def _track_of(table: Path, name: str) -> Path:
    folders = [place for folder in [*table.absolute().parents][:3] for place in (folder, folder / "raw")]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"{table}: {name}, which has its labels, is neither in the same folder, nor in the two above it, nor in "
            "their raw/."
        )
    return found


def _strand(row: dict[str, str], file: str | Path) -> str:
    strand = row["strand"].strip() or "+"
    if strand not in ("+", "-"):
        raise ValueError(f"{file}: record {row['#']}: strand {strand!r} is not '+', '-' or empty.")
    return strand


def _whole(row: dict[str, str], column: str, file: str | Path) -> int:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ValueError(f"{file}: record {row['#']}: {column} is {row[column]!r}, which is not a whole number.")
    return int(number)


# --- the Genomics Long-Range Benchmark ------------------------------------------------------------------------------

_VALIDATION = ("validation", "valid", "val")


def window_of(start: int, end: int | None, *, sequence_length: int, chromosome_bp: int) -> tuple[int, int] | None:
    """The window of a long-range task around a place: as much on either side, one more on the right where it is odd.

    Args:
        start, end: 0-based, as the benchmark makes them from its 1-based columns by subtracting 1 from both; without
            `end` the place is one position, which comes to stand in the middle.
        sequence_length: of the window, in bp.
        chromosome_bp: length of the chromosome.

    Returns:
        0-based, half-open; None where the window leaves the chromosome. (A window that ends with the last base counts
        as outside, as in the published loader.)

    >>> window_of(100, None, sequence_length=5, chromosome_bp=1000)
    (98, 103)
    >>> window_of(100, 110, sequence_length=21, chromosome_bp=1000)  # 5 on either side, and one more
    (95, 116)
    """
    if end is None:
        pad = sequence_length // 2
        start, end = start - pad, start + pad + sequence_length % 2
    else:
        pad = (sequence_length - (end - start)) // 2
        start, end = start - pad, end + pad + sequence_length % 2
    return None if start < 0 or end >= chromosome_bp else (start, end)


def read_windows(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """Windows of `CHROM`, `START` and `STOP` (or `POS` alone), with the label column of the task, of one split.

    A label is a whole number, or a list of zeros and ones as Python writes it. `split` says which rows are taken.
    """
    cutter = _Cutter(path, published, request)
    column = published.labels_column
    for row in cutter.rows(("CHROM", column)):
        start = _first(row, ("START", "POS"), path)
        end = _whole(row, "STOP", path) - 1 if "STOP" in row else None
        window = cutter.window(row, _whole(row, start, path) - 1, end)
        if window is not None:
            yield Record(int(row["#"]), str(window), cutter.genome.sequence(window), _literal(row[column]))
    cutter.say()


def read_variants(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """The reference window and the same window with the alternate allele, of `CHROM`, `POS` (1-based), `REF` and `ALT`.

    The variant's first base stands in the middle. The reference is checked to hold `REF` there.
    """
    cutter = _Cutter(path, published, request)
    for row in cutter.rows(("CHROM", "POS", "REF", "ALT")):
        label = row[_first(row, ("label", "INT_LABEL"), path)]
        position = _whole(row, "POS", path) - 1
        window = cutter.window(row, position, None)
        if window is None:
            continue
        letters = cutter.genome.sequence(window)
        ref, alt = row["REF"].strip().upper(), row["ALT"].strip().upper()
        place = position - window.start
        if letters[place : place + len(ref)] != ref:
            raise ValueError(
                f"{path}: record {row['#']}: {window.contig}:{position + 1:,} is {letters[place : place + len(ref)]} "
                f"in {cutter.genome.path}, but REF is {ref}; the coordinates are of {published.assembly}."
            )
        name = f"{window.contig}:{position + 1}:{ref}>{alt}"
        changed = (letters[:place] + alt + letters[place + len(ref) :])[: len(letters)]
        yield Record(int(row["#"]), name, letters, label, changed)
    cutter.say()


def read_expression(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """Windows around transcription starts, read along the gene: `gene_coordinates.csv`, and beside it its labels.

    `CAGE_representative_TSS` is 1-based and comes to stand in the middle; on the strand "-" the window's reverse
    complement is read. `rna_expression_values.csv` has one row for each gene, in the same order.
    """
    cutter = _Cutter(path, published, request)
    found = labels_beside(path, "rna_expression_values.csv")
    with tables.separated_rows(found) as rows:
        next(rows, None)
        genes = _rows_by_name(path, ("chrom", "strand", "CAGE_representative_TSS", "split"))
        for row, values in in_step(genes, rows, path, found):
            if not cutter.takes(row):
                continue
            window = cutter.window(row, _whole(row, "CAGE_representative_TSS", path) - 1, None)
            if window is not None:
                window = window._replace(strand=_strand(row, path))
                yield Record(int(row["#"]), row.get("id", str(window)), cutter.genome.sequence(window), values)
    cutter.say()


def read_cage(path: str, published: PublishedTask, request: Request) -> Iterator[Record]:
    """Windows with CAGE counts of every bin and track: `sequences_coordinates.csv` and, beside it, `targets_subset/`.

    The targets, 896 bins of 128 bp with 50 tracks, become log(1 + count). A shorter window has the bins in its middle;
    in a longer one the bins outside have no label.
    """
    cutter = _Cutter(path, published, request)
    bins = bins_of(published.task, cutter.sequence_length)
    shard = ""
    targets: Mapping[str, np.ndarray] = {}
    for row in cutter.rows(("chrom", "start", "stop", "npy_idx")):
        window = cutter.window(row, _whole(row, "start", path) - 1, _whole(row, "stop", path) - 1)
        if window is None:
            continue
        split, index = FILE_SPLITS.get(request.split, request.split), _whole(row, "npy_idx", path)
        found = _shard_of(Path(path).parent / "targets_subset", split, index)
        if found != shard:
            shard, targets = found, _read_targets(found)
        target = f"target-{split}-{index}.npy"
        with decoding(found, f"array {target!r}"):
            counts = np.squeeze(targets[target], 0)  # (bins, tracks)
        values = in_the_middle(np.log1p(counts.astype(np.float64)), bins)
        yield Record(int(row["#"]), str(window), cutter.genome.sequence(window), values)
    cutter.say()


class _Cutter:
    """The rows of one split, their windows, and how many had none."""

    def __init__(self, path: str, published: PublishedTask, request: Request) -> None:
        self.path, self.published, self.request = path, published, request
        self.genome = request.genome(path)
        self.sequence_length = request.sequence_length or published.sequence_length or 0
        if self.sequence_length < 1:
            raise ValueError(f"sequence_length is {self.sequence_length}; it must be 1 bp or more.")
        self.outside = 0

    def rows(self, columns: Iterable[str]) -> Iterator[dict[str, str]]:
        return filter(self.takes, _rows_by_name(self.path, (*columns, "split")))

    def takes(self, row: dict[str, str]) -> bool:
        """Whether a row is of the split that was asked for."""
        names = _VALIDATION if self.request.split == "validation" else (self.request.split,)
        return row["split"].strip().lower() in names

    def window(self, row: dict[str, str], start: int, end: int | None) -> Interval | None:
        contig = self.genome.contig(row.get("CHROM", row.get("chrom", "")))
        found = window_of(start, end, sequence_length=self.sequence_length, chromosome_bp=self.genome.lengths[contig])
        self.outside += found is None
        return None if found is None else Interval(contig, *found)

    def say(self) -> None:
        if self.outside:
            self.request.notes.append(
                f"{self.outside:,} {self.request.split} windows of {self.sequence_length:,} bp leave their chromosome "
                "and are left out"
            )


def _first(row: dict[str, str], columns: Iterable[str], path: str) -> str:
    found = next((column for column in columns if column in row), None)
    if found is None:
        raise ValueError(f"{path}: no column {' or '.join(columns)}; the columns are {', '.join([*row][1:])}.")
    return found


def _literal(text: str) -> object:
    """A label as Python writes it: a number, or a list of numbers."""
    if not text.strip().startswith("["):
        return text
    try:
        return list(ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError):
        return text  # refused with its place by whoever reads the label


def _read_targets(path: str) -> Mapping[str, np.ndarray]:
    """The arrays of a file by name, each decoded when it is asked for."""
    with decoding(path):
        targets: Mapping[str, np.ndarray] = np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False)
    return targets


def _shard_of(folder: Path, split: str, index: int) -> str:
    """The file whose name says that it holds a target: `targets-<split>-<first>-<last>.npz`."""
    for file in sorted(folder.glob(f"targets-{split}-*.npz")):
        first, last = file.stem.split("-")[-2:]
        if int(first) <= index <= int(last):
            return str(file)
    raise FileNotFoundError(f"{folder}: no file targets-{split}-*.npz holds target {index}.")


def bins_of(task: Task, sequence_length: int) -> int:
    """How many bins a window has.

    Raises:
        ValueError: they would not lie around its middle.
    """
    bin_bp = task.bin_bp or 1
    if sequence_length < 1 or sequence_length % (2 * bin_bp):
        raise ValueError(
            f"sequence_length is {sequence_length:,}; for {task.name} it must be a multiple of {2 * bin_bp}, so that "
            f"as many bins of {bin_bp} bp lie on either side of the middle."
        )
    return sequence_length // bin_bp


def in_the_middle(values: np.ndarray, bins: int) -> np.ndarray:
    """As many bins (bins, tracks) as asked for around the middle; those that are not there are -100."""
    missing = (bins - len(values)) // 2
    if missing <= 0:
        return values[-missing : len(values) + missing]
    return np.pad(values, ((missing, missing), (0, 0)), constant_values=IGNORED_BASE)
