"""FASTA, one record at a time: names, letters, and labels that stand in the header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hf_dnalm.data.records import Record

EXTENSIONS = (".fa", ".fasta", ".fna", ".fas")


def fasta_records(lines: Iterable[bytes], source: str, *, labelled: bool) -> Iterator[Record]:
    r"""The records of a FASTA file, in order, holding one record in memory at a time.

    The name is the first word of the header. With `labelled`, the header is `name|label` or `name|label|label…` and
    the name ends at the first `|`; a header without `|` has no label. Line breaks (also CRLF), white space at the end
    of a line and blank lines are dropped. Letters are not checked here.

    Args:
        lines: the file's lines, for example a binary file handle.
        source: what errors call the file.
        labelled: whether headers carry labels.

    Raises:
        ValueError: text before the first `>`, or a header without a name.

    >>> list(fasta_records([b">a|1 first\r\n", b"AC\n", b"GT\n"], "x.fa", labelled=True))
    [Record(number=1, name='a', sequence='ACGT', label=['1'], sequence2=None)]
    """
    number = 0
    header = b""
    letters: list[bytes] = []
    for line in lines:
        line = line.rstrip()
        if line.startswith(b">"):
            if number:
                yield _record(number, header, letters, source, labelled=labelled)
            number, header, letters = number + 1, line, []
        elif line:
            if not number:
                raise ValueError(f"{source}: the first line does not start with '>', so this is not FASTA")
            letters.append(line)
    if not number:
        raise ValueError(f"{source}: the file holds no records")
    yield _record(number, header, letters, source, labelled=labelled)


def _record(number: int, header: bytes, letters: list[bytes], source: str, *, labelled: bool) -> Record:
    first_word = (header[1:].decode("utf-8", errors="replace").split(maxsplit=1) or [""])[0]
    name, *labels = first_word.split("|") if labelled else [first_word]
    if not name:
        raise ValueError(f"{source}: record {number} has no name; write one after '>'")
    sequence = b"".join(letters).decode("utf-8", errors="replace")
    return Record(number, name, sequence, labels or None)
