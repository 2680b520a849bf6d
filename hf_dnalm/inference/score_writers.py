"""Write likelihoods, variant effects and mutagenesis as TSV, CSV or Parquet, and variant effects as VCF."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from hf_dnalm.genome import VcfFile
from hf_dnalm.genome.index import import_pysam
from hf_dnalm.inference.log_probabilities import BASES
from hf_dnalm.inference.output_files import TABLE_WRITERS, Table, output_extension, whole_file, write_table_file
from hf_dnalm.inference.unscored import REASONS
from hf_dnalm.inference.variants import VECTORS, VariantScores

if TYPE_CHECKING:
    from hf_dnalm.genome.vcf import VcfRecord
    from hf_dnalm.inference.likelihood import Likelihoods
    from hf_dnalm.inference.substitutions import Mutagenesis

logger = logging.getLogger(__name__)

VARIANT_FILES = (*TABLE_WRITERS, ".vcf", ".vcf.gz")
INFO_FIELD = "DNALM"


def likelihood_table(parts: Iterable[Likelihoods]) -> Table:
    """One row per sequence: name, nats, tokens, bases, bits_per_base, estimator.

    Args:
        parts: likelihoods of some sequences at a time; an iterator can compute them while the table is written.
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
    """One row per variant, in input order: contig, position (1-based, as in VCF), ref, alt, name, score, estimator.

    A last column `reason` tells why a variant has no score; its score and estimator are then empty.
    """
    columns = {
        "contig": pa.string(),
        "position": pa.int64(),
        "ref": pa.string(),
        "alt": pa.string(),
        "name": pa.string(),
        "score": pa.float32(),
        "estimator": pa.string(),
        "reason": pa.string(),
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
        np.ma.masked_invalid(scores.scores.astype(np.float32)),
        np.array(scores.estimators, dtype=object),
        np.array(scores.reasons, dtype=object),
    ]
    return Table(columns, [part])


def mutagenesis_table(results: Iterable[tuple[str, Mutagenesis]]) -> Table:
    """One row per sequence, position and letter: name, position (0-based), ref, alt, score in nats, estimator.

    The row of the reference letter has the score 0. If the reference is N, all four scores are NaN.

    Args:
        results: name and scores of each sequence; an iterator can compute them while the table is written.
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
    """Write scores in the format of the extension, one of `VARIANT_FILES`, completely or not at all.

    A table has the rows of `variant_table`. A VCF file has all records of `vcf` in the same order, with the scores of
    each record's alternatives in an INFO field, whose header line describes how they were computed. An alternative
    without a score has "." there, and a second field, named with the suffix _REASON, tells why. Numbers in VCF have six
    digits. A .vcf.gz file with sorted records also gets its index (.tbi).

    Args:
        scores: for all variants of the file, in the order of `read_variants`.
        path: the output file; .vcf.gz is written as bgzip.
        vcf: the file that the variants were read from; needed for VCF only.
        model: name of the model in the header line.
        info_field: name of the INFO field; the file must not have it yet.

    Raises:
        ValueError: the extension is not supported; VCF without `vcf`; the file already has the field, or has other
            variants than those that were scored.
        FileNotFoundError: the folder of `path`, or `vcf`, does not exist.
    """
    path = Path(path)
    extension = output_extension(path, VARIANT_FILES)
    if extension in TABLE_WRITERS:
        write_table_file(variant_table(scores), path)
        return
    if vcf is None:
        raise ValueError(f"cannot write {path}: VCF needs the file that the variants are from; pass vcf=….")
    check_info_field(vcf, info_field)
    is_sorted = True
    packed = extension == ".vcf.gz"
    with whole_file(path) as partial, VcfFile.open(vcf) as source, _text_file(partial, packed=packed) as file:
        lines = [*source.header[:-1], *_header_lines(scores, model, info_field), source.header[-1]]
        file.write("".join(f"{line}\n" for line in lines).encode())
        done, seen, last = 0, set[str](), ("", 0)
        for record in source.records:
            end = done + len(record.variants)
            if record.variants != scores.variants[done:end]:
                raise ValueError(
                    f"{os.fspath(vcf)}: line {record.number} differs from the variant that was scored; the file was "
                    "changed: score it again."
                )
            file.write(_scored_line(record, scores, done, info_field).encode())
            contig, position = record.cells[0], int(record.cells[1])
            is_sorted &= position >= last[1] if contig == last[0] else contig not in seen
            seen.add(contig)
            done, last = end, (contig, position)
        if done < len(scores.variants):
            raise ValueError(
                f"{os.fspath(vcf)} has {done:,} variants, but {len(scores.variants):,} were scored; score it again."
            )
    if packed:
        _index(path, is_sorted=is_sorted)


def _scored_line(record: VcfRecord, scores: VariantScores, first: int, info_field: str) -> str:
    """The record's line with the scores appended to INFO."""
    rows = range(first, first + len(record.variants))
    if not rows:
        return "\t".join(record.cells) + "\n"
    numbers = ["." if scores.reasons[row] else f"{np.float32(scores.scores[row]):.6g}" for row in rows]
    added = f"{info_field}={','.join(numbers)}"
    if any(scores.reasons[row] for row in rows):
        added += f";{info_field}_REASON={','.join(scores.reasons[row] or '.' for row in rows)}"
    info = record.cells[7]
    cells = [*record.cells[:7], added if info in (".", "") else f"{info};{added}", *record.cells[8:]]
    return "\t".join(cells) + "\n"


