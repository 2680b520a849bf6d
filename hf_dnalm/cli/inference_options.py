"""Flags that several commands share: how a model runs, and which columns of a table are read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SEQUENCE_FILE = "sequences: FASTA, CSV, TSV, JSONL (plain or gzip) or Parquet"
_OVERFLOW = {
    "error": "refuse it",
    "truncate": "read only its start",
    "windows": "read it in overlapping windows, each token counted once",
}


def add_inference_options(
    parser: argparse.ArgumentParser, *, overflow: Sequence[str] = (), dtype: str = "auto"
) -> None:
    """Add flags for batch size, precision and device; and --overflow, if the command offers any of its choices."""
    parser.add_argument(
        "--token-budget",
        type=int,
        metavar="N",
        help="tokens in a batch, padding included; default: chosen for the device",
    )
    parser.add_argument(
        "--dtype",
        choices=["auto", "float32", "bfloat16"],
        default=dtype,
        help="precision; auto: bfloat16 if the hardware multiplies in it (CUDA, AMX), else the checkpoint's own; "
        f"default: {dtype}",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1, …; default: the GPU if available")
    if overflow:
        parser.add_argument(
            "--overflow",
            choices=overflow,
            default=overflow[0],
            help="what to do with a sequence that is longer than the model's context; "
            + "; ".join(f"{choice}: {_OVERFLOW[choice]}" for choice in overflow)
            + f"; default: {overflow[0]}",
        )


def add_column_options(parser: argparse.ArgumentParser) -> None:
    """Add flags for the columns of a table."""
    parser.add_argument(
        "--sequence-column", default="sequence", metavar="NAME", help="table column with sequences; default: sequence"
    )
    parser.add_argument("--name-column", default="name", metavar="NAME", help="table column with names; default: name")


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add flags for the labels of a table."""
    parser.add_argument(
        "--labels-column", default="labels", metavar="NAME", help="table column with labels; default: labels"
    )
    parser.add_argument(
        "--missing-labels",
        choices=["error", "drop"],
        default="error",
        help="what to do with records without a label; error: refuse the file; drop: skip them; default: error",
    )


def add_pair_option(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the second sequence of each pair."""
    parser.add_argument(
        "--sequence2-column",
        metavar="NAME",
        help="table column with the second sequence of each pair; default: sequence2 if the model reads pairs",
    )


def add_benchmark_options(parser: argparse.ArgumentParser) -> None:
    """Add flags for the location of a benchmark's files and how they are read."""
    parser.add_argument(
        "--data-dir", metavar="FOLDER", help="local folder with the benchmark's files; default: read from the Hub"
    )
    parser.add_argument(
        "--reference",
        metavar="FASTA",
        help="genome assembly, for benchmark tasks whose files have coordinates; CLASS=FASTA,CLASS=FASTA if classes "
        "come from different genomes; default: none",
    )
    parser.add_argument(
        "--sequence-length",
        type=int,
        metavar="BP",
        help="length of the windows that a long-range task cuts from the reference; default: as published",
    )
    parser.add_argument(
        "--allow-subset",
        action="store_true",
        help="accept files whose number of rows differs from the published one; the report notes it; default: refuse",
    )


def inference_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """The flags of `add_inference_options` as keyword arguments for the functions of `hf_dnalm.inference`.

    Raises:
        ValueError: the device is not available on this machine.
    """
    from hf_dnalm.inference import DTYPES

    arguments = {
        "token_budget": options.token_budget,
        "device": find_device(options.device),
        "dtype": DTYPES[options.dtype],
    }
    return arguments | ({"overflow": options.overflow} if "overflow" in options else {})


def find_device(name: str | None) -> torch.device:
    """The device of that name. None: the GPU if available, in a group of processes the GPU of this process.

    Raises:
        ValueError: the device is not available on this machine.
    """
    import torch

    if name is None:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {name}: {reason}. Pass cpu or a device of this machine.") from None
