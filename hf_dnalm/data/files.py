"""A user's file, whatever its format, as a Dataset with the columns name, sequence and labels."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetInfo, Features
from datasets.fingerprint import generate_random_fingerprint, get_temporary_cache_files_directory
from datasets.table import InMemoryTable, MemoryMappedTable, Table, concat_tables

from hf_dnalm.compression import open_bytes
from hf_dnalm.data import fasta, tables
from hf_dnalm.data.label_kinds import labelled_rows, text_of
from hf_dnalm.data.labels import LabelParser, task_from_labels
from hf_dnalm.data.records import Record
from hf_dnalm.sequence import normalize
from hf_dnalm.tasks import Task

logger = logging.getLogger(__name__)

MissingLabels = Literal["error", "drop"]  # what happens to records whose label is missing

_CHUNK_BP = 32 * 2**20  # letters, or values of arrays, held before they move to Arrow memory
_CHUNK_RECORDS = 50_000
_SPILL_BYTES = 2**30  # of Arrow memory, before it moves to a temporary file


def read_file(
    path: str | Path,
    *,
    task: Task | None = None,
    sequence_column: str = "sequence",
    labels_column: str | None = "labels",
    name_column: str = "name",
    labels: Literal["required", "optional", "none"] = "optional",
    unique_names: bool = True,
    sequence2_column: str | None = None,
    missing_labels: MissingLabels = "error",
) -> Dataset:
    """The records of a file in file order, checked and in the letters A C G T N.

    Formats by extension: FASTA (.fa .fasta .fna .fas), CSV (.csv), TSV (.tsv .tab), JSONL (.jsonl .ndjson), all
    plain or with .gz or .bgz (gzip, bgzip), and Parquet. What happens, the same in every format:

    - lower case (soft-masked repeats): upper-cased; N: kept; IUPAC codes: become N
    - U, gaps, white space inside a sequence, any other letter: refused
    - white space around a sequence, blank lines, CRLF: dropped
    - empty records, records without a name: refused; no name column: names are "1", "2", …
    - duplicate names: refused, unless `unique_names=False`
    - gzip and bgzip: recognised by content; a cut-off or damaged file is refused

    Labels of a FASTA file stand in its headers, `>name|label|label…`; they are read when `labels="required"`, or when
    `labels="optional"` and there is a task. The name is the first word of the header.

    Args:
        path: the file.
        task: what the labels must be. Without it, labels become what `infer_task` finds, and class names that are not
            0, 1, … stand in the column's `ClassLabel` feature.
        sequence_column, labels_column, name_column: of a table. "labels" also finds "label"; several label columns
            are joined by commas ("leaf,root"). `labels_column=None` is `labels="none"`.
        labels: "required" refuses a file without labels, "none" reads the sequences alone.
        unique_names: refuse a name that occurs twice.
        sequence2_column: of a table, with the second sequence of each pair. A task of pairs reads "sequence2" where
            none is named.
        missing_labels: "error" refuses a file in which a label is missing (an empty cell, NaN, null; next to numbers
            also NA, None, `-`, `.`, `?`, inf); "drop" leaves such records out, logs how many, and says so in the data
            set's `info.description`.

    Returns:
        `name` (str), `sequence` (str), of pairs `sequence2` (str), and, where there are labels, `labels`: int64 (single
        label), list of 0/1 (multi-label), float64 (regression), list of float64 (several targets), list of int64 (one
        for each base); at bin level a list with what one sequence would have, for each bin.

    Raises:
        FileNotFoundError: no such file.
        ValueError: anything refused above, a missing column, or a label that does not fit the task; names file,
            record, position or value, and what to do.
    """
    if labels not in ("required", "optional", "none"):
        raise ValueError(f"labels must be 'required', 'optional' or 'none', not {labels!r}.")
    labels_column = None if labels == "none" else labels_column
    if sequence2_column is None and task is not None and task.pair:
        sequence2_column = "sequence2"
    required = labels == "required"
    records = file_records(
        path, task is not None, sequence_column, labels_column, name_column, required, sequence2_column
    )
    return dataset_from_records(
        records,
        source=str(path),
        task=task,
        labels_required=labels == "required",
        unique_names=unique_names,
        missing_labels=missing_labels,
    )


def stream_file(path: str | Path, *, sequence_column: str = "sequence", name_column: str = "name") -> Iterator[Record]:
    """The records of a file of any size, one in memory at a time, without labels.

    Formats, letters and refusals are those of `read_file`; what is refused is refused when its record is reached.
    """
    records = file_records(path, False, sequence_column, None, name_column, False)
    return checked_records(records, source=str(path), labels_required=False)


def dataset_from_records(
    records: Iterable[Record],
    *,
    source: str,
    task: Task | None,
    labels_required: bool,
    unique_names: bool = True,
    missing_labels: MissingLabels = "error",
) -> Dataset:
    """Check every record and put them into one Dataset; see `read_file` for the rules.

    Letters move to Arrow memory in chunks, and from there to temporary files once there is 1 GiB of them, so the peak
    is that and one chunk (or one chromosome). The files are deleted at the end of the process.
    """
    parts: list[Table] = []
    chunks: list[pa.Table] = []
    unparsed: list[Record] = []
    if missing_labels not in get_args(MissingLabels):
        raise ValueError(f"missing_labels is {missing_labels!r}; choose from {', '.join(get_args(MissingLabels))}.")
    checked = checked_records(records, source=source, labels_required=labels_required, unique_names=unique_names)
    dropped: list[Record] = []
    total = 0
    for chunk in _chunks(checked):
        total += len(chunk)
        if missing_labels == "drop" and task is not None and chunk[0].label is not None:
            missing = LabelParser(task).is_missing
            dropped += [record._replace(sequence="", sequence2=None) for record in chunk if missing(record.label)]
            chunk = [record for record in chunk if not missing(record.label)]
            if not chunk:
                continue
        columns = {
            "name": pa.array([record.name for record in chunk], pa.string()),
            "sequence": pa.array([record.sequence for record in chunk], pa.string()),
        }
        if chunk[0].sequence2 is not None:
            columns["sequence2"] = pa.array([record.sequence2 for record in chunk], pa.string())
        if chunk[0].label is not None and task is not None:
            columns["labels"] = _label_array(chunk, task, source)
        elif chunk[0].label is not None:
            unparsed += [record._replace(sequence="", sequence2=None) for record in chunk]
        chunks.append(pa.table(columns))
        if not unparsed and sum(chunk.nbytes for chunk in chunks) > _SPILL_BYTES:
            parts.append(_spilled(chunks))
            chunks = []
    if dropped and len(dropped) == total:
        raise ValueError(f"{dropped[0].where(source)}: the label is missing, and so is every other label of the file.")
    table = pa.concat_tables(chunks) if chunks or not parts else parts[-1].table.slice(0, 0)
    class_names: tuple[str, ...] = ()
    if unparsed:
        labels, numbers = [record.label for record in unparsed], [record.number for record in unparsed]
        kept = labelled_rows(labels, numbers, source, drop=missing_labels == "drop")
        if len(kept) < len(unparsed):
            dropped = [record for row, record in enumerate(unparsed) if row not in set(kept)]
            table, unparsed = table.take(kept), [unparsed[row] for row in kept]
        labels, numbers = [record.label for record in unparsed], [record.number for record in unparsed]
        task = task_from_labels(labels, name=Path(source).name, source=source, numbers=numbers)
        table = table.append_column("labels", _label_array(unparsed, task, source))
        if task.problem_type == "single_label_classification":
            class_names = task.label_names
    features = Features.from_arrow_schema(table.schema)
    if class_names != tuple(map(str, range(len(class_names)))):
        features["labels"] = ClassLabel(names=list(class_names))
    note = _dropped_note(dropped, total)
    if note:
        logger.warning("%s: %s", source, note)
    if parts:
        return _dataset(concat_tables([*parts, InMemoryTable(table)]), features, note)
    return _dataset(InMemoryTable(table), features, note)


def _dropped_note(dropped: Sequence[Record], total: int) -> str:
    if not dropped:
        return ""
    first = f"{dropped[0].name!r}: {text_of(dropped[0].label)[:40]!r}"
    return f"{len(dropped):,} of {total:,} records have no label and were left out (the first: {first})"


def dataset_in_memory(table: pa.Table, features: Features | None = None) -> Dataset:
    """The table as a Dataset without a copy."""
    return _dataset(InMemoryTable(table), features or Features.from_arrow_schema(table.schema))


def _dataset(table: Table, features: Features, note: str = "") -> Dataset:
    # Left to itself, Dataset would pickle all rows to hash them.
    info = DatasetInfo(features=features, description=note)
    return Dataset(table, info=info, fingerprint=generate_random_fingerprint())


def _spilled(chunks: list[pa.Table]) -> Table:
    """The rows in a file that is deleted at the end of the process, mapped to memory."""
    path = Path(get_temporary_cache_files_directory(), f"rows-{generate_random_fingerprint()}.arrow")
    with pa.ipc.new_stream(path, chunks[0].schema) as writer:
        for chunk in chunks:
            writer.write_table(chunk)
    return MemoryMappedTable.from_file(str(path))


def checked_records(
    records: Iterable[Record], *, source: str, labels_required: bool, unique_names: bool = True
) -> Iterator[Record]:
    """The same records with their letters normalised; refuses what `read_file` says is refused."""
    seen: dict[str, int] = {}
    labelled: bool | None = None
    for record in records:
        letters = record.sequence.strip()
        if not letters:
            raise ValueError(f"{record.where(source)} has no sequence; fill it in or remove the record.")
        if unique_names and seen.setdefault(record.name, record.number) != record.number:
            raise ValueError(
                f"{record.where(source)} has the same name as record {seen[record.name]}; names must differ, "
                f"because results are matched by name."
            )
        if labelled is None:
            labelled = record.label is not None
        if (labels_required or labelled) and record.label is None:
            raise ValueError(
                f"{record.where(source)} has no label; write the header as '>{record.name}|label', "
                f"or pass labels='none' to read the sequences alone."
            )
        if record.label is not None and not labelled:
            raise ValueError(
                f"{record.where(source)} has a label in its header, the records before it have none; "
                f"pass labels='none' to read the sequences alone."
            )
        second = record.sequence2
        if second is not None:
            if not second.strip():
                raise ValueError(f"{record.where(source)} has no second sequence; fill it in or remove the record.")
            second = normalize(second.strip(), source=f"{record.where(source)}, second sequence")
        yield record._replace(sequence=normalize(letters, source=record.where(source)), sequence2=second)


def file_records(
    path: str | Path,
    header_labels: bool,
    sequence_column: str = "sequence",
    labels_column: str | None = "labels",
    name_column: str = "name",
    labels_required: bool = True,
    sequence2_column: str | None = None,
) -> Iterator[Record]:
    """The unchecked records of a file, by its extension; `header_labels` are those of FASTA headers."""
    kind = _kind(path)
    if kind in fasta.EXTENSIONS:
        if sequence2_column is not None:
            raise ValueError(f"{path}: FASTA holds one sequence a record; write pairs as a table with two columns.")
        labelled = labels_column is not None and (header_labels or labels_required)
        with open_bytes(path) as handle:
            yield from fasta.fasta_records(handle, str(path), labelled=labelled)
        return
    columns = tables.find_columns(
        path,
        kind,
        sequence=sequence_column,
        labels=labels_column,
        name=name_column,
        labels_required=labels_required,
        sequence2=sequence2_column,
    )
    yield from tables.table_records(path, kind, columns)


def _kind(path: str | Path) -> str:
    """The extension that says the format, without .gz or .bgz, in lower case."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    kind = next((suffix for suffix in reversed(suffixes) if suffix not in (".gz", ".bgz")), "")
    if kind not in (*fasta.EXTENSIONS, *tables.EXTENSIONS):
        raise ValueError(
            f"{path}: unknown extension {kind!r}; readable are {', '.join((*fasta.EXTENSIONS, *tables.EXTENSIONS))}, "
            f"all but .parquet also with .gz or .bgz."
        )
    return kind


