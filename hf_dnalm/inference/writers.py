"""Write predictions as TSV, CSV or Parquet, and classes of bases or bins as BED."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np
import pyarrow as pa

from hf_dnalm.inference.output_files import TABLE_WRITERS, Table, output_extension, whole_file, write_text
from hf_dnalm.inference.predictions import Predictions

_ROWS_AT_A_TIME = 100_000


def write_predictions(predictions: Predictions, path: str | os.PathLike[str]) -> None:
    """Write predictions in the format of the extension of `path`, completely or not at all.

    A table has one row per sequence, in input order, with the columns
    - `name`, `label`, and `probability_<class>` for each class (single label),
    - `name` and `probability_<track>` for each track (multi-label),
    - `name` and `value_<target>` for each target (regression).

    At nucleotide level it has one row per base, with its 0-based `position` after the name; at bin level one row per
    bin, with its `start` and `end` (0-based, half-open). BED has one line per run of equal labels: name, start, end
    (0-based, half-open), label, and the run's mean probability × 1000 as the score. Numbers have as many digits as are
    needed to read back the same float32.

    Raises:
        ValueError: the extension is not supported, or is BED for a model that does not predict one class per base.
        FileNotFoundError: the folder of `path` does not exist.
    """
    path = Path(path)
    write = find_writer(path, level=predictions.task.level)
    with whole_file(path) as partial, open(partial, "wb") as file:
        write(predictions, file)


def find_writer(path: Path, *, level: str) -> Callable[[Predictions, BinaryIO], None]:
    """Return the function that writes the format of `path`; call this before any computing, to refuse a bad path.

    Raises:
        ValueError, FileNotFoundError: as `write_predictions`.
    """
    extension = output_extension(path, (*TABLE_WRITERS, ".bed"))
    if extension == ".bed":
        if level != "sequence":
            return _write_bed
        raise ValueError(
            f"cannot write {path}: BED holds a class for each base or bin, but this model makes one prediction per "
            "sequence; write .tsv, .csv or .parquet."
        )
    write = TABLE_WRITERS[extension]
    return lambda predictions, file: write(_table(predictions), file)


def write_table(predictions: Predictions, file: TextIO) -> None:
    """Write the table of `write_predictions` as tab-separated text, with a header line."""
    write_text(_table(predictions), file)


def _write_bed(predictions: Predictions, file: BinaryIO) -> None:
    label_names, bin_bp = predictions.task.label_names, predictions.task.bin_bp or 1
    if predictions.task.problem_type != "single_label_classification":
        raise ValueError(
            f"task {predictions.task.name!r} does not have exactly one class per bin, so it cannot be written as BED; "
            "write .tsv, .csv or .parquet."
        )
    for name, logits, probabilities in zip(
        predictions.names, predictions.logits, predictions.probabilities, strict=True
    ):
        if any(letter in name for letter in "\t\r\n"):
            raise ValueError(
                f"the sequence name {name!r} has a tab or a line break, which BED cannot store; rename it."
            )
        classes = logits.argmax(-1)  # (bp,); from the logits, because softmax may round the two best to a tie
        starts = np.flatnonzero(np.diff(classes, prepend=-1))
        ends = np.append(starts[1:], len(classes))
        likeliest = probabilities.max(-1).astype(np.float64)
        scores = 1000 * np.add.reduceat(likeliest, starts) / (ends - starts)
        for start, end, score in zip(starts, ends, scores, strict=True):
            place = f"{name}\t{start * bin_bp}\t{end * bin_bp}"
            file.write(f"{place}\t{label_names[classes[start]]}\t{round(score)}\n".encode())


def _table(predictions: Predictions) -> Table:
    types = {"name": pa.string(), "label": pa.string(), "position": pa.int64(), "start": pa.int64(), "end": pa.int64()}
    names = _column_names(predictions)
    return Table({name: types.get(name, pa.float32()) for name in names}, _columns(predictions))


def _column_names(predictions: Predictions) -> list[str]:
    task = predictions.task
    names = ["name", *{"nucleotide": ["position"], "bin": ["start", "end"]}.get(task.level, [])]
    if task.problem_type == "single_label_classification":
        names.append("label")
    prefix = "value" if task.problem_type == "regression" else "probability"
    return names + [f"{prefix}_{label}" for label in task.label_names]


def _columns(predictions: Predictions) -> Iterator[list[np.ndarray]]:
    """The columns of `_column_names`, some thousand rows at a time; at least one part, which may be empty."""
    task = predictions.task
    names = np.array(predictions.names, dtype=object)
    numbers = predictions.values if task.problem_type == "regression" else predictions.probabilities
    for start, end in _parts(predictions):
        columns = [names[start:end]]
        if task.level != "sequence":
            lengths = [len(each) for each in predictions.logits[start:end]]
            columns = [columns[0].repeat(lengths), np.concatenate([np.arange(length) for length in [0, *lengths]])]
        if task.bin_bp is not None:
            columns[1:] = [columns[1] * task.bin_bp, (columns[1] + 1) * task.bin_bp]
        if task.problem_type == "single_label_classification":
            # from the logits, as in `Predictions.labels`: softmax may round the two best to a tie
            classes = _rows(predictions.logits[start:end], task.num_labels).argmax(-1)
            columns.append(np.array(task.label_names, dtype=object)[classes])
        yield columns + list(_rows(numbers[start:end], task.num_labels).T)


def _rows(part: np.ndarray | list[np.ndarray], num_labels: int) -> np.ndarray:
    """(rows, L) of some sequences; those of single bases are concatenated."""
    return np.concatenate([np.empty((0, num_labels), dtype=np.float32), *part]) if isinstance(part, list) else part


def _parts(predictions: Predictions) -> Iterator[tuple[int, int]]:
    """Ranges of sequences, 0-based half-open, with about `_ROWS_AT_A_TIME` rows each."""
    start = rows = 0
    for index, logits in enumerate(predictions.logits):
        rows += len(logits) if isinstance(predictions.logits, list) else 1
        if rows >= _ROWS_AT_A_TIME:
            yield start, index + 1
            start, rows = index + 1, 0
    if start < len(predictions.logits) or start == 0:
        yield start, len(predictions.logits)
