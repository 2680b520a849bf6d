"""Logos have the right letters with the right heights, and equal results give identical files."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from hf_dnalm.evaluation.logo import COLOURS, check_logo, draw_logo, write_logo
from hf_dnalm.inference import Mutagenesis

# A position where the model is certain of G, an uncertain one, one with two letters, and an N.
SCORES = np.log([[1e-30, 1e-30, 1, 1e-30], [1, 1, 1, 1], [0.75, 1e-30, 1e-30, 0.25], [np.nan] * 4])
RESULT = Mutagenesis("GACN", SCORES, "by hand")


def _extents(axes):
    return {to_hex(patch.get_facecolor()).upper(): patch.get_path().get_extents() for patch in axes.patches}


def test_letters_are_as_high_as_the_information_says():
    (axes,) = draw_logo(["x"], [RESULT]).axes
    drawn = _extents(axes)
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    heights = {"A": 0.75 * (2 - entropy), "G": 2, "T": 0.25 * (2 - entropy)}
    assert set(drawn) == {COLOURS[letter] for letter in heights}  # no C, nothing at the uncertain position
    for letter, height in heights.items():
        assert drawn[COLOURS[letter]].height == pytest.approx(height, abs=1e-6)
    assert drawn[COLOURS["A"]].y0 == pytest.approx(heights["T"])  # the most likely letter is on top
    assert (drawn[COLOURS["G"]].x0, drawn[COLOURS["G"]].x1) == (pytest.approx(0.04), pytest.approx(0.96))
    assert 2 < drawn[COLOURS["T"]].x0 < drawn[COLOURS["T"]].x1 < 3
    assert [label.get_text() for label in axes.get_xticklabels()] == list("GACN")


def test_long_sequences_go_on_in_the_next_line():
    long = Mutagenesis("A" * 130, np.zeros((130, 4)), "by hand")
    figure = draw_logo(["long", "x"], [long, RESULT])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["long", "… from position 100 (0-based)", "x"]
    assert [len(axes.get_xticklabels()) for axes in figure.axes] == [100, 30, 4]


@pytest.mark.parametrize("extension", [".svg", ".png"])
def test_equal_results_are_equal_files(tmp_path, extension):
    for name in ("a", "b"):
        write_logo(["x"], [RESULT], tmp_path / f"{name}{extension}")
    assert (tmp_path / f"a{extension}").read_bytes() == (tmp_path / f"b{extension}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a{extension}", f"b{extension}"]


def test_a_png_shows_the_colour_of_the_letter_that_is_sure(tmp_path):
    write_logo(["x"], [RESULT], tmp_path / "x.png")
    pixels = {to_hex(colour).upper() for colour in np.unique(imread(tmp_path / "x.png").reshape(-1, 4), axis=0)}
    assert COLOURS["G"] in pixels
    assert COLOURS["C"] not in pixels


@pytest.mark.parametrize(
    ("lengths", "name", "error", "message"),
    [
        ([5], "x.pdf", ValueError, r"x\.pdf: the extension must be one of \.png, \.svg"),
        ([5], "absent/x.png", FileNotFoundError, "there is no folder"),
        ([3950, 51], "x.svg", ValueError, "a logo of 4,001 bp has 41 lines of 100 bp, more than 40; give fewer"),
    ],
)
def test_a_logo_that_cannot_be_is_refused(tmp_path, lengths, name, error, message):
    with pytest.raises(error, match=message):
        check_logo(lengths, tmp_path / name)
