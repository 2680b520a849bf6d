"""The downstream tasks of GENA-LM in the authors' layouts: real rows where there are some, generated ones elsewhere."""

from __future__ import annotations

import dataclasses
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.evaluation import compute_metrics
from hf_dnalm.suites import gena_lm, load_benchmark


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# --- promoters ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["promoter_prediction/len_300", "len_300", "len_300_fold_split"])
def folds(tmp_path, request) -> Path:
    for number in range(1, 6):
        rows = [f"GTGTGTGT{'A' * row}{'C' * number},{row % 2}" for row in range(4)]
        write(tmp_path / request.param / f"fold_{number}.csv", "\n".join(["sequence,promoter_presence", *rows]) + "\n")
    return tmp_path


def tails(dataset) -> set[int]:
    """The folds that the rows are from, by the number of C at their end."""
    return {len(sequence) - len(sequence.rstrip("C")) for sequence in dataset["sequence"]}


@pytest.mark.parametrize(
    ("fold", "train", "validation", "test"),
    [(None, {1, 2, 3}, {4}, {5}), (0, {1, 2, 3}, {4}, {5}), (1, {2, 3, 4}, {5}, {1}), (4, {5, 1, 2}, {3}, {4})],
)
def test_promoters_are_split_by_the_published_folds(folds, fold, train, validation, test):
    which = {} if fold is None else {"folds": 5, "fold": fold}
    splits, task = load_benchmark("gena-lm", "promoters_300", data_dir=folds, **which)
    assert {name: tails(rows) for name, rows in splits.items()} == {
        "train": train,
        "validation": validation,
        "test": test,
    }
    assert len(splits["train"]) == 12
    assert f"fold {fold or 0} (counted from 0) of the 5 that were published" in task.description


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 10, "fold": 0}, "was published in 5 folds; pass folds=5"),
        ({"folds": 5, "fold": 5}, "fold is 5; with 5 folds it is 0 to 4"),
    ],
)
def test_other_folds_are_refused(folds, options, message):
    with pytest.raises(ValueError, match=message):
        load_benchmark("gena-lm", "promoters_300", data_dir=folds, **options)


def test_folds_are_streamed_one_after_the_other(folds):
    splits, _ = load_benchmark("gena-lm", "promoters_300", data_dir=folds, streaming=True)
    assert len(list(splits["train"])) == 12


def test_the_suite_is_not_on_the_hub():
    with pytest.raises(ValueError, match=r"gena-lm/splice is not on the Hub; pass data_dir= with the authors' files"):
        load_benchmark("gena-lm", "splice")


# --- splice sites ---------------------------------------------------------------------------------------------------


def test_splice_labels_stand_in_the_middle(tmp_path):
    write(tmp_path / "SpliceAI" / "dataset_test_0.csv", "ACGTACGTAC,0.0,1.0,2.0,-1.0\nNNNNNNNNNN,0,0,0,0\n")
    splits, task = load_benchmark("gena-lm", "splice", data_dir=tmp_path, allow_subset=True)
    assert splits["test"]["labels"][:] == [[-100] * 3 + [0, 1, 2, -100] + [-100] * 3, [-100] * 3 + [0] * 4 + [-100] * 3]
    assert task.label_names == ("neither", "acceptor", "donor")


def test_splice_labels_that_have_no_middle_are_refused(tmp_path):
    write(tmp_path / "train.csv", "ACGTACGTAC,0,1,2\n")
    message = r"train.csv: record 1 has 10 bp and 3 labels, which cannot be centred on it"
    with pytest.raises(ValueError, match=message):
        load_benchmark("gena-lm", "splice", data_dir=tmp_path)


def test_real_splice_windows_are_read(shared, tmp_path):
    real = shared / "data" / "tasks" / "GENA" / "SpliceAI_test_Dataset_data.csv.gz"
    shutil.copy(real, tmp_path / "dataset_test_0.csv.gz")
    splits, task = load_benchmark("gena-lm", "SpliceAI", data_dir=tmp_path, allow_subset=True)
    labels = np.array(splits["test"]["labels"][:])
    assert labels.shape == (10, 15_000)
    assert (labels[:, :5_000] == -100).all()
    assert (labels[:, 10_000:] == -100).all()
    middle, counts = np.unique(labels[:, 5_000:10_000], return_counts=True)
    assert dict(zip(middle.tolist(), counts.tolist(), strict=True)) == {-100: 718, 0: 49_256, 1: 13, 2: 13}
    assert "test has 10 of 16,505 published rows" in task.description


