"""DNABERT-S evaluation sets: species labels for clustering, few-shot classification and metagenomic binning.

Zhou et al. 2025, Bioinformatics. The files are not on the Hub. The authors' archive has the folders reference,
marine and plant, with `clustering_0.tsv` to `clustering_4.tsv` (reference: 0 and 1), and
`binning_5.tsv` and `binning_6.tsv`.
"""

from __future__ import annotations

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "dnabert-s"
CITATION = (
    "Zhou et al. (2025) DNABERT-S: pioneering species differentiation with species-aware DNA embeddings. "
    "Bioinformatics 41:i255-i264. doi:10.1093/bioinformatics/btaf188"
)
# Set → number of clustering files, and the length in bp to which the protocol truncates sequences.
_SETS = {"reference": (2, 10_000), "marine": (5, 20_000), "plant": (5, 20_000)}
_BINNING = (5, 6)
SHORTEST_BP = 2_500  # shorter sequences are excluded from binning
SMALLEST_SPECIES = 10


def _published(folder: str, kind: str, number: int, cut_bp: int) -> PublishedTask:
    binning = kind == "binning"
    origin = {"reference": "Reference genomes", "marine": "Marine microbes (CAMI2)", "plant": "Plant microbes (CAMI2)"}[
        folder
    ]
    left_out = (
        f" Sequences below {SHORTEST_BP:,} bp and species with fewer than {SMALLEST_SPECIES} sequences are excluded."
        if binning
        else ""
    )
    task = Task(
        name=f"{SUITE}/{folder}-{kind}-{number}",
        problem_type="single_label_classification",
        label_names=("one_species", "another_species"),
        metric="f1",
        source="the authors' archive, github.com/MAGICS-LAB/DNABERT_S",
        citation=CITATION,
        description=(
            f"Which species is the sequence from? {origin}, for {kind}. The labels are the species in the file, "
            f"numbered in alphabetical order. Sequences are truncated to {cut_bp:,} bp.{left_out}"
        ),
    )
    return PublishedTask(
        task=task,
        repo="",
        revision=None,
        files={"test": f"{folder}/{kind}_{number}.tsv"},
        layouts=({"test": f"{kind}_{number}.tsv"},),
        rows={},
        reader="species",
        classes_in_data=True,
        sequence_length=cut_bp,
        shortest_bp=SHORTEST_BP if binning else None,
        smallest_class=SMALLEST_SPECIES if binning else 0,
    )


TASKS = {
    task.task.name.removeprefix(f"{SUITE}/"): task
    for folder, (clusterings, cut_bp) in _SETS.items()
    for task in (
        *(_published(folder, "clustering", number, cut_bp) for number in range(clusterings)),
        *(_published(folder, "binning", number, cut_bp) for number in _BINNING),
    )
}
