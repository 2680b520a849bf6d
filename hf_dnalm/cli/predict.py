"""`dnalm predict`: apply a fine-tuned model to the sequences of a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import (
    SEQUENCE_FILE,
    add_column_options,
    add_inference_options,
    add_pair_option,
    inference_arguments,
)
from hf_dnalm.cli.load import find_model_class
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import claimed_outputs

_DESCRIPTION = """\
Apply a fine-tuned model to new sequences. The output table has one row per sequence, in input order: the name, the
predicted label and the probabilities, or the predicted values. A model that classifies nucleotides gives one row per
base, or BED intervals of equal labels.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, predict, and write the table to --output or to stdout."""
    options = _parser().parse_args(arguments)
    with claimed_outputs([options.output], inputs=[options.file, options.model], overwrite=options.overwrite):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoTokenizer
    from hf_dnalm.data import read_file
    from hf_dnalm.inference import predict, write_predictions
    from hf_dnalm.inference.writers import find_writer, write_table

    inference = inference_arguments(options)
    model_class, level = find_model_class(options.model)
    if options.output is not None:
        find_writer(options.output, level=level)
    model = model_class.from_pretrained(options.model)
    pairs = getattr(model.config, "sequence_pairs", False)
    dataset = read_file(
        options.file,
        sequence_column=options.sequence_column,
        name_column=options.name_column,
        labels="none",
        sequence2_column=options.sequence2_column or ("sequence2" if pairs else None),
    )
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(total=len(dataset), unit=" sequences", file=sys.stderr, disable=None) as bar:  # None: only on a terminal
        predictions = predict(
            model,
            tokenizer,
            dataset,
            **inference,
            progress=bar.update,
        )
    if options.output is None:
        write_table(predictions, sys.stdout)
    else:
        write_predictions(predictions, options.output)


def _parser() -> Parser:
    example = "dnalm predict tuned new_sequences.fa --output predictions.tsv"
    parser = Parser("predict", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model or adapter")
    parser.add_argument("file", metavar="FILE", help=SEQUENCE_FILE)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write: .tsv, .tsv.gz, .csv, .parquet or .bed; default: TSV on stdout",
    )
    add_inference_options(parser, overflow=("error", "truncate"))
    add_column_options(parser)
    add_pair_option(parser)
    add_overwrite_option(parser)
    return parser
