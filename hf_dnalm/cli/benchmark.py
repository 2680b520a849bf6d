"""`dnalm benchmark`: train every combination of model, task, fold and seed, and write a leaderboard with baselines.

Several processes share the work under `accelerate launch -m hf_dnalm benchmark …` or with `--jobs 4`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from hf_dnalm.cli.aligned import aligned
from hf_dnalm.cli.parser import Parser
from hf_dnalm.cli.signals import WATCHES_PARENT, end_with_parent

_DESCRIPTION = """\
Fine-tune models on benchmark tasks and compare them with each other and with baselines: the majority class, a linear
model on k-mer counts, and a small CNN. Every result is a file in OUTPUT/cells; the leaderboard is written to OUTPUT as
JSON, Markdown and HTML. An interrupted command continues when you run it again. All other flags of `dnalm finetune`
that concern the method and the training work too and hold for all models: --num-train-epochs, --learning-rate,
--max-tokens, --reverse-complement, …
"""
# Set by torchrun and accelerate. Each process here trains alone, so these variables are hidden from Trainer.
_GROUP = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "ROLE_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT"),
)


def run(arguments: list[str]) -> None:
    """Parse the flags, compute the missing results, write the leaderboard and print its table."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs is {options.jobs}; it must be 1 or more.")
    end_with_parent(os.environ)
    process = leave_group(os.environ)
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from hf_dnalm.benchmarking import benchmark
    from hf_dnalm.benchmarking.pages import score_rows, summary

    settings: dict[str, Any] = {
        "output": options.output,
        "suites": options.suites,
        "tasks": options.tasks,
        "methods": options.methods,
        "baselines": [each for each in options.baselines if each != "none"],
        "folds": options.folds,
        "seeds": options.seeds,
        "data_dir": _data_dirs(options.data_dir),
        "reference": options.reference,
        "sequence_length": options.sequence_length,
        "allow_subset": options.allow_subset,
        "deduplicate": options.deduplicate,
        "max_train_rows": options.max_train_rows,
        "max_eval_rows": options.max_eval_rows,
        "split_seed": options.split_seed,
        "bootstrap": options.bootstrap,
        **_training(parser, rest),
    }
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("hf_dnalm.benchmarking").setLevel(logging.INFO)
    if options.jobs > 1:
        _in_processes(arguments, options.jobs)
    with contextlib.redirect_stdout(sys.stderr):  # Trainer writes its log to stdout, which is for the result
        result = benchmark(options.models, process=process, **settings)
    if result.unfinished:
        print(f"Cells still running in other processes: {len(result.unfinished)}.", file=sys.stderr)
    elif result.leaderboard is not None:
        print(aligned([[cell.strip("*") for cell in row] for row in score_rows(result.leaderboard)]))
        print(f"\n{summary(result.leaderboard)}\nLeaderboard: {result.folder / 'leaderboard.html'}")
    if result.failed:
        cell, message = next(iter(result.failed.items()))
        failed = "1 cell" if len(result.failed) == 1 else f"{len(result.failed)} cells"
        raise ValueError(
            f"{failed} failed; the results of all others are kept. First error: {cell}: {message.rstrip('.')}."
        )


def leave_group(environment: Any) -> tuple[int, int]:
    """Rank and number of processes as set by a launcher; from here on, the process works on its own.

    If there are several GPUs, the process keeps the one of its local rank.
    """
    number, count = int(environment.get("RANK", 0)), int(environment.get("WORLD_SIZE", 1))
    local = environment.get("LOCAL_RANK")
    for name in _GROUP:
        environment.pop(name, None)
    if local is not None and count > 1:
        visible = [each for each in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(local) % len(visible)] if visible else local
    return number, count


def _in_processes(arguments: list[str], jobs: int) -> None:
    """Run the same command in several processes; this process then finds their results and adds the missing ones."""
    cores = os.cpu_count() or 1
    workers = []
    for number in range(jobs):
        group = {"RANK": str(number), "WORLD_SIZE": str(jobs)}
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores // jobs)))}
        command = [sys.executable, "-m", "hf_dnalm", "benchmark", *arguments, "--jobs", "1"]
        environment = os.environ | group | threads | {WATCHES_PARENT: "1"}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        workers.append(subprocess.Popen(command, env=environment, **pipes))
    try:
        codes = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
            worker.communicate()
    if any(codes):
        logging.getLogger("hf_dnalm.benchmarking").warning("A worker ended early; the main process computes the rest.")


