"""Every family's forward speed and memory compared with the usual alternative, at 512, 4,096 and 32,768 bp.

Each measurement runs in a process of its own, ours and the peer's one after the other, so that memory can be told
apart. Weights are random, of the shape of a published checkpoint. Before a plain peer is measured, both must agree.

    python speed/families.py
    python speed/families.py --families dnabert2 caduceus --lengths 512 --rounds 1
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))
import peers
from machine import cpu_name, matmul_ceiling, peak_memory_mib, resident_mib
from torch.utils.flop_counter import FlopCounterMode

from hf_dnalm.checkpoints import find_checkpoint
from hf_dnalm.registry import config_class, model_class

RESULTS = Path(__file__).parent / "results" / "families.md"
LENGTHS_BP = (512, 4_096, 32_768)
_UP_TO_4096_TOKENS = (512, 4_096, 27_115)
_MIXED = "## DNABERT-2 on mixed lengths"
_BOUND = "## What BigBird's attention leaves"
# Seconds after which a measurement is given up, for how many a forward is repeated in one process, and how long a first
# forward may take and not be counted.
LIMIT = 150
LEAST = 1.5
WARM_UP = 20


class Family(NamedTuple):
    """What is measured of a family.

    Attributes:
        hub_id: the published checkpoint whose shape is taken.
        bp_per_token: on average; of byte pairs, as their published tokenizers cut 300 kb of human chromosome 22.
        peer: what a user would run instead, in words.
        make_peer: our model → the peer.
        same_weights: the peer computes with our weights, so the numbers must agree.
        config: fields that differ from the published ones.
        lengths: in bp; of a model that reads 4,096 tokens, as many as that in place of the longest.
    """

    hub_id: str
    bp_per_token: float
    peer: str
    make_peer: Callable[[Any], peers.Forward]
    same_weights: bool = False
    config: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    lengths: tuple[int, ...] = LENGTHS_BP


def _sequential(model: Any) -> peers.Forward:
    """Our Caduceus with the recurrence written as a loop over the tokens in place of our scan."""
    from hf_dnalm.modeling import layers_caduceus

    scan = layers_caduceus.selective_scan

    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        layers_caduceus.selective_scan = peers.sequential_scan
        try:
            return model(input_ids=ids).last_hidden_state
        finally:
            layers_caduceus.selective_scan = scan

    return forward


_HEADER = (
    *("family", "checkpoint", "bp", "tokens", "tokens/s", "bp/s", "of the ceiling", "MiB"),
    *("peer's tokens/s", "its MiB", "ratio"),
)
_ESM = "transformers' ESM of as many parameters, sdpa"
_BERT = "transformers' BERT of the same size, sdpa"
_BIG_BIRD = "transformers' BigBird of the same size, block-sparse"
FAMILIES: dict[str, Family] = {
    "nucleotide_transformer": Family(
        "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species", 6, _ESM, lambda model: peers.esm(model.config)
    ),
    "dnabert2": Family(
        "zhihan1996/DNABERT-2-117M",
        5.19,
        "the official code's algorithm, all pairs written out",
        peers.dense_dnabert2,
        same_weights=True,
    ),
    "gena_bert": Family("AIRI-Institute/gena-lm-bert-base-t2t", 6.62, _BERT, lambda model: peers.bert(model.config)),
    "gena_bert (block-sparse)": Family(
        "AIRI-Institute/gena-lm-bigbird-base-sparse-t2t",
        6.62,
        _BIG_BIRD,
        lambda model: peers.big_bird(model.config),
        lengths=_UP_TO_4096_TOKENS,
    ),
    "gena_bigbird": Family(
        "AIRI-Institute/gena-lm-bigbird-base-t2t",
        6.62,
        _BIG_BIRD,
        lambda model: peers.big_bird(model.config),
        lengths=_UP_TO_4096_TOKENS,
    ),
    "dnabert": Family("zhihan1996/DNA_bert_6", 1, _BERT, lambda model: peers.bert(model.config)),
    "grover": Family("PoetschLab/GROVER", 4.07, _BERT, lambda model: peers.bert(model.config)),
    "hyenadna": Family(
        "LongSafari/hyenadna-small-32k-seqlen-hf",
        1,
        "the official port's algorithm",
        peers.plain_hyenadna,
        same_weights=True,
    ),
    "caduceus": Family(
        "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16",
        1,
        "the same with a scan token by token",
        _sequential,
        same_weights=True,
        config={"scan": "torch"},
    ),
    "gpn": Family("songlab/gpn-brassicales", 1, "the official code's layers", peers.plain_gpn, same_weights=True),
    "awd_lstm": Family("bend-awd-lstm", 1, "the official loop over letters", peers.lstm_by_steps, same_weights=True),
}


def build(family: Family) -> Any:
    """Our model without a head, of the checkpoint's shape, random weights from seed 0."""
    found = find_checkpoint(family.hub_id)
    assert found is not None, f"{family.hub_id} is not known"
    passport, checkpoint = found
    config = config_class(passport)(**passport.translate(checkpoint.config) | family.config)
    torch.manual_seed(0)
    return model_class(passport, "AutoModel")._from_config(config).eval()