def _chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size_bp = 0
    for record in records:
        chunk.append(record)
        values = record.label.size if isinstance(record.label, np.ndarray) else 0
        size_bp += len(record.sequence) + len(record.sequence2 or "") + values
        if size_bp >= _CHUNK_BP or len(chunk) >= _CHUNK_RECORDS:
            yield chunk
            chunk, size_bp = [], 0
    if chunk:
        yield chunk


def _label_array(records: list[Record], task: Task, source: str) -> pa.Array:
    """The labels of `records` as the task's column."""
    parse = LabelParser(task)
    values = [parse(record.label, length_bp=len(record.sequence), where=record.where(source)) for record in records]
    if any(isinstance(value, np.ndarray) for value in values):
        return _list_array([np.asarray(value) for value in values])
    kind: pa.DataType = pa.float64() if task.problem_type == "regression" else pa.int64()
    first: object = values[0]
    while isinstance(first, list):
        kind, first = pa.list_(kind), first[0]
    return pa.array(values, kind)


def _list_array(arrays: list[np.ndarray]) -> pa.Array:
    """Arrays of one rank as nested lists, without a Python number in between."""
    values = pa.array(np.concatenate([array.ravel() for array in arrays]))
    for axis in reversed(range(arrays[0].ndim)):
        lengths = [np.full(math.prod(array.shape[:axis]), array.shape[axis]) for array in arrays]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        values = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    return values
