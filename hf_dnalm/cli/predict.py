"""`dnalm predict`: apply a fine-tuned model to the sequences of a file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_DESCRIPTION = """\
Apply a fine-tuned model to new sequences. The table has one row per sequence in input order: name, label and
probabilities, or values; for a model of single bases one row per base, or runs of equal labels as BED.
"""


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and file, predict, and write the table to --out or to stdout."""
    options = _parser().parse_args(arguments)
    # The heavy imports come after the flags, so that --help and a wrong flag answer at once.
    from tqdm import tqdm

    from hf_dnalm.auto import AutoTokenizer
    from hf_dnalm.data import read_file
    from hf_dnalm.inference import DTYPES, predict, write_predictions
    from hf_dnalm.inference.writers import find_writer, write_table

    device = find_device(options.device)
    model_class, level = find_model_class(options.model)
    if options.out is not None:
        find_writer(options.out, level=level)
    dataset = read_file(
        options.file, sequence_column=options.sequence_column, name_column=options.name_column, labels="none"
    )
    model = model_class.from_pretrained(options.model)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with tqdm(total=len(dataset), unit=" sequences", file=sys.stderr, disable=None) as bar:  # None: only on a terminal
        predictions = predict(
            model,
            tokenizer,
            dataset,
            token_budget=options.batch_tokens,
            device=device,
            dtype=DTYPES[options.dtype],
            overflow=options.overflow,
            progress=bar.update,
        )
    if options.out is None:
        write_table(predictions, sys.stdout)
    else:
        write_predictions(predictions, options.out)


def find_model_class(source: str) -> tuple[Any, str]:
    """The Auto class that loads a fine-tuned model with its head, and the level the head predicts at.

    Raises:
        ValueError: the model has no task head.
    """
    from transformers.utils import find_adapter_config_file

    from hf_dnalm.auto import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

    adapter = find_adapter_config_file(source)
    if adapter is not None:
        what = f"an adapter of task type {json.loads(Path(adapter).read_text())['task_type']}"
    else:
        what = (AutoConfig.from_pretrained(source).architectures or ["a model without a class"])[0]
    if what.endswith(("ForSequenceClassification", " SEQ_CLS")):
        return AutoModelForSequenceClassification, "sequence"
    if what.endswith(("ForTokenClassification", " TOKEN_CLS")):
        return AutoModelForTokenClassification, "nucleotide"
    raise ValueError(f"{source} is {what}, which has no task head; fine-tune it first with dnalm finetune")


def find_device(name: str | None) -> torch.device:
    """The device of that name; the GPU where there is one when None.

    Raises:
        ValueError: this machine has no such device.
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {name}: {reason}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dnalm predict", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model or adapter")
    parser.add_argument("file", metavar="FILE", help="FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=".tsv, .tsv.gz, .csv, .parquet or .bed; default: TSV to stdout"
    )
    parser.add_argument(
        "--batch-tokens", type=int, metavar="N", help="tokens in a batch, padding included; default: tuned per device"
    )
    parser.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="auto: bfloat16 where the hardware multiplies in it (CUDA, AMX), else the model's own",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, …; default: the GPU where there is one")
    parser.add_argument(
        "--overflow",
        choices=["error", "truncate"],
        default="error",
        help="what happens to a sequence longer than the model reads",
    )
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME", help="of a table; default: sequence")
    parser.add_argument("--name-column", default="name", metavar="NAME", help="of a table; default: name")
    return parser
