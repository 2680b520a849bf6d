"""A task of one's own, from a YAML file whose keys are the fields of `BendTask`."""

from __future__ import annotations

import dataclasses
import os
import reprlib
from pathlib import Path
from typing import Any

import yaml

from hf_dnalm.damage import decoding
from hf_dnalm.suites.bend.definition import BendTask

# What a key may hold. Whole numbers stand for decimal ones; a bool never stands for a number.
_TEXT = ("name", "description", "level", "label_source", "loss", "metric", "assembly", "licence", "citation")
_PATHS = ("bed", "hdf5")
_WHOLE = ("downsample", "hidden", "kernel", "batch_size", "epochs", "cross_validation", "context_bp")
_DECIMAL = ("positive_weight", "learning_rate", "weight_decay")


def task_from_yaml(path: str | os.PathLike[str]) -> BendTask:
    """The task that a YAML file describes.

    `label_names` may be a number, which numbers the labels. Paths (`bed`, `hdf5`) are from the file's folder; without
    them the files are `<name>.bed` and `<name>.hdf5`, there or in a folder `<name>`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not YAML, an unknown or a missing key, a value of the wrong kind; the message names file and key.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{os.fspath(path)}: no such file.")
    try:
        with decoding(path):
            fields = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: not YAML ({' '.join(str(error.__cause__ or error).split())}).") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{os.fspath(path)}: must hold keys and values (name: my_task), not {type(fields).__name__}.")
    known = [field.name for field in dataclasses.fields(BendTask)]
    unknown = [str(key) for key in fields if key not in known]
    if unknown:
        raise ValueError(f"{os.fspath(path)}: unknown key {unknown[0]!r}; there are: {', '.join(known)}.")
    for key in ("name", "label_names"):
        if key not in fields:
            raise ValueError(f"{os.fspath(path)}: has no {key!r}; a task needs at least 'name' and 'label_names'.")
    values = {key: _checked(key, value, path) for key, value in fields.items()}
    folder = Path(path).parent
    for key in _PATHS:
        found = folder / values[key] if key in values else find_beside(folder, str(values["name"]), f".{key}")
        values[key] = None if found is None else str(found)
    try:
        return BendTask(**values)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def file_names(name: str, extension: str) -> tuple[str, ...]:
    """Where a task's file may be in a folder.

    >>> file_names("gene_finding", ".bed")
    ('gene_finding/gene_finding.bed', 'gene_finding.bed')
    """
    return (f"{name}/{name}{extension}", f"{name}{extension}")


def find_beside(folder: Path, name: str, extension: str) -> Path | None:
    """The first of a task's files that is in the folder; a BED file may be gzip."""
    for usual in file_names(name, extension):
        for path in (folder / usual, folder / f"{usual}.gz"):
            if path.is_file():
                return path
    return None


def _checked(key: str, value: Any, path: str | os.PathLike[str]) -> Any:
    """The value as `BendTask` holds it."""
    expected = ""
    if key in (*_TEXT, *_PATHS):
        expected = "" if isinstance(value, str) or (value is None and key == "loss") else "text"
    elif key == "label_names":
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return tuple(f"label_{number}" for number in range(value))
        expected = "" if _is_list(value, str) else "a list of names in quotes, or their number"
    elif key == "columns":
        expected = "" if _is_list(value, str) else "a list of column names"
    elif key == "length_bp":
        fits = _is_list(value, int) and len(value) == 2
        expected = "" if fits else "two numbers, [shortest, longest]"
    elif key == "read_strand":
        expected = "" if isinstance(value, bool) else "true or false"
    elif key in _WHOLE:
        whole = isinstance(value, int) and not isinstance(value, bool)
        expected = "" if whole or (value is None and key == "downsample") else "a whole number"
    elif key in _DECIMAL:
        if isinstance(value, str):  # YAML 1.1 reads 3e-3 as text: it wants 3.0e-3
            try:
                return float(value)
            except ValueError:
                pass
        number = isinstance(value, int | float) and not isinstance(value, bool)
        expected = "" if number or (value is None and key == "positive_weight") else "a number"
    if expected:
        raise ValueError(f"{os.fspath(path)}: {key} is {reprlib.repr(value)}; it must be {expected}.")
    return tuple(value) if isinstance(value, list) else value


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(each) is kind for each in value)
