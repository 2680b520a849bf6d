"""Run a benchmark: every model and baseline on every task, fold and seed, each result a file of its own.

A killed run goes on where it was: finished cells are kept, and a fine-tuning that had begun goes on from its last
checkpoint. Several processes, on one machine or on many that share the folder, take different cells.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hf_dnalm.benchmarking.cells import BASELINES, Cell, Folder, plan, read_facts, write_result
from hf_dnalm.benchmarking.cnn import cnn_baseline
from hf_dnalm.benchmarking.leaderboard import Leaderboard, collect
from hf_dnalm.benchmarking.pages import write_leaderboard
from hf_dnalm.benchmarking.settings import (
    METHODS,
    Rows,
    check_training,
    choose_tasks,
    digest_of_folder,
    named_models,
    settings_of,
)
from hf_dnalm.damage import read_json
from hf_dnalm.data.digests import digests_of
from hf_dnalm.evaluation import Evaluation, kmer_baseline, majority_baseline
from hf_dnalm.inference.output_files import whole_file
from hf_dnalm.outputs import claimed
from hf_dnalm.same_run import refuse_another_run
from hf_dnalm.suites import load_benchmark, published_suite
from hf_dnalm.tasks import Task
from hf_dnalm.training.fine_tuning import finetune
from hf_dnalm.training.splits import complete_splits

if TYPE_CHECKING:
    from datasets import DatasetDict

logger = logging.getLogger(__name__)

_NOTE = "settings.json"  # in the folder of an unfinished cell


@dataclass(frozen=True)
class BenchmarkRun:
    """What a run left.

    Attributes:
        folder: `cells/` with the results, and the leaderboard as leaderboard.json, .md and .html.
        leaderboard: of every result in the folder; None where no cell was finished.
        failed: cell → why it was refused; all others are finished, here or by another process.
        unfinished: cells that other processes still work on.
    """

    folder: Path
    leaderboard: Leaderboard | None
    failed: dict[Cell, str]
    unfinished: list[Cell]


class _Data(NamedTuple):
    """The rows of a task and fold, and in words how they came to be."""

    splits: DatasetDict
    task: Task
    how: str
    digests: dict[str, str]


def benchmark(
    models: Mapping[str, str] | Sequence[str | Path] = (),
    *,
    output: str | Path,
    suites: Sequence[str] = (),
    tasks: Sequence[str] = (),
    methods: Sequence[Literal["full", "lora", "ia3", "probe"]] = ("full",),
    baselines: Sequence[str] = BASELINES,
    folds: int = 0,
    seeds: Sequence[int] = (0,),
    data_dir: str | Path | Mapping[str, str | Path] | None = None,
    reference: str | Path | None = None,
    sequence_length: int | None = None,
    allow_subset: bool = False,
    deduplicate: bool = False,
    max_train_rows: int | None = None,
    max_eval_rows: int | None = None,
    split_seed: int = 0,
    bootstrap: int = 1000,
    process: tuple[int, int] = (0, 1),
    **training: Any,
) -> BenchmarkRun:
    """Run what is not finished yet, and write the leaderboard of everything in `output`.

    The folder may grow: more tasks, models, seeds or folds are added to what is there. The same cell with other
    settings is refused before anything runs.

    Args:
        models: folders or Hub ids, as `SOURCE` or `NAME=SOURCE`, or a mapping from name to source.
        output: folder of the results.
        suites, tasks: see `choose_tasks`.
        methods: of fine-tuning, each tried with every model.
        baselines: "majority" (never looks at the sequence), "kmer" (linear on k-mer counts), "cnn" (from scratch).
        folds: 0 = the published splits; k = every fold of a k-fold cross-validation over all rows but the test's.
        seeds: every cell is trained once with each.
        data_dir: folder in the benchmark's layout, for all suites or by suite; None = the Hub.
        reference: genome that tasks of coordinates are cut from, as in `load_benchmark`.
        sequence_length, allow_subset, deduplicate, max_train_rows, max_eval_rows, split_seed: see `Rows`.
        bootstrap: resamples behind every interval and paired test; 0 means neither is computed.
        process: number of this process, and how many there are.
        **training: options of `finetune` and of transformers.TrainingArguments.

    Raises:
        ValueError: tasks, models or settings that do not fit, or that differ from those of results in the folder.
    """
    unknown = [each for each in baselines if each not in BASELINES] + [each for each in methods if each not in METHODS]
    if unknown:
        raise ValueError(f"no baseline or method {unknown[0]!r}; there are {', '.join((*BASELINES, *METHODS))}")
    if folds < 0 or folds == 1:
        raise ValueError(f"folds is {folds}; it must be 0 (the published splits) or at least 2")
    if bootstrap < 0:
        raise ValueError(f"bootstrap is {bootstrap}; it must be 0 (no intervals, no tests) or more (usually 1000).")
    check_training(training)
    sources = named_models(models)
    contestants = [(name, "") for name in baselines] + [(name, method) for name in sources for method in methods]
    if not contestants or not seeds:
        raise ValueError("there is nothing to run: name models or baselines, and at least one seed")
    rows = Rows(allow_subset, deduplicate, max_train_rows, max_eval_rows, sequence_length, split_seed)
    cells = plan(choose_tasks(suites, tasks), contestants, folds=folds, seeds=tuple(dict.fromkeys(seeds)))
    folder = Folder(output)
    weights = {name: digest_of_folder(source) for name, source in sources.items()}
    settings = {
        cell: settings_of(
            sources.get(cell.model), rows, bootstrap=bootstrap, training=training, weights=weights.get(cell.model)
        )
        for cell in cells
    }
    for cell in cells:
        _check_settings(folder, cell, settings[cell])
    worker = _Worker(folder, sources, settings, rows, _folders(data_dir), reference, bootstrap, training)
    failed = worker.work(cells, process)
    leaderboard = _write(folder)
    unfinished = [cell for cell in cells if not folder.is_finished(cell) and cell not in failed]
    return BenchmarkRun(folder.path, leaderboard, failed, unfinished)


class _Worker:
    """Takes one cell after another."""

    def __init__(
        self,
        folder: Folder,
        sources: Mapping[str, str],
        settings: Mapping[Cell, dict[str, Any]],
        rows: Rows,
        data_dirs: Mapping[str, str | Path] | str | Path | None,
        reference: str | Path | None,
        bootstrap: int,
        training: Mapping[str, Any],
    ) -> None:
        self.folder, self.sources, self.settings, self.rows = folder, sources, settings, rows
        self.data_dirs, self.reference, self.bootstrap, self.training = data_dirs, reference, bootstrap, training
        self._loaded: tuple[tuple, _Data] | None = None

    def work(self, cells: Sequence[Cell], process: tuple[int, int]) -> dict[Cell, str]:
        """Go through all cells once, starting at this process's share; cell → message of those that were refused."""
        number, count = process
        start = len(cells) * number // max(count, 1)
        failed = {}
        for position, cell in enumerate([*cells[start:], *cells[:start]], start=1):
            if self.folder.is_finished(cell):
                shutil.rmtree(self.folder.unfinished(cell), ignore_errors=True)
                continue
            with self.folder.claimed(cell) as mine:
                if not mine:
                    continue
                try:
                    evaluation, seconds = self.run(cell)
                except (ValueError, FileNotFoundError) as error:
                    failed[cell] = str(error)
                    logger.error("%s: %s", cell, error)
                    continue
                logger.info("[%d/%d] %s: %s, %.0f s", position, len(cells), cell, evaluation.primary, seconds)
        return failed

    def run(self, cell: Cell) -> tuple[Evaluation, float]:
        """Train and score one cell and write its result; what was needed for it is gone then."""
        started = time.perf_counter()
        data = self.data(cell)
        scratch = self.folder.unfinished(cell)
        settings = self.settings[cell]
        self._begin(scratch, settings, data)
        try:
            evaluation = self.evaluate(cell, data, scratch)
        except ValueError:  # refused: there is nothing to go on with, and other settings may do
            shutil.rmtree(scratch)
            raise
        seconds = time.perf_counter() - started
        about = {
            "how": data.how,
            "rows": {name: len(split) for name, split in data.splits.items()},
            "digests": data.digests,
        }
        write_result(self.folder, cell, evaluation, settings=settings, data=about, seconds=seconds)
        shutil.rmtree(scratch)
        return evaluation, seconds

    def evaluate(self, cell: Cell, data: _Data, scratch: Path) -> Evaluation:
        """The evaluation on the test split."""
        splits, task = data.splits, data.task
        options: dict[str, Any] = {"bootstrap": self.bootstrap}
        match cell.model:
            case "majority":
                return majority_baseline(task, splits["train"], splits["test"], seed=cell.seed, **options)
            case "kmer":
                return kmer_baseline(task, splits["train"], splits["test"], seed=cell.seed, **options)
            case "cnn":
                parts = (splits["train"], splits["validation"], splits["test"])
                return cnn_baseline(task, *parts, seed=cell.seed, **options)
        method: Any = cell.method
        result = finetune(
            self.sources[cell.model],
            splits,
            task,
            output_dir=scratch,
            method=method,
            merge=False,
            resume=True,
            seed=cell.seed,
            **options,
            **{"disable_tqdm": True, **self.training},
        )
        facts = json.loads((scratch / "report" / "report.json").read_text(encoding="utf-8"))
        result.evaluation.settings.update(facts["settings"])
        return result.evaluation

    def data(self, cell: Cell) -> _Data:
        """The three splits of the cell's task and fold, the same for every contestant; the last one stays loaded."""
        key = (cell.suite, cell.task, cell.folds, cell.fold)
        if self._loaded is None or self._loaded[0] != key:
            rows = self.rows
            where = self.data_dirs.get(cell.suite) if isinstance(self.data_dirs, Mapping) else self.data_dirs
            splits, task = load_benchmark(
                cell.suite,
                cell.task,
                data_dir=where,
                reference=self.reference,
                sequence_length=rows.sequence_length,
                seed=rows.split_seed,
                allow_subset=rows.allow_subset,
                deduplicate=rows.deduplicate,
                folds=cell.folds or None,
                fold=cell.fold if cell.folds else None,
            )
            complete = complete_splits(splits, task, seed=rows.split_seed)
            limited, task = rows.limit(complete.splits, task)
            if len(splits) < 3:
                task = task.with_note(complete.how)
            self._loaded = key, _Data(limited, task, complete.how, digests_of(limited))
        return self._loaded[1]

    @staticmethod
    def _begin(scratch: Path, settings: dict[str, Any], data: _Data) -> None:
        """Write down the settings and rows of the cell, or check the rows of an unfinished one.

        `_check_settings` has already compared the settings.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        note = scratch / _NOTE
        if note.is_file():
            before, now = (
                {f"rows of {name}": digest for name, digest in digests.items()}
                for digests in (read_json(note)["digests"], data.digests)
            )
            refuse_another_run(before, now, scratch, "Delete the folder to start this cell again")
            return
        with whole_file(note) as partial:
            partial.write_text(json.dumps({"settings": settings, "digests": data.digests}, indent=1), encoding="utf-8")


def _check_settings(folder: Folder, cell: Cell, settings: dict[str, Any]) -> None:
    """Refuse other settings than those that a finished or a begun cell has."""
    note = folder.unfinished(cell) / _NOTE
    if folder.is_finished(cell):
        place, before = folder.result(cell), read_facts(folder.result(cell))["settings"]
    elif note.is_file():
        place, before = note.parent, read_json(note)["settings"]
    else:
        return
    advice = f"Choose another output folder, another name for the model (NAME=SOURCE), or delete {place}"
    refuse_another_run(before, settings, place, advice)


def _folders(data_dir: Any) -> Any:
    """Folders of the data by the suites' own names."""
    if isinstance(data_dir, Mapping):
        return {published_suite(suite): folder for suite, folder in data_dir.items()}
    return data_dir


def _write(folder: Folder) -> Leaderboard | None:
    """The leaderboard of all results, by one process at a time: the last to come reads them all."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with claimed(folder.path / "leaderboard", wait=True):
        leaderboard = collect(folder.path)
        if leaderboard is not None:
            write_leaderboard(leaderboard, folder.path)
    return leaderboard
