"""Write the report as a single HTML page with text, tables and inline SVG, and no external resources."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from hf_dnalm.evaluation.plots import Plot, not_drawn, to_svg

if TYPE_CHECKING:
    from hf_dnalm.evaluation.sections import Section

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #ffffff; --soft: #5b6470; --line: #d9dee4; --tint: #f3f6f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --page: #15181c; --soft: #9aa4b0; --line: #343b44; --tint: #1e2329; }
}
body { margin: 0 auto; max-width: 58rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
.verdict { font-size: 1.1rem; background: var(--tint); border-left: 4px solid #0072B2; padding: .9rem 1.1rem;
  margin: 0; }
.note, figcaption { color: var(--soft); font-size: .9rem; margin: .25rem 0 .6rem; }
figure { margin: 0; }
figure svg { max-width: 100%; height: auto; color: var(--ink); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.2rem .35rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; }
th { font-weight: 600; }
tr td:first-child { white-space: nowrap; overflow-wrap: normal; }
"""


def render_html(title: str, sentence: str, parts: Sequence[Section], plots: Sequence[Plot]) -> str:
    """Return the page: the first table (the metrics), the plots, then the other tables."""
    first, *rest = parts
    body = [f"<h1>{escape(title)}</h1>", f'<p class="verdict">{escape(sentence)}</p>', _table(first)]
    body += [_figure(plot) for plot in plots]
    body += [_table(part) for part in rest]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _table(part: Section) -> str:
    header, *rows = part.rows
    note = f'<p class="note">{escape(part.note)}</p>\n' if part.note else ""
    head = f"<thead><tr>{_cells('th', header)}</tr></thead>\n" if any(header) else ""
    lines = "\n".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return (
        f'<section>\n<h2>{escape(part.title)}</h2>\n{note}<div class="table"><table>\n{head}'
        f"<tbody>\n{lines}\n</tbody>\n</table></div>\n</section>"
    )


def _cells(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in row)


def _text(text: str) -> str:
    """A cell's text; as in Markdown, `**…**` around the complete text makes it bold."""
    if len(text) > 4 and text.startswith("**") and text.endswith("**"):
        return f"<strong>{escape(text[2:-2])}</strong>"
    return escape(text)


def _figure(plot: Plot) -> str:
    svg, caption = "", plot.caption
    if plot.figure is not None:
        try:
            svg = to_svg(plot)
        except Exception as error:  # as in `drawn_or_noted`
            caption = not_drawn(plot.name, error)
    return (
        f"<section>\n<h2>{escape(plot.title)}</h2>\n<figure>\n{svg}\n"
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n</section>"
    )
