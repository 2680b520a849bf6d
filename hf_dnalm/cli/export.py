"""`dnalm export SRC OUT`: a folder that strangers load with trust_remote_code=True, torch and transformers alone."""

from __future__ import annotations

import argparse

from hf_dnalm.checkpoints import PASSPORTS


def run(arguments: list[str]) -> None:
    """Export, and say what was written."""
    parser = argparse.ArgumentParser(
        prog="dnalm export",
        description="Write native weights, config, code, tokenizer and model card into a folder that others load with "
        "trust_remote_code=True, torch and transformers alone. An adapter is merged into its base model.",
    )
    parser.add_argument("source", metavar="SRC", help="an upstream checkpoint, a fine-tuned model or an adapter")
    parser.add_argument("folder", metavar="OUT", help="the folder to write")
    heads = sorted({auto_class for passport in PASSPORTS for auto_class in (*passport.heads, "AutoModel")})
    parser.add_argument("--model-class", choices=heads, help="Auto class to load SRC with; default: as its weights are")
    parser.add_argument("--report", help="report.json whose metrics go into the card; default: SRC/report/report.json")
    parser.add_argument("--revision", help="branch, tag or commit of SRC on the Hub")
    parser.add_argument("--family", help="read SRC as this family, whatever its config.json says")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], help="of the weights; default: as stored"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is not empty")
    options = parser.parse_args(arguments)
    given = {name: getattr(options, name) for name in ("revision", "family", "dtype")}

    from hf_dnalm.hub import export

    result = export(
        options.source,
        options.folder,
        model_class=options.model_class,
        report=options.report,
        overwrite=options.overwrite,
        **{name: value for name, value in given.items() if value is not None},
    )
    print(
        f"{result.folder}: {result.parameters:,} parameters for {result.auto_class}, loaded again without a difference"
    )
    for name in result.files:
        print(f"  {name}")
