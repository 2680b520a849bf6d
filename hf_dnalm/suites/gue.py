"""GUE (28 tasks) and GUE+ (8 tasks), the benchmarks published with DNABERT-2.

Zhou et al. 2024, ICLR. The Hub's copy (leannmlindsey/GUE) names a task `emp_H3`; the authors' archive has the folders
`EMP/H3`, `prom/prom_core_all`, `tf/0` and so on. Both are CSV with the columns sequence and label, in train.csv,
dev.csv and test.csv.
"""

from __future__ import annotations

from typing import NamedTuple

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "gue"
PLUS_SUITE = "gue-plus"
REPO = "leannmlindsey/GUE"
LICENCE = "MIT"
CITATION = (
    "Zhou et al. (2024) DNABERT-2: Efficient Foundation Model and Benchmark For Multi-Species Genomes. ICLR. "
    "arXiv:2306.15006"
)


class _Config(NamedTuple):
    """One task. Row counts are (train, validation, test); None if the rows were never counted in the data."""

    name: str
    folder: str
    length_bp: tuple[int, int]
    rows: tuple[int | None, int | None, int | None]


# Mark, shortest sequence in bp, rows.
_MARKS = (
    ("H3", 500, (11_971, 1_497, 1_497)),
    ("H3K14ac", 290, (26_438, 3_305, 3_305)),
    ("H3K36me3", 500, (27_904, 3_488, 3_488)),
    ("H3K4me1", 290, (25_341, 3_168, 3_168)),
    ("H3K4me2", 500, (None, 3_069, 3_069)),
    ("H3K4me3", 500, (None, 3_680, 3_680)),
    ("H3K79me3", 500, (23_069, 2_884, 2_884)),
    ("H3K9ac", 500, (22_224, 2_779, 2_779)),
    ("H4", 500, (11_679, 1_461, 1_461)),
    ("H4ac", 449, (27_275, 3_410, 3_410)),
)
_PROMOTERS = (
    ("prom_300_all", 300, (47_356, 5_920, 5_920)),
    ("prom_300_notata", 300, (None, 5_307, 5_307)),
    ("prom_300_tata", 300, (4_904, 613, 613)),
    ("prom_core_all", 70, (47_356, 5_920, 5_920)),
    ("prom_core_notata", 70, (42_452, 5_307, 5_307)),
    ("prom_core_tata", 70, (4_904, 613, 613)),
)
_HUMAN_FACTORS = (32_378, 30_672, 19_000, 27_294, 19_000)
_MOUSE_FACTORS = ((6_478, 810), (53_952, 6_745), (2_620, 328), (1_904, 239), (15_064, 1_883))
_EPI_ROWS = {"GM12878": (10_000, 2_000, 2_000)}
_CELLS = ("GM12878", "HeLa-S3", "HUVEC", "IMR90", "K562", "NHEK")

_CONFIGS = (
    *(_Config(f"emp_{mark}", f"EMP/{mark}", (shortest, 500), rows) for mark, shortest, rows in _MARKS),
    *(_Config(name, f"prom/{name}", (length, length), rows) for name, length, rows in _PROMOTERS),
    *(
        _Config(f"human_tf_{number}", f"tf/{number}", (101, 101), (train, 1_000, 1_000))
        for number, train in enumerate(_HUMAN_FACTORS)
    ),
    *(
        _Config(f"mouse_{number}", f"mouse/{number}", (101, 101), (train, held_out, held_out))
        for number, (train, held_out) in enumerate(_MOUSE_FACTORS)
    ),
    _Config("splice_reconstructed", "splice/reconstructed", (400, 400), (None, 4_562, 4_562)),
    _Config("virus_covid", "virus/covid", (999, 999), (73_335, 9_166, 9_168)),
)
_PLUS_CONFIGS = (
    *(_Config(f"EPI_{cell}", f"EPI/{cell}", (5_000, 5_001), _EPI_ROWS.get(cell, (None,) * 3)) for cell in _CELLS),
    _Config("fungi_species_20", "fungi/species_20", (10_000, 10_000), (8_000, 1_000, 1_000)),
    _Config("virus_species_40", "virus/species_40", (5_000, 5_000), (4_000, 500, 500)),
)

