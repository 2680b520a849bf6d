"""`dnalm likelihood`: compute how likely a language model finds each sequence of a file."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from hf_dnalm.cli.inference_options import SEQUENCE_FILE, add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import claimed_outputs

_DESCRIPTION = """\
Compute how likely a language model finds each sequence. The table has the log-likelihood in nats, the number of tokens
and bases that it covers, and bits per base, which can be compared between tokenizers: 2 for a model that has learned
nothing about DNA, less for a better one. The last column names the estimator: masked (pseudo-likelihood) or causal.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, score, and write the table to --output or to stdout."""
    options = _parser().parse_args(arguments)
    with claimed_outputs([options.output], inputs=[options.file, options.model], overwrite=options.overwrite):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.data import stream_file
    from hf_dnalm.inference import Likelihoods, log_likelihood
    from hf_dnalm.inference.output_files import TABLE_WRITERS, output_extension, write_table_file, write_text
    from hf_dnalm.inference.record_streams import check_records, record_batches
    from hf_dnalm.inference.score_writers import likelihood_table

    if options.output is not None:
        output_extension(options.output, TABLE_WRITERS)
    inference = inference_arguments(options)
    columns = {"sequence_column": options.sequence_column, "name_column": options.name_column}
    next(stream_file(options.file, **columns))  # a missing file or column is reported before a model is loaded
    model, tokenizer = load_language_model(options.model)
    check_records(stream_file(options.file, **columns), tokenizer)
    inference["masked_at_once"] = options.masked_at_once
    with tqdm(unit=" passes", file=sys.stderr, disable=None) as bar:

        def likelihoods() -> Iterator[Likelihoods]:
            for names, sequences in record_batches(stream_file(options.file, **columns)):
                yield log_likelihood(model, tokenizer, sequences, names=names, **inference, progress=bar.update)

        parts = likelihoods()
        # The first part is computed before the file is opened, so that its errors come before any output.
        table = likelihood_table(itertools.chain([next(parts)], parts))
        if options.output is None:
            write_text(table, sys.stdout)
        else:
            write_table_file(table, options.output)


def _parser() -> Parser:
    example = (
        "dnalm likelihood InstaDeepAI/nucleotide-transformer-v2-50m-multi-species reads.fa --output bits_per_base.tsv"
    )
    parser = Parser("likelihood", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a masked or causal language model")
    parser.add_argument("file", metavar="FILE", help=SEQUENCE_FILE)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write: .tsv, .tsv.gz, .csv or .parquet; default: TSV on stdout",
    )
    parser.add_argument(
        "--masked-at-once",
        type=float,
        metavar="SHARE",
        help="share of the tokens to mask in the same pass, which needs 1 / SHARE passes; default: one token per pass, "
        "which is exact",
    )
    add_inference_options(parser)
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
