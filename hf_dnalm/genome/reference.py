"""Read the sequence of a reference genome from an indexed FASTA file."""

from __future__ import annotations

import os

from hf_dnalm.damage import decoding
from hf_dnalm.genome.index import open_indexed
from hf_dnalm.genome.places import Interval, Variant, find_contig, placed
from hf_dnalm.sequence import normalize, reverse_complement

# The bases that an IUPAC code of the reference stands for; VCF allows any of them as REF (VCF 4.3, section 1.6.1).
_CODES = {
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG"},
}


class Genome:
    """A reference genome in an indexed FASTA file; `1` and `chr1` name the same contig.

    Args:
        path: FASTA, plain or bgzip. If it has no valid index (`.fai`), one is made next to the file, or in a temporary
            folder if the file's folder is not writable. `close` removes a temporary index.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file cannot be indexed (plain gzip cannot, bgzip can), or two contigs have the same name.
        ImportError: pysam is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            reason = "not a regular file, so it cannot be indexed" if os.path.exists(self.path) else "no such file"
            raise FileNotFoundError(f"{self.path}: {reason}.")
        self._fasta, self._folder = open_indexed(self.path)
        self.lengths: dict[str, int] = dict(zip(self._fasta.references, self._fasta.lengths, strict=True))

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        self._fasta.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def contig(self, name: str) -> str:
        """Return the genome's own name for a contig, with or without "chr".

        Raises:
            ValueError: the genome has no such contig.
        """
        return find_contig(name, self.lengths, self.path)

    def sequence(self, interval: Interval) -> str:
        """Return the letters of an interval in upper case, IUPAC codes as N; reverse-complemented on strand "-".

        Raises:
            ValueError: the genome has no such contig, or the interval extends past its end.
        """
        letters = normalize(self._stored(interval), source=f"{self.path}, {interval}")
        return reverse_complement(letters) if interval.strand == "-" else letters

    def _stored(self, interval: Interval) -> str:
        """The letters of an interval exactly as in the file.

        Raises:
            ValueError: the genome has no such contig, the interval extends past its end, or the file is shorter than
                its index says.
        """
        contig = placed(interval, self.lengths, self.path).contig
        with decoding(self.path, str(interval)):
            try:
                letters = self._fasta.fetch(contig, interval.start, interval.end)
            except OSError as error:  # pysam reports errno 2 if the file ends too early
                raise ValueError("unexpected end of file") from error
        if len(letters) != interval.end - interval.start:
            raise ValueError(
                f"{self.path}: {interval} has {interval.end - interval.start:,} letters by the index, but the file "
                f"gives {len(letters):,}; it is damaged, for example by a NUL byte, or was changed while it was read. "
                "Copy or download it again."
            )
        return letters

    def window(self, contig: str, start: int, end: int) -> str:
        """Return the letters from `start` to `end`, padded with N past the ends of the contig."""
        contig = self.contig(contig)
        length = self.lengths[contig]
        inside = self.sequence(Interval(contig, min(max(start, 0), length), min(max(end, 0), length)))
        left = min(max(-start, 0), end - start)
        return "N" * left + inside + "N" * (end - start - left - len(inside))

    def matches(self, variant: Variant) -> bool:
        """Whether `ref` agrees with the genome. An IUPAC code in the genome, other than N, matches each of its bases.

        Raises:
            ValueError: the genome has no such contig, or `ref` extends past its end.
        """
        stored = self._stored(Interval(variant.contig, variant.start, variant.end)).upper()
        pairs = zip(variant.ref.upper(), stored, strict=True)
        return all(base == code or base in _CODES.get(code, "") for base, code in pairs)

    def check(self, variant: Variant) -> None:
        """Raise an error if `ref` differs from the genome.

        Raises:
            ValueError: the letters differ; the message has the position and both alleles.
        """
        if not self.matches(variant):
            stored = self.sequence(Interval(variant.contig, variant.start, variant.end))
            raise ValueError(
                f"{variant.contig}:{variant.start + 1:,} is {stored} in {self.path}, but REF is {variant.ref}; the "
                "variants are of another reference genome or another strand. Pass the genome that they were called on."
            )

    def left_normalised(self, variant: Variant) -> Variant:
        """Return the left-normalised variant: shifted as far left as possible, with shared letters trimmed.

        At least one letter of each allele is kept. Source: Tan et al. 2015, https://doi.org/10.1093/bioinformatics/btv112.
        """
        contig = self.contig(variant.contig)
        start, ref, alt = variant.start, variant.ref.upper(), variant.alt.upper()
        if ref == alt or len(ref) >= self.lengths[contig]:
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