def _index(path: Path, *, is_sorted: bool) -> None:
    """Write the index of a bgzip VCF file; an unsorted file cannot have one, which is logged."""
    index = path.with_name(f"{path.name}.tbi")
    if not is_sorted:
        index.unlink(missing_ok=True)  # it would belong to an earlier file of this name
        logger.warning("%s: the records are not sorted, so no index was written; sort them with `bcftools sort`.", path)
        return
    import_pysam().tabix_index(os.fspath(path), preset="vcf", force=True)


def check_info_field(vcf: str | os.PathLike[str], info_field: str) -> None:
    """Refuse an INFO field whose name is invalid or already used in the file.

    Raises:
        ValueError: the name is invalid, or the file already has the field.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", info_field):
        raise ValueError(
            f"{info_field!r} is not a valid name of an INFO field; use letters, digits, '_' and '.', and start with a "
            "letter or '_'."
        )
    with VcfFile.open(vcf) as source:
        fields = {match[1] for line in source.header if (match := re.match(r"##INFO=<ID=([^,>]*)", line))}
    if fields & {info_field, f"{info_field}_REASON"}:
        raise ValueError(
            f"{os.fspath(vcf)} already has an INFO field {info_field}, which would be overwritten; choose another name "
            "(--info-field; in Python info_field=)."
        )


def _header_lines(scores: VariantScores, model: str, info_field: str) -> list[str]:
    """The header lines that describe the INFO fields."""
    score = VECTORS.get(scores.method, "log p(alt) - log p(ref) in nats")
    estimators = "; ".join(dict.fromkeys(filter(None, scores.estimators))) or "none"
    strands = "both strands" if scores.strands == "both" else "forward strand"
    text = (
        f"{score}; method {scores.method}; window {scores.window_bp} bp; {strands}; model {model or 'not named'}; "
        f"estimated by: {estimators}"
    )
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    lines = [f'##INFO=<ID={info_field},Number=A,Type=Float,Description="{quoted}",Source="hf_dnalm">']
    reasons = [reason for reason in REASONS if reason in set(scores.reasons)]
    if reasons:
        listed = "; ".join(f"{reason}: {REASONS[reason]}" for reason in reasons)
        lines.append(
            f"##INFO=<ID={info_field}_REASON,Number=A,Type=String,"
            f'Description="Why an allele has no {info_field}. {listed}",Source="hf_dnalm">'
        )
    return lines


def _text_file(path: Path, *, packed: bool) -> Any:
    """A file to write bytes to, plain or compressed with bgzip."""
    if not packed:
        return open(path, "wb")
    return import_pysam().BGZFile(os.fspath(path), "w", index=None)