def _training(parser: argparse.ArgumentParser, rest: list[str]) -> dict[str, Any]:
    """The flags of `dnalm finetune` that were given and differ from its defaults."""
    from transformers import HfArgumentParser

    from hf_dnalm.training.arguments import FineTuningArguments, MethodArguments

    flags = HfArgumentParser(
        [MethodArguments, FineTuningArguments],  # type: ignore[list-item]
        allow_abbrev=False,
        prog=parser.prog,
    )
    flags.error = parser.error  # type: ignore[method-assign]
    values, unknown = flags.parse_known_args(rest)
    if unknown:
        parser.error(f"no such flag or value: {' '.join(unknown)} (see {parser.prog} --help).")
    defaults = vars(flags.parse_known_args([])[0])
    return {name: value for name, value in vars(values).items() if value != defaults[name]}


def _data_dirs(given: list[str]) -> str | dict[str, str] | None:
    """One folder for all suites, or a folder for each."""
    if not given:
        return None
    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    if not all("=" in each for each in given):
        raise ValueError(f"--data-dir {' '.join(given)}: give one folder, or SUITE=FOLDER for each suite.")
    return dict(each.split("=", 1) for each in given)


class _Parser(Parser):
    def error(self, message: str) -> NoReturn:
        """Print the error in one line, without the usage."""
        self.exit(2, f"{self.prog}: error: {message.rstrip('.')}.\n")


def _parser() -> _Parser:
    example = "dnalm benchmark --suites gue --tasks 'prom_*' --models my_model zhihan1996/DNABERT-2-117M --output board"
    parser = _Parser("benchmark", _DESCRIPTION, example=example)
    parser.add_argument(
        "--suites",
        nargs="+",
        default=[],
        metavar="SUITE",
        help="suites to run; with --tasks, the suites in which to look for them; default: none",
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        default=[],
        metavar="TASK",
        help="tasks: SUITE/NAME, or NAME in one of --suites; * and commas work; default: all of --suites",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="model folders or Hub ids; NAME=MODEL sets the name in the tables; default: only baselines",
    )
    parser.add_argument(
        "--methods", nargs="+", default=["full"], metavar="METHOD", help="full, lora, ia3 and probe; default: full"
    )
    parser.add_argument(
        "--baselines",
        nargs="+",
        default=["majority", "kmer", "cnn"],
        metavar="NAME",
        help="majority, kmer and cnn, or none; default: all three",
    )
    parser.add_argument(
        "--folds",
        type=int,
        default=0,
        metavar="K",
        help="cross-validation folds over all rows outside the test split; default: 0, no cross-validation",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="training seeds; default: 0")
    parser.add_argument(
        "--data-dir",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="local folder with the benchmarks' files, or SUITE=FOLDER for each suite; default: read from the Hub",
    )
    parser.add_argument(
        "--reference", metavar="FASTA", help="genome assembly for tasks whose files have coordinates; default: none"
    )
    parser.add_argument(
        "--sequence-length",
        type=int,
        metavar="BP",
        help="length of the windows of long-range tasks; default: as published",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder for results and leaderboard; required"
    )
    parser.add_argument(
        "--allow-subset",
        action="store_true",
        help="accept files whose number of rows differs from the published one; default: refuse",
    )
    parser.add_argument(
        "--deduplicate",
        action="store_true",
        help="drop training rows that are also in validation or test; default: keep and count them",
    )
    parser.add_argument(
        "--max-train-rows", type=int, metavar="N", help="sample at most N training rows; default: all rows"
    )
    parser.add_argument(
        "--max-eval-rows", type=int, metavar="N", help="sample at most N validation and N test rows; default: all rows"
    )
    parser.add_argument(
        "--split-seed", type=int, default=0, metavar="N", help="seed of splits, folds and samples; default: 0"
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="resamples for the intervals, 0 for no intervals; default: 1000",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes on this machine; default: 1")
    return parser