def test_acceptors_and_donors_make_the_splice_metric():
    task = gena_lm.TASKS["splice"].task
    generator = np.random.default_rng(0)
    labels = [generator.integers(0, 3, 50) for _ in range(4)]
    logits = [np.eye(3)[row] * 9 for row in labels]
    metrics = compute_metrics(task, logits, labels)
    assert metrics["site_auprc"] == 1.0
    logits[0] = generator.normal(size=(50, 3))
    metrics = compute_metrics(task, logits, labels)
    assert metrics["site_auprc"] < 1.0
    assert metrics["site_auprc"] != metrics["auprc"]


# --- DeepSTARR ------------------------------------------------------------------------------------------------------

ACTIVITIES = "Dev_log2_enrichment\tHk_log2_enrichment\tother\n1.5\t-0.5\tx\n2.5\t0.25\ty\n"


@pytest.fixture
def deepstarr(tmp_path) -> Path:
    write(tmp_path / "DeepSTARR" / "Sequences_Test.fa", ">chr2R_1_9_+_peaks\nACGTACGT\n>chr2R_5_13_-_peaks\nTTTTACGT\n")
    write(tmp_path / "DeepSTARR" / "Sequences_activity_Test.txt", ACTIVITIES)
    return tmp_path


@pytest.mark.parametrize("packed", [False, True])
def test_activities_stand_beside_the_sequences(deepstarr, packed):
    if packed:
        for path in (deepstarr / "DeepSTARR").iterdir():
            Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    splits, _ = load_benchmark("gena-lm", "deepstarr", data_dir=deepstarr, allow_subset=True)
    assert splits["test"]["labels"][:] == [[1.5, -0.5], [2.5, 0.25]]
    assert splits["test"]["name"][:] == ["chr2R_1_9_+_peaks", "chr2R_5_13_-_peaks"]


@pytest.mark.parametrize(
    ("activities", "message"),
    [
        (ACTIVITIES + "1\t2\tz\n", "has more rows than the 2 records of"),
        ("\n".join(ACTIVITIES.splitlines()[:2]) + "\n", "has 1 rows, but"),
        (
            ACTIVITIES.replace("Hk_log2", "Hk"),
            "no column 'Hk_log2_enrichment'; the columns are Dev_log2_enrichment, Hk_",
        ),
    ],
)
def test_activities_that_do_not_fit_are_refused(deepstarr, activities, message):
    (deepstarr / "DeepSTARR" / "Sequences_activity_Test.txt").write_text(activities)
    with pytest.raises(ValueError, match=message):
        load_benchmark("gena-lm", "deepstarr", data_dir=deepstarr, allow_subset=True)


