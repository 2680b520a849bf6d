"""Write matplotlib figures as PNG or SVG files."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from hf_dnalm.inference.output_files import output_extension, whole_file

# Text is drawn literally: a `$` in a class name does not start a formula.
plain_text = functools.partial(matplotlib.rc_context, {"text.parse_math": False})

FIGURE_FILES = (".png", ".svg")
_DOTS_PER_INCH = 150


def write_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as .png or .svg, completely or not at all; equal figures give identical files.

    Raises:
        ValueError: the extension is neither of these.
        FileNotFoundError: the folder of `path` does not exist.
    """
    path = Path(path)
    extension = output_extension(path, FIGURE_FILES)
    with whole_file(path) as partial, plain_text():
        if extension == ".svg":
            with matplotlib.rc_context({"svg.hashsalt": "figure"}):
                FigureCanvasSVG(figure).print_svg(partial, metadata={"Date": None})
        else:
            figure.set_dpi(_DOTS_PER_INCH)
            FigureCanvasAgg(figure).print_png(partial, metadata={"Software": None})
