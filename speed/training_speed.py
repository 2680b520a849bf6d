"""Training steps and forward tokens per second compared with transformers' ESM, measured in one run.

Two pairs of the same size: version 2 of the Nucleotide Transformer against an ESM with rotary positions and as many
parameters (three matrices of a gated feed-forward block are as large as two of an ungated one that is half as wide
again), and version 1, which ESM computes number for number. `--layers`, `--repeats` and `--dtypes` make a quick run of
it. A processor without bfloat16 instructions is some twenty times slower in that half, which is then made smaller.

    python speed/training_speed.py
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from machine import cpu_name, matmul_ceiling
from transformers import EsmConfig, EsmForMaskedLM, PreTrainedModel

from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM

RESULTS = Path(__file__).parent / "results" / "training_speed.md"
SHAPE: dict[str, Any] = {"hidden_size": 512, "num_attention_heads": 16, "max_position_embeddings": 2050}
VERSION_2: dict[str, Any] = {"position_embedding_type": "rotary", "token_dropout": False}
VERSION_1: dict[str, Any] = {"position_embedding_type": "absolute", "token_dropout": True}
ESM_ONLY: dict[str, Any] = {
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "mask_token_id": 2,
    "pad_token_id": 1,
}


class Contestant(NamedTuple):
    """A model to measure; `pair` names what it is compared within, `is_ours` on which side it stands."""

    name: str
    pair: str
    is_ours: bool
    build: Callable[[], PreTrainedModel]


class Measurement(NamedTuple):
    """Seconds of each repeat, and the floating point operations of the matrix products of one."""

    seconds: list[float]
    operations: float

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def contestants(layers: int) -> list[Contestant]:
    """Both pairs."""

    def ours(**fields):
        config = NucleotideTransformerConfig(**SHAPE, num_hidden_layers=layers, intermediate_size=2048, **fields)
        return NucleotideTransformerForMaskedLM._from_config(config, attn_implementation="sdpa")

    def esm(**fields):
        config = EsmConfig(**SHAPE, **ESM_ONLY, num_hidden_layers=layers, tie_word_embeddings=False, **fields)
        return EsmForMaskedLM._from_config(config, attn_implementation="sdpa")

    return [
        Contestant("hf_dnalm, version 2", "v2", True, lambda: ours(**VERSION_2, feed_forward="silu_gated")),
        Contestant(
            "transformers ESM, rotary", "v2", False, lambda: esm(**VERSION_2, vocab_size=4107, intermediate_size=3072)
        ),
        Contestant("hf_dnalm, version 1", "v1", True, lambda: ours(**VERSION_1, feed_forward="gelu", vocab_size=4105)),
        Contestant(
            "transformers ESM, learned positions",
            "v1",
            False,
            lambda: esm(**VERSION_1, vocab_size=4105, intermediate_size=2048),
        ),
    ]


def matrix_operations(model: PreTrainedModel, batch_size: int, length: int) -> float:
    """Operations of the matrix products of one forward: 2 per weight and token, 4 n² hidden per layer for attention."""
    weights = sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))
    attention = 4 * length**2 * model.config.hidden_size * model.config.num_hidden_layers
    return batch_size * (2.0 * weights * length + attention)


def measure(models: dict[str, PreTrainedModel], step: Callable, repeats: int) -> dict[str, list[float]]:
    """Seconds of a step of each model, interleaved, after one step that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for repeat in range(repeats + 1):
        for name, model in models.items():
            start = time.perf_counter()
            step(model)
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(
    dtype: torch.dtype, *, layers: int, batch_size: int, length: int, repeats: int
) -> dict[tuple[str, str], Measurement]:
    """Measurements by (name of the contestant, "training" or "forward"); bfloat16 training keeps float32 weights."""
    torch.manual_seed(0)
    ids = torch.randint(6, 4100, (batch_size, length))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    labels = ids.where(torch.rand(ids.shape) < 0.15, -100)

    def train(model):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            loss = model(**inputs, labels=labels).loss
        loss.backward()

    @torch.inference_mode()
    def forward(model):
        model(**inputs)

    models = {contestant.name: contestant.build() for contestant in contestants(layers)}
    operations = {name: matrix_operations(model, batch_size, length) for name, model in models.items()}
    for model in models.values():
        model.train()
    training = measure(models, train, repeats)
    for model in models.values():
        model.eval().to(dtype)
    inference = measure(models, forward, repeats)
    measured = {(name, "training"): Measurement(training[name], 3 * operations[name]) for name in models}
    return measured | {(name, "forward"): Measurement(inference[name], operations[name]) for name in models}


def report(arguments: argparse.Namespace) -> str:
    """The page of results in Markdown."""
    lines = [
        "# Training and forward speed",
        "",
        f"Written by `speed/training_speed.py`. {cpu_name()}, {torch.get_num_threads()} threads of "
        f"{os.cpu_count()} processors; Python {platform.python_version()}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}. Hidden size 512, 16 heads, attention by sdpa. {arguments.repeats} interleaved "
        "repeats, medians (fastest to slowest in brackets). Training in bfloat16 is autocast, forward in bfloat16 has "
        "bfloat16 weights.",
        "",
        "The last column is the rate of the model's matrix products over that of a lone product of 2048 × 2048 × 2048.",
    ]
    for name in arguments.dtypes:
        dtype = getattr(torch, name)
        layers, batch_size, length = arguments.layers, arguments.batch_size, arguments.length
        emulated = dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
        if emulated:
            layers, batch_size = 1, 1
        ceiling = matmul_ceiling(dtype)
        measured = compare(dtype, layers=layers, batch_size=batch_size, length=length, repeats=arguments.repeats)
        lines += ["", f"## {name}: a lone product runs at {ceiling / 1e9:,.0f} GFLOP/s", ""]
        lines += [f"{layers} layer(s), {batch_size} × {length} tokens a step.", ""]
        if emulated:
            lines += ["This processor has no bfloat16 instructions: the comparison is small, and says little.", ""]
        lines += [
            "| | model | seconds per step | per second | against ESM | of the ceiling |",
            "|---|---|---|---|---|---|",
        ]
        for what in ("training", "forward"):
            lines += _rows(what, measured, batch_size * length, None if emulated else ceiling, layers)
    return "\n".join(lines) + "\n"


def _rows(what: str, measured: dict, tokens: int, ceiling: float | None, layers: int) -> list[str]:
    rows = []
    everyone = contestants(layers)
    rival = {contestant.pair: contestant.name for contestant in everyone if not contestant.is_ours}
    for contestant in everyone:
        own = measured[contestant.name, what]
        rate = f"{1 / own.median:.2f} steps" if what == "training" else f"{tokens / own.median:,.0f} tokens"
        ratio = measured[rival[contestant.pair], what].median / own.median
        seconds = f"{own.median:.3f} ({min(own.seconds):.3f} to {max(own.seconds):.3f})"
        share = "" if ceiling is None else f"{own.operations / own.median / ceiling:.0%}"
        against = f"{ratio:.2f}×" if contestant.is_ours else ""
        rows.append(f"| {what} | {contestant.name} | {seconds} | {rate} | {against} | {share} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--length", type=int, default=256, help="tokens of a sequence")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    page = report(arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = arguments.output.with_suffix(".partial")
    temporary.write_text(page)
    os.replace(temporary, arguments.output)
    print(page)


if __name__ == "__main__":
    main()
