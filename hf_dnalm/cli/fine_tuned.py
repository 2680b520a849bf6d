"""What `dnalm predict` and `dnalm evaluate` share: finding the fine-tuned model, and the flags that say how it runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Flags for batches, numbers, device, long sequences and the columns of a table."""
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


def inference_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Those flags as arguments of `predict` and `evaluate`.

    Raises:
        ValueError: this machine has no such device.
    """
    from hf_dnalm.inference import DTYPES

    return {
        "token_budget": options.batch_tokens,
        "device": find_device(options.device),
        "dtype": DTYPES[options.dtype],
        "overflow": options.overflow,
    }


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
