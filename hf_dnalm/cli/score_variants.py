"""`dnalm score-variants`: score the variants of a VCF file with a model."""

from __future__ import annotations

import sys
from pathlib import Path

from hf_dnalm.cli.inference_options import add_inference_options, inference_arguments
from hf_dnalm.cli.load import load_language_model
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser
from hf_dnalm.outputs import check_output

_DESCRIPTION = """\
Score every alternative allele of a VCF file in a window of the genome around it. Method llr is log p(ALT) - log p(REF)
in nats under a language model: negative if the model finds ALT less likely. Methods cosine, l2 and dot compare the
embeddings of both alleles and work with any model. REF is checked against the genome. A table gets one row per
alternative allele; a VCF output keeps the input records and adds the scores to INFO. An allele that cannot be scored,
such as <DEL> or *, is kept without a score and with the reason (--strict refuses it). Finished shards are kept in
OUTPUT.shards until the output is complete, so an interrupted command continues when you run it again. Under `torchrun
-m hf_dnalm score-variants …` or `accelerate launch …`, the processes share the work.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read variants, genome and model, score, and write --output."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for flag, number in (("--window-bp", options.window_bp), ("--shard-variants", options.shard_variants)):
        if number < 1:
            parser.error(f"{flag} is {number}; it must be 1 or more.")
    # Heavy imports follow the parsing, so that --help and flag errors appear immediately.
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
    with Genome(options.reference) as genome:  # a wrong reference is refused before a model is loaded
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
            reference=options.reference,
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


def _parser() -> Parser:
    example = (
        "dnalm score-variants InstaDeepAI/nucleotide-transformer-v2-50m-multi-species variants.vcf --reference "
        "genome.fa --output scored.vcf.gz"
    )
    parser = Parser("score-variants", _DESCRIPTION, example=example)
    parser.add_argument("model", metavar="MODEL", help="model folder or Hub id")
    parser.add_argument("vcf", metavar="VCF", help="variants: VCF, plain, gzip or bgzip")
    parser.add_argument(
        "--reference",
        metavar="FASTA",
        required=True,
        help="genome, plain or bgzip; contig names with and without chr are matched; required",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        required=True,
        help="file to write: .tsv, .tsv.gz, .csv, .parquet, .vcf or .vcf.gz (bgzip); required",
    )
    parser.add_argument(
        "--method",
        choices=["llr", "cosine", "l2", "dot"],
        default="llr",
        help="log-likelihood ratio, or a comparison of embeddings; default: llr",
    )
    parser.add_argument(
        "--window-bp",
        type=int,
        default=512,
        metavar="BP",
        help="length of the window, with the variant in its centre; default: 512",
    )
    parser.add_argument(
        "--strands",
        choices=["both", "forward"],
        default="both",
        help="both: average with the scores of the reverse complement; default: both",
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse a file with an allele that cannot be scored; default: keep it"
    )
    parser.add_argument(
        "--info-field", default="DNALM", metavar="NAME", help="INFO field of a VCF output; default: DNALM"
    )
    parser.add_argument(
        "--shard-variants",
        type=int,
        default=2_048,
        metavar="N",
        help="variants in one shard, which is the most work that an interruption can lose; default: 2048",
    )
    add_inference_options(parser)
    add_overwrite_option(parser)
    return parser
