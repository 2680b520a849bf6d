"""Plant Genomic Benchmark: 31 tasks, with the sizes, lengths, labels and metrics published with AgroNT.

Mendoza-Revilla et al. 2024, Commun. Biol. 7:835. The files are `{folder}/{subset}_{split}.fa` with headers
`name|label|label…`; the repository's loading script does not run with datasets 4 or later, so they are parsed here.
"""

from __future__ import annotations

from typing import NamedTuple

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import ProblemType, Task

SUITE = "plant-genomic-benchmark"
REPO = "InstaDeepAI/plant-genomic-benchmark"
REVISION = "78ec8156c2ffb3e5475277fdb7eb603294224e53"
LICENCE = "CC BY-NC-SA 4.0"
CITATION = (
    "Mendoza-Revilla et al. (2024) A foundational large language model for edible plant genomes. "
    "Communications Biology 7:835. doi:10.1038/s42003-024-06465-2; data doi:10.57967/hf/2464"
)

# Common spellings, also used by other copies of the data → the published name.
ALIASES = {
    "chromatin_access.arabidopsis_thaliana": "chromatin_access.arabidopis_thaliana",  # the repo misspells it, here only
    "chromatin_access.oryza_sativa_MH63": "chromatin_access.oryza_sativa_MH63_RS2",
    "chromatin_access.oryza_sativa_ZS97": "chromatin_access.oryza_sativa_ZS97_RS2",
    "enhancer.m_esculenta": "pro_seq.m_esculenta",
    "poly_a.oryza_sativa_indica": "poly_a.oryza_sativa_indica_group",
    "poly_a.oryza_sativa_japonica": "poly_a.oryza_sativa_japonica_group",
}

# Order of the labels in the Arabidopsis chromatin files, as DNALLM's copy of the benchmark names them
# (github.com/zhangtaolab/DNALLM, tests/test_data/multilabel_classification/labels.txt). The other species' track
# names are not published with the files.
ARABIDOPSIS_TRACKS = (
    *("Ath_ATAC_7days_leaf_rep1", "Ath_ATAC_7days_leaf_rep2"),
    *("Ath_ATAC_mesophyll_cell_rep1", "Ath_ATAC_mesophyll_cell_rep2", "Ath_ATAC_mesophyll_cell_rep3"),
    *("Ath_ATAC_root_hair_rep1", "Ath_ATAC_root_hair_rep2"),
    *("Ath_ATAC_root_non_hair_rep1", "Ath_ATAC_root_non_hair_rep2"),
    *("Ath_ATAC_root_tip_rep1", "Ath_ATAC_root_tip_rep2"),
    *("Ath_ATAC_stem_cell_rep1", "Ath_ATAC_stem_cell_rep2", "Ath_ATAC_stem_cell_rep3"),
    *("Ath_DNase_flower_14_days", "Ath_DNase_inflorescence_normal", "Ath_DNase_open_flower_normal"),
    *("Ath_DNase_root_7_days", "Ath_DNase_seedling_normal"),
)


class _Family(NamedTuple):
    """Settings shared by the tasks in one folder. `labels` are class names, or the prefix of numbered outputs."""

    problem_type: ProblemType
    labels: tuple[str, ...] | str
    metric: str
    length_bp: tuple[int, int]
    description: str


_STARR = (
    "Enrichment (log2) of the transcript in a self-transcribing reporter assay, {} in tobacco leaves or maize "
    "protoplasts. Sequences of Arabidopsis, maize and sorghum are pooled; higher is stronger."
)

_FAMILIES = {
    "poly_a": _Family(
        "single_label_classification",
        ("no_poly_a_site", "poly_a_site"),
        "auroc",
        (400, 400),
        "Does the window contain a polyadenylation site? 1: yes, 0: no.",
    ),
    "splicing": _Family(
        "single_label_classification",
        (),
        "auroc",
        (398, 398),
        "Is the centre of the window a splice site of this kind? 1: yes, 0: no. Negatives are decoys: most donor "
        "negatives and all acceptor negatives have GT or AG at the same position.",
    ),
    "lncrna": _Family(
        "single_label_classification",
        ("other", "lncrna"),
        "auroc",
        (101, 6000),
        "Is the transcript a long non-coding RNA? 1: yes, 0: no. Some test sequences also occur in the training "
        "files of other species.",
    ),
    "promoter_strength": _Family(
        "regression",
        ("strength",),
        "pearson_r2",  # the published R2 of this task is the squared Pearson correlation, not 1 - SSE/SST
        (170, 170),
        _STARR.format("promoters"),
    ),
    "terminator_strength": _Family(
        "regression",
        ("strength",),
        "r2",
        (170, 170),
        _STARR.format("terminators").replace(", maize and sorghum", " and maize"),
    ),
    "gene_exp": _Family(
        "regression",
        "tissue",
        "r2",
        (6000, 6000),
        "Expression of a gene in each tissue, from 6 kb of its sequence. Tissues are in the order of the file, "
        "which does not name them.",
    ),
    "chromatin_access": _Family(
        "multi_label_classification",
        "track",
        "auroc",
        (1000, 1000),
        "Is the window open chromatin in each experiment (ATAC-seq or DNase-seq of one tissue)? 1: yes, 0: no. "
        "Positives are rare.",
    ),
    "pro_seq": _Family(
        "single_label_classification",
        ("other", "enhancer"),
        "auroc",
        (1000, 1000),
        "Is the window an enhancer region, as found by PRO-seq in cassava? 1: yes, 0: no.",
    ),
}


