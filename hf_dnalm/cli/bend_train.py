"""`dnalm bend train`: train a small network on a task's frozen embeddings, or a baseline on its sequences."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_dnalm.cli.aligned import aligned
from hf_dnalm.cli.inference_options import find_device
from hf_dnalm.cli.parser import Parser

if TYPE_CHECKING:
    from hf_dnalm.suites.bend.definition import BendTask

_DESCRIPTION = """\
Train BEND's network for a task on the shards that `dnalm bend embed` wrote, choose the best epoch on the validation
split and score it on the test split. With --network resnet or basset, train a baseline that reads the DNA sequence
itself. An interrupted command continues after its last complete epoch, with the same numbers, when you run it again.
Folds can be trained at the same time, each with its own --fold; the summary covers all folds that have a result.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read the data, train, and print the summary."""
    options = _parser().parse_args(arguments)
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from hf_dnalm.bend.batches import LetterSource, ShardSource
    from hf_dnalm.bend.training import GIGABYTE, Settings, train_bend
    from hf_dnalm.suites.bend.published_tasks import find_task

    task = _with_overrides(find_task(options.task), options)
    settings = Settings(
        network=options.network,
        seed=options.seed,
        dtype=options.dtype,
        memory_bytes=int(options.memory * GIGABYTE),
        compat=options.bend_compat,
        bootstrap=options.bootstrap,
    )
    rest: dict[str, Any] = {
        "folds": None if options.fold is None else [options.fold],
        "settings": settings,
        "device": find_device(options.device),
        "progress": lambda line: print(line, file=sys.stderr),
    }
    if options.network == "cnn":
        if options.embeddings is None:
            raise ValueError("--network cnn reads embeddings. Pass --embeddings, a folder that dnalm bend embed wrote.")
        summary = train_bend(task, ShardSource(options.embeddings), options.output, **rest)
    else:
        if options.embeddings is not None or options.reference is None:
            raise ValueError(f"--network {options.network} reads sequences. Pass --reference, and no --embeddings.")
        with closing(LetterSource(task, options.data_dir, options.reference)) as source:
            summary = train_bend(task, source, options.output, **rest)
    print(aligned(_rows(summary)))


def _with_overrides(task: BendTask, options: argparse.Namespace) -> BendTask:
    """The task with the training settings that the command line overrides."""
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate")
        if (value := getattr(options, field)) is not None
    }
    return dataclasses.replace(task, **changes)


def _rows(summary: dict[str, Any]) -> list[list[str]]:
    """The rows of the printed table: one per metric, the task's primary metric first."""
    folds = [f"fold {fold}" for fold in summary["folds"]] if summary["folds"] != [None] else []
    rows = [["metric", "mean", "sd", *folds]] if folds else [["metric", "test"]]
    metrics = summary["metrics"]
    for name in sorted(metrics, key=lambda name: name != summary["metric"]):
        values = [metrics[name]["mean"]]
        if folds:
            values += [metrics[name]["sd"], *metrics[name]["values"]]
        rows.append([name, *("undefined" if value is None else f"{value:z.3f}" for value in values)])
    return rows


def _parser() -> Parser:
    example = "dnalm bend train histone_modification --embeddings embeddings/histone_modification/NAME --output trained"
    parser = Parser("bend train", _DESCRIPTION, example=example)
    parser.add_argument("task", metavar="TASK", help="BEND task (dnalm list --tasks) or YAML file of your own task")
    parser.add_argument(
        "--embeddings",
        type=Path,
        metavar="FOLDER",
        help="folder with the shards, TASK/NAME in the output of dnalm bend embed; default: none, for a baseline",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", required=True, help="folder for results and weights; required"
    )
    parser.add_argument(
        "--network",
        choices=["cnn", "resnet", "basset"],
        default="cnn",
        help="cnn reads embeddings; resnet and basset read the sequences of --reference; default: cnn",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FASTA",
        help="genome assembly of the task; needed by resnet and basset; default: none",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="folder with TASK/TASK.bed, needed by resnet and basset; default: for a YAML file, its own folder",
    )
    parser.add_argument("--fold", type=_fold, metavar="K", help="fold to train, from 0, or all; default: all")
    parser.add_argument("--epochs", type=int, metavar="N", help="training epochs; default: the task's (100)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="regions in a batch; default: the task's")
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="learning rate; default: the task's")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and shuffling; default: 0")
    parser.add_argument(
        "--memory",
        type=float,
        default=1.0,
        metavar="GB",
        help="size of the shuffle buffer; 0: train in the order of the files; default: 1",
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="resamples for the interval, 0 for no interval; default: 1000",
    )
    parser.add_argument(
        "--dtype",
        choices=["float32", "bfloat16", "float16"],
        default="float32",
        help="precision of training; float16, as published, scales the gradients; default: float32",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, …; default: the GPU if available")
    parser.add_argument(
        "--bend-compat",
        action="store_true",
        help="train as the published code does, including its bugs (listed in docs/bend.md); default: correct",
    )
    return parser


def _fold(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'all'.")
    return int(text)
