"""Every substitution of 300 bp: one masked pass per token, compared with a loop that mutates and scores.

The loop writes out each of the 900 changed sequences and adds the log-probabilities that transformers' ESM gives to its
tokens, one sequence at a time or in batches of 16. `mutagenesis` masks each token once and reads all letters from it.

Writes results/mutagenesis.md. Run it on a quiet machine:

    python speed/mutagenesis.py
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import EsmForMaskedLM

sys.path.insert(0, str(Path(__file__).parent))
from embedding_speed import CONFIG, ESM_CONFIG, FIXED_BATCH, TOKENIZER
from machine import matmul_ceiling, processor

from hf_dnalm import mutagenesis
from hf_dnalm.inference.batches import multiplies_bfloat16
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM

RESULTS = Path(__file__).parent / "results" / "mutagenesis.md"
BASES = "ACGT"


@torch.inference_mode()
def mutate_and_score(model: torch.nn.Module, sequence: str, *, rows: int, device: str) -> np.ndarray:
    """(bp, 4) the sequence's own log-probability after each substitution, less that before it; unmasked passes."""

    def score(sequences: list[str]) -> list[float]:
        ids = TOKENIZER(sequences, return_tensors="pt").to(device)["input_ids"]
        logs = model(input_ids=ids).logits.float().log_softmax(-1)
        return logs.gather(-1, ids[..., None])[:, 1:, 0].sum(1).tolist()  # without CLS

    changed = [sequence[:place] + base + sequence[place + 1 :] for place in range(len(sequence)) for base in BASES]
    places = [number for number, other in enumerate(changed) if other != sequence]
    scores = np.full(len(changed), score([sequence])[0])
    for start in range(0, len(places), rows):
        some = places[start : start + rows]
        scores[some] = score([changed[number] for number in some])
    return (scores - score([sequence])[0]).reshape(len(sequence), len(BASES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bp", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="24 bp, once: does it run? Prints, writes nothing")
    options = parser.parse_args()
    length, repeats = (24, 1) if options.quick else (options.bp, options.repeats)
    sequence = "".join(np.random.default_rng(0).choice(list(BASES), size=length))
    torch.manual_seed(0)
    ours = NucleotideTransformerForMaskedLM(CONFIG).eval().to(options.device)
    native = EsmForMaskedLM(ESM_CONFIG).eval().to(options.device)
    has_bfloat16 = multiplies_bfloat16(torch.device(options.device))
    dtypes = [torch.float32, *([torch.bfloat16] if has_bfloat16 else [])]
    passes = -(-length // 6)
    works: dict[str, tuple[int, Callable[[], object]]] = {
        f"mutate and score, {name}": (
            3 * length + 2,
            lambda rows=rows: mutate_and_score(native, sequence, rows=rows, device=options.device),
        )
        for name, rows in (("one at a time", 1), (f"batches of {FIXED_BATCH}", FIXED_BATCH))
    }
    for dtype in dtypes:
        works[f"`mutagenesis`, {str(dtype)[6:]}"] = (
            passes,
            lambda dtype=dtype: mutagenesis(ours, TOKENIZER, [sequence], dtype=dtype)[0],
        )
    times: dict[str, list[float]] = {name: [] for name in works}
    works[next(reversed(works))][1]()  # warms up
    for _ in range(repeats):
        for name, (_, work) in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(each) for name, each in times.items()}
    slowest = next(iter(medians.values()))
    lines = [
        "# Every substitution of a sequence",
        "",
        f"{3 * length:,} substitutions of {length} bp by the Nucleotide Transformer v2 configuration with 50 million "
        "parameters (random weights), and by transformers' ESM with as many in its layers in float32. The loop scores "
        "each changed sequence by one pass without a mask; `mutagenesis` gives masked marginals, all letters of a "
        f"token from one pass. Medians of {repeats} interleaved repeats.",
        "",
        f"{processor(options.device)}; matrix products reach "
        f"{matmul_ceiling(torch.float32, options.device) / 1e9:,.0f} GFLOP/s in float32; "
        f"Python {platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}.",
        "",
        "| | passes | seconds | ratio |",
        "|---|---|---|---|",
        *(
            f"| {name} | {works[name][0]:,} | {seconds:.2f} | {slowest / seconds:.1f}× |"
            for name, seconds in medians.items()
        ),
        "",
    ]
    text = "\n".join(lines)
    print(text)
    if not options.quick:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
