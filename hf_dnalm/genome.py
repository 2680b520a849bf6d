"""Places on a genome: intervals, variants, and the letters that stand there. 0-based and half-open inside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hf_dnalm.sequence import normalize, reverse_complement

_INSTALL = 'pysam is needed for indexed FASTA and VCF: pip install "hf_dnalm[genome]"'
_MITOCHONDRION = ("chrM", "MT", "chrMT", "M")


class Interval(NamedTuple):
    """A stretch of a contig: 0-based, half-open; `strand` "-" is read as the reverse complement."""

    contig: str
    start: int
    end: int
    strand: str = "+"

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1:,}-{self.end:,}"  # 1-based, as genome browsers write it


class Variant(NamedTuple):
    """One alternative at one place.

    Attributes:
        contig: as the reader's file has it.
        start: 0-based position of the first letter of `ref`; VCF's POS is one more.
        ref: the letters of the reference, at least one.
        alt: the letters in their place, at least one.
        name: of the record, empty where it has none.
    """

    contig: str
    start: int
    ref: str
    alt: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.contig}:{self.start + 1:,} {self.ref}>{self.alt}"

    @property
    def is_snv(self) -> bool:
        """One letter for one letter."""
        return len(self.ref) == len(self.alt) == 1

    @property
    def end(self) -> int:
        """0-based position after the last letter of `ref`."""
        return self.start + len(self.ref)


def find_contig(name: str, lengths: Mapping[str, int], path: str) -> str:
    """The name under which a file of that path has a contig; `lengths` are those of its contigs.

    Raises:
        ValueError: there is none under this name, with or without "chr".
    """
    names = _MITOCHONDRION if name in _MITOCHONDRION else (name, f"chr{name}", name.removeprefix("chr"))
    for each in (name, *names):
        if each in lengths:
            return each
    first = ", ".join(list(lengths)[:5])
    raise ValueError(
        f"{path} has no contig {name!r}, with or without 'chr'; it has {first}"
        + (f" and {len(lengths) - 5} more" if len(lengths) > 5 else "")
    )


def placed(interval: Interval, lengths: Mapping[str, int], path: str) -> Interval:
    """The interval on the file's own name of its contig.

    Raises:
        ValueError: no such contig, or the interval reaches past an end of it.
    """
    contig = find_contig(interval.contig, lengths, path)
    if not 0 <= interval.start <= interval.end <= lengths[contig]:
        raise ValueError(f"{interval} reaches past the end of {contig}, which is {lengths[contig]:,} bp in {path}")
    return interval._replace(contig=contig)


class Genome:
    """The contigs of an indexed FASTA file; contigs are found under `1` and `chr1` alike.

    Args:
        path: FASTA, plain or bgzip. Its index (`.fai`) is made where there is none: beside the file, or, where that
            folder cannot be written, in a temporary one.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file cannot be indexed; gzip, which is not bgzip, can't.
        ImportError: pysam is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise FileNotFoundError(f"{self.path}: no such file")
        self._fasta = _indexed(self.path)
        self.lengths: dict[str, int] = dict(zip(self._fasta.references, self._fasta.lengths, strict=True))

    def close(self) -> None:
        """Let go of the file."""
        self._fasta.close()

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def contig(self, name: str) -> str:
        """The genome's own name of a contig.

        Raises:
            ValueError: there is none under this name, with or without "chr".
        """
        return find_contig(name, self.lengths, self.path)

    def sequence(self, interval: Interval) -> str:
        """The letters of an interval, upper case, IUPAC codes as N; on strand "-" their reverse complement.

        Raises:
            ValueError: no such contig, or the interval reaches past an end of it.
        """
        contig = placed(interval, self.lengths, self.path).contig
        letters = normalize(self._fasta.fetch(contig, interval.start, interval.end), source=f"{self.path}, {interval}")
        return reverse_complement(letters) if interval.strand == "-" else letters

    def window(self, contig: str, start: int, end: int) -> str:
        """The letters from `start` to `end`, always end - start of them: N past an end of the contig."""
        contig = self.contig(contig)
        length = self.lengths[contig]
        inside = self.sequence(Interval(contig, min(max(start, 0), length), min(max(end, 0), length)))
        left = min(max(-start, 0), end - start)
        return "N" * left + inside + "N" * (end - start - left - len(inside))

    def check(self, variant: Variant) -> None:
        """Refuse a variant whose `ref` is not what stands there.

        Raises:
            ValueError: it is not; the message has the position and both alleles.
        """
        there = self.sequence(Interval(variant.contig, variant.start, variant.end))
        if there != normalize(variant.ref, source=f"REF of {variant}"):
            raise ValueError(
                f"{variant.contig}:{variant.start + 1:,} is {there} in {self.path}, but REF is {variant.ref}; the "
                "variants are of another reference genome, or another strand of it"
            )

    def left_normalised(self, variant: Variant) -> Variant:
        """The same change as far left as it goes, without letters that both alleles share, one anchor letter kept.

        Source: Tan et al. 2015, https://doi.org/10.1093/bioinformatics/btv112.
        """
        contig = self.contig(variant.contig)
        start, ref, alt = variant.start, variant.ref.upper(), variant.alt.upper()
        if ref == alt:
            return variant
        while ref and alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
            ref, alt = ref[:-1], alt[:-1]
            if not (ref and alt):
                if start == 0:
                    following = self.sequence(Interval(contig, len(ref), len(ref) + 1))
                    return Variant(variant.contig, 0, ref + following, alt + following, variant.name)
                start -= 1
                before = self.sequence(Interval(contig, start, start + 1))
                ref, alt = before + ref, before + alt
        while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
            start, ref, alt = start + 1, ref[1:], alt[1:]
        return Variant(variant.contig, start, ref, alt, variant.name)


