"""`dnalm export`: write a self-contained model folder, which loads with trust_remote_code=True without this package."""

from __future__ import annotations

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.cli.output_options import add_overwrite_option
from hf_dnalm.cli.parser import Parser

_DESCRIPTION = """\
Export a self-contained model folder for the Hugging Face Hub: weights, config, modeling code, tokenizer and model card.
Others load it with trust_remote_code=True and need only torch and transformers. An adapter is merged into its base
model.
"""


def run(arguments: list[str]) -> None:
    """Export, and print the files that were written."""
    options = _parser().parse_args(arguments)
    given = {name: getattr(options, name) for name in ("revision", "family", "dtype")}

    from hf_dnalm.hub import export

    result = export(
        options.model,
        options.output,
        model_class=options.model_class,
        report=options.report,
        overwrite=options.overwrite,
        **{name: value for name, value in given.items() if value is not None},
    )
    print(f"{result.folder}: {result.parameters:,} parameters for {result.auto_class}, reloaded and identical")
    for name in result.files:
        print(f"  {name}")


def _parser() -> Parser:
    parser = Parser("export", _DESCRIPTION, example="dnalm export tuned --output for_the_hub")
    parser.add_argument(
        "model", metavar="MODEL", help="folder or Hub id: a published checkpoint, a fine-tuned model or an adapter"
    )
    parser.add_argument("--output", metavar="FOLDER", required=True, help="folder to write; required")
    auto_classes = sorted({auto_class for passport in PASSPORTS for auto_class in (*passport.heads, "AutoModel")})
    parser.add_argument(
        "--model-class",
        choices=auto_classes,
        metavar="CLASS",
        help=f"Auto class to load MODEL with: {', '.join(auto_classes)}; default: the class that its weights fit",
    )
    parser.add_argument(
        "--report", metavar="FILE", help="report.json whose metrics go into the card; default: MODEL/report/report.json"
    )
    parser.add_argument("--revision", help="branch, tag or commit of MODEL on the Hub; default: the pinned one")
    parser.add_argument(
        "--family", help="model family, if config.json does not tell it; default: recognised from the files"
    )
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], help="precision of the weights; default: as stored"
    )
    add_overwrite_option(parser)
    return parser
