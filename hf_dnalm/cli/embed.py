"""`dnalm embed`: compute embeddings of the sequences in a file, or of their nucleotides or tokens."""

from __future__ import annotations

import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import SEQUENCE_FILE, add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import check_output

_DESCRIPTION = """\
Compute embeddings of DNA sequences: one vector per sequence, or one per nucleotide or token. A vector is the hidden
state of one layer, pooled over the tokens of the sequence. Records are read one at a time, so the file can be of any
size, and the results keep its order. Sequences that are longer than the model's context are refused unless --overflow
says otherwise. Finished shards are kept in OUTPUT.shards until the output is complete, so an interrupted command
continues when you run it again. Under `torchrun -m hf_dnalm embed …` or `accelerate launch -m hf_dnalm embed …`, the
processes share the work.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, embed, and write the vectors to --output."""
    options = _parser().parse_args(arguments)
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.data import stream_file
    from hf_dnalm.inference.embedding_files import embed_file, vectors_per
    from hf_dnalm.inference.vector_writers import check_vector_output

    check_vector_output(options.output, per=vectors_per(options.pooling))
    check_output(options.output, inputs=[options.file, options.model], overwrite=options.overwrite)
    inference = inference_arguments(options)
    columns = {"sequence_column": options.sequence_column, "name_column": options.name_column}
    next(stream_file(options.file, **columns))  # a missing file or column is reported before a model is loaded
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


def _parser() -> Parser:
    example = "dnalm embed InstaDeepAI/nucleotide-transformer-v2-50m-multi-species reads.fa --output vectors.parquet"
    parser = Parser("embed", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="model folder or Hub id; a task head is ignored")
    parser.add_argument("file", metavar="FILE", help=SEQUENCE_FILE)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="file to write: .parquet, .safetensors, .npz, .h5 (needs h5py), .h5ad (needs anndata) or .tar.gz "
        "(WebDataset); required",
    )
    parser.add_argument(
        "--pooling",
        choices=["mean", "max", "cls", "nucleotide", "token"],
        default="mean",
        help="mean or max over all tokens, the first token's vector (cls), or one vector for each nucleotide or token; "
        "default: mean",
    )
    parser.add_argument(
        "--layer",
        type=int,
        default=-1,
        metavar="N",
        help="hidden states to use; 0: the embedding layer, 1: after the first layer, -1: after the last; default: -1",
    )
    parser.add_argument(
        "--shard-bp",
        type=int,
        metavar="BP",
        help="sequence in one shard, which is the most work that an interruption can lose; default: 1 Mbp, less for "
        "one vector per nucleotide",
    )
    add_inference_options(parser, overflow=("error", "truncate", "windows"))
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
