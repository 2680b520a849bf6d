"""Embedding real sequences of mixed length compared with common loops, and memory compared with the size of the input.

Speed: genes of the Arabidopsis chloroplast of 200 to 6,000 bp where `--data` has them, random DNA of such lengths
elsewhere. The others run transformers' ESM in float32: one sequence at a time, as BEND's embedder does, and in padded
batches of 16 in input order. Memory: `dnalm embed` with a tiny model on FASTA files of growing size.

Writes results/embed.md. Run it on a quiet machine:

    python speed/embed.py
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import EsmModel

sys.path.insert(0, str(Path(__file__).parent))
from embedding_speed import (
    CONFIG,
    ESM_CONFIG,
    FIXED_BATCH,
    TOKENIZER,
    Embed,
    measure,
    plain_loop,
    useful_flops,
)
from machine import matmul_ceiling, processor

from hf_dnalm import embed, embed_tokens
from hf_dnalm.inference.batches import default_token_budget, multiplies_bfloat16
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerModel

RESULTS = Path(__file__).parent / "results" / "embed.md"
DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "genomes"
GENES_BP = (200, 6_000)
SIZES_MB = (1, 10, 100)
LINE_BP = 60

# The command in a process of its own, which says how much memory it held at most.
CHILD = f"""
import json, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from machine import peak_memory_mib
from hf_dnalm.cli.main import main
start = time.perf_counter()
main(sys.argv[1:])
print(json.dumps({{"seconds": time.perf_counter() - start, "mib": peak_memory_mib()}}))
"""


def real_genes(folder: Path, n: int, *, seed: int) -> list[str] | None:
    """Genes of the chloroplast in a random order, as they stand on the forward strand; None without the files."""
    genome, annotation = (folder / f"arabidopsis_chloroplast_NC_000932.{kind}" for kind in ("fa.gz", "gff3"))
    if not (genome.exists() and annotation.exists()):
        return None
    with gzip.open(genome, "rt") as lines:
        letters = "".join(line.strip() for line in lines if not line.startswith(">"))
    rows = [line.split("\t") for line in annotation.read_text().splitlines() if line.count("\t") == 8]
    genes = [letters[int(row[3]) - 1 : int(row[4])] for row in rows if row[2] == "gene"]
    fitting = [gene for gene in genes if GENES_BP[0] <= len(gene) <= GENES_BP[1]]
    order = np.random.default_rng(seed).permutation(len(fitting))
    return [fitting[index] for index in order[:n]]


def random_genes(n: int, *, seed: int) -> list[str]:
    """Random DNA; half of the lengths are below 850 bp, as of those genes, and few are long."""
    random = np.random.default_rng(seed)
    lengths = random.lognormal(np.log(850), 0.8, size=n).clip(*GENES_BP).astype(int)
    return ["".join(random.choice(list("ACGT"), size=length)) for length in lengths]


def tokens_of(sequences: list[str]) -> int:
    return sum(len(ids) for ids in TOKENIZER.encode_arrays([sequence.upper() for sequence in sequences]))


def speed(sequences: list[str], *, device: str, repeats: int, bfloat16: bool) -> list[str]:
    """The Markdown section on speed."""
    torch.manual_seed(0)
    ours = NucleotideTransformerModel(CONFIG).eval().to(device)
    native = EsmModel(ESM_CONFIG, add_pooling_layer=False).eval().to(device)
    single = partial(plain_loop, native, rows=1, device=device)
    fixed = partial(plain_loop, native, rows=FIXED_BATCH, device=device)

    def embedded(dtype: torch.dtype) -> Embed:
        return lambda some: embed(ours, TOKENIZER, some, dtype=dtype).vectors

    def of_bases(some: list[str]) -> np.ndarray:
        return np.stack([each.mean(0) for each in embed_tokens(ours, TOKENIZER, some, dtype=torch.float32).vectors])

    works: dict[str, tuple[torch.dtype, Embed]] = {
        "transformers' ESM, float32, one at a time (BEND)": (torch.float32, single),
        f"transformers' ESM, float32, padded batches of {FIXED_BATCH}": (torch.float32, fixed),
        "`embed`, float32": (torch.float32, embedded(torch.float32)),
        "`embed_tokens`, a vector per nucleotide, float32": (torch.float32, of_bases),
    }
    if bfloat16:
        works["`embed`, bfloat16"] = (torch.bfloat16, embedded(torch.bfloat16))
    seconds = measure({name: work for name, (_, work) in works.items()}, sequences, repeats)
    ceilings = {dtype: matmul_ceiling(dtype, device) for dtype in {dtype for dtype, _ in works.values()}}
    one, padded, *_ = seconds.values()
    tokens, flops = tokens_of(sequences), useful_flops(sequences)
    said = ", ".join(f"{value / 1e9:,.0f} GFLOP/s in {str(dtype)[6:]}" for dtype, value in ceilings.items())
    lines = [f"Matrix products reach {said} here.", ""]
    lines += ["| | tokens/s | against one at a time | against padded batches | share of the ceiling |"]
    lines += ["|---|---|---|---|---|"]
    for name, each in seconds.items():
        share = flops / each / ceilings[works[name][0]]
        lines.append(f"| {name} | {tokens / each:,.0f} | {one / each:.2f}× | {padded / each:.2f}× | {share:.0%} |")
    return [*lines, ""]


def write_reads(path: Path, megabytes: float, *, one_record: bool) -> int:
    """A FASTA file of random reads of 200 to 6,000 bp, or of one record; how many records it has."""
    random = np.random.default_rng(0)
    left, records = int(megabytes * 1e6), 0
    with open(path, "wb") as file:
        while left > 0:
            length = left if one_record else min(int(random.integers(GENES_BP[0], GENES_BP[1] + 1)), left)
            letters = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, length, dtype=np.uint8)].tobytes()
            lines = (letters[start : start + LINE_BP] for start in range(0, length, LINE_BP))
            file.write(b">read%d\n" % records + b"\n".join(lines) + b"\n")
            left, records = left - length, records + 1
    return records


def memory(sizes_mb: list[float]) -> list[str]:
    """The Markdown section on memory."""
    lines = [
        "`dnalm embed` with a model of one layer and 16 numbers, windows of 128 tokens, to Parquet; resident memory of "
        "the process at its peak. One record is held whole, with the ids of its tokens.",
        "",
        "| FASTA | records | peak MiB | seconds |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 16}
        NucleotideTransformerModel(NucleotideTransformerConfig(**sizes)).save_pretrained(folder / "model")
        TOKENIZER.model_max_length, limit = 128, TOKENIZER.model_max_length
        TOKENIZER.save_pretrained(folder / "model")
        TOKENIZER.model_max_length = limit
        for megabytes, one_record in [*((size, False) for size in sizes_mb), (sizes_mb[-1] / 10, True)]:
            records = write_reads(folder / "x.fa", megabytes, one_record=one_record)
            flags = ["--overflow", "windows", "--token-budget", "16384", "--dtype", "float32", "--device", "cpu"]
            command = [
                "embed",
                str(folder / "model"),
                str(folder / "x.fa"),
                "--output",
                str(folder / "x.parquet"),
                *flags,
            ]
            done = subprocess.run([sys.executable, "-c", CHILD, *command], capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            said = json.loads(done.stdout.splitlines()[-1])
            lines.append(f"| {megabytes:g} MB | {records:,} | {said['mib']:,.0f} | {said['seconds']:.0f} |")
            print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sequences", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with the chloroplast's genome and genes")
    parser.add_argument("--bfloat16", action="store_true", help="measure it where the hardware has none, too")
    parser.add_argument("--sizes", type=float, nargs="*", default=SIZES_MB, metavar="MB", help="none leaves memory out")
    parser.add_argument("--quick", action="store_true", help="4 short sequences and 0.1 MB: does it run? Prints alone")
    options = parser.parse_args()
    n, repeats, sizes = (4, 1, [0.1]) if options.quick else (options.sequences, options.repeats, list(options.sizes))
    sequences = real_genes(options.data, n, seed=options.seed)
    origin = "genes of the Arabidopsis chloroplast (NC_000932)"
    if sequences is None:
        sequences, origin = random_genes(n, seed=options.seed), "random sequences"
    if options.quick:
        sequences = [sequence[:180] for sequence in sequences]
    lengths = sorted(map(len, sequences))
    has_bfloat16 = multiplies_bfloat16(torch.device(options.device))
    lines = [
        "# Embedding files of sequences",
        "",
        f"{processor(options.device)}; Python {platform.python_version()}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}.",
        "",
        "## Speed",
        "",
        f"{len(sequences)} {origin} of {lengths[0]:,} to {lengths[-1]:,} bp, half of them below "
        f"{lengths[len(lengths) // 2]:,}: {tokens_of(sequences):,} tokens. Mean vectors by the Nucleotide Transformer "
        "v2 configuration with 50 million parameters (random weights) and by transformers' ESM with as many in its "
        f"layers. Medians of {repeats} interleaved repeats; padding does not count as tokens. Our token budget: "
        f"{default_token_budget(torch.device(options.device)):,}.",
        "",
        *speed(sequences, device=options.device, repeats=repeats, bfloat16=has_bfloat16 or options.bfloat16),
    ]
    print("\n".join(lines), flush=True)
    if sizes:
        lines += ["## Memory", "", *memory(sizes)]
    if not options.quick:
        RESULTS.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
