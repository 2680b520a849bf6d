"""`dnalm mutate`: score every substitution of the sequences in a file with a language model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hf_dnalm.cli.inference_options import SEQUENCE_FILE, add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import claimed_outputs

_DESCRIPTION = """\
Score every substitution of every sequence (in silico mutagenesis). The table has one row for each letter at each
position (0-based): log p(letter) - log p(reference letter) in nats. --logo draws a sequence logo of what the model
expects: the height of each letter is its information in bits.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, score, write --output and draw --logo."""
    options = _parser().parse_args(arguments)
    with claimed_outputs(
        [options.output, options.logo], inputs=[options.file, options.model], overwrite=options.overwrite
    ):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.data import stream_file
    from hf_dnalm.inference import Mutagenesis, mutagenesis
    from hf_dnalm.inference.output_files import TABLE_WRITERS, output_extension, write_table_file
    from hf_dnalm.inference.record_streams import check_records
    from hf_dnalm.inference.score_writers import mutagenesis_table

    output_extension(options.output, TABLE_WRITERS)
    inference = inference_arguments(options)
    columns = {"sequence_column": options.sequence_column, "name_column": options.name_column}
    if options.logo is None:
        next(stream_file(options.file, **columns))  # a missing file or column is reported before a model is loaded
    else:
        from hf_dnalm.evaluation.logo import check_logo, write_logo

        check_logo([len(record.sequence) for record in stream_file(options.file, **columns)], options.logo)
    model, tokenizer = load_language_model(options.model)
    # A sequence that is too long is refused by name before any is scored.
    check_records(stream_file(options.file, **columns), tokenizer)

    def scored() -> Iterator[tuple[str, Mutagenesis]]:
        records = stream_file(options.file, **columns)
        for record in tqdm(records, unit=" sequences", file=sys.stderr, disable=None):
            (result,) = mutagenesis(
                model,
                tokenizer,
                [record.sequence],
                names=[record.name],
                strands=options.strands,
                **inference,
            )
            yield record.name, result

    results: Iterable[tuple[str, Mutagenesis]] = scored()
    if options.logo is not None:
        results = list(results)  # small enough for memory: `check_logo` limits the number of lines
        write_logo([name for name, _ in results], [result for _, result in results], options.logo)
    write_table_file(mutagenesis_table(results), options.output)


def _parser() -> Parser:
    example = (
        "dnalm mutate InstaDeepAI/nucleotide-transformer-v2-50m-multi-species promoters.fa --output scores.tsv "
        "--logo logo.png"
    )
    parser = Parser("mutate", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a masked or causal language model")
    parser.add_argument("file", metavar="FILE", help=SEQUENCE_FILE)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="file to write: .tsv, .tsv.gz, .csv or .parquet; required",
    )
    parser.add_argument(
        "--logo",
        type=Path,
        metavar="FILE",
        help="also draw a sequence logo, .png or .svg, of at most 40 lines of 100 bp; default: no logo",
    )
    parser.add_argument(
        "--strands",
        choices=["both", "forward"],
        default="forward",
        help="both: average with the scores of the reverse complement; default: forward",
    )
    add_inference_options(parser)
    add_column_options(parser)
    add_overwrite_option(parser)
    return parser
