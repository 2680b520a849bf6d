"""Embedding speed on sequences of mixed length: our loop against what a user would write with transformers' own ESM.

Writes results/embedding_speed.md. Run it on a quiet machine:

    python speed/embedding_speed.py
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from machine import matmul_ceiling, processor
from transformers import EsmConfig, EsmModel

from hf_dnalm.inference import DTYPES, embed
from hf_dnalm.inference.batches import default_token_budget, multiplies_bfloat16
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerModel
from hf_dnalm.tokenization.tokenization_kmer import build_kmer_tokenizer

RESULTS = Path(__file__).parent / "results" / "embedding_speed.md"
FIXED_BATCH = 16
LENGTHS = (10, 500)  # tokens, both included
BUDGETS = (256, 512, 1_024, 2_048, 4_096, 8_192)
PAD_ID = 1

TOKENIZER = build_kmer_tokenizer(6, layout="nucleotide_transformer_v2", model_max_length=2_048)
CONFIG = NucleotideTransformerConfig()  # version 2 with 50 million parameters
# A gated block has three matrices of 512 × 2,048, a plain one two: with 3,072 both models have as many parameters in
# their layers and do the same number of multiplications for a token.
ESM_CONFIG = EsmConfig(
    vocab_size=CONFIG.vocab_size,
    hidden_size=CONFIG.hidden_size,
    num_hidden_layers=CONFIG.num_hidden_layers,
    num_attention_heads=CONFIG.num_attention_heads,
    intermediate_size=CONFIG.intermediate_size * 3 // 2,
    max_position_embeddings=CONFIG.max_position_embeddings,
    position_embedding_type="rotary",
    token_dropout=False,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    pad_token_id=PAD_ID,
    mask_token_id=CONFIG.mask_token_id,
    attn_implementation="sdpa",
)


def make_sequences(n: int, *, seed: int) -> list[str]:
    """Random DNA whose lengths in tokens, CLS included, are uniform over `LENGTHS`."""
    random = np.random.default_rng(seed)
    lengths = random.integers(LENGTHS[0], LENGTHS[1] + 1, size=n)
    return ["".join(random.choice(list("ACGT"), size=6 * (length - 1))) for length in lengths]


def plain_loop(model: torch.nn.Module, sequences: list[str], *, rows: int, device: str) -> np.ndarray:
    """(n, hidden) mean embeddings in input order, as a user's own loop makes them: padded batches of `rows`."""
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(sequences), rows):
            inputs = TOKENIZER(sequences[start : start + rows], padding=True, return_tensors="pt").to(device)
            hidden = model(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1)
            vectors.append(((hidden * mask).sum(1) / mask.sum(1)).cpu().numpy())
    return np.concatenate(vectors)


