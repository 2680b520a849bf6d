"""Genomes and variants: FASTA with its index, plain and bgzip, and VCF, plain and packed."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.fuzz.mutations import BINARY, TEXT
from tests.fuzz.target import Target

_LETTERS = "GATTACAGGCTTNACGTACCGTAGGATCCATTTGCAAAAACCGT" * 4
_FASTA = f">chr1 first\n{_LETTERS[:60]}\n{_LETTERS[60:120]}\n{_LETTERS[120:]}\n>chr2\n{_LETTERS[:50]}\n"
_HEADER = "##fileformat=VCFv4.2\n##contig=<ID=1>\n##INFO=<ID=DP,Number=1,Type=Integer,Description=x>\n"
_ROWS = [
    "1\t4\trs1\tT\tA,C",
    "1\t31\t.\tT\tTG",
    "1\t35\t.\tC\t<DEL>",
    "2\t5\t.\tA\tG",
    "1\t36\t.\tA\t*",
    "1\t0\t.\tN\tG",
]
_VCF = f"{_HEADER}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(f"{row}\t.\t.\tDP=3\n" for row in _ROWS)


def _write_vcf(folder: Path) -> Path:
    path = folder / "calls.vcf"
    path.write_text(_VCF)
    return path


def _write_packed_vcf(folder: Path) -> Path:
    path = folder / "calls.vcf.gz"
    path.write_bytes(gzip.compress(_VCF.encode(), mtime=0))
    return path


def _write_fasta(folder: Path) -> Path:
    path = folder / "genome.fa"
    path.write_text(_FASTA)
    return path


def _write_bgzip(folder: Path) -> Path:
    import pysam

    path = folder / "genome.fa.gz"
    with pysam.BGZFile(str(path), "w", index=None) as file:
        file.write(_FASTA.encode())
    return path


def _write_indexed(folder: Path) -> Path:
    from hf_dnalm.genome import Genome

    Genome(_write_fasta(folder)).close()
    return folder / "genome.fa.fai"


def _write_block_index(folder: Path) -> Path:
    from hf_dnalm.genome import Genome

    Genome(_write_bgzip(folder)).close()
    return folder / "genome.fa.gz.gzi"


def _read_vcf(path: Path) -> None:
    from hf_dnalm.genome import VcfFile

    with VcfFile.open(path) as vcf:
        for record in vcf.records:
            assert all(variant.contig == record.cells[0] for variant in record.variants)


def _read_genome(path: Path) -> None:
    from hf_dnalm.genome import Genome, Interval

    with Genome(path) as genome:
        for contig, length in genome.lengths.items():
            assert len(genome.sequence(Interval(contig, 0, length))) == length


def _read_with_index(path: Path) -> None:
    """Whatever happened to the index, the letters are those of the file."""
    from hf_dnalm.genome import Genome, Interval

    with Genome(path.with_suffix("")) as genome:
        assert genome.sequence(Interval("chr2", 0, 50)) == _LETTERS[:50]
        assert genome.lengths == {"chr1": len(_LETTERS), "chr2": 50}


TARGETS = [
    Target("vcf", _write_vcf, _read_vcf, TEXT),
    Target("vcf_gzip", _write_packed_vcf, _read_vcf, BINARY),
    Target("genome", _write_fasta, _read_genome, TEXT),
    Target("genome_bgzip", _write_bgzip, _read_genome, BINARY),
    Target("genome_index", _write_indexed, _read_with_index, TEXT, heals=True),
    Target("genome_block_index", _write_block_index, _read_with_index, BINARY, heals=True),
]