class _Config(NamedTuple):
    """One task. `validation` is None if the Hub has no validation file.

    `verified` is False if a row count was estimated from file sizes: such a count is shown but never enforced.
    """

    name: str
    outputs: int
    train: int
    validation: int | None
    test: int
    verified: bool = True


_CONFIGS = (
    _Config("poly_a.arabidopsis_thaliana", 2, 170_835, None, 30_384),
    _Config("poly_a.oryza_sativa_indica_group", 2, 98_139, None, 16_776),
    _Config("poly_a.trifolium_pratense", 2, 111_138, None, 13_746),
    _Config("poly_a.medicago_truncatula", 2, 47_277, None, 8_850),
    _Config("poly_a.chlamydomonas_reinhardtii", 2, 90_378, None, 10_542),
    _Config("poly_a.oryza_sativa_japonica_group", 2, 120_621, None, 20_232),
    _Config("splicing.arabidopsis_thaliana_donor", 2, 2_588_034, None, 377_873),
    _Config("splicing.arabidopsis_thaliana_acceptor", 2, 1_704_844, None, 250_084),
    _Config("lncrna.m_esculenta", 2, 4_934, None, 360),
    _Config("lncrna.z_mays", 2, 8_423, None, 1_629),
    _Config("lncrna.g_max", 2, 11_430, None, 490),
    _Config("lncrna.s_lycopersicum", 2, 7_274, None, 1_072),
    _Config("lncrna.t_aestivum", 2, 11_252, None, 1_810),
    _Config("lncrna.s_bicolor", 2, 8_654, None, 734),
    _Config("promoter_strength.leaf", 1, 58_179, 6_825, 7_154),
    _Config("promoter_strength.protoplast", 1, 61_051, 7_162, 7_595),
    _Config("terminator_strength.leaf", 1, 43_294, 4_806, 5_309),
    _Config("terminator_strength.protoplast", 1, 43_289, 4_811, 5_309, verified=False),
    _Config("gene_exp.glycine_max", 14, 47_136, 4_803, 4_803, verified=False),
    _Config("gene_exp.oryza_sativa", 7, 31_244, 3_702, 3_702),
    _Config("gene_exp.solanum_lycopersicum", 10, 27_321, 3_827, 3_827, verified=False),
    _Config("gene_exp.zea_mays", 23, 34_493, 4_483, 4_483),
    _Config("gene_exp.arabidopsis_thaliana", 56, 25_731, 3_401, 3_402),
    _Config("chromatin_access.oryza_sativa_MH63_RS2", 15, 5_120_000, 14_848, 14_848, verified=False),
    _Config("chromatin_access.oryza_sativa_ZS97_RS2", 15, 5_120_000, 14_848, 14_848, verified=False),
    _Config("chromatin_access.setaria_italica", 9, 5_120_000, 19_968, 19_968, verified=False),
    _Config("chromatin_access.arabidopis_thaliana", 19, 5_120_000, 9_984, 9_984, verified=False),
    _Config("chromatin_access.brachypodium_distachyon", 9, 5_120_000, 14_848, 14_848, verified=False),
    _Config("chromatin_access.sorghum_bicolor", 14, 5_120_000, 29_952, 29_952, verified=False),
    _Config("chromatin_access.zea_mays", 19, 6_400_000, 79_872, 79_872, verified=False),
    _Config("pro_seq.m_esculenta", 2, 16_852, 1_229, 812),
)


def _published(config: _Config) -> PublishedTask:
    folder, subset = config.name.split(".")
    family = _FAMILIES[folder]
    rows = {"train": config.train, "validation": config.validation, "test": config.test}
    sizes = {split: count for split, count in rows.items() if count is not None}
    about = "" if config.verified else "about "
    task = Task(
        name=f"{SUITE}/{config.name}",
        problem_type=family.problem_type,
        label_names=_label_names(config, family),
        metric=family.metric,
        length_bp=family.length_bp,
        source=f"{REPO} @ {REVISION}",
        licence=LICENCE,
        citation=CITATION,
        description=f"{family.description} Rows: "
        + ", ".join(f"{split} {about}{count:,}" for split, count in sizes.items())
        + ".",
    )
    return PublishedTask(
        task=task,
        repo=REPO,
        revision=REVISION,
        files={split: f"{folder}/{subset}_{split}.fa" for split in sizes},
        rows=sizes if config.verified else {},
        large={"train": 5.4} if folder == "chromatin_access" else {},
    )


def _label_names(config: _Config, family: _Family) -> tuple[str, ...]:
    if config.name == "chromatin_access.arabidopis_thaliana":
        return ARABIDOPSIS_TRACKS
    if config.name.startswith("splicing."):
        kind = config.name.rsplit("_", 1)[1]
        return (f"no_{kind}", kind)
    if isinstance(family.labels, str):
        return tuple(f"{family.labels}_{index}" for index in range(config.outputs))
    return family.labels


TASKS = {config.name: _published(config) for config in _CONFIGS}
