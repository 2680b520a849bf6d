"""Write sections as a Markdown page, with all text from users and files escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_dnalm.evaluation.sections import Section

_MARKUP = re.compile(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_]))")  # _ is markup only at the edge of a word
_AT_THE_START = re.compile(r"^(\d*)(#+|[-+>.)]|-{3,})(?=\s|$)")


def escaped(text: str) -> str:
    r"""Escape text so that Markdown shows it literally, on one line: no markup, no HTML, no end of a table cell.

    >>> escaped("<script>`rm`</script> a|b\n# c")
    '&lt;script&gt;\\`rm\\`&lt;/script&gt; a\\|b # c'
    >>> escaped("# heading"), escaped("emp_H3"), escaped("p < 0.05 & q")
    ('\\# heading', 'emp_H3', 'p &lt; 0.05 &amp; q')
    >>> escaped("1. _i_ costs $x$"), escaped("---"), escaped("a\x1b[31m")
    ('1\\. \\_i\\_ costs \\$x\\$', '\\---', 'a\\\\x1b\\[31m')
    """
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _AT_THE_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", text))


def markdown(title: str, sentence: str, parts: Sequence[Section]) -> str:
    """Return a Markdown page: title, a sentence, and the sections."""
    lines = [f"# {escaped(title)}", "", escaped(sentence), ""]
    for part in parts:
        lines += [f"## {escaped(part.title)}", ""]
        if part.note:
            lines += [escaped(part.note), ""]
        header, *rows = ([_cell(text) for text in row] for row in part.rows)
        lines += [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A table cell; `**…**` around the complete text stays bold."""
    bold = re.fullmatch(r"\*\*([^*]+)\*\*", text)
    return f"**{escaped(bold[1])}**" if bold else escaped(text)
