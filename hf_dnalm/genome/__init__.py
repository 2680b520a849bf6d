"""Places on a genome: intervals, variants, the letters of a reference, and VCF files. 0-based and half-open inside."""

from hf_dnalm.genome.places import Interval, Variant, find_contig, placed
from hf_dnalm.genome.reference import Genome
from hf_dnalm.genome.vcf import VcfFile, read_variants

__all__ = ["Genome", "Interval", "Variant", "VcfFile", "find_contig", "placed", "read_variants"]