def test_sequences_without_activities_are_refused(deepstarr):
    (deepstarr / "DeepSTARR" / "Sequences_activity_Test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"Sequences_activity_Test.txt: no such file; it has the labels of"):
        load_benchmark("gena-lm", "deepstarr", data_dir=deepstarr, allow_subset=True)


def test_real_enhancers_are_read(shared, tmp_path):
    real = shared / "data" / "tasks" / "GENA"
    shutil.copy(real / "DeepSTARR_test_Sequences.fa", tmp_path / "Sequences_Test.fa")
    shutil.copy(real / "DeepSTARR_test_Sequences_activity.txt", tmp_path / "Sequences_activity_Test.txt")
    splits, task = load_benchmark("gena-lm", "DeepSTARR", data_dir=tmp_path, allow_subset=True)
    test = splits["test"]
    assert len(test) == 10
    assert {len(sequence) for sequence in test["sequence"]} == {249}
    assert test["labels"][0] == pytest.approx([3.41830647507405, 1.98308120651419])
    assert (task.metric, task.num_labels) == ("pearson", 2)


# --- DeepSEA --------------------------------------------------------------------------------------------------------


def test_deepsea_has_919_tracks_in_three_groups(tmp_path):
    task = gena_lm.TASKS["deepsea"].task
    assert task.num_labels == 919
    assert (task.label_names[124], task.label_names[125], task.label_names[815]) == ("DNase_124", "TF_0", "histone_0")
    write(tmp_path / "test.csv", "ACGT" + ",0" * 918 + "\n")
    with pytest.raises(ValueError, match=r"record 1 \('1'\) has 918 labels after the sequence; .* needs 919"):
        load_benchmark("gena-lm", "deepsea", data_dir=tmp_path)


def test_real_deepsea_windows_are_read_and_scored_by_groups(shared, tmp_path):
    real = shared / "data" / "tasks" / "GENA" / "DeepSea_test.dataset.csv.gz"
    shutil.copy(real, tmp_path / "test.csv.gz")
    splits, task = load_benchmark("gena-lm", "DeepSEA", data_dir=tmp_path)
    labels = np.array(splits["test"]["labels"][:])
    assert labels.shape == (len(splits["test"]), 919)
    assert set(np.unique(labels)) <= {0, 1}
    # A second window with the opposite labels, so that every track has both.
    both = np.concatenate([labels, 1 - labels])
    metrics = compute_metrics(task, both * 2.0 - 1, both)
    assert metrics["group_median_auroc"] == 1.0
    assert next(iter(metrics)) == "mcc"


# --- polyadenylation ------------------------------------------------------------------------------------------------


def test_real_polyadenylation_sites_are_pairs(shared, tmp_path):
    real = shared / "data" / "tasks" / "GENA" / "APARENT_test_data.csv"
    for name in ("train", "test"):
        write(tmp_path / "APARENT" / f"APARENT_{name}.csv", real.read_text())
    splits, task = load_benchmark("gena-lm", "APARENT", data_dir=tmp_path)
    assert (task.pair, task.metric) == (True, "pearson_r2")
    test = splits["test"]
    assert len(test) == 9
    assert len(test[0]["sequence"]) == 186
    assert len(test[0]["sequence2"]) == 256
    assert test[0]["labels"] == pytest.approx(0.7766497461928934)
    # Every site stands in both files here, and pairs are told apart by both their sequences.
    assert "9 of 9 test sequences also stand in" in task.description or "test sequences also stand" in task.description


def test_pairs_are_streamed(shared, tmp_path):
    real = shared / "data" / "tasks" / "GENA" / "APARENT_test_data.csv"
    shutil.copy(real, tmp_path / "APARENT_test.csv")
    splits, _ = load_benchmark("gena-lm", "poly_a", data_dir=tmp_path, streaming=True)
    row = next(iter(splits["test"]))
    assert set(row) == {"name", "sequence", "sequence2", "labels"}


# --- Enformer's tracks ----------------------------------------------------------------------------------------------


@pytest.fixture
def windows(tmp_path, monkeypatch) -> Path:
    """Eleven windows of eight bins, of which the middle four have the labels of two tracks, in two files."""
    h5py = pytest.importorskip("h5py")
    task = dataclasses.replace(gena_lm.TASKS["enformer"].task, label_names=("a", "b"))
    published = dataclasses.replace(gena_lm.TASKS["enformer"], task=task, sequence_length=512)
    monkeypatch.setitem(gena_lm.TASKS, "enformer", published)
    folder = tmp_path / "human" / "gena-lm-4Kbp"
    folder.mkdir(parents=True)
    for name, numbers in (("test-0-10.h5", [0]), ("test-0-2.h5", range(11))):
        with h5py.File(folder / name, "w") as file:
            for number in numbers:
                group = file.create_group(str(number))
                group.create_dataset("seq", shape=(), data="ACGT" * 128 + "CCCC" * 128)
                group.create_dataset("target", data=np.full((4, 2), number, dtype=np.float16), compression="gzip")
                group.attrs["coordinates"] = f"chr{number + 1}:1-1024"
    return tmp_path


@pytest.mark.parametrize(
    ("length", "bins"), [(512, [1] * 4), (None, [1] * 4), (256, [1] * 2), (1_024, [-100] * 2 + [1] * 4 + [-100] * 2)]
)
def test_the_middle_bins_of_a_window_have_labels(windows, length, bins):
    splits, task = load_benchmark("gena-lm", "enformer", data_dir=windows, sequence_length=length)
    row = splits["test"][1]
    assert row["labels"] == [[float(value)] * 2 for value in bins]
    assert row["sequence"] == ("ACGT" * 128 + "CCCC" * 128)[512 - (length or 512) // 2 : 512 + (length or 512) // 2]
    assert (task.level, task.bin_bp, task.metric) == ("bin", 128, "pearson")


@pytest.mark.parametrize("streaming", [False, True])
def test_files_and_windows_come_in_the_order_of_their_numbers(windows, streaming):
    splits, _ = load_benchmark("gena-lm", "enformer", data_dir=windows, streaming=streaming)
    rows = list(splits["test"])
    assert [row["name"] for row in rows] == [*(f"chr{number}:1-1024" for number in range(1, 12)), "chr1:1-1024"]
    assert rows[10]["labels"] == [[10.0, 10.0]] * 4


def test_windows_that_do_not_fit_the_task_are_refused(windows, monkeypatch):
    options = {"data_dir": windows}
    with pytest.raises(ValueError, match="sequence_length is 384; for gena-lm/enformer it must be a multiple of 256"):
        load_benchmark("gena-lm", "enformer", sequence_length=384, **options)
    message = r"record 1 \('0'\) has 1,024 bp, fewer than the 2,048 bp .*; pass sequence_length=, or convert the data"
    with pytest.raises(ValueError, match=message):
        load_benchmark("gena-lm", "enformer", sequence_length=2_048, **options)
    monkeypatch.undo()
    message = r"record 1 \('0'\) has labels of shape \(4, 2\), but gena-lm/enformer has 5,313 tracks per bin"
    with pytest.raises(ValueError, match=message):
        load_benchmark("gena-lm", "enformer", sequence_length=512, **options)


# --- ModernGENA's examples ------------------------------------------------------------------------------------------


@pytest.fixture(params=["", "data/processed/", "processed/", None])
def examples(tmp_path, request) -> Path:
    """Both examples in each layout; None is that of the task's own folder."""
    here = "" if request.param is None else f"{request.param}sequence_classification/"
    for split, label in (("train", 0), ("valid", 1)):
        rows = [f"chr1,{start},{start + 8},{'ACGTACGT' * 2}{'A' * start},{label}" for start in range(10)]
        write(tmp_path / f"{here}{split}.csv", "\n".join(["chrom,start,end,sequence,label", *rows]) + "\n")
    return tmp_path


def test_peaks_of_chromosome_21_are_the_test(examples):
    splits, task = load_benchmark("gena-lm", "moderngena_sequence_classification", data_dir=examples)
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 9, "validation": 1, "test": 10}
    assert set(splits["test"]["labels"]) == {1}
    assert task.label_names == ("no_peak", "peak")


@pytest.fixture(params=["token_regression/ENCFF184SOF.bigWig", "ENCFF184SOF.bigWig", "raw/ENCFF184SOF.bigWig"])
def signal(tmp_path, request) -> Path:
    pytest.importorskip("pysam")
    bigwig = pytest.importorskip("pyBigWig")
    write(tmp_path / "token_regression" / "test.csv", "chrom,start,end,label,split\nchr1,2,8,1,test\n1,0,4,0,test\n")
    write(tmp_path / "hg38.fa", ">chr1\nACGTACGTAC\n")
    (tmp_path / request.param).parent.mkdir(exist_ok=True)
    with bigwig.open(str(tmp_path / request.param), "w") as file:
        file.addHeader([("chr1", 10)])
        file.addEntries(["chr1"], [3], ends=[5], values=[2.5])
    return tmp_path


def test_each_base_has_the_value_of_the_track(signal):
    options = {"data_dir": signal, "reference": signal / "hg38.fa"}
    splits, task = load_benchmark("gena-lm", "moderngena_token_regression", **options)
    assert splits["test"].to_list() == [
        {"name": "chr1:3-8", "sequence": "GTACGT", "labels": [0, 2.5, 2.5, 0, 0, 0]},
        {"name": "chr1:1-4", "sequence": "ACGT", "labels": [0, 0, 0, 2.5]},
    ]
    assert (task.level, task.bin_bp) == ("bin", 1)


def test_without_the_track_the_error_says_where_it_may_lie(signal):
    next(signal.rglob("*.bigWig")).unlink()
    message = r"test.csv: ENCFF184SOF.bigWig, which has its labels, is neither in the same folder, nor in the two above"
    with pytest.raises(FileNotFoundError, match=message):
        load_benchmark(
            "gena-lm", "moderngena_token_regression", data_dir=signal, reference=signal / "hg38.fa", splits=["test"]
        )
