"""Alleles that cannot be scored: VCF files have symbolic deletions, breakends and contigs that the genome lacks.

Such alleles do not stop a run: each is kept in the output without a score and with one of `REASONS`. But if most of the
first alleles do not match the reference, the genome is the wrong one, and the run is refused.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from hf_dnalm.genome import Genome, Variant
from hf_dnalm.sequence import IUPAC_CODES

logger = logging.getLogger(__name__)

REASONS = {
    "missing_allele": "an allele is missing",
    "spanning_deletion": "ALT is *, a deletion that another record describes",
    "any_alternative": "ALT stands for any allele that was not observed",
    "symbolic_allele": "ALT is symbolic, such as <DEL>",
    "breakend": "ALT is a breakend",
    "iupac_allele": "an allele has IUPAC codes",
    "not_dna": "an allele has letters other than A C G T N",
    "position_0": "POS is 0, before the first letter of the contig",
    "contig_not_in_genome": "the genome has no such contig",
    "past_contig_end": "REF extends past the end of the contig",
    "reference_mismatch": "REF differs from the genome",
    "longer_than_window": "an allele is longer than the window",
}
FIRST = 100  # alleles compared with the genome; at least half of them must match


def reason_unscored(variant: Variant, genome: Genome, *, window_bp: int) -> str:
    """Return why a variant cannot be scored, a key of `REASONS`, or "" if it can."""
    by_allele = _reason_of_alleles(variant)
    if by_allele:
        return by_allele
    if variant.start < 0:
        return "position_0"
    try:
        contig = genome.contig(variant.contig)
    except ValueError:
        return "contig_not_in_genome"
    if variant.end > genome.lengths[contig]:
        return "past_contig_end"
    if not genome.matches(variant):
        return "reference_mismatch"
    return "longer_than_window" if max(len(variant.ref), len(variant.alt)) > window_bp else ""


def _reason_of_alleles(variant: Variant) -> str:
    ref, alt = variant.ref.upper(), variant.alt.upper()
    if ref in ("", ".") or alt in ("", "."):
        return "missing_allele"
    if alt == "*":
        return "spanning_deletion"
    if alt in ("<*>", "<NON_REF>"):
        return "any_alternative"
    if "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return "breakend"
    if alt.startswith("<"):
        return "symbolic_allele"
    letters = set(ref) | set(alt)
    if letters <= set("ACGTN"):
        return ""
    return "iupac_allele" if letters <= set("ACGTN" + IUPAC_CODES) else "not_dna"


def reasons_unscored(variants: Sequence[Variant], genome: Genome, *, window_bp: int, strict: bool = False) -> list[str]:
    """Return, for each variant, why it cannot be scored, a key of `REASONS`, or "" if it can.

    Args:
        strict: refuse the first variant that cannot be scored.

    Raises:
        ValueError: `strict`, and a variant cannot be scored; more than half of the first alleles differ from the
            genome; or the genome has none of the variants' contigs.
    """
    reasons = [reason_unscored(variant, genome, window_bp=window_bp) for variant in variants]
    unscored = [variant for variant, reason in zip(variants, reasons, strict=True) if reason]
    if strict and unscored:
        _refuse(unscored[0], genome, window_bp)
    compared = [reason for reason in reasons if reason in ("", "reference_mismatch", "longer_than_window")][:FIRST]
    if 2 * compared.count("reference_mismatch") > len(compared):
        genome.check(variants[reasons.index("reference_mismatch")])
    placed = [reason for reason in reasons if reason not in _OF_ALLELES]
    if placed and set(placed) == {"contig_not_in_genome"}:
        genome.contig(variants[reasons.index("contig_not_in_genome")].contig)
    return reasons


_OF_ALLELES = tuple(REASONS)[: tuple(REASONS).index("position_0")]


def _refuse(variant: Variant, genome: Genome, window_bp: int) -> None:
    reason = reason_unscored(variant, genome, window_bp=window_bp)
    if reason == "contig_not_in_genome":
        genome.contig(variant.contig)
    if reason == "reference_mismatch":
        genome.check(variant)
    raise ValueError(
        f"{variant} cannot be scored: {REASONS[reason]}. Leave out the record, "
        + ("pass a larger window_bp (--window-bp), " if reason == "longer_than_window" else "")
        + "or keep such records without a score (in Python strict=False; on the command line without --strict)."
    )


def log_unscored(reasons: Sequence[str]) -> None:
    """Log how many alleles have no score, by reason."""
    counts = Counter(reason for reason in reasons if reason)
    if counts:
        listed = "; ".join(f"{count:,} {reason} ({REASONS[reason]})" for reason, count in counts.most_common())
        logger.warning(
            "%s of %s alternative alleles have no score: %s.", f"{sum(counts.values()):,}", f"{len(reasons):,}", listed
        )
