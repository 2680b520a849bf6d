"""Plant multi-species: seven tasks on pooled plant species, published with the PDLLMs plant language models.

Each task is a Hub repository with train.csv, dev.csv and test.csv, which have the columns sequence and label.
"""

from __future__ import annotations

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "plant-multi-species"
OWNER = "zhangtaolab"

_PRESENT = "Is the window {}? 1: yes, 0: no."
# Task → label names, their meaning, and the row counts of train, validation and test.
_CONFIGS: dict[str, tuple[tuple[str, ...], str, tuple[int, int, int]]] = {
    "core-promoters": (("other", "core_promoter"), _PRESENT.format("a core promoter"), (66_560, 8_320, 8_320)),
    "H3K27ac": (("no_H3K27ac", "H3K27ac"), _PRESENT.format("marked by H3K27ac"), (81_920, 10_240, 10_240)),
    "H3K27me3": (("no_H3K27me3", "H3K27me3"), _PRESENT.format("marked by H3K27me3"), (79_748, 9_968, 9_968)),
    "H3K4me3": (("no_H3K4me3", "H3K4me3"), _PRESENT.format("marked by H3K4me3"), (81_920, 10_240, 10_240)),
    "lncRNAs": (("other", "lncrna"), "Is the sequence a long non-coding RNA? 1: yes, 0: no.", (40_248, 5_028, 5_032)),
    "open-chromatin": (
        ("class_0", "class_1", "class_2"),
        "How accessible is the chromatin of the window? The files number the three classes without naming them.",
        (118_800, 14_850, 14_850),
    ),
    "sequence-conservation": (
        ("not_conserved", "conserved"),
        _PRESENT.format("conserved between species"),
        (56_320, 7_040, 7_040),
    ),
}


def _published(name: str, labels: tuple[str, ...], meaning: str, counts: tuple[int, int, int]) -> PublishedTask:
    repo = f"{OWNER}/plant-multi-species-{name}"
    splits = ("train", "validation", "test")
    rows = dict(zip(splits, counts, strict=True))
    task = Task(
        name=f"{SUITE}/{name}",
        problem_type="single_label_classification",
        label_names=labels,
        metric="mcc",
        source=repo,
        description=f"{meaning} Rows: {', '.join(f'{split} {count:,}' for split, count in rows.items())}.",
    )
    names = {"train": "train.csv", "validation": "dev.csv", "test": "test.csv"}
    return PublishedTask(
        task=task,
        repo=repo,
        revision=None,
        files=names,
        rows=rows,
        layouts=({split: f"plant-multi-species-{name}/{file}" for split, file in names.items()},),
    )


TASKS = {name: _published(name, *config) for name, config in _CONFIGS.items()}
