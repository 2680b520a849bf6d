"""Run a benchmark: every model and baseline on every task, fold and seed, with one result file for each.

A killed run continues where it stopped: finished cells are kept, and an unfinished fine-tuning continues from its last
checkpoint. Several processes, on one machine or on several that share the folder, work on different cells.
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
    """The result of a benchmark run.

    Attributes:
        folder: output folder: `cells/` with the results, and leaderboard.json, .md and .html.
        leaderboard: of all results in the folder; None if no cell is finished.
        failed: cell → error message, for cells that could not be run.
        unfinished: cells that other processes are still working on.
    """

    folder: Path
    leaderboard: Leaderboard | None
    failed: dict[Cell, str]
    unfinished: list[Cell]


class _Data(NamedTuple):
    """The splits of a task and fold, and a sentence on how they were made."""

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
    """Run all cells that are not finished, and write the leaderboard of all results in `output`.

    You can add tasks, models, seeds or folds to an existing folder. A cell that already has a result with other
    settings is refused before anything runs.

    Args:
        models: folders or Hub ids, as `SOURCE` or `NAME=SOURCE`, or a mapping from name to source.
        output: folder for the results.
        suites, tasks: see `choose_tasks`.
        methods: fine-tuning methods; every model is trained with each.
        baselines: "majority" (majority class or mean), "kmer" (linear model on k-mer counts), "cnn" (small network
            trained from scratch).
        folds: 0: the published splits; k: all folds of a k-fold cross-validation over the rows outside the test split.
        seeds: every cell is trained once with each seed.
        data_dir: folder with the files of all suites, or a mapping from suite to folder; None: the Hub.
        reference: FASTA of the genome for tasks whose files have coordinates, as in `load_benchmark`.
        sequence_length, allow_subset, deduplicate, max_train_rows, max_eval_rows, split_seed: see `Rows`.
        bootstrap: resamples for intervals and paired tests; 0: no intervals and no tests.
        process: number of this process, from 0, and number of processes.
        **training: options of `finetune` and of transformers.TrainingArguments.

    Raises:
        ValueError: tasks, models or settings are invalid, or differ from those of results in the folder.
    """
    unknown = [each for each in baselines if each not in BASELINES] + [each for each in methods if each not in METHODS]
    if unknown:
        raise ValueError(
            f"there is no baseline or method {unknown[0]!r}. Baselines are {', '.join(BASELINES)}; methods are "
            f"{', '.join(METHODS)}."
        )
    if folds < 0 or folds == 1:
        raise ValueError(f"folds is {folds}; it must be 0 (the published splits) or at least 2.")
    if bootstrap < 0:
        raise ValueError(f"bootstrap is {bootstrap}; it must be 0 (no intervals, no tests) or more (usually 1000).")
    check_training(training)
    sources = named_models(models)
    contestants = [(name, "") for name in baselines] + [(name, method) for name in sources for method in methods]
    if not contestants or not seeds:
        raise ValueError("there is nothing to run. Name models or baselines, and at least one seed.")
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
    """Runs one cell after another, and skips those that other processes have locked."""

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
        """Go through all cells once, from this process's share on; returns cell → error message for failed cells."""
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
        """Train and score one cell, write its result, and delete its working folder."""
        started = time.perf_counter()
        data = self.data(cell)
        scratch = self.folder.unfinished(cell)
        settings = self.settings[cell]
        self._begin(scratch, settings, data)
        try:
            evaluation = self.evaluate(cell, data, scratch)
        except ValueError:  # delete the working folder, so that the cell can be run with other settings
            shutil.rmtree(scratch)
            raise
        seconds = time.perf_counter() - started
        facts = {
            "how": data.how,
            "rows": {name: len(split) for name, split in data.splits.items()},
            "digests": data.digests,
        }
        write_result(self.folder, cell, evaluation, settings=settings, data=facts, seconds=seconds)
        shutil.rmtree(scratch)
        return evaluation, seconds

    def evaluate(self, cell: Cell, data: _Data, scratch: Path) -> Evaluation:
        """Train the model or baseline, and score it on the test split."""
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
        """The three splits of the cell's task and fold, the same for all contestants; the last ones are cached."""
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
    """Refuse settings that differ from those of a finished or unfinished cell."""
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
    """`data_dir` with the published names of the suites as keys, if it is a mapping."""
    if isinstance(data_dir, Mapping):
        return {published_suite(suite): folder for suite, folder in data_dir.items()}
    return data_dir


def _write(folder: Folder) -> Leaderboard | None:
    """Write the leaderboard of all results, one process at a time, so that the last one includes all results."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with claimed(folder.path / "leaderboard", wait=True):
        leaderboard = collect(folder.path)
        if leaderboard is not None:
            write_leaderboard(leaderboard, folder.path)
    return leaderboard
