"""What the commands that run a model share: the flags that say how it runs and which columns of a table it reads."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_OVERFLOW = {
    "error": "refuse it",
    "truncate": "read its start",
    "windows": "read it by overlapping windows, every token counted once",
}


def add_inference_options(parser: argparse.ArgumentParser, *, overflow: Sequence[str] = ()) -> None:
    """Flags for batches, numbers and device, and for long sequences where there is a choice (`overflow`)."""
    parser.add_argument(
        "--token-budget", type=int, metavar="N", help="tokens in a batch, padding included; default: tuned per device"
    )
    parser.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="auto: bfloat16 where the hardware multiplies in it (CUDA, AMX), else the model's own",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, …; default: the GPU where there is one")
    if overflow:
        parser.add_argument(
            "--overflow",
            choices=overflow,
            default=overflow[0],
            help="what happens to a sequence longer than the model reads: "
            + "; ".join(f"{choice}: {_OVERFLOW[choice]}" for choice in overflow)
            + f"; default: {overflow[0]}",
        )


def add_column_options(parser: argparse.ArgumentParser) -> None:
    """Flags for the columns of a table."""
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME", help="of a table; default: sequence")
    parser.add_argument("--name-column", default="name", metavar="NAME", help="of a table; default: name")


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Flags for the labels of a table."""
    parser.add_argument("--labels-column", default="labels", metavar="NAME", help="of a table; default: labels")
    parser.add_argument(
        "--missing-labels",
        choices=["error", "drop"],
        default="error",
        help="what happens to a record without a label: error refuses the file, drop leaves it out; default: error",
    )


def add_pair_option(parser: argparse.ArgumentParser) -> None:
    """A flag for the second sequences of pairs."""
    parser.add_argument(
        "--sequence2-column",
        metavar="NAME",
        help="of a table: the second sequence of each pair, for a model of pairs; default: sequence2 for such a model",
    )


def add_benchmark_options(parser: argparse.ArgumentParser) -> None:
    """Flags that say where a benchmark's files are and how they are read."""
    parser.add_argument("--data-dir", metavar="FOLDER", help="the benchmark's files, instead of the Hub")
    parser.add_argument(
        "--reference",
        metavar="FASTA",
        help="the assembly, for benchmark tasks whose files hold coordinates; CLASS=FILE,CLASS=FILE where classes are "
        "of different genomes",
    )
    parser.add_argument(
        "--sequence-length",
        type=int,
        metavar="BP",
        help="of the windows that a long-range task cuts from the reference",
    )
    parser.add_argument(
        "--allow-subset",
        action="store_true",
        help="take benchmark files with another number of rows than was published; the report says so",
    )


def inference_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The flags of `add_inference_options` as arguments of the functions of `hf_dnalm.inference`.

    Raises:
        ValueError: this machine has no such device.
    """
    from hf_dnalm.inference import DTYPES

    arguments = {
        "token_budget": options.token_budget,
        "device": find_device(options.device),
        "dtype": DTYPES[options.dtype],
    }
    return arguments | ({"overflow": options.overflow} if "overflow" in options else {})


def find_device(name: str | None) -> torch.device:
    """The device of that name; the GPU where there is one when None, and among several processes the GPU of this one.

    Raises:
        ValueError: this machine has no such device.
    """
    import torch

    if name is None:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device {name}: {reason}") from None