def useful_flops(sequences: list[str]) -> float:
    """Multiplications and additions in the layers' matrix products, without padding."""
    hidden = CONFIG.hidden_size
    weights = 4 * hidden**2 + 3 * hidden * CONFIG.intermediate_size
    lengths = np.array([1 + len(sequence) // 6 for sequence in sequences], dtype=float)
    return CONFIG.num_hidden_layers * float((2 * weights * lengths + 4 * hidden * lengths**2).sum())


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


Embed = Callable[[list[str]], np.ndarray]


def measure(works: dict[str, Embed], sequences: list[str], repeats: int) -> dict[str, float]:
    """Median seconds of each; the repeats are interleaved, so a disturbance hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work(sequences[:2])  # warms up
    for _ in range(repeats):
        for name, work in works.items():
            times[name].append(_seconds(lambda work=work: work(sequences)))
    return {name: statistics.median(each) for name, each in times.items()}


def compare(sequences: list[str], *, dtype: torch.dtype, device: str, repeats: int) -> list[str]:
    """The Markdown section for one dtype."""
    torch.manual_seed(0)
    ours = NucleotideTransformerModel(CONFIG).eval().to(device, dtype)
    native = EsmModel(ESM_CONFIG, add_pooling_layer=False).eval().to(device, dtype)
    fixed = partial(plain_loop, rows=FIXED_BATCH, device=device)
    single = partial(plain_loop, rows=1, device=device)
    works: dict[str, Embed] = {
        f"transformers' ESM, padded batches of {FIXED_BATCH} in input order": partial(fixed, native),
        "transformers' ESM, one at a time": partial(single, native),
        f"our model, padded batches of {FIXED_BATCH} in input order": partial(fixed, ours),
        "our model, one at a time": partial(single, ours),
        "our model, `hf_dnalm.embed`": lambda batch: embed(ours, TOKENIZER, batch, dtype=dtype).vectors,
    }
    *_, alone, embedded = works.values()
    difference = float(np.abs(alone(sequences) - embedded(sequences)).max())
    if dtype == torch.float32 and difference > 1e-5:
        raise AssertionError(f"embed and one sequence at a time differ by {difference:.1e}")
    ceiling = matmul_ceiling(dtype, device)
    seconds = measure(works, sequences, repeats)
    tokens = sum(1 + len(sequence) // 6 for sequence in sequences)
    flops = useful_flops(sequences)
    baseline = next(iter(seconds.values()))
    lines = [
        f"## {str(dtype).removeprefix('torch.')}",
        "",
        f"Matrix products reach {ceiling / 1e9:,.0f} GFLOP/s. The vectors of `embed` and of one sequence at a time "
        f"differ by at most {difference:.1e}.",
        "",
        "| | tokens/s | ratio | share of the ceiling |",
        "|---|---|---|---|",
    ]
    for name, each in seconds.items():
        share = flops / each / ceiling
        lines.append(f"| {name} | {tokens / each:,.0f} | {baseline / each:.2f} | {share:.0%} |")
    return [*lines, ""]


def budgets(sequences: list[str], *, dtype: torch.dtype, device: str, repeats: int) -> list[str]:
    """The Markdown section on the token budget."""
    torch.manual_seed(0)
    model = NucleotideTransformerModel(CONFIG).eval().to(device, dtype)

    def work(budget: int) -> Embed:
        return lambda batch: embed(model, TOKENIZER, batch, dtype=dtype, token_budget=budget).vectors

    seconds = measure({f"{budget:,}": work(budget) for budget in BUDGETS}, sequences, repeats)
    tokens = sum(1 + len(sequence) // 6 for sequence in sequences)
    lines = [f"Token budget, {str(dtype).removeprefix('torch.')}:", "", "| tokens in a batch | tokens/s |", "|---|---|"]
    return [*lines, *(f"| {budget} | {tokens / each:,.0f} |" for budget, each in seconds.items()), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], help="default: those of the hardware")
    parser.add_argument("--budgets", action="store_true", help="also measure the token budgets")
    parser.add_argument(
        "--quick", action="store_true", help="4 short sequences, once: does it run? Prints, writes nothing"
    )
    options = parser.parse_args()
    n, repeats = (4, 1) if options.quick else (options.sequences, options.repeats)
    has_bfloat16 = multiplies_bfloat16(torch.device(options.device))
    dtypes = options.dtypes or ["float32", *(["bfloat16"] if has_bfloat16 else [])]
    sequences = make_sequences(n, seed=options.seed)
    if options.quick:
        sequences = [sequence[:180] for sequence in sequences]
    lines = [
        "# Embedding speed on sequences of mixed length",
        "",
        f"{n} random sequences of {LENGTHS[0]} to {LENGTHS[1]} tokens (seed {options.seed}), mean-pooled by the "
        "Nucleotide Transformer v2 configuration with 50 million parameters (random weights) and by transformers' ESM "
        f"with as many parameters in its layers. Medians of {repeats} interleaved repeats; padding does not count as "
        f"tokens. Our token budget: {default_token_budget(torch.device(options.device)):,}.",
        "",
        f"{processor(options.device)}; Python {platform.python_version()}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}.",
        "",
    ]
    for name in dtypes:
        settings = {"dtype": DTYPES[name], "device": options.device, "repeats": repeats}
        lines += compare(sequences, **settings)
        if options.budgets:
            lines += budgets(sequences, **settings)
    text = "\n".join(lines)
    print(text)
    if not options.quick:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
