"""Tokenizing speed: array path and `tokenizers` pipeline against transformers' EsmTokenizer, side by side in one run.

Writes results/tokenization.md:

    python speed/tokenization.py
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one core, until the one row that asks for all

import numpy as np
import tokenizers
import transformers
from machine import cpu_name
from transformers import EsmTokenizer

from hf_dnalm.tokenization import build_kmer_tokenizer, kmer_vocabulary, with_genome_mode

RESULTS = Path(__file__).parent / "results" / "tokenization.md"
LAYOUT = "nucleotide_transformer_v2"
TOKENIZER = build_kmer_tokenizer(6, layout=LAYOUT, model_max_length=10**9)
READ_BP = 200


def genome_like(n_bp: int, *, seed: int) -> str:
    """Upper-case DNA with 41 % G+C, and N as in an assembly: 5 % in long gaps, 50 short gaps, 500 single letters."""
    random = np.random.default_rng(seed)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[random.choice(4, size=n_bp, p=[0.295, 0.205, 0.205, 0.295])].copy()
    letters[: n_bp // 50] = ord("N")
    letters[n_bp // 2 : n_bp // 2 + n_bp * 3 // 100] = ord("N")
    for start in random.integers(0, n_bp, 50):
        letters[start : start + random.integers(1, 10_000)] = ord("N")
    letters[random.integers(0, n_bp, 500)] = ord("N")
    return letters.tobytes().decode()


def esm_tokenizer() -> EsmTokenizer:
    """The original of these checkpoints, as transformers has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(kmer_vocabulary(6, LAYOUT)))
        return EsmTokenizer(str(path), eos_token=None, model_max_length=10**9)


def on_all_cores(work: Callable[[], object]) -> None:
    """Do the work with the pipeline's own threads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    work()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def measure(works: dict[str, tuple[int, Callable[[], object]]], repeats: int) -> dict[str, tuple[float, float, float]]:
    """Median MB/s by the clock, its range, by name, and the median MB per second of processor time.

    The repeats are interleaved, so a disturbance hits all alike; the first round warms up and does not count.
    """
    clock: dict[str, list[float]] = {name: [] for name in works}
    processor: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, (n_bytes, work) in works.items():
            start = time.perf_counter(), time.process_time()
            work()
            if repeat:
                clock[name].append(n_bytes / 1e6 / (time.perf_counter() - start[0]))
                processor[name].append(n_bytes / 1e6 / (time.process_time() - start[1]))
    return {
        name: (statistics.median(clock[name]), max(clock[name]), statistics.median(processor[name])) for name in works
    }


def table(
    works: dict[str, tuple[int, Callable[[], object]]], repeats: int, *, baseline: str | None = None
) -> list[str]:
    """A Markdown table of `measure`; the ratio is that of processor time."""
    rates = measure(works, repeats)
    ratio = "" if baseline is None else " times EsmTokenizer |"
    lines = [
        f"| | text, MB | MB/s by the clock, median | best | MB per second of processor time, median |{ratio}",
        "|---|---:|---:|---:|---:|" + ("" if baseline is None else "---:|"),
    ]
    for name, (median, best, processor) in rates.items():
        line = f"| {name} | {works[name][0] / 1e6:.1f} | {median:,.1f} | {best:,.1f} | {processor:,.1f} |"
        lines.append(line if baseline is None else f"{line} {processor / rates[baseline][2]:,.1f} |")
    return lines


def compare(n_bp: int, repeats: int) -> list[str]:
    """The three tables."""
    esm = esm_tokenizer()
    chromosome = genome_like(n_bp, seed=1)
    part = chromosome[n_bp // 2 - 1_000_000 : n_bp // 2]
    reads = [part[start : start + READ_BP] for start in range(0, len(part) // 2, READ_BP)]
    assert TOKENIZER.encode_array(part).tolist() == TOKENIZER(part)["input_ids"] == esm(part)["input_ids"]
    assert [ids.tolist() for ids in TOKENIZER.encode_arrays(reads)] == esm(reads)["input_ids"]
    n_reads_bp = sum(map(len, reads))

    long = {
        "EsmTokenizer": (len(part), lambda: esm(part)),
        "pipeline, `tokenizer(text)`": (len(part), lambda: TOKENIZER(part)),
        "array path, `encode_array(text)`, the same text": (len(part), lambda: TOKENIZER.encode_array(part)),
        "array path, `encode_array(text)`, whole": (n_bp, lambda: TOKENIZER.encode_array(chromosome)),
    }
    short = {
        "EsmTokenizer, one by one": (n_reads_bp, lambda: [esm(read) for read in reads]),
        "EsmTokenizer, batch": (n_reads_bp, lambda: esm(reads)),
        "pipeline, one by one": (n_reads_bp, lambda: [TOKENIZER(read) for read in reads]),
        "pipeline, batch": (n_reads_bp, lambda: TOKENIZER(reads)),
        "pipeline, batch, all cores": (n_reads_bp, lambda: on_all_cores(lambda: TOKENIZER(reads))),
        "array path, one by one": (n_reads_bp, lambda: [TOKENIZER.encode_array(read) for read in reads]),
        "array path, `encode_arrays(reads)`": (n_reads_bp, lambda: TOKENIZER.encode_arrays(reads)),
    }
    genome = with_genome_mode(TOKENIZER)
    bases = genome_like(n_bp // 5, seed=2).replace("N", "A")
    soft_masked = "".join(
        piece.lower() if i % 2 else piece
        for i, piece in enumerate(bases[start : start + 300] for start in range(0, len(bases), 300))
    )
    lines = "\n".join(bases[start : start + 60] for start in range(0, len(bases), 60))
    single_n = bases.replace("ACGTA", "ACGNA")
    kinds = {
        "bases alone": (len(bases), lambda: TOKENIZER.encode_array(bases)),
        f"an N every {len(bases) // single_n.count('N'):,} bp": (len(bases), lambda: TOKENIZER.encode_array(single_n)),
        "N alone": (len(bases), lambda: TOKENIZER.encode_array("N" * len(bases))),
        "lines of 60 bp": (len(lines), lambda: TOKENIZER.encode_array(lines)),
        "soft-masked, genome mode": (len(bases), lambda: genome.encode_array(soft_masked)),
    }
    return [
        f"## One long sequence ({n_bp / 1e6:.0f} MB, made like a chromosome with gaps)\n",
        *table(long, repeats, baseline="EsmTokenizer"),
        f"\n## {len(reads):,} reads of {READ_BP} bp\n",
        *table(short, repeats, baseline="EsmTokenizer, batch"),
        "\n## The array path on other kinds of text\n",
        *table(kinds, repeats),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bp", type=int, default=50_000_000, help="length of the long sequence")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    lines = [
        "# Tokenizing speed\n",
        f"6-mers, {LAYOUT}. The ids of all paths are checked to be equal before the clock starts. {arguments.repeats} "
        "interleaved repeats. Everything but the row that says so runs on one core, so its rate by processor time is "
        "what one core does whatever else the machine is doing.\n",
        f"{cpu_name()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; "
        f"Python {platform.python_version()}, numpy {np.__version__}, tokenizers {tokenizers.__version__}, "
        f"transformers {transformers.__version__}. Made by `python speed/tokenization.py`.\n",
        *compare(arguments.bp, arguments.repeats),
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
