"""`dnalm cluster`: measure how well embeddings separate labelled sequences, compared with 4-mer frequencies."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_dnalm.cli.aligned import aligned
from hf_dnalm.cli.evaluate import is_benchmark
from hf_dnalm.cli.inference_options import (
    add_benchmark_options,
    add_column_options,
    add_inference_options,
    add_label_options,
    inference_arguments,
)
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import claimed_outputs

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset

    from hf_dnalm.tasks import Task

_DESCRIPTION = """\
Embed labelled sequences, for example of several species, and measure how well the embeddings separate the classes: by
k-means clustering, and by a linear classifier trained on a few sequences per class. The same numbers are computed for
tetranucleotide frequencies, the usual baseline in metagenomics. The protocol is DNABERT-S's; numbers are means over
five seeds. The table goes to stdout, all numbers to --output, a picture of the vectors to --map.
"""
BASELINE = "tetranucleotides"


def run(arguments: list[str]) -> None:
    """Parse the flags, embed the sequences, score embeddings and frequencies, print the table and write --output."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.test_per_class < 1:
        parser.error(f"--test-per-class is {options.test_per_class}; it must be 1 or more.")
    inputs = [options.file, options.model]
    with claimed_outputs([options.output, options.map], inputs=inputs, overwrite=options.overwrite):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    import numpy as np
    from tqdm import tqdm

    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.evaluation import draw_maps, tetranucleotide_frequencies, write_figure
    from hf_dnalm.evaluation.clustering import SHOTS
    from hf_dnalm.evaluation.figures import FIGURE_FILES
    from hf_dnalm.inference import embed
    from hf_dnalm.inference.output_files import output_extension, whole_file

    if options.output is not None:
        output_extension(options.output, (".json",))
    if options.map is not None:
        output_extension(options.map, FIGURE_FILES)
        if options.map_method == "umap" and importlib.util.find_spec("umap") is None:
            raise ImportError(
                '--map-method umap needs umap-learn: pip install "hf_dnalm[umap]", or pass --map-method tsne.'
            )
    inference = inference_arguments(options)
    task, dataset = _read(options)
    labels, sequences = list(dataset["labels"]), list(dataset["sequence"])
    frequencies = tetranucleotide_frequencies(sequences)
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(unit=" sequences", file=sys.stderr, disable=None) as bar:
        embeddings = embed(model, tokenizer, dataset, pooling=options.pooling, **inference, progress=bar.update)
    counts = np.bincount(labels, minlength=task.num_labels)
    rarest = int(counts.argmin())
    shots = [shot for shot in SHOTS if shot + options.test_per_class <= counts[rarest]]
    name = Path(options.model).name
    scored = {
        name: _scores(embeddings.vectors, labels, shots, options.test_per_class),
        BASELINE: _scores(frequencies, labels, shots, options.test_per_class),
    }
    print(aligned(_rows(scored)))
    if len(shots) < len(SHOTS):
        left_out = ", ".join(str(shot) for shot in SHOTS if shot not in shots)
        print(
            f"few-shot classification with {left_out} sequences per class is left out: the smallest class, "
            f"{task.label_names[rarest]!r}, has {counts[rarest]:,} sequences, and {options.test_per_class:,} of them "
            "are reserved for the test (--test-per-class)."
        )
    if options.map is not None:
        vectors = {name: embeddings.vectors, BASELINE: frequencies}
        write_figure(draw_maps(vectors, labels, task.label_names, method=options.map_method), options.map)
    if options.output is not None:
        report = {
            "model": options.model,
            "file": options.file,
            "description": task.description,
            "pooling": options.pooling,
            "overflow": options.overflow,
            "test_per_class": options.test_per_class,
            "sequences": len(sequences),
            "classes": dict(zip(task.label_names, counts.tolist(), strict=True)),
            "scores": scored,
        }
        with whole_file(options.output) as partial:
            partial.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(options: argparse.Namespace) -> tuple[Task, Dataset]:
    """The classes and labelled sequences of a file or a benchmark task."""
    from hf_dnalm.data import infer_task, read_file
    from hf_dnalm.suites import load_benchmark

    if is_benchmark(options.file):
        suite, _, name = options.file.partition("/")
        benchmark = load_benchmark(
            suite,
            name,
            data_dir=options.data_dir,
            reference=options.reference,
            sequence_length=options.sequence_length,
            splits=["test"],
            allow_subset=options.allow_subset,
        )
        return benchmark.task, benchmark.splits["test"]
    columns = {
        "sequence_column": options.sequence_column,
        "name_column": options.name_column,
        "labels_column": options.labels_column,
        "missing_labels": options.missing_labels,
    }
    task = infer_task(options.file, name=Path(options.file).name, problem_type="single_label_classification", **columns)
    return task, read_file(options.file, task=task, labels="required", **columns)


def _scores(vectors: np.ndarray, labels: list[int], shots: list[int], test_per_class: int) -> dict[str, Any]:
    """All scores of one set of vectors: means over the seeds, and the values of each seed."""
    from hf_dnalm.evaluation import cluster, few_shot

    clustering = cluster(vectors, labels)
    result: dict[str, Any] = {"clustering": clustering.scores, "clustering_by_seed": clustering.by_seed}
    if shots:
        few = few_shot(vectors, labels, shots=shots, test_per_class=test_per_class)
        result |= {"few_shot_macro_f1": few.f1, "few_shot_macro_f1_by_seed": few.by_seed}
    return result


def _rows(scored: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The rows of the printed table: one for each set of vectors."""
    first = next(iter(scored.values()))
    shots = list(first.get("few_shot_macro_f1", {}))
    rows = [["vectors", *first["clustering"], *(f"F1, {shot} per class" for shot in shots)]]
    for name, scores in scored.items():
        values = [*scores["clustering"].values(), *scores.get("few_shot_macro_f1", {}).values()]
        rows.append([name, *(f"{value:z.3f}" for value in values)])
    return rows


def _parser() -> Parser:
    example = "dnalm cluster zhihan1996/DNABERT-S species.csv --output clusters.json --map clusters.png"
    parser = Parser("cluster", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="model folder or Hub id; a task head is ignored")
    parser.add_argument(
        "file",
        metavar="DATA",
        help="labelled FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet; or SUITE/TASK, such as "
        "dnabert-s/marine-clustering-0, for the test split of a benchmark task",
    )
    add_benchmark_options(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="report to write, .json; default: none")
    parser.add_argument(
        "--map",
        type=Path,
        metavar="FILE",
        help="picture of the embeddings and the frequencies in two dimensions, .png or .svg; default: none",
    )
    parser.add_argument(
        "--map-method", choices=["tsne", "umap"], default="tsne", help="projection for --map; default: tsne"
    )
    parser.add_argument(
        "--pooling", choices=["mean", "max", "cls"], default="mean", help="how tokens are pooled; default: mean"
    )
    parser.add_argument(
        "--test-per-class",
        type=int,
        default=80,
        metavar="N",
        help="sequences of each class that test the few-shot classifier; default: 80, as published",
    )
    add_label_options(parser)
    add_inference_options(parser, overflow=("error", "truncate", "windows"))
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
