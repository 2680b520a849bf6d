"""GENA-LM's downstream tasks, read from the files that the authors' scripts write or download.

Fishman et al. 2025. None of them is on the Hub. `data_dir` is a folder with one subfolder per task, or the
task's own folder: `promoter_prediction`, `SpliceAI`, `DeepSTARR`, `DeepSea`, `APARENT` and `enformer`, as in the
authors' repository. ModernGENA's examples are in `sequence_classification` and `token_regression`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hf_dnalm.suites.task_definition import PublishedTask
from hf_dnalm.tasks import Task

SUITE = "gena-lm"
CITATION = (
    "Fishman et al. (2025) GENA-LM: a family of open-source foundational DNA language models for long sequences. "
    "Nucleic Acids Research 53:gkae1310. doi:10.1093/nar/gkae1310"
)
_CODE = "github.com/AIRI-Institute/GENA_LM, downstream_tasks"
_EXAMPLES = "github.com/AIRI-Institute/GENA_LM, examples/modernGENA"
DEEPSEA_GROUPS = (("DNase", 125), ("TF", 690), ("histone", 104))

# First and last base of each promoter window, relative to the transcription start site.
_PROMOTERS = {300: "-249 to +50", 2_000: "-1,000 to +999", 8_000: "-5,000 to +2,999", 16_000: "-8,000 to +7,999"}


def _promoters(length_bp: int) -> PublishedTask:
    folder = f"len_{length_bp}"
    task = Task(
        name=f"{SUITE}/promoters_{length_bp}",
        problem_type="single_label_classification",
        label_names=("shuffled", "promoter"),
        metric="f1",
        length_bp=(length_bp, length_bp),
        source=f"{_CODE}/promoter_prediction",
        citation=CITATION,
        description=(
            f"Is the window a human promoter from EPDnew ({_PROMOTERS[length_bp]} around the transcription start site, "
            "hg38; 1), or a promoter with 12 of its 20 segments shuffled (0)? Five folds: three for training, one for "
            "validation, one for testing. Not comparable with GUE's promoters, whose negatives are other DNA."
        ),
    )
    return PublishedTask(
        task=task,
        repo="",
        revision=None,
        files=dict.fromkeys(("train", "validation", "test"), f"{folder}/fold_*.csv"),
        rows={},
        labels_column="promoter_presence",
        folds=(
            f"promoter_prediction/{folder}/fold_{{}}.csv",
            f"{folder}/fold_{{}}.csv",
            f"{folder}_fold_split/fold_{{}}.csv",
        ),
        fold_count=5,
    )


_SPLICE = PublishedTask(
    task=Task(
        name=f"{SUITE}/splice",
        problem_type="single_label_classification",
        label_names=("neither", "acceptor", "donor"),
        metric="site_auprc",
        level="nucleotide",
        length_bp=(15_000, 15_000),
        source=f"{_CODE}/SpliceAI",
        citation=CITATION,
        description=(
            "Is the base a splice acceptor (1), a splice donor (2) or neither (0)? SpliceAI's windows of 15,000 bp. "
            "Only the middle 5,000 bases have labels; the flanks, and bases marked -1, are not scored. The metric is "
            "the mean AUPRC of acceptors and donors. Rows: train 146,436, validation 16,270, test 16,505."
        ),
    ),
    repo="",
    revision=None,
    files={
        "train": "SpliceAI/train.csv",
        "validation": "SpliceAI/valid.csv",
        "test": "SpliceAI/dataset_test_0.csv",
    },
    layouts=({"train": "train.csv", "validation": "valid.csv", "test": "dataset_test_0.csv"},),
    rows={"train": 146_436, "validation": 16_270, "test": 16_505},
    reader="headerless",
)

_DEEPSTARR_FILES = {"train": "Sequences_Train.fa", "validation": "Sequences_Val.fa", "test": "Sequences_Test.fa"}
_DEEPSTARR = PublishedTask(
    task=Task(
        name=f"{SUITE}/deepstarr",
        problem_type="regression",
        label_names=("Dev_log2_enrichment", "Hk_log2_enrichment"),
        metric="pearson",
        length_bp=(249, 249),
        source="data.starklab.org/almeida/DeepSTARR/Data",
        citation=CITATION + "; de Almeida et al. (2022) Nature Genetics 54:613-624. doi:10.1038/s41588-022-01048-5",
        description=(
            "How active is the enhancer in Drosophila S2 cells, with a developmental (Dev) and with a housekeeping "
            "(Hk) promoter? log2 enrichment in STARR-seq. Rows: train 402,296, validation 40,570, test 41,186."
        ),
    ),
    repo="",
    revision=None,
    files={split: f"DeepSTARR/{file}" for split, file in _DEEPSTARR_FILES.items()},
    layouts=(_DEEPSTARR_FILES,),
    rows={"train": 402_296, "validation": 40_570, "test": 41_186},
    reader="deepstarr",
)

_DEEPSEA_FILES = {"train": "train.csv", "validation": "valid.csv", "test": "test.csv"}
_DEEPSEA = PublishedTask(
    task=Task(
        name=f"{SUITE}/deepsea",
        problem_type="multi_label_classification",
        label_names=tuple(f"{group}_{number}" for group, size in DEEPSEA_GROUPS for number in range(size)),
        metric="group_median_auroc",
        label_groups=DEEPSEA_GROUPS,
        length_bp=(1_000, 8_000),
        source=f"{_CODE}/DeepSea",
        citation=CITATION + "; Zhou and Troyanskaya (2015) Nature Methods 12:931-934. doi:10.1038/nmeth.3547",
        description=(
            "Which of 919 chromatin profiles have a peak in the middle 200 bp? 125 DNase, 690 transcription factor "
            "and 104 histone mark profiles, in this order; 1: yes, 0: no. Windows are 1,000 bp, or 8,000 bp in the "
            "authors' extended files. The metric is the mean of the three groups' median AUROC. The authors weight "
            "positives 8 times (class_weights='8')."
        ),
    ),
    repo="",
    revision=None,
    files={split: f"DeepSea/{file}" for split, file in _DEEPSEA_FILES.items()},
    layouts=(_DEEPSEA_FILES,),
    rows={},
    reader="headerless",
)

_POLY_A = PublishedTask(
    task=Task(
        name=f"{SUITE}/poly_a",
        problem_type="regression",
        label_names=("isoform_proportion",),
        metric="pearson_r2",
        pair=True,
        length_bp=(150, 256),
        source=f"{_CODE}/APARENT",
        citation=CITATION + "; Bogard et al. (2019) Cell 178:91-106. doi:10.1016/j.cell.2019.04.046",
        description=(
            "What fraction of transcripts ends at this polyadenylation site (0 to 1)? Each example is a pair: the site "
            "(seq, 186 bp), and the site within its reporter (seq_ext, 256 bp)."
        ),
    ),
    repo="",
    revision=None,
    files={"train": "APARENT/APARENT_train.csv", "test": "APARENT/APARENT_test.csv"},
    layouts=(
        {"train": "APARENT/dataset_itself/APARENT_train.csv", "test": "APARENT/dataset_itself/APARENT_test.csv"},
        {"train": "APARENT_train.csv", "test": "APARENT_test.csv"},
    ),
    rows={},
    sequence_column="seq",
    sequence2_column="seq_ext",
    labels_column="target",
)

_ENFORMER_TRACKS = (("DNase_ATAC", 684), ("ChIP", 3_991), ("CAGE", 638))


def _hdf5_files(folder: str) -> dict[str, str]:
    return {
        split: f"{folder}{file}-*.h5" for split, file in (("train", "train"), ("validation", "valid"), ("test", "test"))
    }


_ENFORMER = PublishedTask(
    task=Task(
        name=f"{SUITE}/enformer",
        problem_type="regression",
        label_names=tuple(f"{kind}_{number}" for kind, tracks in _ENFORMER_TRACKS for number in range(tracks)),
        metric="pearson",
        level="bin",
        bin_bp=128,
        length_bp=(114_688, 196_608),
        source=f"{_CODE}/enformer; Basenji's data, converted to HDF5 by convert_basenji_dataset.py",
        citation=CITATION + "; Avsec et al. (2021) Nature Methods 18:1196-1203. doi:10.1038/s41592-021-01252-x",
        description=(
            "What is the read coverage of each bin of 128 bp in 5,313 experiments on human cells? 684 DNase and ATAC, "
            "3,991 ChIP and 638 CAGE tracks, in this order; counts as Basenji scales them. The 896 bins of the middle "
            "114,688 bp have labels. Labels take 38 MB per window, so pass streaming=True. The metric is the mean "
            "over tracks of Pearson's r. The authors train with a Poisson loss."
        ),
    ),
    repo="",
    revision=None,
    files=_hdf5_files("enformer/"),
    layouts=tuple(_hdf5_files(folder) for folder in ("enformer/human/*/", "human/*/", "")),
    rows={},
    reader="basenji",
    sequence_length=114_688,
)

_PEAKS = "CTCF in human liver (ENCODE, hg38)"


def _example(task: Task, test: str, *, reader: str, **options: Any) -> PublishedTask:
    """A task from ModernGENA's examples, in a folder with its name, in the layouts of the authors' scripts."""
    folder = task.name.removeprefix(f"{SUITE}/moderngena_")
    places = (f"{folder}/", f"data/processed/{folder}/", f"processed/{folder}/", "")
    files, *others = ({"train": f"{place}train.csv", "test": f"{place}{test}"} for place in places)
    return PublishedTask(
        task=dataclasses.replace(task, source=f"{_EXAMPLES}/{folder}", citation=CITATION, length_bp=(10_000, 10_000)),
        repo="",
        revision=None,
        files=files,
        layouts=tuple(others),
        rows={},
        reader=reader,
        **options,
    )


_PEAK_CLASSIFICATION = _example(
    Task(
        name=f"{SUITE}/moderngena_sequence_classification",
        problem_type="single_label_classification",
        label_names=("no_peak", "peak"),
        metric="auprc",
        description=(
            f"Does the window have a peak of {_PEAKS}, file ENCFF046XEZ, in its middle (1), or no peak (0)? "
            "The classes are balanced; no window has N. The test split is chromosome 21 (valid in the authors' files)."
        ),
    ),
    "valid.csv",
    reader="table",
    labels_column="label",
)
_SIGNAL_REGRESSION = _example(
    Task(
        name=f"{SUITE}/moderngena_token_regression",
        problem_type="regression",
        label_names=("ctcf_signal",),
        metric="pearson",
        level="bin",
        bin_bp=1,
        description=(
            f"What is the signal of {_PEAKS}, file ENCFF184SOF.bigWig, at each base? 0 if the file has no value. "
            "Half of the windows contain a peak (ENCFF046XEZ), half have none. The test split is chromosome 21. "
            "The authors score each token's mean signal, which depends on the tokenizer; here every base is scored."
        ),
    ),
    "test.csv",
    reader="signal",
    assembly="hg38 (GRCh38)",
    beside=("ENCFF184SOF.bigWig",),
)

TASKS = {
    **{f"promoters_{length_bp}": _promoters(length_bp) for length_bp in _PROMOTERS},
    "splice": _SPLICE,
    "deepstarr": _DEEPSTARR,
    "deepsea": _DEEPSEA,
    "poly_a": _POLY_A,
    "enformer": _ENFORMER,
    "moderngena_sequence_classification": _PEAK_CLASSIFICATION,
    "moderngena_token_regression": _SIGNAL_REGRESSION,
}
ALIASES = {
    "SpliceAI": "splice",
    "DeepSTARR": "deepstarr",
    "DeepSea": "deepsea",
    "DeepSEA": "deepsea",
    "APARENT": "poly_a",
}
