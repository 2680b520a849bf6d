"""`dnalm score-variants`: what the variants of a VCF file are to a model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.outputs import check_output

_DESCRIPTION = """\
Score every alternative of a VCF file in a window of the genome around it. Method llr is log p(alt) - log p(ref) in nats
under a language model, below 0 where the model finds alt less likely; cosine, l2 and dot compare vectors and take any
model. REF is checked against the genome. A table has one row for each alternative; VCF has the same records with the
scores in INFO. An allele that cannot be scored, such as <DEL> or *, stays in the output without a score and with the
reason (--strict refuses it). Finished work is kept in the folder OUTPUT.shards until OUTPUT is written: after a kill the same
command continues from there. Several processes share the work under `torchrun -m hf_dnalm score-variants …` or
`accelerate launch …`.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read variants, genome and model, score, and write --output."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for flag, number in (("--window-bp", options.window_bp), ("--shard-variants", options.shard_variants)):
        if number < 1:
            parser.error(f"{flag} is {number}; it must be 1 or more")
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoModel, AutoTokenizer
    from hf_dnalm.genome import Genome, read_variants
    from hf_dnalm.inference.output_files import output_extension
    from hf_dnalm.inference.score_writers import VARIANT_FILES, check_info_field
    from hf_dnalm.inference.unscored import reasons_unscored
    from hf_dnalm.inference.variant_files import score_variants_file

    inputs = [options.vcf, options.reference, options.model]
    check_output(options.output, inputs=inputs, overwrite=options.overwrite)
    if output_extension(options.output, VARIANT_FILES) in (".vcf", ".vcf.gz"):
        check_info_field(options.vcf, options.info_field)
    inference = inference_arguments(options)
    with Genome(options.reference) as genome:  # the wrong reference is refused before a model is read
        reasons_unscored(list(read_variants(options.vcf)), genome, window_bp=options.window_bp, strict=options.strict)
    if options.method == "llr":
        model, tokenizer = load_language_model(options.model)
    else:
        model = AutoModel.from_pretrained(options.model)
        tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(unit=" variants", file=sys.stderr, disable=None) as bar:
        score_variants_file(
            model,
            tokenizer,
            options.vcf,
            options.output,
            genome=options.reference,
            method=options.method,
            window_bp=options.window_bp,
            strands=options.strands,
            strict=options.strict,
            name=Path(options.model).name,
            info_field=options.info_field,
            shard_variants=options.shard_variants,
            overwrite=options.overwrite,
            **inference,
            progress=bar.update,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm score-variants", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id")
    parser.add_argument("vcf", metavar="VCF", help="variants: VCF, plain, gzip or bgzip")
    parser.add_argument("--reference", metavar="FASTA", required=True, help="the reference, plain or bgzip; 1 is chr1")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help=".tsv, .tsv.gz, .csv, .parquet, .vcf or .vcf.gz (bgzip)",
    )
    parser.add_argument("--method", choices=["llr", "cosine", "l2", "dot"], default="llr", help="default: llr")
    parser.add_argument(
        "--window-bp",
        type=int,
        default=512,
        metavar="BP",
        help="of the genome, the variant in its middle; default: 512",
    )
    parser.add_argument(
        "--strands", choices=["both", "forward"], default="both", help="both: the mean of the strands; default: both"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse a file with an allele that cannot be scored",
    )
    parser.add_argument(
        "--info-field", default="DNALM", metavar="NAME", help="of a VCF, where the scores stand; default: DNALM"
    )
    parser.add_argument(
        "--shard-variants", type=int, default=2_048, metavar="N", help="variants kept at a time; default: 2048"
    )
    add_inference_options(parser)
    add_overwrite_option(parser)
    return parser
