"""`dnalm embed`: vectors of the sequences of a file, or of their nucleotides or tokens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.outputs import check_output

_DESCRIPTION = """\
Write one vector per sequence, in input order, with the names beside them: the hidden states of a layer, pooled over the
tokens; or, with --pooling nucleotide or token, a vector for each of those. A sequence longer than the model reads is
refused unless --overflow says otherwise. The file may be of any size. What is done is kept in the folder OUTPUT.shards
until OUTPUT is written: after a kill the same command goes on from there. Many processes share the work under
`torchrun -m hf_dnalm embed …` or `accelerate launch -m hf_dnalm embed …`.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, embed, and write the vectors to --output."""
    options = _parser().parse_args(arguments)
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.data import stream_file
    from hf_dnalm.inference.embedding_files import embed_file, vectors_per
    from hf_dnalm.inference.vector_writers import find_vector_writer

    find_vector_writer(options.output, per=vectors_per(options.pooling))
    check_output(options.output, inputs=[options.file, options.model], overwrite=options.overwrite)
    inference = inference_arguments(options)
    columns = {"sequence_column": options.sequence_column, "name_column": options.name_column}
    next(stream_file(options.file, **columns))  # no such file, no such column: said before a model is loaded
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(unit=" sequences", file=sys.stderr, disable=None) as bar:
        embed_file(
            model,
            tokenizer,
            options.file,
            options.output,
            pooling=options.pooling,
            layer=options.layer,
            **columns,
            shard_bp=options.shard_bp,
            settings={"model": options.model},
            overwrite=options.overwrite,
            **inference,
            progress=bar.update,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm embed", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id; a head is left aside")
    parser.add_argument("file", metavar="FILE", help="FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help=".parquet, .safetensors, .npz, .h5 (needs h5py), .h5ad (needs anndata) or .tar.gz (webdataset)",
    )
    parser.add_argument(
        "--pooling",
        choices=["mean", "max", "cls", "nucleotide", "token"],
        default="mean",
        help="over all tokens (mean, max), the first token's vector (cls), or a vector for each nucleotide or token; "
        "default: mean",
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        metavar="N",
        help="0: embeddings, 1: after the first layer, -1: the last; default: -1",
    )
    parser.add_argument(
        "--shard-bp",
        type=int,
        metavar="N",
        help="letters in a shard, the work that a killed process loses; default: a million, less for nucleotides",
    )
    add_inference_options(parser, overflow=("error", "truncate", "windows"))
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