def read_variants(path: str | os.PathLike[str]) -> Iterator[Variant]:
    """The variants of a VCF file, plain or compressed, in order, one for each alternative allele.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no VCF, or an allele is not of the letters A C G T N (`<DEL>`, `*`): leave those out.
        ImportError: pysam is not installed.
    """
    with open_variants(path) as records:
        for number, record in enumerate(records, start=1):
            yield from variants_of(record, source=f"{os.fspath(path)}: record {number}")


def variants_of(record: Any, *, source: str) -> list[Variant]:
    """The alternatives of one record of pysam, in its order.

    Raises:
        ValueError: an allele is not of letters.
    """
    where = f"{source} ({record.contig}:{record.pos:,})"
    alleles = [normalize_allele(allele, where=where) for allele in (record.ref, *(record.alts or ()))]
    name = record.id or ""
    return [Variant(record.contig, record.start, alleles[0], alt, name) for alt in alleles[1:]]


def normalize_allele(allele: str | None, *, where: str) -> str:
    """The letters of an allele in upper case.

    Raises:
        ValueError: it is symbolic, missing, or of other letters.
    """
    if not allele or not set(allele.upper()) <= set("ACGTN"):
        raise ValueError(f"{where}: allele {allele!r} is not of the letters A C G T N; leave the record out")
    return allele.upper()


@contextmanager
def open_variants(path: str | os.PathLike[str]) -> Iterator[Any]:
    """pysam's handle on a VCF file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no VCF, or is damaged.
        ImportError: pysam is not installed.
    """
    pysam = _pysam()
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{os.fspath(path)}: no such file")
    before = pysam.set_verbosity(0)  # htslib writes to stderr by itself
    try:
        records = pysam.VariantFile(os.fspath(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: not a readable VCF file ({error})") from None
    finally:
        pysam.set_verbosity(before)
    with records:
        yield records


def _indexed(path: str) -> Any:
    """pysam's handle on a FASTA file, indexed."""
    pysam = _pysam()
    before = pysam.set_verbosity(0)
    try:
        if os.path.isfile(f"{path}.fai") or os.access(os.path.dirname(path) or ".", os.W_OK):
            return pysam.FastaFile(path)
        folder = Path(tempfile.mkdtemp(prefix="hf_dnalm_index_"))
        index, blocks = folder / "genome.fai", folder / "genome.gzi"
        pysam.faidx("--fai-idx", str(index), "--gzi-idx", str(blocks), path)
        packed = {"filepath_index_compressed": str(blocks)} if blocks.exists() else {}
        return pysam.FastaFile(path, filepath_index=str(index), **packed)
    except (OSError, ValueError, pysam.SamtoolsError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path}: cannot be indexed ({reason}). A genome is FASTA with lines of one length, plain or bgzip; a file "
            "of gzip must be unpacked, and may be packed again with bgzip."
        ) from None
    finally:
        pysam.set_verbosity(before)


def _pysam() -> Any:
    try:
        import pysam
    except ImportError:
        raise ImportError(_INSTALL) from None
    return pysam