# The authors' own task names.
ALIASES = {config.folder: config.name for config in _CONFIGS} | {mark: f"emp_{mark}" for mark, *_ in _MARKS}
PLUS_ALIASES = {config.folder: config.name for config in _PLUS_CONFIGS}


def _labels_and_meaning(name: str) -> tuple[tuple[str, ...], str]:
    if name.startswith("emp_"):
        mark = name.removeprefix("emp_")
        return (f"no_{mark}", mark), f"Does the window carry the histone mark {mark} in yeast? 1: yes, 0: no."
    if name.startswith("prom_"):
        _, window, kind = name.split("_")
        box = {"all": "", "notata": " without a TATA box", "tata": " with a TATA box"}[kind]
        core = " core" if window == "core" else ""
        return ("other", "promoter"), f"Is the window a human{core} promoter{box}? 1: yes, 0: no."
    if name.startswith(("human_tf_", "mouse_")):
        species, number = name.split("_")[0], name.rsplit("_", 1)[1]
        return ("unbound", "bound"), (
            f"Does the transcription factor bind the window in {species} cells (factor number {number} of the suite)? "
            "1: yes, 0: no."
        )
    if name == "splice_reconstructed":
        return ("acceptor", "donor", "neither"), (
            "What is in the middle of the window? 0: a splice acceptor (its AG at 198), 1: a splice donor (its GT "
            "at 200), 2: neither; positions are 0-based."
        )
    if name == "virus_covid":
        return tuple(f"variant_{number}" for number in range(9)), (
            "Which variant of SARS-CoV-2 is the sequence from? The files number the nine variants without naming them."
        )
    if name.startswith("EPI_"):
        return ("apart", "interacting"), (
            f"Do this enhancer and promoter interact in {name.removeprefix('EPI_')} cells? 1: yes, 0: no. The Hub's "
            "copy has both as one sequence; a file with three columns has the pair (sequence and sequence2)."
        )
    if name == "fungi_species_20":
        return tuple(f"species_{number}" for number in range(20)), "Which of 20 fungi is the sequence from?"
    return tuple(f"species_{number}" for number in range(25)), "Which of 25 viruses is the sequence from?"


def _published(config: _Config, suite: str) -> PublishedTask:
    labels, meaning = _labels_and_meaning(config.name)
    splits = ("train", "validation", "test")
    rows = {split: count for split, count in zip(splits, config.rows, strict=True) if count is not None}
    known = f" Rows: {', '.join(f'{split} {count:,}' for split, count in rows.items())}." if rows else ""
    task = Task(
        name=f"{suite}/{config.name}",
        problem_type="single_label_classification",
        label_names=labels,
        metric="f1" if config.name == "virus_covid" else "mcc",
        length_bp=config.length_bp,
        source=REPO,
        licence=LICENCE,
        citation=CITATION,
        description=f"{meaning}{known}",
    )
    names = {"train": "train", "validation": "dev", "test": "test"}

    def layout(folder: str) -> dict[str, str]:
        return {split: f"{folder}/{names[split]}.csv" for split in splits}

    return PublishedTask(
        task=task,
        repo=REPO,
        revision=None,
        files=layout(f"GUE/{config.name}"),
        rows=rows,
        reader="singles or pairs" if config.name.startswith("EPI_") else "table",
        layouts=(layout(config.name), layout(f"GUE/{config.folder}"), layout(config.folder)),
    )


TASKS = {config.name: _published(config, SUITE) for config in _CONFIGS}
PLUS_TASKS = {config.name: _published(config, PLUS_SUITE) for config in _PLUS_CONFIGS}
