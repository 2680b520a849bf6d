"""`dnalm bend embed`: compute the frozen embeddings of a BEND task's regions and write them as shards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hf_dnalm.cli.inference_options import add_inference_options, inference_arguments
from hf_dnalm.cli.parser import Parser

_DESCRIPTION = """\
Compute the frozen embeddings of a BEND task's regions, one vector per nucleotide, and write them as shards in BEND's
layout: OUTPUT/TASK/NAME/SPLIT_CHUNK.tar.gz. Finished shards are kept, so an interrupted command continues when you run
it again. Several processes can share the work: give each its own --splits or --chunks, or start them with torchrun or
accelerate launch, which divide the chunks.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read task and model, embed, and print what was written."""
    options = _parser().parse_args(arguments)
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.bend.region_embeddings import embed_task
    from hf_dnalm.inference.shards import process_of_this_run
    from hf_dnalm.suites.bend.published_tasks import find_task

    task = find_task(options.task)
    if options.bend_compat and (options.dtype != "auto" or options.token_budget or options.layer != -1):
        raise ValueError(
            "--bend-compat reads one sequence at a time in float32. Leave out --dtype, --token-budget and --layer."
        )
    embedder, name, made_by = _embedder(options)
    rank, ranks = process_of_this_run()
    with tqdm(unit=" regions", file=sys.stderr, disable=None) as bar:
        embedded = embed_task(
            task,
            embedder,
            options.output,
            name=options.name or name,
            data_dir=options.data_dir,
            reference=options.reference,
            splits=options.splits,
            chunks=options.chunks,
            chunk_size=options.chunk_size,
            rank=rank,
            ranks=ranks,
            settings={
                "mode": "published" if options.bend_compat else "correct",
                "layer": str(options.layer),
                "dtype": options.dtype,
            }
            | made_by,
            skip_wrong_lengths=options.bend_compat,
            progress=bar.update,
        )
    left_out = f", {embedded.skipped:,} left out: wrong length" if embedded.skipped else ""
    print(
        f"{embedded.folder}: {len(embedded.written)} shards written ({embedded.samples:,} samples{left_out}), "
        f"{len(embedded.kept)} kept"
    )


def _embedder(options: argparse.Namespace) -> tuple[Any, str, dict[str, str]]:
    """The embedder that MODEL names, the name of its folder, and a fingerprint of everything its numbers depend on."""
    from hf_dnalm.bend.embedders import ModelEmbedder, embedder_from_file, file_fingerprint, letter_codes, one_hot

    if options.model == "onehot":
        return (letter_codes if options.bend_compat else one_hot), "onehot", {"model": "onehot"}
    if ".py:" in options.model:
        if options.bend_compat:
            raise ValueError("--bend-compat reproduces BEND's embedders; leave it out for a function of your own.")
        embedder = embedder_from_file(options.model)
        return embedder, options.model.rpartition(":")[2], file_fingerprint(options.model)
    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.bend.published_embedders import PublishedEmbedder
    from hf_dnalm.inference.shards import model_fingerprint

    inference = inference_arguments(options)
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    made_by = model_fingerprint(model, tokenizer)
    model.to(inference["device"])
    name = Path(options.model).name
    if options.bend_compat:
        return PublishedEmbedder(model, tokenizer), name, made_by
    return ModelEmbedder(model, tokenizer, layer=options.layer, **inference), name, made_by


def _parser() -> Parser:
    example = (
        "dnalm bend embed InstaDeepAI/nucleotide-transformer-v2-50m-multi-species histone_modification --data-dir bend "
        "--reference GRCh38.fa --output embeddings"
    )
    parser = Parser("bend embed", _DESCRIPTION, example=example)
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="model folder or Hub id; onehot; or file.py:function, which turns a sequence into an array (length, size)",
    )
    parser.add_argument("task", metavar="TASK", help="BEND task (dnalm list --tasks) or YAML file of your own task")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FASTA",
        required=True,
        help="genome assembly of the task; an index is written if it has none; required",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", required=True, help="folder in which TASK/NAME is created; required"
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="folder with TASK/TASK.bed (and .hdf5); default: for a YAML file, its own folder",
    )
    parser.add_argument("--name", help="name of the embedder, used as folder name; default: the last part of MODEL")
    parser.add_argument(
        "--splits", nargs="+", metavar="SPLIT", help="splits to embed, named as in the BED file; default: all"
    )
    parser.add_argument(
        "--chunks", nargs="+", type=int, metavar="N", help="chunks of each split to embed, from 0; default: all"
    )
    parser.add_argument(
        "--chunk-size", type=int, default=50_000, metavar="N", help="regions in a shard; default: 50000, as published"
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        metavar="N",
        help="hidden states to use; 0: the embedding layer, 1: after the first layer, -1: after the last; default: -1",
    )
    parser.add_argument(
        "--bend-compat",
        action="store_true",
        help="embed as the published code does, including its bugs (listed in docs/bend.md): long regions are cut "
        "without overlap, and regions whose embedding has a wrong length are skipped and counted; default: correct",
    )
    add_inference_options(parser)
    return parser
