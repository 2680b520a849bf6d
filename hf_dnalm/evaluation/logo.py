"""Sequence logos of the letters that a model predicts, with heights that show how certain the prediction is."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

from hf_dnalm.evaluation.figures import FIGURE_FILES, plain_text, write_figure
from hf_dnalm.inference.output_files import output_extension
from hf_dnalm.inference.substitutions import Mutagenesis

LETTERS = "ACGT"
# The field's conventional colours (A green, C blue, G yellow, T red) from Okabe and Ito's palette, which colour-blind
# readers can distinguish.
COLOURS = {"A": "#009E73", "C": "#0072B2", "G": "#E69F00", "T": "#D55E00"}
BASES_PER_LINE = 100
MAX_LINES = 40
_LETTER_WIDTH = 0.92  # share of the width of a base
_LOWEST = 1e-3  # bits; lower letters are invisible


class _Line(NamedTuple):
    """One line of a logo: some bases of one sequence."""

    title: str
    start: int  # 0-based
    sequence: str
    heights: np.ndarray  # (bases, 4) bits


def check_logo(lengths_bp: Sequence[int], path: Path) -> None:
    """Refuse a logo that cannot be written or would be too large to read; call this before any computing.

    Raises:
        ValueError: the extension is not .png or .svg, or the logo has more than `MAX_LINES` lines.
        FileNotFoundError: the folder of `path` does not exist.
    """
    output_extension(path, FIGURE_FILES)
    lines = sum(math.ceil(length / BASES_PER_LINE) for length in lengths_bp)
    if lines > MAX_LINES:
        raise ValueError(
            f"a logo of {sum(lengths_bp):,} bp has {lines:,} lines of {BASES_PER_LINE} bp, more than {MAX_LINES}; give "
            "fewer or shorter sequences."
        )


@plain_text()
def draw_logo(names: Sequence[str], results: Sequence[Mutagenesis]) -> Figure:
    """Draw the sequence logo of some sequences, up to 100 bp per line, with the sequence's own letters below.

    The height of a letter is its predicted probability times the information at the position, in bits: 2 if the model
    is certain, 0 if all letters are equally likely (`Mutagenesis.information`).

    Raises:
        ValueError: the logo has more than 40 lines.
    """
    check_logo([len(result.sequence) for result in results], Path("logo.svg"))
    lines = []
    for name, result in zip(names, results, strict=True):
        heights = result.information()
        for start in range(0, len(heights), BASES_PER_LINE):
            part = slice(start, start + BASES_PER_LINE)
            lines.append(_Line(name if start == 0 else "", start, result.sequence[part], heights[part]))
    bases = max(len(line.sequence) for line in lines)
    figure = Figure(figsize=(1.2 + 0.14 * max(bases, 20), 1.7 * len(lines)), layout="constrained")
    for number, line in enumerate(lines):
        _draw(figure.add_subplot(len(lines), 1, number + 1), line, room=max(bases, 20))
    return figure


def write_logo(names: Sequence[str], results: Sequence[Mutagenesis], path: str | os.PathLike[str]) -> None:
    """Draw a logo and write it as .png or .svg, completely or not at all; equal results give identical files.

    Raises:
        ValueError, FileNotFoundError: as `check_logo`.
    """
    check_logo([len(result.sequence) for result in results], Path(path))
    write_figure(draw_logo(names, results), path)


def _draw(axes: Axes, line: _Line, *, room: int) -> None:
    outlines: dict[str, list[Outline]] = {letter: [] for letter in LETTERS}
    for place, heights in enumerate(np.nan_to_num(line.heights)):
        bottom = 0.0
        for letter in np.argsort(heights, kind="stable"):  # the most likely letter is on top
            height = float(heights[letter])
            if height > _LOWEST:
                vertices, codes = _outline(LETTERS[letter])
                corner = np.array([place + (1 - _LETTER_WIDTH) / 2, bottom])
                outlines[LETTERS[letter]].append(Outline(vertices * np.array([_LETTER_WIDTH, height]) + corner, codes))
            bottom += height
    for letter, drawn in outlines.items():
        if drawn:
            axes.add_patch(PathPatch(Outline.make_compound_path(*drawn), facecolor=COLOURS[letter], linewidth=0))
    axes.set(xlim=(0, room), ylim=(0, 2), yticks=(0, 1, 2), ylabel="bits")
    axes.set_xticks(np.arange(len(line.sequence)) + 0.5, list(line.sequence), fontsize=7, family="monospace")
    axes.tick_params(axis="x", length=0, pad=1)
    axes.set_title(f"{line.title}" if line.title else f"… from position {line.start} (0-based)", fontsize=9, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


@functools.cache
def _outline(letter: str) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) corners of a letter that fills the square from (0, 0) to (1, 1), and matplotlib's (n,) code of each."""
    outline = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = outline.get_extents()
    vertices = (np.asarray(outline.vertices) - np.array([box.x0, box.y0])) / np.array([box.width, box.height])
    return vertices, np.asarray(outline.codes)
