"""Read VCF files as text: the header, and each record's alternative alleles with its line number.

Records keep their original text, so columns that are not interpreted here survive when the file is written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hf_dnalm.compression import open_bytes
from hf_dnalm.genome.places import Variant

COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_NAMES = f"{' '.join(COLUMNS)}, separated by tabs"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BCF = b"BCF"


class VcfRecord(NamedTuple):
    """A record (line) of a VCF file.

    Attributes:
        number: line number in the file, 1-based.
        cells: all columns as text.
        variants: one for each alternative allele, in order; empty if ALT is ".". Alleles made of letters are in upper
            case, others (`<DEL>`, `*`, breakends) are unchanged. `start` is -1 if POS is 0.
    """

    number: int
    cells: list[str]
    variants: list[Variant]


class VcfFile(NamedTuple):
    """An open VCF file.

    Attributes:
        header: the lines up to the column names, without line ends.
        records: an iterator over the records, which can be read once.
    """

    header: list[str]
    records: Iterator[VcfRecord]

    @classmethod
    @contextmanager
    def open(cls, path: str | os.PathLike[str]) -> Iterator[VcfFile]:
        """Open a VCF file: plain, gzip or bgzip.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: the file is not VCF, or a line is malformed; the message has the line number.
        """
        with open_bytes(os.fspath(path)) as handle:
            lines = _text_lines(handle, path)
            header: list[str] = []
            for number, line in lines:
                if not line.startswith("#"):
                    raise ValueError(
                        f"{os.fspath(path)}: line {number}: a record without a header before it. A VCF file begins "
                        f"with ##fileformat=VCFv4.2 and has a line of column names: {_NAMES}."
                    )
                header.append(line)
                if line.startswith("#CHROM"):
                    _check_columns(line, path, number)
                    yield cls(header, _records(lines, path))
                    return
            raise ValueError(f"{os.fspath(path)}: no line of column names ({_NAMES}); this is not a VCF file.")


def read_variants(path: str | os.PathLike[str]) -> Iterator[Variant]:
    """Read the variants of a VCF file, plain or compressed, in order, one for each alternative allele.

    Symbolic alleles (`<DEL>`, `*`, breakends) are included unchanged: `score_variants` reports for each variant why it
    has no score.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not VCF, or a line is malformed.
    """
    with VcfFile.open(path) as vcf:
        for record in vcf.records:
            yield from record.variants


def _records(lines: Iterator[tuple[int, str]], path: str | os.PathLike[str]) -> Iterator[VcfRecord]:
    for number, line in lines:
        if line:
            yield _record(line, number, path)


def _record(line: str, number: int, path: str | os.PathLike[str]) -> VcfRecord:
    where = f"{os.fspath(path)}: line {number}"
    cells = line.split("\t")
    if len(cells) < len(COLUMNS):
        fault = f"has {len(cells)} columns separated by tabs"
        if len(line.split()) >= len(COLUMNS):
            fault = "is separated by spaces"
        raise ValueError(f"{where} {fault}; VCF has at least {len(COLUMNS)}: {_NAMES}.")
    contig, position, name, ref, alts = cells[:5]
    if not re.fullmatch(r"\d{1,18}", position, re.ASCII):
        raise ValueError(f"{where}: POS is {position!r}, but must be a whole number, counted from 1.")
    if not contig or not ref:
        raise ValueError(f"{where}: {'CHROM' if not contig else 'REF'} is empty.")
    name = "" if name == "." else name
    alternatives = [] if alts == "." else alts.split(",")
    start = int(position) - 1
    return VcfRecord(number, cells, [Variant(contig, start, _upper(ref), _upper(alt), name) for alt in alternatives])


def _upper(allele: str) -> str:
    return allele.upper() if allele.isalpha() else allele


def _check_columns(line: str, path: str | os.PathLike[str], number: int) -> None:
    if tuple(line.split("\t")[: len(COLUMNS)]) == COLUMNS:
        return
    reason = "is separated by spaces" if tuple(line.split()[: len(COLUMNS)]) == COLUMNS else "has other columns"
    raise ValueError(f"{os.fspath(path)}: line {number} {reason}; VCF has, in this order, {_NAMES}.")


def _text_lines(handle: Iterator[bytes], path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(handle, start=1):
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            if number == 1 and line.startswith(_BCF):
                raise ValueError(f"{os.fspath(path)}: the file is BCF; convert it with `bcftools view -O z`.") from None
            raise ValueError(
                f"{os.fspath(path)}: line {number} is not UTF-8 text ({error.reason}); save the file as UTF-8."
            ) from None
        if "\0" in text:
            raise ValueError(f"{os.fspath(path)}: line {number} has a NUL byte; the file is damaged. Copy it again.")
        yield number, text
