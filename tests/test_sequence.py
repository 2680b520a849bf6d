"""Normalisation, the reverse complement and windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.sequence import IUPAC_CODES, normalize, reverse_complement, windows

DNA = st.text(alphabet="ACGTN" + IUPAC_CODES + "acgtn" + IUPAC_CODES.lower())


@pytest.mark.parametrize(
    ("written", "normal"),
    [("ACGTN", "ACGTN"), ("acgtn", "ACGTN"), ("AcRyswkmbdhvG", "ACNNNNNNNNNNG"), ("", "")],
)
def test_normal_form_is_upper_case_with_iupac_codes_as_n(written: str, normal: str) -> None:
    assert normalize(written) == normal


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("ACJT", r"^x\.fa: record 1: letter 'J' at position 3 \(counted from 1\) is not DNA; allowed are A C G T N"),
        ("ACU", "letter 'U' at position 3 .*RNA: replace U with T"),
        ("uAC", "letter 'u' at position 1 .*replace U with T"),
        ("AC-T", "letter '-' at position 3 .*remove the gaps"),
        ("AC.T", "letter '.' at position 3 .*remove the gaps"),
        ("AC GT", "letter ' ' at position 3 .*remove the white space"),
        ("AC\tGT", r"letter '\\t' at position 3 .*remove the white space"),
        ("AC1", "letter '1' at position 3"),
        ("AC*", r"letter '\*' at position 3"),
        ("ACÉ", "letter 'É' at position 3"),
        ("AC?", r"letter '\?' at position 3"),
        ("A\x00C", "at position 2"),
        ("A\ud800C", "at position 2"),
        ("A" * 1_234 + "Z", "position 1,235"),
    ],
)
def test_other_letters_are_refused_with_position_and_way_out(written: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        normalize(written, source="x.fa: record 1")


@given(DNA)
def test_normalizing_twice_changes_nothing_and_keeps_the_length(sequence: str) -> None:
    normal = normalize(sequence)
    assert normalize(normal) == normal
    assert len(normal) == len(sequence)
    assert set(normal) <= set("ACGTN")


@pytest.mark.parametrize(
    ("sequence", "other_strand"),
    [("AACG", "CGTT"), ("acgT", "Acgt"), ("RYSWKMBDHVN", "NBDHVKMWSRY"), ("", ""), ("N", "N")],
)
def test_reverse_complement_knows_iupac_and_keeps_case(sequence: str, other_strand: str) -> None:
    assert reverse_complement(sequence) == other_strand


@given(DNA)
def test_reverse_complement_of_reverse_complement_is_identity(sequence: str) -> None:
    assert reverse_complement(reverse_complement(sequence)) == sequence


@given(DNA)
def test_normalizing_and_reverse_complementing_commute(sequence: str) -> None:
    assert normalize(reverse_complement(sequence)) == reverse_complement(normalize(sequence))


def test_reverse_complement_refuses_other_letters() -> None:
    with pytest.raises(ValueError, match="letter 'U' at position 2"):
        reverse_complement("AUG")


@given(st.integers(0, 500), st.integers(1, 60), st.data())
def test_windows_cover_every_base_and_have_one_length(length_bp: int, window_bp: int, data: st.DataObject) -> None:
    stride_bp = data.draw(st.integers(1, window_bp))
    spans = windows(length_bp, window_bp=window_bp, stride_bp=stride_bp)
    covered = np.zeros(length_bp, dtype=bool)
    for start, end in spans:
        assert end - start == min(window_bp, length_bp)
        covered[start:end] = True
    assert covered.all()
    assert (np.diff(spans[:, 0]) > 0).all()


@pytest.mark.parametrize(("length_bp", "window_bp", "stride_bp"), [(-1, 4, 2), (10, 0, 1), (10, 4, 0), (10, 4, 5)])
def test_windows_that_would_miss_bases_are_refused(length_bp: int, window_bp: int, stride_bp: int) -> None:
    with pytest.raises(ValueError, match="so that no base is missed"):
        windows(length_bp, window_bp=window_bp, stride_bp=stride_bp)
