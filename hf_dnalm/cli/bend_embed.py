"""`dnalm bend embed`: the frozen embeddings of a task's regions, as shards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hf_dnalm.cli.inference_options import add_inference_options, inference_arguments

_DESCRIPTION = """\
Write the frozen embeddings of a task's regions, one vector for each nucleotide, as shards of BEND's layout:
<output>/<task>/<name>/<split>_<chunk>.tar.gz. Shards that are there are kept, so a command that was stopped goes on
where it was. Several processes share the work by --splits and --chunks, or by themselves under torchrun or accelerate
launch: each takes its share of the chunks.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read task and model, embed, and say what was written."""
    options = _parser().parse_args(arguments)
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.bend.region_embeddings import embed_task
    from hf_dnalm.inference.shards import process_of_this_run
    from hf_dnalm.suites.bend.published_tasks import find_task

    task = find_task(options.task)
    if options.bend_compat and (options.dtype != "auto" or options.token_budget or options.layer != -1):
        raise ValueError(
            "--bend-compat reads one sequence at a time in float32: leave out --dtype, --token-budget, --layer"
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
    """The embedder that --model names, what its folder is called, and digests of what its numbers depend on."""
    from hf_dnalm.bend.embedders import ModelEmbedder, embedder_from_file, file_fingerprint, letter_codes, one_hot

    if options.model == "onehot":
        return (letter_codes if options.bend_compat else one_hot), "onehot", {"model": "onehot"}
    if ".py:" in options.model:
        if options.bend_compat:
            raise ValueError("--bend-compat is of the models that BEND embeds; it has no function of yours")
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm bend embed", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("task", metavar="TASK", help="a task of BEND (dnalm list --tasks), or a YAML file of your own")
    parser.add_argument(
        "--model",
        metavar="MODEL",
        required=True,
        help="folder or Hub id, onehot, or file.py:function: a sequence in, an array (length, size) out",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="FASTA", required=True, help="of the task's assembly; indexed where it is not"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", required=True, help="where <task>/<name> is made")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="with <task>/<task>.bed (and .hdf5); a YAML file finds its own in its folder",
    )
    parser.add_argument("--name", help="of the embedder, for its folder; default: the last part of MODEL")
    parser.add_argument("--splits", nargs="+", metavar="SPLIT", help="as the BED file calls them; default: all")
    parser.add_argument("--chunks", nargs="+", type=int, metavar="N", help="of each split, from 0; default: all")
    parser.add_argument(
        "--chunk-size", type=int, default=50_000, metavar="N", help="regions of a shard; default: 50000, as published"
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        metavar="N",
        help="0: embeddings, 1: after the first layer, -1: the last; default: -1",
    )
    parser.add_argument(
        "--bend-compat",
        action="store_true",
        help="as the published embedders do it, bugs included (docs/bend.md lists them): cuts without overlap, and "
        "regions whose embedding has a wrong length left out and counted",
    )
    add_inference_options(parser)
    return parser
