"""Simulated splice sites: a small task with known answers, drawn from published frequencies. Not real sequences."""

from __future__ import annotations

import numpy as np
from datasets import Dataset

from hf_dnalm.tasks import Task

_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)

# Frequencies of bases around human splice sites (introns in regions of low G+C): Zhang M.Q. (1998) Statistical
# features of human exons and their flanking regions, Hum. Mol. Genet. 7:919-932, as printed in Deonier, Tavaré and
# Waterman (2005) Computational Genome Analysis, table 14.3. Rows A C G T.
_DONOR = np.array(  # exon -3..-1, intron +1..+6: xxx|GTxxxx
    [
        [0.38, 0.62, 0.12, 0.00, 0.00, 0.71, 0.73, 0.11, 0.21],
        [0.31, 0.10, 0.04, 0.00, 0.00, 0.02, 0.06, 0.06, 0.10],
        [0.18, 0.12, 0.77, 1.00, 0.00, 0.24, 0.08, 0.75, 0.14],
        [0.13, 0.16, 0.07, 0.00, 1.00, 0.03, 0.13, 0.08, 0.55],
    ]
)
_ACCEPTOR = np.array(  # intron -15..-1, exon +1..+2: …xxAG|xx
    [
        [0.15, 0.14, 0.13, 0.11, 0.10, 0.10, 0.11, 0.12, 0.13, 0.11, 0.10, 0.26, 0.07, 1.00, 0.00, 0.26, 0.24],
        [0.24, 0.21, 0.20, 0.22, 0.21, 0.22, 0.25, 0.28, 0.28, 0.25, 0.22, 0.25, 0.55, 0.00, 0.00, 0.11, 0.15],
        [0.10, 0.12, 0.10, 0.09, 0.10, 0.09, 0.10, 0.10, 0.08, 0.05, 0.05, 0.15, 0.01, 0.00, 1.00, 0.50, 0.20],
        [0.51, 0.53, 0.57, 0.58, 0.59, 0.59, 0.54, 0.50, 0.51, 0.59, 0.63, 0.33, 0.37, 0.00, 0.00, 0.13, 0.41],
    ]
)
_DONOR_EXON = 3  # columns of `_DONOR` before the cut
_ACCEPTOR_INTRON = 15  # columns of `_ACCEPTOR` before the cut

# Counts of neighbouring bases in the human genome (hg19, one strand), first base by second base, both in the order
# A C G T: M. Love, "2-mers", mikelove.wordpress.com/2011/12/02/2-mers. CG is rare, as methylated C mutates to T.
_NEIGHBOURS = np.array(
    [
        [279_490_734, 143_903_156, 199_880_889, 220_891_389],
        [207_352_244, 148_888_857, 28_162_976, 199_989_641],
        [169_602_085, 121_929_296, 148_965_391, 144_228_762],
        [187_721_077, 169_672_559, 207_716_132, 280_279_142],
    ]
)

SPLICE_SITES_SIMULATED = Task(
    name="splice-sites-simulated",
    problem_type="single_label_classification",
    label_names=("donor", "acceptor", "neither"),
    metric="mcc",
    source="simulated by hf_dnalm.data.simulate",
    licence="CC0-1.0",
    citation="Zhang (1998) Statistical features of human exons and their flanking regions. Hum Mol Genet 7:919-932",
    description=(
        "SIMULATED sequences, no real genome: a splice donor (0), a splice acceptor (1) or neither (2) in the middle. "
        "Sites are drawn from published base frequencies of human splice sites, the rest from the human genome's "
        "frequencies of neighbouring bases. Every 'neither' has a GT or an AG in the same place."
    ),
)


def simulate_splice_sites(n: int, *, seed: int, length_bp: int = 200) -> Dataset:
    """Simulated windows with a donor, an acceptor or neither in the middle, a third of each, in random order.

    The background is a Markov chain of order 1 with the neighbour frequencies of the human genome. A donor or acceptor
    is drawn position by position from published frequencies (sources beside the tables in this file), so weak sites
    occur as they do in nature. "Neither" is background with GT (half of them) or AG put where a site would have it:
    the two letters alone decide nothing. The cut between exon and intron is before base `length_bp // 2` (0-based).

    Args:
        n: number of sequences.
        seed: the same seed gives the same rows on every machine and numpy version.
        length_bp: of each, at least 40.

    Returns:
        `name`, `sequence`, `labels` of the task `SPLICE_SITES_SIMULATED`.

    Raises:
        ValueError: fewer than 3 sequences, or shorter than 40 bp.
    """
    if n < 3 or length_bp < 40:
        raise ValueError(f"simulate at least 3 sequences of at least 40 bp, got {n=} of {length_bp=}.")
    generator = np.random.RandomState(seed)  # numpy promises never to change its stream (NEP 19)
    labels = generator.permutation(np.arange(n) % 3)
    bases = _background(generator, n, length_bp)
    cut = length_bp // 2
    donors, acceptors, neither = (np.flatnonzero(labels == label) for label in range(3))
    _place(bases, donors, cut - _DONOR_EXON, _draw_columns(generator, _DONOR, len(donors)))
    _place(bases, acceptors, cut - _ACCEPTOR_INTRON, _draw_columns(generator, _ACCEPTOR, len(acceptors)))
    _place(bases, neither[::2], cut, np.array([2, 3]))  # GT, the first two bases of an intron
    _place(bases, neither[1::2], cut - 2, np.array([0, 2]))  # AG, the last two
    return Dataset.from_dict(
        {
            "name": [f"simulated_{row}" for row in range(n)],
            "sequence": [_BASES[row].tobytes().decode("ascii") for row in bases],
            "labels": labels.astype(np.int64),
        }
    )


def _background(generator: np.random.RandomState, n: int, length_bp: int) -> np.ndarray:
    """(n, length_bp) base numbers 0..3 from the Markov chain, its first base from the single-base frequencies."""
    first = np.cumsum(_NEIGHBOURS.sum(axis=1) / _NEIGHBOURS.sum())
    following = np.cumsum(_NEIGHBOURS / _NEIGHBOURS.sum(axis=1, keepdims=True), axis=1)
    uniform = generator.random_sample((n, length_bp))
    bases = np.empty((n, length_bp), dtype=np.int64)
    bases[:, 0] = (uniform[:, 0, None] > first[:3]).sum(axis=1)
    for position in range(1, length_bp):
        bases[:, position] = (uniform[:, position, None] > following[bases[:, position - 1], :3]).sum(axis=1)
    return bases


def _draw_columns(generator: np.random.RandomState, frequencies: np.ndarray, n: int) -> np.ndarray:
    """(n, positions) base numbers, each position from its own column (which may sum to 0.99 or 1.01 in print)."""
    bounds = np.cumsum(frequencies / frequencies.sum(axis=0), axis=0)[:3].T
    uniform = generator.random_sample((n, frequencies.shape[1]))
    return (uniform[:, :, None] > bounds).sum(axis=2)


def _place(bases: np.ndarray, rows: np.ndarray, start: int, site: np.ndarray) -> None:
    """Write `site` into `rows` of `bases` from position `start` (0-based) on."""
    bases[rows, start : start + site.shape[-1]] = site
