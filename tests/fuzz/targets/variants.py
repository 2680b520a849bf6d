"""Genomes and variants: indexed FASTA, VCF, their indices."""

from __future__ import annotations

from tests.fuzz.target import Target

TARGETS: list[Target] = []
