"""Genomics Long-Range Benchmark: positions on the human genome, as windows of any length from a local reference.

InstaDeep's Hub repository has tables of coordinates and labels, and a loading script that current versions of datasets
refuse to run. One table contains all splits.
"""

from __future__ import annotations

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import ProblemType, Task

SUITE = "long-range"
REPO = "InstaDeepAI/genomics-long-range-benchmark"
REVISION = "84cfc69322404818d28fb80921b54d8edc39d39e"
LICENCE = "CC BY-NC-SA 4.0"
CITATION = "InstaDeep, Genomics Long-Range Benchmark, huggingface.co/datasets/InstaDeepAI/genomics-long-range-benchmark"
_WINDOWS = "Windows have sequence_length bp; windows that extend past the chromosome are excluded and counted."


def _published(
    name: str,
    *,
    files: tuple[str, ...],
    splits: tuple[str, ...],
    meaning: str,
    problem_type: ProblemType,
    label_names: tuple[str, ...],
    metric: str,
    reader: str,
    assembly: str = "hg38 (GRCh38)",
    labels_column: str = "label",
    beside: tuple[str, ...] = (),
    bin_bp: int | None = None,
    sequence_length: int = 2_048,
) -> PublishedTask:
    task = Task(
        name=f"{SUITE}/{name}",
        problem_type=problem_type,
        label_names=label_names,
        metric=metric,
        level="sequence" if bin_bp is None else "bin",
        bin_bp=bin_bp,
        pair=reader == "variants",
        source=f"{REPO} @ {REVISION}",
        licence=LICENCE,
        citation=CITATION,
        description=f"{meaning} Coordinates of {assembly}. {_WINDOWS}",
    )
    own, *others = files
    return PublishedTask(
        task=task,
        repo=REPO,
        revision=REVISION,
        files=dict.fromkeys(splits, own),
        layouts=tuple(dict.fromkeys(splits, other) for other in others),
        beside=beside,
        rows={},  # the number of windows depends on their length
        reader=reader,
        assembly=assembly,
        sequence_length=sequence_length,
        labels_column=labels_column,
    )


_VARIANT = (
    "Each example is a pair of windows centred on the variant: with the reference allele (sequence) and with the "
    "alternate allele (sequence2). The table's REF is checked against the reference."
)
_BOTH = ("train", "test")


def _variants(
    name: str, files: tuple[str, ...], splits: tuple[str, ...], labels: tuple[str, str], meaning: str
) -> PublishedTask:
    return _published(
        name,
        files=files,
        splits=splits,
        meaning=f"{meaning} {_VARIANT}",
        problem_type="single_label_classification",
        label_names=labels,
        metric="auroc",
        reader="variants",
    )


def _element(kind: str) -> PublishedTask:
    return _published(
        f"regulatory_element_{kind}",
        files=(f"regulatory_elements/{kind}_dataset.csv", f"regulatory_elements/{kind}_dataset_subset.csv"),
        splits=_BOTH,
        meaning=f"Is the window centred on {'an' if kind[0] in 'aeiou' else 'a'} {kind}? 1: yes, 0: no.",
        problem_type="single_label_classification",
        label_names=(f"no_{kind}", kind),
        metric="auroc",
        reader="windows",
    )


def _chromatin(name: str, column: str, tracks: int, kind: str) -> PublishedTask:
    return _published(
        name,
        files=("chromatin_features/histones_and_dnase.csv", "chromatin_features/histones_and_dnase_subset.csv"),
        splits=_BOTH,
        meaning=f"Which of {tracks} {kind} have a peak in the central 200 bp? 1: yes, 0: no, for each track.",
        problem_type="multi_label_classification",
        label_names=tuple(f"{column.lower()}_{number}" for number in range(tracks)),
        metric="auprc",
        reader="windows",
        assembly="hg19 (GRCh37)",
        labels_column=column,
    )


TASKS = {
    task.task.name.removeprefix(f"{SUITE}/"): task
    for task in (
        _variants(
            "variant_effect_causal_eqtl",
            ("variant_effect_causal_eqtl/All_Tissues.csv",),
            _BOTH,
            ("not_causal", "causal"),
            "Does the variant change the expression of a gene (a causal eQTL of GTEx)? 1: yes, 0: no. Published with "
            "88,717 train and 8,846 test variants.",
        ),
        _variants(
            "variant_effect_pathogenic_clinvar",
            ("variant_effect_pathogenic/vep_pathogenic_coding.csv",),
            _BOTH,
            ("benign", "pathogenic"),
            "Is the variant pathogenic according to ClinVar? 1: yes, 0: no. Published with 38,634 train and "
            "1,018 test variants.",
        ),
        _variants(
            "variant_effect_pathogenic_omim",
            (
                "variant_effect_pathogenic/vep_pathogenic_non_coding.csv",
                "variant_effect_pathogenic/vep_pathogenic_non_coding_subset.csv",
            ),
            ("test",),
            ("benign", "pathogenic"),
            "Is the non-coding variant pathogenic according to OMIM? 1: yes, 0: no. Published with 2,321,473 variants.",
        ),
        _element("promoter"),
        _element("enhancer"),
        _chromatin("chromatin_features_histone_marks", "HISTONES", 20, "histone marks"),
        _chromatin("chromatin_features_dna_accessibility", "DNASE", 20, "DNase tracks"),
        _published(
            "bulk_rna_expression",
            files=("bulk_rna_expression/gene_coordinates.csv",),
            splits=_BOTH,
            meaning=(
                "How strongly is the gene expressed in each of 218 tissues and cell types? log(1 + count), "
                "standardised by the authors; in the column order of rna_expression_values.csv (see label_mapping.csv "
                "in the repository). The window is centred on the transcription start site and read in the direction "
                "of the gene. Published: 22,827 train and 990 test genes; the test genes are those on chromosome 8."
            ),
            problem_type="regression",
            label_names=tuple(f"expression_{number}" for number in range(218)),
            metric="r2",
            reader="expression",
            assembly="hg19 (GRCh37)",
            beside=("bulk_rna_expression/rna_expression_values.csv",),
        ),
        _published(
            "cage_prediction",
            files=("cage_prediction/sequences_coordinates.csv",),
            splits=("train", "validation", "test"),
            meaning=(
                "How much transcription starts in each bin of 128 bp, in 50 CAGE tracks? log(1 + count); "
                "the 896 bins of 114,688 bp have labels. Published: 33,891 train, 2,195 validation, 1,922 test rows."
            ),
            problem_type="regression",
            label_names=tuple(f"cage_{number}" for number in range(50)),
            metric="pearson",
            reader="cage",
            beside=("cage_prediction/targets_subset/targets-{split}-*.npz",),
            bin_bp=128,
            sequence_length=114_688,
        ),
    )
}