def inputs(family: Family, model: Any, length_bp: int, rows: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids that the model has, and a mask of ones."""
    n = round(length_bp / family.bp_per_token)
    torch.manual_seed(length_bp)
    vocabulary = model.config.vocab_size
    low, high = (7, 11) if vocabulary in (12, 16) else (3, 7) if vocabulary == 7 else (5, vocabulary)
    ids = torch.randint(low, high, (rows, n))
    return ids, torch.ones_like(ids)


def fits(family: Family, length_bp: int) -> bool:
    """Whether the model reads so many bp."""
    found = find_checkpoint(family.hub_id)
    assert found is not None
    passport, checkpoint = found
    limit = checkpoint.context_tokens if passport.limited else None
    return limit is None or round(length_bp / family.bp_per_token) <= limit


@torch.inference_mode()
def measure(name: str, side: str, length_bp: int) -> dict[str, float]:
    """Median seconds of a forward after one that is not counted (unless that takes long), the peak of memory above what
    the weights take (MiB), and the operations of its matrix products (those of attention and convolutions included).
    The side "free" is ours with an attention that costs nothing: it gives the values back.
    """
    family = FAMILIES[name]
    model = build(family)
    ids, mask = inputs(family, model, length_bp)
    if side == "free":
        from hf_dnalm.modeling import layers_gena_bigbird

        layers_gena_bigbird.block_sparse_attention = lambda query, key, value, *_, **__: value
    if side != "peer":
        forward: peers.Forward = lambda ids, mask: model(input_ids=ids, attention_mask=mask).last_hidden_state  # noqa: E731
    else:
        forward = family.make_peer(model)
        if family.same_weights:
            short = inputs(family, model, 200)
            difference = (forward(*short) - model(*short).last_hidden_state).abs().max().item()
            assert difference < 1e-3, f"{name}: ours and {family.peer} differ by {difference:.1e}"
    before = resident_mib()
    counter = FlopCounterMode(display=False)
    start = time.perf_counter()
    with counter if side != "peer" else contextlib.nullcontext():  # it slows a loop over tokens down
        forward(ids, mask)
    first = time.perf_counter() - start
    seconds = [first] if first > WARM_UP else []
    while sum(seconds) < LEAST:
        start = time.perf_counter()
        forward(ids, mask)
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(seconds),
        "tokens": ids.shape[1],
        "mib": max(peak_memory_mib() - before, 0.0),
        "operations": counter.get_total_flops(),
    }


def in_turns(name: str, length_bp: int, rounds: int) -> list[dict[str, float] | None]:
    """Both sides, ours first, in the round whose ratio is the median: a machine's speed moves from minute to minute."""
    done = []
    for _ in range(rounds):
        done.append([in_own_process(name, side, length_bp) for side in ("ours", "peer")])
        if None in done[-1]:
            return done[-1]
    done.sort(key=lambda sides: sides[1]["seconds"] / sides[0]["seconds"])
    return done[len(done) // 2]


def in_own_process(name: str, side: str, length_bp: int) -> dict[str, float] | None:
    """`measure` in a fresh process; None where it takes too long or runs out of memory."""
    command = [sys.executable, __file__, "--cell", name, side, str(length_bp)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        if error.returncode == -9:
            return None
        raise RuntimeError(f"{name}, {side}, {length_bp:,} bp:\n{error.stderr}") from None
    return json.loads(done.stdout.splitlines()[-1])


def mixed_lengths(rounds: int) -> list[str]:
    """DNABERT-2 on mixed lengths: our loop against padded batches in input order by the official algorithm."""
    import numpy as np

    from hf_dnalm.inference.batches import Batch, run_batches

    family = FAMILIES["dnabert2"]
    model = build(family)
    dense = family.make_peer(model)
    random = np.random.default_rng(0)
    lengths = random.integers(20, 513, size=48)
    sequences = [random.integers(5, model.config.vocab_size, size=length) for length in lengths]

    def ours() -> None:
        def forward(batch: Batch) -> torch.Tensor:
            return model(batch.input_ids, batch.attention_mask).last_hidden_state.mean(1)

        run_batches(model, sequences, forward, pad_token_id=3, dtype=torch.float32)

    def theirs() -> None:
        for start in range(0, len(sequences), 16):
            rows = [torch.from_numpy(each) for each in sequences[start : start + 16]]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=3)
            mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            dense(ids, mask)

    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, work in (("ours", ours), ("theirs", theirs)):
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    own, other = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    total = int(lengths.sum())
    return [
        _MIXED,
        "",
        f"48 sequences of 20 to 512 tokens, {total:,} tokens. Theirs: the official algorithm, padded batches of 16 in "
        "input order; ours: `hf_dnalm.inference`'s loop.",
        "",
        "| | tokens/s | ratio |",
        "|---|---|---|",
        f"| ours | {total / own:,.0f} | {other / own:.2f}× |",
        f"| theirs | {total / other:,.0f} | |",
    ]


def report(names: list[str], lengths: list[int] | None, rounds: int, kept: list[str]) -> str:
    """The page of results in Markdown; of families that are not measured now the rows of an earlier run are kept."""
    ceiling = matmul_ceiling()
    lines = [
        "# Families: forward speed and memory",
        "",
        f"Written by `speed/families.py`. {cpu_name()}, {torch.get_num_threads()} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}. float32, "
        f"one sequence; ours and the peer in turns, each in a process of its own for {LEAST} s or more, the "
        f"round of {rounds} with the median ratio; rows of families that this run left out are kept from earlier ones. "
        "Memory is the peak above the weights. Shapes are those of the published checkpoints, weights are random. The "
        f"ceiling is a lone matrix product, now {ceiling / 1e9:,.0f} GFLOP/s; scans, Fourier transforms and "
        "elementwise work count nothing towards it.",
        "",
        f"| {' | '.join(_HEADER)} |",
        "|---" * len(_HEADER) + "|",
    ]
    bound: list[str] = []
    for name in FAMILIES:
        if name not in names:
            lines += [row for row in kept if row.startswith(f"| {name} |")]
            continue
        family = FAMILIES[name]
        for length in family.lengths if lengths is None else lengths:
            if not fits(family, length):
                continue
            own, other = in_turns(name, length, rounds)
            if name == "gena_bigbird" and length == max(family.lengths) and own and other:
                free = in_own_process(name, "free", length)
                bound = _bound(own, other, free)
            cells = [name, family.hub_id.rpartition("/")[2], f"{length:,}"]
            cells += ["", "stopped", "", "", ""] if own is None else _cells(own, length, ceiling)
            if other is None:
                cells += [f"over {LIMIT} s or out of memory", "", ""]
            else:
                ratio = "" if own is None else f"{other['seconds'] / own['seconds']:.2f}×"
                cells += [f"{other['tokens'] / other['seconds']:,.0f}", f"{other['mib']:,.0f}", ratio]
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    lines += ["", "The peers:", "", *(f"- {name}: {family.peer}" for name, family in FAMILIES.items()), ""]
    lines += bound or _section(kept, _BOUND)
    lines += mixed_lengths(rounds) if "dnabert2" in names else _section(kept, _MIXED)
    return "\n".join(lines) + "\n"


def _bound(own: dict[str, float], other: dict[str, float], free: dict[str, float] | None) -> list[str]:
    """What remains of our time without attention, and so how much faster than the peer any attention could be."""
    if free is None:
        return []
    return [
        _BOUND,
        "",
        f"At {own['tokens']:,} tokens our forward takes {own['seconds']:.1f} s, the peer's {other['seconds']:.1f} s. "
        f"With an attention that costs nothing ours takes {free['seconds']:.1f} s: the projections and feed-forward "
        f"blocks, which the peer pays too. On this machine no attention could be more than "
        f"{other['seconds'] / free['seconds']:.1f}× as fast as the peer.",
        "",
    ]


def _section(page: list[str], title: str) -> list[str]:
    """A section of an earlier page, its title included."""
    if title not in page:
        return []
    start = page.index(title)
    return page[start : next((i for i in range(start + 1, len(page)) if page[i].startswith("## ")), len(page))]


def _cells(measured: dict[str, float], length_bp: int, ceiling: float) -> list[str]:
    rate = measured["tokens"] / measured["seconds"]
    return [
        f"{measured['tokens']:,}",
        f"{rate:,.0f}",
        f"{length_bp / measured['seconds']:,.0f}",
        f"{measured['operations'] / measured['seconds'] / ceiling:.0%}",
        f"{measured['mib']:,.0f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--lengths", nargs="+", type=int, help="in bp; default: those of each family")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--cell", nargs=3, metavar=("FAMILY", "SIDE", "BP"), help="one measurement, printed as JSON")
    arguments = parser.parse_args()
    if arguments.cell:
        name, side, length = arguments.cell
        print(json.dumps(measure(name, side, int(length))))
        return
    kept = arguments.output.read_text().splitlines() if arguments.output.exists() else []
    page = report(arguments.families, arguments.lengths, arguments.rounds, kept)
    temporary = arguments.output.with_suffix(".partial")
    temporary.write_text(page)
    os.replace(temporary, arguments.output)
    print(page)


if __name__ == "__main__":
    main()
