"""`dnalm embed`: one vector for each sequence of a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import add_column_options, add_inference_options, inference_arguments

_DESCRIPTION = """\
Write one vector per sequence, in input order, with the names beside them: the hidden states of a layer, pooled over the
tokens. A sequence longer than the model reads is refused unless --overflow says otherwise.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, embed, and write the vectors to --out."""
    options = _parser().parse_args(arguments)
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.data import read_file
    from hf_dnalm.inference import embed
    from hf_dnalm.inference.vector_writers import find_vector_writer, write_embeddings

    find_vector_writer(options.out)
    inference = inference_arguments(options)
    dataset = read_file(
        options.file, sequence_column=options.sequence_column, name_column=options.name_column, labels="none"
    )
    model = AutoModel.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(unit=" sequences", file=sys.stderr, disable=None) as bar:  # windows are counted as what they are
        embeddings = embed(
            model,
            tokenizer,
            dataset,
            pooling=options.pooling,
            layer=options.layer,
            **inference,
            progress=bar.update,
        )
    settings = {
        "model": options.model,
        "pooling": options.pooling,
        "layer": str(options.layer),
        "overflow": options.overflow,
    }
    write_embeddings(embeddings, options.out, settings=settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm embed", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id; a head is left aside")
    parser.add_argument("file", metavar="FILE", help="FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        required=True,
        help=".parquet, .safetensors, .npz, .h5 (needs h5py) or .h5ad (needs anndata)",
    )
    parser.add_argument(
        "--pooling",
        choices=["mean", "max", "cls"],
        default="mean",
        help="over all tokens, or the first token's vector; default: mean",
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        metavar="N",
        help="0: embeddings, 1: after the first layer, -1: the last; default: -1",
    )
    add_inference_options(parser, overflow=("error", "truncate", "windows"))
    add_column_options(parser)
    return parser
