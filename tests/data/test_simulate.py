"""Simulated splice sites: published frequencies in, the same frequencies out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hf_dnalm.data import SPLICE_SITES_SIMULATED, simulate, simulate_splice_sites

CUT = 100  # first base after the cut, 0-based, of 200 bp
DATA = simulate_splice_sites(9_000, seed=0)
SITES = {label: [row["sequence"] for row in DATA if row["labels"] == label] for label in range(3)}


def frequencies(sequences: list[str], start: int, end: int) -> np.ndarray:
    """(4, end - start) share of A C G T at each position."""
    letters = np.array([list(sequence[start:end]) for sequence in sequences])
    return np.stack([(letters == base).mean(axis=0) for base in "ACGT"])


def test_a_seed_always_gives_the_same_rows() -> None:
    first = simulate_splice_sites(30, seed=5, length_bp=40)
    assert first[:] == simulate_splice_sites(30, seed=5, length_bp=40)[:]
    assert first["sequence"][:] != simulate_splice_sites(30, seed=6, length_bp=40)["sequence"][:]
    assert first[0] == {"name": "simulated_0", "sequence": first[0]["sequence"], "labels": first[0]["labels"]}
    assert Counter(first["labels"][:]) == {0: 10, 1: 10, 2: 10}


def test_sites_have_the_published_frequencies() -> None:
    # 3,000 draws: the standard error of a frequency is below 0.01.
    assert np.abs(frequencies(SITES[0], CUT - 3, CUT + 6) - simulate._DONOR).max() < 0.04
    assert np.abs(frequencies(SITES[1], CUT - 15, CUT + 2) - simulate._ACCEPTOR).max() < 0.04


def test_published_columns_sum_to_one_but_for_rounding() -> None:
    for table in (simulate._DONOR, simulate._ACCEPTOR):
        assert np.abs(table.sum(axis=0) - 1).max() < 0.0201


def test_background_has_the_neighbours_of_the_human_genome() -> None:
    pairs = Counter(sequence[i : i + 2] for sequence in SITES[2] for i in range(120, 198))
    share = {pair: count / sum(pairs.values()) for pair, count in pairs.items()}
    published = simulate._NEIGHBOURS / simulate._NEIGHBOURS.sum()
    for first, letter in enumerate("ACGT"):
        for second, other in enumerate("ACGT"):
            assert share[letter + other] == pytest.approx(published[first, second], abs=0.003)
    assert share["CG"] < 0.25 * share["GC"]


def test_the_two_letters_alone_decide_nothing() -> None:
    assert all(sequence[CUT : CUT + 2] == "GT" for sequence in SITES[0])
    assert all(sequence[CUT - 2 : CUT] == "AG" for sequence in SITES[1])
    decoys = [(sequence[CUT : CUT + 2] == "GT", sequence[CUT - 2 : CUT] == "AG") for sequence in SITES[2]]
    assert all(map(any, decoys))
    assert 0.5 <= np.mean([gt for gt, _ in decoys]) < 0.6
    assert 0.5 <= np.mean([ag for _, ag in decoys]) < 0.6


def test_task_says_that_it_is_simulated() -> None:
    assert SPLICE_SITES_SIMULATED.label_names == ("donor", "acceptor", "neither")
    assert "SIMULATED" in SPLICE_SITES_SIMULATED.description
    assert "simulated" in SPLICE_SITES_SIMULATED.name


@pytest.mark.parametrize(("n", "length_bp"), [(2, 200), (30, 39)])
def test_too_few_or_too_short_is_refused(n: int, length_bp: int) -> None:
    with pytest.raises(ValueError, match=f"at least 3 sequences of at least 40 bp, got n={n} of length_bp={length_bp}"):
        simulate_splice_sites(n, seed=0, length_bp=length_bp)
