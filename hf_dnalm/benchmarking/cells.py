"""Cells of a benchmark: one model, trained by one method on one fold of one task with one seed, and its result file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hf_dnalm.damage import decoding
from hf_dnalm.evaluation.model_scores import Evaluation
from hf_dnalm.evaluation.outputs import Outputs
from hf_dnalm.inference.output_files import whole_file
from hf_dnalm.outputs import claimed
from hf_dnalm.suites import benchmark_tasks
from hf_dnalm.tasks import Task

_AGAIN = "Delete the result's .json file to run the cell again."

FORMAT = 1  # version of the result files; files of another version are refused
BASELINES = ("majority", "kmer", "cnn")  # in the order of the tables
_UNSAFE = re.compile(r"[^\w.+=-]+")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One model or baseline on one task, fold and seed. These fields determine the name of its result file.

    Attributes:
        suite, task: as in `benchmark_tasks`.
        model: the name in the tables: one of `BASELINES`, or the user's.
        method: "full", "lora", "ia3" or "probe"; empty for a baseline.
        folds: number of cross-validation folds over all rows outside the test split; 0: the published splits.
        fold: number of the fold, counted from 0.
        seed: of a new head, the order of the examples and dropout. Splits do not depend on it.
    """

    suite: str
    task: str
    model: str
    method: str
    folds: int
    fold: int
    seed: int

    @property
    def contestant(self) -> str:
        """Model and method, as the tables name them: the unit of comparison."""
        return f"{self.model} ({self.method})" if self.method else self.model

    @property
    def stem(self) -> str:
        """The file name without folder and extension."""
        fold = f"fold{self.fold}of{self.folds}" if self.folds else "published"
        return f"{safe(self.model)}.{self.method or 'baseline'}.{fold}.seed{self.seed}"

    def __str__(self) -> str:
        fold = f", fold {self.fold} of {self.folds}" if self.folds else ""
        return f"{self.suite}/{self.task}: {self.contestant}{fold}, seed {self.seed}"


class Folder:
    """The output folder of a benchmark: results are in `cells/`, working files of running cells in `unfinished/`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is a file. Choose a folder for the results.")

    def result(self, cell: Cell) -> Path:
        """The JSON file with the cell's settings, data and metrics."""
        return self.path / "cells" / cell.suite / safe(cell.task) / f"{cell.stem}.json"

    def predictions(self, cell: Cell) -> Path:
        """The file with the predictions for all test rows, next to the result."""
        return self.result(cell).with_suffix(".npz")

    def unfinished(self, cell: Cell) -> Path:
        """The working folder of the cell, deleted when the result is written."""
        return self.path / "unfinished" / f"{cell.suite}.{safe(cell.task)}.{cell.stem}"

    def is_finished(self, cell: Cell) -> bool:
        """Whether the cell has a complete result."""
        return self.result(cell).is_file()

    @contextmanager
    def claimed(self, cell: Cell) -> Iterator[bool]:
        """Lock the cell, and yield whether this process should run it.

        The lock also excludes processes on other machines. The operating system releases it when the process ends.
        """
        result = self.result(cell)
        result.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as claim:
            try:
                claim.enter_context(claimed(result))
            except BlockingIOError:
                yield False
                return
            yield not self.is_finished(cell)


class Result(NamedTuple):
    """The contents of a result file, with the predictions.

    Attributes:
        cell: the cell that was run.
        facts: the complete file as plain values: `settings`, `data`, `evaluation`, `seconds`.
        task: the task, with notes on the data that were used.
        outputs: predictions and labels of all test rows.
    """

    cell: Cell
    facts: dict[str, Any]
    task: Task
    outputs: Outputs


def plan(
    tasks: Sequence[tuple[str, str]],
    contestants: Sequence[tuple[str, str]],
    *,
    folds: int,
    seeds: Sequence[int],
) -> list[Cell]:
    """All cells of a benchmark, task by task.

    Args:
        tasks: (suite, name) pairs.
        contestants: (model, method) pairs.
    """
    numbers = range(folds) if folds else (0,)
    return [
        Cell(suite, task, model, method, folds, fold, seed)
        for suite, task in tasks
        for fold in numbers
        for seed in seeds
        for model, method in contestants
        if model not in ("kmer", "cnn") or benchmark_tasks()[suite][task].level == "sequence"
    ]


def write_result(
    folder: Folder,
    cell: Cell,
    evaluation: Evaluation,
    *,
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    seconds: float,
) -> None:
    """Write both files of a cell, the predictions first, so that a result always has its predictions."""
    path = folder.result(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    scores, references, example, n = evaluation.outputs
    with whole_file(folder.predictions(cell)) as partial, open(partial, "wb") as file:
        np.savez_compressed(file, scores=scores, references=references, example=example, n=np.array(n))
    facts = {
        "format": FORMAT,
        "cell": dataclasses.asdict(cell),
        "settings": dict(settings),
        "data": dict(data),
        "evaluation": evaluation.to_dict(),
        "seconds": round(seconds, 2),
    }
    with whole_file(path) as partial:
        text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False, default=str)
        partial.write_text(text + "\n", encoding="utf-8")


def read_facts(path: Path) -> dict[str, Any]:
    """Read a result file as plain values.

    Raises:
        ValueError: the file is not a result, or has another format version.
    """
    with decoding(path, remedy=_AGAIN):
        facts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError(f"{path} is not a result file of format {FORMAT}. Delete it to run the cell again.")
    return facts


def read_result(path: Path) -> Result:
    """Read a result with its predictions.

    Raises:
        ValueError: the file is not a result.
        FileNotFoundError: the file with the predictions does not exist.
    """
    facts = read_facts(path)
    arrays = path.with_suffix(".npz")
    if not arrays.is_file():
        raise FileNotFoundError(
            f"{arrays} does not exist. Delete {path.name} in the same folder to run the cell again."
        )
    with (
        decoding(arrays, remedy=_AGAIN),
        open(arrays, "rb") as content,  # given a path, NumPy does not close a damaged file
        np.load(content, allow_pickle=False) as stored,
    ):
        outputs = Outputs(stored["scores"], stored["references"], stored["example"], int(stored["n"]))
    with decoding(path, remedy=_AGAIN):
        return Result(Cell(**facts["cell"]), facts, Task.from_dict(facts["evaluation"]["task"]), outputs)


def read_results(folder: str | Path) -> list[Result]:
    """Read all finished cells of an output folder, sorted by file name."""
    return [read_result(path) for path in sorted(Path(folder).glob("cells/*/*/*.json"))]


def safe(name: str) -> str:
    """A valid file name for `name`; a changed name ends in letters of a digest, so that it stays unique.

    >>> safe("kmer"), safe("InstaDeepAI/nt v2")
    ('kmer', 'InstaDeepAI-nt-v2-a3898a')
    """
    plain = _UNSAFE.sub("-", name).strip(".") or "-"
    return plain if plain == name else f"{plain}-{hashlib.blake2b(name.encode(), digest_size=3).hexdigest()}"
