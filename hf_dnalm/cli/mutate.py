"""`dnalm mutate`: what every substitution of the sequences of a file is to a language model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import add_column_options, add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model

_DESCRIPTION = """\
In silico mutagenesis: log p(letter) - log p(reference letter) in nats for every letter at every position of every
sequence, one row each (positions 0-based). --logo draws what the model expects, letters as high as it is sure of them.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, score, write --out and draw --logo."""
    options = _parser().parse_args(arguments)
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.data import read_file
    from hf_dnalm.inference import mutagenesis
    from hf_dnalm.inference.output_files import TABLE_WRITERS, output_extension, write_table_file
    from hf_dnalm.inference.predict import read_sequences
    from hf_dnalm.inference.score_writers import mutagenesis_table

    output_extension(options.out, TABLE_WRITERS)
    inference = inference_arguments(options)
    dataset = read_file(
        options.file, sequence_column=options.sequence_column, name_column=options.name_column, labels="none"
    )
    if options.logo is not None:
        from hf_dnalm.evaluation.logo import check_logo, write_logo

        check_logo([len(sequence) for sequence in dataset["sequence"]], options.logo)
    model, tokenizer = load_language_model(options.model)
    # A sequence that is too long is refused by its name, before the first one is scored.
    read_sequences(tokenizer, dataset, names=None, overflow="error", vocab_size=model.config.vocab_size)
    results = [
        mutagenesis(model, tokenizer, sequence, both_strands=options.strands == "both", **inference)
        for sequence in tqdm(dataset["sequence"], unit=" sequences", file=sys.stderr, disable=None)
    ]
    names = list(dataset["name"])
    if options.logo is not None:
        write_logo(names, results, options.logo)
    write_table_file(mutagenesis_table(names, results), options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm mutate", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a masked or causal language model")
    parser.add_argument("file", metavar="FILE", help="FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help=".tsv, .tsv.gz, .csv or .parquet")
    parser.add_argument(
        "--logo", type=Path, metavar="FILE", help="a sequence logo, .png or .svg, up to 40 lines of 100 bp"
    )
    parser.add_argument(
        "--strands",
        choices=["both", "forward"],
        default="forward",
        help="both: the mean with the reverse complement; default: forward",
    )
    add_inference_options(parser)
    add_column_options(parser)
    return parser
