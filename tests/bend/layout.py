"""A small genome and files in the layout of BEND's archive, with labels that follow from the coordinates."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

CONTIGS = {"chr1": 1_000, "chr2": 700}


def letters_of(contig: str) -> str:
    """The contig's letters, all four, without N."""
    generator = np.random.default_rng(len(contig) + CONTIGS[contig])
    return "".join(generator.choice(list("ACGT"), CONTIGS[contig]))


def write_genome(folder: Path, *, prefix: str = "chr") -> Path:
    """FASTA with lines of 60 letters; the contigs' names start with the prefix in the place of "chr"."""
    path = folder / "genome.fa"
    lines = []
    for contig in CONTIGS:
        letters = letters_of(contig)
        lines += [f">{prefix}{contig.removeprefix('chr')}", *(letters[i : i + 60] for i in range(0, len(letters), 60))]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_bed(folder: Path, name: str, header: str, rows: list[str]) -> Path:
    """`<name>/<name>.bed`; columns are given with spaces and written with tabs, "-" as the whole field is kept."""
    path = folder / name / f"{name}.bed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join("\t".join(line.split(" ")) for line in [header, *rows]) + "\n")
    return path


def write_labels(folder: Path, name: str, labels: list[np.ndarray], *, padded: bool = False) -> Path:
    """`<name>/<name>.hdf5` with a row for each region: arrays of any length, or padded with -100 to the longest."""
    path = folder / name / f"{name}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        if padded or len({len(each) for each in labels}) == 1:
            table = np.full((len(labels), max(len(each) for each in labels), *labels[0].shape[1:]), -100)
            for row, each in zip(table, labels, strict=True):
                row[: len(each)] = each
            file["labels"] = table
        else:
            rows = file.create_dataset("labels", (len(labels),), dtype=h5py.vlen_dtype(np.int64))
            for number, each in enumerate(labels):
                rows[number] = each
    return path


def write_histone(folder: Path) -> Path:
    """Regions of 512 bp on both strands, in three splits; the last one has no label."""
    return write_bed(
        folder,
        "histone_modification",
        "chromosome start end strand label split",
        [
            "chr1 0 512 + 0,17 train",
            "chr1 100 612 - 3 train",
            "chr2 10 522 + 1,2 valid",
            "chr1 200 712 - 5 train",
            "chr2 100 612 -  test",
        ],
    )


def write_gene_finding(folder: Path, *, padded: bool = False) -> list[np.ndarray]:
    """Regions of 30, 20 and 40 bp and a class for each base; → the labels."""
    rows = ["chr1 0 30 train", "chr2 5 25 test", "chr1 600 640 train"]
    write_bed(folder, "gene_finding", "chromosome start end split", rows)
    labels = [np.arange(length) % 9 for length in (30, 20, 40)]
    write_labels(folder, "gene_finding", labels, padded=padded)
    return labels
