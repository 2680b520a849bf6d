"""Likelihoods, variant effects and mutagenesis as files: TSV, CSV, Parquet, and VCF for variants."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from hf_dnalm.genome import open_variants, variants_of
from hf_dnalm.inference.log_probabilities import BASES
from hf_dnalm.inference.output_files import TABLE_WRITERS, Table, output_extension, whole_file, write_table_file
from hf_dnalm.inference.variants import VECTORS, VariantScores

if TYPE_CHECKING:
    from hf_dnalm.inference.likelihood import Likelihoods
    from hf_dnalm.inference.mutagenesis import Mutagenesis

VARIANT_FILES = (*TABLE_WRITERS, ".vcf", ".vcf.gz")
INFO_FIELD = "DNALM"


def likelihood_table(parts: Iterable[Likelihoods]) -> Table:
    """One row per sequence: name, nats, tokens, bases, bits_per_base, estimator.

    Args:
        parts: likelihoods of some sequences at a time; they may be made while the table is written.
    """
    columns = {
        "name": pa.string(),
        "nats": pa.float64(),
        "tokens": pa.int64(),
        "bases": pa.int64(),
        "bits_per_base": pa.float32(),
        "estimator": pa.string(),
    }
    return Table(columns, map(_likelihood_rows, parts))


def _likelihood_rows(likelihoods: Likelihoods) -> list[np.ndarray]:
    return [
        np.array(likelihoods.names, dtype=object),
        likelihoods.nats,
        likelihoods.tokens,
        likelihoods.bases,
        likelihoods.bits_per_base.astype(np.float32),
        np.full(len(likelihoods.names), likelihoods.estimator, dtype=object),
    ]


def variant_table(scores: VariantScores) -> Table:
    """One row per variant, in input order: contig, position (1-based, as in VCF), ref, alt, name, score, estimator."""
    columns = {
        "contig": pa.string(),
        "position": pa.int64(),
        "ref": pa.string(),
        "alt": pa.string(),
        "name": pa.string(),
        "score": pa.float32(),
        "estimator": pa.string(),
    }
    variants = scores.variants
    texts = [[variant[field] for variant in variants] for field in (0, 2, 3, 4)]
    contigs, refs, alts, names = (np.array(text, dtype=object) for text in texts)
    part = [
        contigs,
        np.array([variant.start + 1 for variant in variants], dtype=np.int64),
        refs,
        alts,
        names,
        scores.scores.astype(np.float32),
        np.array(scores.estimators, dtype=object),
    ]
    return Table(columns, [part])


def mutagenesis_table(results: Iterable[tuple[str, Mutagenesis]]) -> Table:
    """One row per sequence, position and letter: name, position (0-based), ref, alt, score in nats, estimator.

    The reference letter's own row is there, with a score of 0; where the reference is N all four are NaN.

    Args:
        results: name and scores of each sequence; they may be made while the table is written.
    """
    columns = {
        "name": pa.string(),
        "position": pa.int64(),
        "ref": pa.string(),
        "alt": pa.string(),
        "score": pa.float32(),
        "estimator": pa.string(),
    }
    return Table(columns, _substitutions(results))


def _substitutions(results: Iterable[tuple[str, Mutagenesis]]) -> Iterator[list[np.ndarray]]:
    for name, result in results:
        length, letters = result.scores.shape
        yield [
            np.full(length * letters, name, dtype=object),
            np.arange(length).repeat(letters),
            np.array(list(result.sequence), dtype=object).repeat(letters),
            np.tile(np.array(list(BASES), dtype=object), length),
            result.scores.astype(np.float32).ravel(),
            np.full(length * letters, result.estimator, dtype=object),
        ]


def write_variant_scores(
    scores: VariantScores,
    path: str | os.PathLike[str],
    *,
    vcf: str | os.PathLike[str] | None = None,
    model: str = "",
    info_field: str = INFO_FIELD,
) -> None:
    """Write the file that the extension of `path` names, one of `VARIANT_FILES`, whole or not at all.

    A table has the rows of `variant_table`. VCF holds the records of `vcf`, all of them and in its order, with the
    scores of a record's alternatives in a field of INFO, whose header line says how they were computed. VCF's numbers
    have six digits.

    Args:
        scores: of all variants of the file, as `read_variants` gives them.
        path: where to; .vcf.gz is written as bgzip.
        vcf: the file that the variants were read from; needed for VCF only.
        model: what the header line calls the model.
        info_field: the name of the field; the file must not have it yet.

    Raises:
        ValueError: another extension; VCF without `vcf`; the file has the field already, or holds other variants than
            were scored.
        FileNotFoundError: the folder of `path`, or `vcf`, does not exist.
    """
    path = Path(path)
    extension = output_extension(path, VARIANT_FILES)
    if extension in TABLE_WRITERS:
        write_table_file(variant_table(scores), path)
        return
    if vcf is None:
        raise ValueError(f"cannot write {path}: VCF needs the file that the variants are from; pass vcf=…")
    check_info_field(vcf, info_field)
    with whole_file(path) as partial, open_variants(vcf) as records:
        records.header.add_line(_header_line(scores, model, info_field))
        # As text, and not by pysam's writer, which refuses records of contigs and fields that their header lacks.
        with _text_file(partial, packed=extension == ".vcf.gz") as file:
            file.write(str(records.header).encode())
            done = 0
            for number, record in enumerate(records, start=1):
                where = f"{os.fspath(vcf)}: record {number}"
                variants = variants_of(record, source=where)
                if variants != scores.variants[done : done + len(variants)]:
                    raise ValueError(f"{where} is not among the scored variants at its place; score this file anew")
                if variants:
                    record.info[info_field] = tuple(scores.scores[done : done + len(variants)].tolist())
                done += len(variants)
                file.write(str(record).encode())
            if done < len(scores.variants):
                raise ValueError(
                    f"{os.fspath(vcf)} has {done:,} variants, but {len(scores.variants):,} were scored; score it anew"
                )


def check_info_field(vcf: str | os.PathLike[str], info_field: str) -> None:
    """Refuse the name of a field that no VCF allows or that this one has already.

    Raises:
        ValueError: it is one of these.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", info_field):
        raise ValueError(
            f"{info_field!r} is no name of an INFO field; use letters, digits, '_' and '.', a letter first"
        )
    with open_variants(vcf) as records:
        if info_field in records.header.info:
            raise ValueError(
                f"{os.fspath(vcf)} has an INFO field {info_field} already, which would be overwritten; name another"
            )


def _header_line(scores: VariantScores, model: str, info_field: str) -> str:
    """What the header of a VCF says of the field."""
    what = VECTORS.get(scores.method, "log p(alt) - log p(ref) in nats")
    estimators = "; ".join(dict.fromkeys(scores.estimators)) or "none"
    strands = "both strands" if scores.strands == "both" else "forward strand"
    text = (
        f"{what}; method {scores.method}; window {scores.window_bp} bp; {strands}; model {model or 'not named'}; "
        f"estimated by: {estimators}"
    )
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'##INFO=<ID={info_field},Number=A,Type=Float,Description="{quoted}",Source="hf_dnalm">'


def _text_file(path: Path, *, packed: bool) -> Any:
    """A file to write bytes to, as it is or in blocks of bgzip, which tabix can index."""
    if not packed:
        return open(path, "wb")
    from pysam import BGZFile  # `open_variants` has found pysam by now

    return BGZFile(os.fspath(path), "w", index=None)
