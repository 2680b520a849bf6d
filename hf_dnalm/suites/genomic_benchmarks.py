"""Genomic Benchmarks: nine datasets, from one Hub repository each or from the authors' archives.

Grešová et al. 2023. Three layouts exist: the Hub has Parquet with the columns seq and label; the archives (Zenodo
16605299) have one folder per class with one text file per sequence; the benchmark's own repository has one table of
intervals per class (id, region, start, end, strand), whose sequences come from a reference. Classes are numbered in
alphabetical order.
"""

from __future__ import annotations

from typing import NamedTuple

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "genomic-benchmarks"
OWNER = "katarinagresova"
CITATION = (
    "Grešová et al. (2023) Genomic benchmarks: a collection of datasets for genomic sequence classification. "
    "BMC Genomic Data 24:25. doi:10.1186/s12863-023-01123-8"
)


class _Config(NamedTuple):
    name: str
    classes: tuple[str, ...]
    train: int
    test: int
    length_bp: tuple[int, int]
    meaning: str
    assembly: str = "GRCh38 (hg38)"


_YES_NO = ("negative", "positive")
_ENHANCER = "Is the sequence an enhancer {}? 1: yes, 0: no."
_CONFIGS = (
    _Config(
        "dummy_mouse_enhancers_ensembl",
        _YES_NO,
        968,
        242,
        (331, 4776),
        _ENHANCER.format("of the mouse (Ensembl)"),
        "GRCm38 (mm10)",
    ),
    _Config(
        "demo_coding_vs_intergenomic_seqs",
        ("coding_seqs", "intergenomic_seqs"),
        75_000,
        25_000,
        (200, 200),
        "Is the human sequence from a transcript (0) or from an intergenic region (1)?",
        assembly="coding_seqs: GRCh38 transcripts (cDNA); intergenomic_seqs: GRCh38",
    ),
    _Config(
        "demo_human_or_worm",
        ("human", "worm"),
        75_000,
        25_000,
        (200, 200),
        "Is the sequence from the human genome (0) or from the worm C. elegans (1)?",
        assembly="human: GRCh38; worm: WBcel235",
    ),
    _Config(
        "drosophila_enhancers_stark",
        _YES_NO,
        5_184,
        1_730,
        (236, 3237),
        _ENHANCER.format("of Drosophila (Stark)"),
        assembly="BDGP6 (dm6)",
    ),
    _Config("human_enhancers_cohn", _YES_NO, 20_843, 6_948, (500, 500), _ENHANCER.format("of human cells (Cohn)")),
    _Config(
        "human_enhancers_ensembl",
        _YES_NO,
        123_872,
        30_970,
        (2, 573),
        _ENHANCER.format("of human cells (Ensembl)") + " Some sequences are only 2 bp long.",
    ),
    _Config(
        "human_ensembl_regulatory",
        ("enhancer", "ocr", "promoter"),
        231_348,
        57_713,
        (71, 802),
        "Is the human sequence an enhancer (0), an open chromatin region (1) or a promoter (2)?",
    ),
    _Config(
        "human_nontata_promoters",
        _YES_NO,
        27_097,
        9_034,
        (251, 251),
        "Is the sequence a human promoter without a TATA box? 1: yes, 0: no.",
    ),
    _Config(
        "human_ocr_ensembl",
        _YES_NO,
        139_804,
        34_952,
        (71, 593),
        "Is the sequence an open chromatin region of human cells? 1: yes, 0: no.",
    ),
)


def _published(config: _Config) -> PublishedTask:
    repo = f"{OWNER}/Genomic_Benchmarks_{config.name}"
    task = Task(
        name=f"{SUITE}/{config.name}",
        problem_type="single_label_classification",
        label_names=config.classes,
        metric="accuracy",
        length_bp=config.length_bp,
        source=repo,
        citation=CITATION,
        description=f"{config.meaning} Rows: train {config.train:,}, test {config.test:,}.",
    )
    splits = ("train", "test")
    return PublishedTask(
        task=task,
        repo=repo,
        revision=None,
        files={split: f"data/{split}-00000-of-00001*.parquet" for split in splits},
        rows={"train": config.train, "test": config.test},
        layouts=(
            {split: f"{config.name}/data/{split}-00000-of-00001*.parquet" for split in splits},
            {split: f"{config.name}/{split}/" for split in splits},
            {split: f"datasets/{config.name}/{split}/" for split in splits},
        ),
        sequence_column="seq",
        reader="classes",
        assembly=config.assembly,
        reference_per_class=";" in config.assembly,
    )


TASKS = {config.name: _published(config) for config in _CONFIGS}
