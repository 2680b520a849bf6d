"""`dnalm likelihood`: how likely a language model finds the sequences of a file."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from hf_dnalm.cli.inference_options import add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.outputs import claimed_outputs

_DESCRIPTION = """\
The log-likelihood of each sequence in nats, how many tokens and bases it covers, and bits per base: 2 for a model that
knows nothing of DNA, less for one that does, whatever its tokens are. The estimator, masked or causal, is named.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, score, and write the table to --output or to stdout."""
    options = _parser().parse_args(arguments)
    with claimed_outputs([options.output], inputs=[options.file, options.model], overwrite=options.overwrite):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
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
    next(stream_file(options.file, **columns))  # no such file, no such column: said before a model is loaded
    model, tokenizer = load_language_model(options.model)
    check_records(stream_file(options.file, **columns), tokenizer)
    inference["masked_at_once"] = options.masked_at_once
    with tqdm(unit=" passes", file=sys.stderr, disable=None) as bar:

        def likelihoods() -> Iterator[Likelihoods]:
            for names, sequences in record_batches(stream_file(options.file, **columns)):
                yield log_likelihood(model, tokenizer, sequences, names=names, **inference, progress=bar.update)

        parts = likelihoods()
        table = likelihood_table(itertools.chain([next(parts)], parts))  # what is refused, is before the first line
        if options.output is None:
            write_text(table, sys.stdout)
        else:
            write_table_file(table, options.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm likelihood", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a masked or causal language model")
    parser.add_argument("file", metavar="FILE", help="FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=".tsv, .tsv.gz, .csv or .parquet; default: TSV to stdout"
    )
    parser.add_argument(
        "--masked-at-once",
        type=float,
        metavar="SHARE",
        help="of the tokens to mask together, in 1 / SHARE passes; default: one token at a time, the exact way",
    )
    add_inference_options(parser)
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
