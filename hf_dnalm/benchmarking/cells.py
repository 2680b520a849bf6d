"""Cells: one model, trained by one method on one fold of one task with one seed, and the file that holds its result."""

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

_AGAIN = "Delete the result's .json file to have the cell run again."

FORMAT = 1  # of a result file; another number is refused
BASELINES = ("majority", "kmer", "cnn")  # what every table has beside the models
_UNSAFE = re.compile(r"[^\w.+=-]+")


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one result is of. Its file is named by these fields alone.

    Attributes:
        suite, task: as in `benchmark_tasks`.
        model: the name in the tables; one of `BASELINES`, or the user's.
        method: "full", "lora", "ia3" or "probe"; empty for a baseline, which has one way of its own.
        folds: of a cross-validation over all rows but the test's; 0 = the published splits.
        fold: which one, counted from 0.
        seed: of a new head, of the order of the examples and of dropout; splits do not depend on it.
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
        """Model and method: what is compared with others, as the tables call it."""
        return f"{self.model} ({self.method})" if self.method else self.model

    @property
    def stem(self) -> str:
        """The name of the file without folder and ending."""
        fold = f"fold{self.fold}of{self.folds}" if self.folds else "published"
        return f"{safe(self.model)}.{self.method or 'baseline'}.{fold}.seed{self.seed}"

    def __str__(self) -> str:
        fold = f", fold {self.fold} of {self.folds}" if self.folds else ""
        return f"{self.suite}/{self.task}: {self.contestant}{fold}, seed {self.seed}"


class Folder:
    """The output folder of a benchmark: `cells/` holds the results, `unfinished/` what a running cell needs."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is a file; the results need a folder")

    def result(self, cell: Cell) -> Path:
        """The file with everything that is said of the cell."""
        return self.path / "cells" / cell.suite / safe(cell.task) / f"{cell.stem}.json"

    def predictions(self, cell: Cell) -> Path:
        """The file with what was predicted for each test row, which stands beside the result."""
        return self.result(cell).with_suffix(".npz")

    def unfinished(self, cell: Cell) -> Path:
        """The folder in which the cell is worked on; it is gone when the cell has its result."""
        return self.path / "unfinished" / f"{cell.suite}.{safe(cell.task)}.{cell.stem}"

    def is_finished(self, cell: Cell) -> bool:
        """Whether the cell has its result, whole."""
        return self.result(cell).is_file()

    @contextmanager
    def claimed(self, cell: Cell) -> Iterator[bool]:
        """Whether this process may work on the cell; others, on other machines too, then may not.

        The system lets go of the claim when the process ends, however it ends.
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
    """What a result file says, and what was predicted.

    Attributes:
        cell: of what.
        facts: the whole file as plain values: `settings`, `data`, `evaluation`, `seconds`.
        task: what was predicted, with notes on the data at hand.
        outputs: predictions and labels of every test row.
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
    """Every cell, task by task.

    Args:
        tasks: suite and name.
        contestants: model and method.
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
    """Write both files of a cell, the predictions first: where the result is, they are."""
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
    """A result file as plain values.

    Raises:
        ValueError: it is no result file of this format.
    """
    with decoding(path, remedy=_AGAIN):
        facts = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError(f"{path} is not a result file of format {FORMAT}; delete it to have the cell run again")
    return facts


def read_result(path: Path) -> Result:
    """A result with its predictions.

    Raises:
        ValueError: the file is no result.
        FileNotFoundError: the predictions that belong to it are gone.
    """
    facts = read_facts(path)
    arrays = path.with_suffix(".npz")
    if not arrays.is_file():
        raise FileNotFoundError(f"{arrays} is gone; delete {path.name} beside it to have the cell run again")
    with (
        decoding(arrays, remedy=_AGAIN),
        open(arrays, "rb") as content,  # NumPy leaves a damaged file open that it was given by path
        np.load(content, allow_pickle=False) as stored,
    ):
        outputs = Outputs(stored["scores"], stored["references"], stored["example"], int(stored["n"]))
    with decoding(path, remedy=_AGAIN):
        return Result(Cell(**facts["cell"]), facts, Task.from_dict(facts["evaluation"]["task"]), outputs)


def read_results(folder: str | Path) -> list[Result]:
    """All finished cells of an output folder, sorted by file name."""
    return [read_result(path) for path in sorted(Path(folder).glob("cells/*/*/*.json"))]


def safe(name: str) -> str:
    """A name that a file can have; what had to be changed is told apart by a few letters of its digest.

    >>> safe("kmer"), safe("InstaDeepAI/nt v2")
    ('kmer', 'InstaDeepAI-nt-v2-a3898a')
    """
    plain = _UNSAFE.sub("-", name).strip(".") or "-"
    return plain if plain == name else f"{plain}-{hashlib.blake2b(name.encode(), digest_size=3).hexdigest()}"
