"""The Nucleotide Transformer's downstream tasks as two suites: 18 as first published and 18 as revised.

Dalla-Torre et al. 2024, Nature Methods. The suites share task names (`H3K9ac`, `promoter_all`), but their data and
sequence lengths differ. The files are `{task}/{split}.parquet`, with `.fna` copies (headers `name|label`) next to them.
"""

from __future__ import annotations

from typing import NamedTuple

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "nt-downstream"
REVISED_SUITE = "nt-downstream-revised"
REPO = "InstaDeepAI/nucleotide_transformer_downstream_tasks"
REVISED_REPO = f"{REPO}_revised"
REVISED_REVISION = "851f9946252e90c665cdb3cc3eedb78f1f26197c"
LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "Dalla-Torre et al. (2024) Nucleotide Transformer: building and evaluating robust foundation models for human "
    "genomics. Nature Methods. doi:10.1038/s41592-024-02523-z"
)

# Other copies of the data write the splice tasks in the singular.
ALIASES = {
    "splice_sites_acceptor": "splice_sites_acceptors",
    "splice_sites_donor": "splice_sites_donors",
}


class _Config(NamedTuple):
    """One task. Rows are None if they were never counted in the data or stated on the dataset card."""

    name: str
    length_bp: int
    train: int | None
    test: int | None


_ORIGINAL = (
    _Config("promoter_all", 300, 53_276, None),
    _Config("promoter_no_tata", 300, None, None),
    _Config("promoter_tata", 300, None, None),
    _Config("enhancers", 200, 14_968, 400),
    _Config("enhancers_types", 200, 14_968, 400),
    _Config("splice_sites_all", 400, 27_000, None),
    _Config("splice_sites_acceptors", 600, 19_961, None),
    _Config("splice_sites_donors", 600, 19_775, None),
    _Config("H3", 500, 13_468, None),
    _Config("H4", 500, 13_140, None),
    _Config("H3K9ac", 500, 25_003, None),
    _Config("H3K14ac", 500, 29_743, None),
    _Config("H4ac", 500, 30_685, None),
    _Config("H3K4me1", 500, 28_509, None),
    _Config("H3K4me2", 500, 27_614, None),
    _Config("H3K4me3", 500, 33_119, None),
    _Config("H3K36me3", 500, 31_392, None),
    _Config("H3K79me3", 500, 25_953, None),
)

_REVISED = (
    _Config("promoter_all", 300, 30_000, 1_584),
    _Config("promoter_tata", 300, None, None),
    _Config("promoter_no_tata", 300, None, None),
    _Config("enhancers", 400, 30_000, 3_000),
    _Config("enhancers_types", 400, None, None),
    _Config("splice_sites_all", 600, 30_000, 3_000),
    _Config("splice_sites_acceptors", 600, 30_000, 3_000),
    _Config("splice_sites_donors", 600, 30_000, 3_000),
    _Config("H2AFZ", 1000, None, None),
    _Config("H3K4me3", 1000, None, None),
    _Config("H3K9ac", 1000, None, None),
    _Config("H3K9me3", 1000, 27_438, 850),
    _Config("H3K27ac", 1000, 30_000, 1_616),
    _Config("H3K27me3", 1000, 30_000, 3_000),
    _Config("H3K36me3", 1000, None, None),
    _Config("H3K4me1", 1000, None, None),
    _Config("H3K4me2", 1000, 30_000, 2_138),
    _Config("H4K20me1", 1000, None, None),
)


def _labels_and_meaning(name: str, *, revised: bool) -> tuple[tuple[str, ...], str]:
    if name.startswith("promoter"):
        kind = {"promoter_tata": " with a TATA box", "promoter_no_tata": " without a TATA box"}.get(name, "")
        return ("other", "promoter"), f"Is the window a promoter{kind}? 1: yes, 0: no."
    if name == "enhancers":
        return ("other", "enhancer"), "Is the window an enhancer? 1: yes, 0: no."
    if name == "enhancers_types":
        return ("type_0", "type_1", "type_2"), (
            "No enhancer, or one of two kinds of enhancer; the files number the classes without naming them."
        )
    if name == "splice_sites_all":
        return ("class_0", "class_1", "class_2"), (
            "Donor, acceptor or neither in the middle of the window; the files number the classes without naming them."
        )
    if name.startswith("splice_sites"):
        kind = name.removeprefix("splice_sites_").removesuffix("s")
        return (f"no_{kind}", kind), f"Is there a splice {kind} in the middle of the window? 1: yes, 0: no."
    cells = "human K562 cells" if revised else "yeast"
    return (f"no_{name}", name), f"Does the window carry the histone mark {name} in {cells}? 1: yes, 0: no."


def _published(config: _Config, *, revised: bool) -> PublishedTask:
    suite, repo = (REVISED_SUITE, REVISED_REPO) if revised else (SUITE, REPO)
    revision = REVISED_REVISION if revised else None
    labels, meaning = _labels_and_meaning(config.name, revised=revised)
    rows = {split: count for split, count in (("train", config.train), ("test", config.test)) if count is not None}
    known = f" Rows: {', '.join(f'{split} {count:,}' for split, count in rows.items())}." if rows else ""
    overlap = "" if revised else " GUE has the same yeast marks and promoters in different splits."
    task = Task(
        name=f"{suite}/{config.name}",
        problem_type="single_label_classification",
        label_names=labels,
        metric="mcc",
        # A few windows of the yeast marks are truncated at the end of a chromosome.
        length_bp=(min(config.length_bp, 290 if config.length_bp == 500 else config.length_bp), config.length_bp),
        source=repo if revision is None else f"{repo} @ {revision}",
        licence=LICENCE,
        citation=CITATION,
        description=f"{meaning}{overlap}{known}",
    )
    splits = ("train", "test")
    return PublishedTask(
        task=task,
        repo=repo,
        revision=revision,
        files={split: f"{config.name}/{split}.parquet" for split in splits},
        rows=rows,
        layouts=({split: f"{config.name}/{split}.fna" for split in splits},),
    )


TASKS = {config.name: _published(config, revised=False) for config in _ORIGINAL}
REVISED_TASKS = {config.name: _published(config, revised=True) for config in _REVISED}
