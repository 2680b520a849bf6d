"""`dnalm bend zero-shot`: score the variants of a BEND task by the distance between embeddings."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from hf_dnalm.cli.inference_options import add_inference_options, inference_arguments
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import claimed_outputs
from hf_dnalm.version import __version__

_DESCRIPTION = """\
Score every variant of a BED file by the cosine distance between the embeddings of its two alleles, and measure how well
the distance separates the labels; nothing is trained. The columns are chromosome, start, end, label, alt and, if REF is
to be checked, ref. Causal models read only the sequence to the left of the variant. --output gets one row per variant;
a JSON file next to it has AUROC and AUPRC with their intervals. Finished shards are kept in OUTPUT.shards until both
files are complete, so an interrupted command continues when you run it again. The model runs in float32 unless --dtype
says otherwise, because the distances are small.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read variants and model, score, write both files, and print the AUROC."""
    options = _parser().parse_args(arguments)
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from hf_dnalm.inference.output_files import TABLE_WRITERS, output_extension

    extension = output_extension(options.output, TABLE_WRITERS)
    summary = options.output.with_name(options.output.name[: -len(extension)] + ".json")
    inputs = [each for each in (options.model, options.reference, options.variants) if each is not None]
    with claimed_outputs([options.output, summary], inputs=inputs, overwrite=options.overwrite):
        _run(options, summary)


def _run(options: argparse.Namespace, summary: Path) -> None:
    from tqdm import tqdm

    from hf_dnalm.bend.zero_shot_scores import zero_shot
    from hf_dnalm.inference.output_files import whole_file
    from hf_dnalm.suites.bend.published_tasks import find_task

    task = find_task(options.task)
    if options.variants is not None:
        task = dataclasses.replace(task, bed=str(options.variants))
    embedder, reading, made_by = _embedder(options, task.context_bp)
    mode = "published" if options.bend_compat else "correct"
    made_by |= {"mode": mode, "dtype": options.dtype, "hf_dnalm": __version__}
    with tqdm(unit=" variants", file=sys.stderr, disable=None) as bar:
        scored = zero_shot(
            task,
            embedder,
            reference=options.reference,
            data_dir=options.data_dir,
            result=options.output,
            made_by=made_by,
            progress=bar.update,
            **reading,
        )
    report = scored.report(bootstrap=options.bootstrap, seed=options.seed) | {
        "model": options.model,
        "mode": mode,
        "dtype": options.dtype,
    }
    with whole_file(summary) as partial:
        partial.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    scored.write(options.output)
    auroc = report["metrics"]["auroc"]
    value = "undefined: all labels are the same" if auroc["value"] is None else f"{auroc['value']:.3f}"
    interval = "" if auroc["low"] is None else f" ({auroc['low']:.3f} to {auroc['high']:.3f})"
    print(f"{report['variants']:,} variants, {report['with_effect']:,} with an effect: AUROC {value}{interval}")


def _embedder(options: argparse.Namespace, context_bp: int) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """The embedder that MODEL names, how it is read, and a fingerprint of everything its numbers depend on."""
    from hf_dnalm.bend.embedders import ModelEmbedder, embedder_from_file, file_fingerprint
    from hf_dnalm.bend.published_embedders import PublishedEmbedder
    from hf_dnalm.bend.zero_shot_scores import PublishedReading, context_of

    if ".py:" in options.model:
        if options.bend_compat:
            raise ValueError("--bend-compat reproduces BEND's embedders; leave it out for a function of your own.")
        embedder = embedder_from_file(options.model)
        return embedder, {"context": options.context or "both"}, file_fingerprint(options.model)
    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.inference.shards import model_fingerprint

    inference = inference_arguments(options)
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    made_by = model_fingerprint(model, tokenizer)
    if options.bend_compat:
        if options.context or options.token_budget:
            raise ValueError(
                "--bend-compat reads one window at a time, at fixed positions. Leave out --context and --token-budget."
            )
        model = model.to(inference["device"], inference["dtype"])
        reading = PublishedReading(PublishedEmbedder(model, tokenizer), context_bp=context_bp)
        return reading, {"context": reading.context, "index": reading.index}, made_by
    context = options.context or context_of(model.config)
    return ModelEmbedder(model, tokenizer, **inference), {"context": context}, made_by


def _parser() -> Parser:
    example = (
        "dnalm bend zero-shot InstaDeepAI/nucleotide-transformer-v2-50m-multi-species variant_effects_disease "
        "--data-dir bend --reference GRCh38.fa --output clinvar.parquet"
    )
    parser = Parser("bend zero-shot", _DESCRIPTION, example=example)
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="model folder or Hub id; or file.py:function, which turns a sequence into an array (length, size)",
    )
    parser.add_argument(
        "task", metavar="TASK", help="zero-shot task (dnalm list --tasks) or YAML file of your own task"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FASTA", required=True, help="genome assembly of the task; required"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="scores of all variants: .parquet, .tsv, .tsv.gz or .csv; required",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--variants", type=Path, metavar="BED", help="BED file to read; default: the task's own")
    place.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="folder with TASK/TASK.bed; default: for a YAML file, its own folder",
    )
    parser.add_argument(
        "--context",
        choices=["both", "left"],
        help="sides of the variant that the model reads; default: left, and twice as many bases, for causal models, "
        "both for all others",
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        default=1000,
        metavar="N",
        help="resamples for the interval, 0 for no interval; default: 1000",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the resamples; default: 0")
    parser.add_argument(
        "--bend-compat",
        action="store_true",
        help="read the embeddings where the published script does, including its mistakes (listed in docs/bend.md); "
        "default: correct",
    )
    add_inference_options(parser, dtype="float32")
    add_overwrite_option(parser)
    return parser
