"""The evaluation sets of DNABERT-S: which species is a sequence of? For clustering, few-shot classes and binning.

Zhou et al. 2025, Bioinformatics. They are not on the Hub; the authors' archive has the folders reference, marine and
plant, with `clustering_0.tsv` to `clustering_4.tsv` (reference: 0 and 1) and `binning_5.tsv` and `binning_6.tsv`.
"""

from __future__ import annotations

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "dnabert-s"
CITATION = (
    "Zhou et al. (2025) DNABERT-S: pioneering species differentiation with species-aware DNA embeddings. "
    "Bioinformatics 41:i255-i264. doi:10.1093/bioinformatics/btaf188"
)
# Set → how many clustering files, and the bp to which the protocol cuts its sequences.
_SETS = {"reference": (2, 10_000), "marine": (5, 20_000), "plant": (5, 20_000)}
_BINNING = (5, 6)
SHORTEST_BP = 2_500  # of binning
SMALLEST_SPECIES = 10


def _published(folder: str, kind: str, number: int, cut_bp: int) -> PublishedTask:
    binning = kind == "binning"
    of = {"reference": "reference genomes", "marine": "marine microbes (CAMI2)", "plant": "plant microbes (CAMI2)"}[
        folder
    ]
    left_out = (
        f" Sequences below {SHORTEST_BP:,} bp and species with fewer than {SMALLEST_SPECIES} sequences are left out."
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
            f"Of which species is the sequence? {of.capitalize()}, for {kind}. The labels are the species of the file, "
            f"numbered in the order of their names. Sequences are cut to {cut_bp:,} bp.{left_out}"
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
