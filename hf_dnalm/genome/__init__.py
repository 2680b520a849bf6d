"""Genomes: intervals, variants, reference sequences from FASTA, and VCF files. Positions are 0-based and half-open."""

from hf_dnalm.genome.places import Interval, Variant, find_contig, placed
from hf_dnalm.genome.reference import Genome
from hf_dnalm.genome.vcf import VcfFile, read_variants

__all__ = ["Genome", "Interval", "Variant", "VcfFile", "find_contig", "placed", "read_variants"]
