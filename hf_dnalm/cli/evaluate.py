"""`dnalm evaluate`: score a fine-tuned model on labelled sequences and write a report."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hf_dnalm.cli.aligned import aligned
from hf_dnalm.cli.inference_options import (
    add_benchmark_options,
    add_column_options,
    add_inference_options,
    add_label_options,
    add_pair_option,
    inference_arguments,
)
from hf_dnalm.cli.load import find_model_class
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.damage import decoding, read_json
from hf_dnalm.outputs import claimed_outputs
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

_DESCRIPTION = """\
Score a fine-tuned model on labelled sequences with every metric that fits the task, each with its 95 % bootstrap
interval. The table goes to stdout. The report (report.json, report.md and report.html with plots) goes to the folder
--output.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, load model and data, predict, score, write the report and print the table."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.bootstrap < 0:
        parser.error(f"--bootstrap is {options.bootstrap}; it must be 0 (no intervals) or more.")
    if options.output.is_file():
        parser.error(f"--output {options.output} is a file; the report needs a folder.")
    inputs = [each for each in (options.data, options.model, options.baseline) if each is not None]
    with claimed_outputs([options.output], inputs=inputs, overwrite=options.overwrite):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoTokenizer
    from hf_dnalm.evaluation import evaluate, kmer_baseline, metrics_table, verdict, write_report

    inference = inference_arguments(options)
    from_benchmark = is_benchmark(options.data)
    model_class, _ = find_model_class(options.model)
    model = model_class.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    if from_benchmark:
        task, dataset, train = _read_benchmark(options)
    else:
        task = task_of_model(options.model, model, name=Path(options.data).name)
        dataset, train = _read_file(options.data, task, options), None
        if dataset.info.description:  # states how many records were left out
            task = task.with_note(dataset.info.description)
    if options.metric is not None:
        task = dataclasses.replace(task, metric=options.metric)
    if options.baseline is not None and train is None:
        train = _read_file(options.baseline, task, options)
    scored = {"split": options.split, "bootstrap": options.bootstrap, "seed": options.seed}
    baselines = [] if train is None else [kmer_baseline(task, train, dataset, **scored)]
    settings = {
        "model": options.model,
        "data": options.data,
        "dtype": options.dtype,
        "device": str(inference["device"]),
        "overflow": options.overflow,
    }
    with tqdm(total=len(dataset), unit=" sequences", file=sys.stderr, disable=None) as bar:  # None: only on a terminal
        evaluation = evaluate(
            model,
            tokenizer,
            dataset,
            task,
            **scored,
            **inference,
            progress=bar.update,
            name=Path(options.model).name,
            settings=settings,
        )
    title = f"{Path(options.model).name} on {task.name}"
    files = write_report(evaluation, options.output, title=title, baseline=baselines)
    print(aligned(metrics_table(evaluation, baselines)))
    print(f"{verdict(evaluation, baselines)} Report: {files.html}", file=sys.stderr)


def is_benchmark(data: str) -> bool:
    """True for "suite/task", False for a file.

    Raises:
        FileNotFoundError: the file does not exist.
    """
    from hf_dnalm.data import fasta, tables

    extensions = (*fasta.EXTENSIONS, *tables.EXTENSIONS)
    if Path(data).exists():
        return False
    if "/" in data and not any(suffix.lower() in extensions for suffix in Path(data).suffixes):
        return True
    raise FileNotFoundError(
        f"{data}: no such file; a benchmark task is written SUITE/TASK, and `dnalm list --tasks` shows them."
    )


def task_of_model(source: str, model: PreTrainedModel, *, name: str) -> Task:
    """The task that the model was fine-tuned on: from task.json in its folder, or from its config if there is none."""
    from hf_dnalm.inference.inputs import bare_model
    from hf_dnalm.inference.predictions import head_level

    written = Path(source) / "task.json"
    if written.is_file():
        with decoding(written, remedy="Correct it, or delete it to use the task in the model's config.json."):
            return Task.from_dict(read_json(written))
    return Task.from_config(bare_model(model).config, level=head_level(model), name=name)


def _read_benchmark(options: argparse.Namespace) -> tuple[Task, Dataset, Dataset | None]:
    """The task, the split to score and, with `--baseline train`, the benchmark's training split."""
    from hf_dnalm.suites import load_benchmark

    suite, _, name = options.data.partition("/")
    with_train = options.baseline == "train" and options.split != "train"
    splits = [options.split, "train"] if with_train else [options.split]
    benchmark = load_benchmark(
        suite,
        name,
        data_dir=options.data_dir,
        reference=options.reference,
        sequence_length=options.sequence_length,
        splits=splits,
        seed=options.seed,
        allow_subset=options.allow_subset,
    )
    return benchmark.task, benchmark.splits[options.split], benchmark.splits["train"] if with_train else None


def _read_file(path: str, task: Task, options: argparse.Namespace) -> Dataset:
    from hf_dnalm.data import read_file

    return read_file(
        path,
        task=task,
        labels="required",
        sequence_column=options.sequence_column,
        labels_column=options.labels_column,
        name_column=options.name_column,
        sequence2_column=options.sequence2_column,
        missing_labels=options.missing_labels,
    )


def _parser() -> Parser:
    parser = Parser("evaluate", _DESCRIPTION, example="dnalm evaluate tuned held_out.csv --output evaluation")
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model or adapter")
    parser.add_argument(
        "data",
        metavar="DATA",
        help="labelled FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet; or a benchmark task, SUITE/TASK",
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", required=True, help="folder for the report; required")
    add_benchmark_options(parser)
    parser.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="split of a benchmark task; for a file, its name in the report; default: test",
    )
    parser.add_argument(
        "--metric", metavar="NAME", help="metric that the report shows first; default: the task's primary metric"
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="resamples for the intervals, 0 for no intervals; default: 1000",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the resamples and the baseline; default: 0"
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="labelled training sequences, or the word train for a benchmark task: also train and score a linear model "
        "on k-mer counts; default: no baseline",
    )
    add_inference_options(parser, overflow=("error", "truncate"))
    add_column_options(parser)
    add_pair_option(parser)
    add_label_options(parser)
    add_overwrite_option(parser)
    return parser
