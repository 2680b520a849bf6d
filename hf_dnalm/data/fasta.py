"""Read FASTA one record at a time: names, sequences, and labels in the header."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from hf_dnalm.data.records import Record

EXTENSIONS = (".fa", ".fasta", ".fna", ".fas")


def fasta_records(lines: Iterable[bytes], source: str, *, labelled: bool) -> Iterator[Record]:
    r"""The records of a FASTA file, in order, with one record in memory at a time.

    The name is the first word of the header. With `labelled`, the header is `name|label` or `name|label|label…` and
    the name ends at the first `|`; a header without `|` has no label. Line breaks (also CRLF), trailing
    white space and blank lines are dropped. Letters are not checked here.

    Args:
        lines: the file's lines, for example a binary file handle.
        source: the file's name in error messages.
        labelled: whether headers contain labels.

    Raises:
        ValueError: text before the first `>`, a header without a name, or one that is not UTF-8.

    >>> list(fasta_records([b">a|1 first\r\n", b"AC\n", b"GT\n"], "x.fa", labelled=True))
    [Record(number=1, name='a', sequence='ACGT', label=['1'], sequence2=None)]
    """
    number = 0
    header = b""
    letters: list[bytes] = []
    for place, line in enumerate(lines):
        line = (line if place else line.removeprefix(codecs.BOM_UTF8)).rstrip()
        if line.startswith(b">"):
            if number:
                yield _record(number, header, letters, source, labelled=labelled)
            number, header, letters = number + 1, line, []
        elif line:
            if not number:
                raise ValueError(f"{source}: the first line does not start with '>', so this is not FASTA.")
            letters.append(line)
    if not number:
        raise ValueError(f"{source}: the file has no records; check that it is complete.")
    yield _record(number, header, letters, source, labelled=labelled)


def _record(number: int, header: bytes, letters: list[bytes], source: str, *, labelled: bool) -> Record:
    try:
        text = header[1:].decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{source}: record {number}: the header is not UTF-8 text ({error.reason}); save the file as UTF-8."
        ) from None
    first_word = (text.split(maxsplit=1) or [""])[0]
    name, *labels = first_word.split("|") if labelled else [first_word]
    if not name:
        raise ValueError(f"{source}: record {number} has no name; write one after '>'.")
    sequence = b"".join(letters).decode("utf-8", errors="replace")
    return Record(number, name, sequence, labels or None)
