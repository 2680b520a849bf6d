"""BEND's seven published tasks: five train a network on frozen embeddings, two are zero-shot.

Marin et al. 2024, ICLR. Regions are in `<task>/<task>.bed`; labels are in its `label` column or in
`<task>/<task>.hdf5`.
"""

from __future__ import annotations

import difflib

from hf_dnalm.suites.bend.definition import BendTask

SUITE = "bend"
LICENCE = "BSD-3-Clause"  # of the benchmark; its sources (GENCODE, ENCODE, GRASP, ClinVar) have their own terms
CITATION = (
    "Marin et al. (2024) BEND: benchmarking DNA language models on biologically meaningful tasks. ICLR. "
    "arXiv:2311.12570"
)
_GRCH38 = "GRCh38.primary_assembly.genome.fa"

_SEQUENCE_TASKS = {
    "chromatin_accessibility": (
        125,
        "GRCh37.no-chr.fa (contigs without 'chr')",
        "Is the region open chromatin (DNase-seq, ENCODE) in each of 125 cell types? 1: yes, 0: no. The labels are the "
        "numbers of the cell types; an empty list means that the region is open in none of them.",
    ),
    "histone_modification": (
        18,
        _GRCH38,
        "Does the region carry each of 18 histone marks, measured by ChIP-seq in K562 cells (ENCODE)? 1: yes, 0: no. "
        "The labels are the numbers of the marks' experiments.",
    ),
    "cpg_methylation": (
        7,
        _GRCH38,
        "Is the CpG site in the middle of the region methylated in each of 7 human cell lines (whole-genome bisulfite "
        "sequencing, ENCODE)? 1: yes, 0: no. The labels are the numbers of the cell lines.",
    ),
}
_VARIANT_TASKS = {
    "variant_effects_expression": (
        ("no_eqtl", "eqtl"),
        "Does the single-letter variant change the expression of a gene (eQTL of GRASP, as in DeepSEA)? 1: yes, 0: no.",
    ),
    "variant_effects_disease": (
        ("benign", "pathogenic"),
        "Is the non-coding single-letter variant pathogenic (ClinVar)? 1: yes, 0: no (benign).",
    ),
}

_GENE_FINDING = BendTask(
    name="gene_finding",
    label_names=(
        *("exon_forward", "donor_forward", "intron_forward", "acceptor_forward"),
        *("exon_reverse", "donor_reverse", "intron_reverse", "acceptor_reverse"),
        "noncoding",
    ),
    description="What is each nucleotide of a GENCODE gene and its flanks? Exon (0, 4), donor site (1, 5), intron "
    "(2, 6) or acceptor site (3, 7), on the forward or the reverse strand, or noncoding (8).",
    level="nucleotide",
    label_source="hdf5",
    loss="cross_entropy",
    metric="mcc",
    assembly=_GRCH38,
    batch_size=64,
    licence=LICENCE,
    citation=CITATION,
)
_ENHANCER_ANNOTATION = BendTask(
    name="enhancer_annotation",
    label_names=("enhancer",),
    description="Does each bin of 128 bp overlap an enhancer of the gene whose transcription start site is in the "
    "middle, as found by CRISPR interference? 1: yes, 0: no. The data come in ten parts; each is the test set once.",
    level="bin",
    label_source="hdf5",
    metric="auprc",
    assembly=_GRCH38,
    length_bp=(100_096, 100_096),
    downsample=128,
    hidden=2,
    positive_weight=82.86,
    learning_rate=1e-3,
    batch_size=8,
    cross_validation=10,
    licence=LICENCE,
    citation=CITATION,
)


def _sequence_task(name: str) -> BendTask:
    outputs, assembly, description = _SEQUENCE_TASKS[name]
    return BendTask(
        name=name,
        label_names=tuple(f"track_{number}" for number in range(outputs)),
        description=description,
        assembly=assembly,
        length_bp=(512, 512),
        read_strand=True,
        downsample=512,
        batch_size=256,
        licence=LICENCE,
        citation=CITATION,
    )


def _variant_task(name: str) -> BendTask:
    labels, description = _VARIANT_TASKS[name]
    return BendTask(
        name=name,
        label_names=labels,
        description=f"{description} The score is the cosine distance between the embeddings of the two alleles at "
        "the variant; nothing is trained.",
        level="variant",
        loss=None,
        assembly=_GRCH38,
        length_bp=(513, 513),
        context_bp=256,
        licence=LICENCE,
        citation=CITATION,
    )


TASKS: dict[str, BendTask] = {
    task.name: task
    for task in (
        _GENE_FINDING,
        _ENHANCER_ANNOTATION,
        *(_sequence_task(name) for name in _SEQUENCE_TASKS),
        *(_variant_task(name) for name in _VARIANT_TASKS),
    )
}


def find_task(name_or_yaml: str) -> BendTask:
    """A published task by name, or a user's own task by the path of its YAML file.

    Raises:
        ValueError: no such task (the message lists them), or an invalid YAML file.
        FileNotFoundError: no such YAML file.
    """
    if name_or_yaml.endswith((".yaml", ".yml")):
        from hf_dnalm.suites.bend.task_files import task_from_yaml  # imports yaml, which listing tasks does not need

        return task_from_yaml(name_or_yaml)
    if name_or_yaml not in TASKS:
        close = difflib.get_close_matches(name_or_yaml, TASKS, n=2)
        advice = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(TASKS)}."
        raise ValueError(f"no BEND task {name_or_yaml!r}; {advice} A task of your own is a path that ends in .yaml.")
    return TASKS[name_or_yaml]
