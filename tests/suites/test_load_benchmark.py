"""The Plant Genomic Benchmark: facts of 31 tasks, and files read from a folder or a stand-in for the Hub."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import IterableDatasetDict
from huggingface_hub.errors import LocalEntryNotFoundError

from hf_dnalm.data import read_file
from hf_dnalm.suites import benchmark_tasks, dataset_files, load_benchmark
from hf_dnalm.suites import plant_genomic_benchmark as pgb

ENHANCERS = "pro_seq.m_esculenta"
POLY_A = "poly_a.trifolium_pratense"
CHROMATIN = "chromatin_access.setaria_italica"  # no count of its rows is enforced


def fasta(rows: int, label: Callable[[int], str]) -> bytes:
    letters = ("ACGT" * 8)[:20]
    return "".join(f">r{i}|{label(i)}\n{letters}{'A' * i}\n" for i in range(rows)).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small files in the repo's layout: binary without validation, binary with, multi-label with bits and pipes."""
    files = {
        "poly_a/trifolium_pratense_train.fa": fasta(40, lambda i: str(i % 2)),
        "poly_a/trifolium_pratense_test.fa": fasta(6, lambda i: str(i % 2)),
        "pro_seq/m_esculenta_train.fa": fasta(10, lambda i: str(i % 2)),
        "pro_seq/m_esculenta_validation.fa": fasta(4, lambda i: str(i % 2)),
        "chromatin_access/setaria_italica_train.fa": fasta(5, lambda i: "|".join("010000001")),
        "chromatin_access/setaria_italica_test.fa": fasta(3, lambda i: "010000001"),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    packed = tmp_path / "pro_seq" / "m_esculenta_test.fa.gz"
    packed.write_bytes(gzip.compress(fasta(3, lambda i: "1")))
    return tmp_path


# --- facts ----------------------------------------------------------------------------------------------------------


def test_all_31_tasks_are_described() -> None:
    tasks = benchmark_tasks()[pgb.SUITE]
    assert len(tasks) == 31
    for name, task in tasks.items():
        assert task.name == f"plant-genomic-benchmark/{name}"
        assert task.licence == "CC BY-NC-SA 4.0"
        assert task.source == "InstaDeepAI/plant-genomic-benchmark @ 78ec8156c2ffb3e5475277fdb7eb603294224e53"
        assert task.length_bp is not None
        assert "Rows: train " in task.description
        assert "10.57967/hf/2464" in task.citation


@pytest.mark.parametrize(
    ("name", "problem_type", "num_labels", "metric", "length_bp"),
    [
        (POLY_A, "single_label_classification", 2, "auroc", (400, 400)),
        ("splicing.arabidopsis_thaliana_donor", "single_label_classification", 2, "auroc", (398, 398)),
        ("lncrna.z_mays", "single_label_classification", 2, "auroc", (101, 6000)),
        ("promoter_strength.leaf", "regression", 1, "pearson_r2", (170, 170)),
        ("terminator_strength.protoplast", "regression", 1, "r2", (170, 170)),
        ("gene_exp.glycine_max", "regression", 14, "r2", (6000, 6000)),
        ("gene_exp.arabidopsis_thaliana", "regression", 56, "r2", (6000, 6000)),
        ("chromatin_access.arabidopis_thaliana", "multi_label_classification", 19, "auroc", (1000, 1000)),
        ("chromatin_access.sorghum_bicolor", "multi_label_classification", 14, "auroc", (1000, 1000)),
        (ENHANCERS, "single_label_classification", 2, "auroc", (1000, 1000)),
    ],
)
def test_tasks_have_the_published_shape(
    name: str, problem_type: str, num_labels: int, metric: str, length_bp: tuple[int, int]
) -> None:
    task = benchmark_tasks()[pgb.SUITE][name]
    assert (task.problem_type, task.num_labels, task.metric, task.length_bp) == (
        problem_type,
        num_labels,
        metric,
        length_bp,
    )


def test_labels_are_named_where_their_names_are_known() -> None:
    tasks = benchmark_tasks()[pgb.SUITE]
    assert tasks["splicing.arabidopsis_thaliana_acceptor"].label_names == ("no_acceptor", "acceptor")
    assert tasks["chromatin_access.arabidopis_thaliana"].label_names[17] == "Ath_DNase_root_7_days"
    assert tasks["chromatin_access.zea_mays"].label_names[:2] == ("track_0", "track_1")


def test_counts_that_are_arithmetic_are_shown_as_such_and_not_enforced() -> None:
    assert pgb.TASKS[CHROMATIN].rows == {}
    assert "train about 5,120,000" in pgb.TASKS[CHROMATIN].task.description
    assert pgb.TASKS[POLY_A].rows == {"train": 111_138, "test": 13_746}


def test_only_chromatin_training_data_are_large() -> None:
    assert {name.split(".")[0] for name, task in pgb.TASKS.items() if task.large} == {"chromatin_access"}


# --- a local folder -------------------------------------------------------------------------------------------------


def test_a_folder_gives_the_splits_that_are_there_plain_or_gzip(folder: Path) -> None:
    splits, task = load_benchmark("pgb", ENHANCERS, data_dir=folder, allow_subset=True)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 10, "validation": 4, "test": 3}
    assert splits["train"][1] == {"name": "r1", "sequence": "ACGTACGTACGTACGTACGTA", "labels": 1}
    assert "Here: train has 10 of 16,852 published rows; validation has 4 of 1,229 published rows" in task.description


def test_labels_of_tracks_may_be_separated_or_bits(folder: Path) -> None:
    splits, task = load_benchmark("pgb", CHROMATIN, data_dir=folder, splits=("test",))
    assert splits["test"]["labels"][:] == [[0, 1, 0, 0, 0, 0, 0, 0, 1]] * 3
    assert task == benchmark_tasks()[pgb.SUITE][CHROMATIN]
    splits, _ = load_benchmark("pgb", CHROMATIN, data_dir=folder, splits=("train",))
    assert splits["train"]["labels"][:] == [[0, 1, 0, 0, 0, 0, 0, 0, 1]] * 5


def test_validation_is_drawn_by_seed_where_the_hub_has_none(folder: Path) -> None:
    first, second, other = (
        load_benchmark("pgb", POLY_A, data_dir=folder, allow_subset=True, seed=seed) for seed in (1, 1, 2)
    )
    assert {split: len(rows) for split, rows in first.splits.items()} == {"train": 36, "validation": 4, "test": 6}
    assert sum(first.splits["validation"]["labels"]) == 2
    assert first.splits["validation"][:] == second.splits["validation"][:]
    assert first.splits["validation"][:] != other.splits["validation"][:]
    assert not set(first.splits["train"]["name"]) & set(first.splits["validation"]["name"])
    assert "validation is 10% of these train rows, drawn with seed 1" in first.task.description


def test_folds_keep_the_published_test_and_are_noted(folder: Path) -> None:
    options: dict = {"data_dir": folder, "allow_subset": True}
    (first, task), (second, _) = (load_benchmark("pgb", POLY_A, folds=4, fold=fold, **options) for fold in (0, 1))
    assert {split: len(rows) for split, rows in first.items()} == {"train": 30, "validation": 10, "test": 6}
    assert not set(first["validation"]["name"]) & set(second["validation"]["name"])
    assert "splits are fold 0 (counted from 0) of 4, drawn with seed 0" in task.description
    with pytest.raises(ValueError, match="folds and splits by chromosome need all rows in memory; leave out streaming"):
        load_benchmark("pgb", POLY_A, folds=4, fold=0, streaming=True, **options)


def test_splits_are_made_by_the_chromosome_in_the_names(folder: Path) -> None:
    path = folder / "poly_a" / "trifolium_pratense_train.fa"
    rows = [f">LG{i % 4}:{i}_CDS|{i % 2}\nACGT{'A' * i}\n" for i in range(8)]
    path.write_text("".join(rows))
    options: dict = {"validation_chromosomes": ["LG1"], "test_chromosomes": ["LG2"], "splits": ["train"]}
    splits, task = load_benchmark("pgb", POLY_A, data_dir=folder, allow_subset=True, **options)
    assert splits["validation"]["name"][:] == ["LG1:1_CDS", "LG1:5_CDS"]
    assert splits["test"]["name"][:] == ["LG2:2_CDS", "LG2:6_CDS"]
    assert "splits are by chromosome: validation LG1, test LG2" in task.description


def test_another_number_of_rows_is_refused_unless_allowed(folder: Path) -> None:
    with pytest.raises(
        ValueError, match=r"_train.fa: 40 records, but train of .* published with 111,138; copy the complete"
    ):
        load_benchmark("pgb", POLY_A, data_dir=folder)


def test_repeated_names_of_published_files_are_read(folder: Path) -> None:
    path = folder / "poly_a" / "trifolium_pratense_test.fa"
    path.write_bytes(path.read_bytes() * 2)
    splits, _ = load_benchmark("pgb", POLY_A, data_dir=folder, splits=("test",), allow_subset=True)
    assert len(splits["test"]) == 12


@pytest.mark.parametrize(
    ("name", "published_name"), [*pgb.ALIASES.items(), ("chromatin_access.arabidopis_thaliana",) * 2]
)
def test_other_spellings_find_the_published_task(folder: Path, name: str, published_name: str) -> None:
    task, subset = published_name.split(".")
    path = folder / task / f"{subset}_test.fa"
    path.parent.mkdir(exist_ok=True)
    num_labels = pgb.TASKS[published_name].task.num_labels
    path.write_bytes(fasta(2, lambda i: "0" * num_labels if num_labels > 2 else "0"))
    splits, found = load_benchmark("pgb", name, data_dir=folder, splits=("test",), allow_subset=True)
    assert found.name == f"plant-genomic-benchmark/{published_name}"
    assert len(splits["test"]) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("glue", POLY_A),
            ValueError,
            "no benchmark suite 'glue'; choose one of: plant-genomic-benchmark, nt-downstream, .*, pgb",
        ),
        (
            ("pgb", "poly_a.trifolium"),
            ValueError,
            r"no task 'poly_a.trifolium' .*did you mean poly_a\.trifolium_pratense",
        ),
        (("pgb", "???"), ValueError, r"no task '\?\?\?' in plant-genomic-benchmark; choose one of: poly_a\."),
    ],
)
def test_unknown_names_are_refused_with_close_ones(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_benchmark(*arguments)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            POLY_A,
            {"splits": ("validation",)},
            ValueError,
            r"no split 'validation'; published are train, test \(validat",
        ),
        (ENHANCERS, {"splits": ("dev",)}, ValueError, r"has no split 'dev'; published are train, validation, test\.$"),
        (
            "lncrna.z_mays",
            {},
            FileNotFoundError,
            r"has no file of .*; expected lncrna/z_mays_train\.fa, .* \(or \.gz\)",
        ),
        (
            CHROMATIN,
            {"splits": ("train", "validation")},
            FileNotFoundError,
            r"has neither .*_italica_validation\.fa nor .*\.gz",
        ),
    ],
)
def test_what_is_not_there_is_refused(
    folder: Path, name: str, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_benchmark("pgb", name, data_dir=folder, **options)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone: no such folder"):
        load_benchmark("pgb", POLY_A, data_dir=tmp_path / "gone")


def test_a_record_that_does_not_fit_is_refused_with_its_place(folder: Path) -> None:
    path = folder / "pro_seq" / "m_esculenta_train.fa"
    path.write_bytes(b">a|1\nACGT\n>b|2\nACGT\n")
    message = r"m_esculenta_train\.fa: record 2 \('b'\): label '2' does not fit task .*allowed are 'other', 'enhancer'"
    with pytest.raises(ValueError, match=message):
        load_benchmark("pgb", ENHANCERS, data_dir=folder)
    with pytest.raises(ValueError, match=message):
        list(load_benchmark("pgb", ENHANCERS, data_dir=folder, streaming=True).splits["train"])


# --- streaming ------------------------------------------------------------------------------------------------------


def test_streaming_gives_the_same_rows_again_and_again(folder: Path) -> None:
    splits, task = load_benchmark("pgb", CHROMATIN, data_dir=folder, streaming=True)
    whole, _ = load_benchmark("pgb", CHROMATIN, data_dir=folder, splits=("train", "test"))
    assert isinstance(splits, IterableDatasetDict)
    assert list(splits) == ["train", "test"]
    for _ in range(2):
        assert list(splits["train"]) == list(whole["train"])
    assert splits["train"].features == whole["train"].features
    assert task.num_labels == 9


# --- a stand-in for the Hub -----------------------------------------------------------------------------------------


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The folder answers as the Hub would; the list fills with what was asked for: (file, revision)."""
    asked: list[tuple[str, str]] = []

    def download(repo: str, file: str, *, repo_type: str, revision: str) -> str:
        assert (repo, repo_type) == (pgb.REPO, "dataset")
        asked.append((file, revision))
        if not (folder / file).exists():
            raise LocalEntryNotFoundError("offline")
        target = tmp_path / "cache" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / file, target)
        return str(target)

    class FileSystem:
        def open(self, where: str, mode: str) -> io.BytesIO:
            head, revision_and_file = where.split("@")
            revision, file = revision_and_file.split("/", 1)
            assert (head, mode) == (f"datasets/{pgb.REPO}", "rb")
            asked.append((file, revision))
            return io.BytesIO((folder / file).read_bytes())

    monkeypatch.setattr(dataset_files, "hf_hub_download", download)
    monkeypatch.setattr(dataset_files, "HfFileSystem", FileSystem)
    return asked


def test_files_come_from_the_pinned_revision(hub: list) -> None:
    splits, _ = load_benchmark("plant-genomic-benchmark", POLY_A, allow_subset=True)
    assert list(splits) == ["train", "validation", "test"]
    assert hub == [(f"poly_a/trifolium_pratense_{split}.fa", pgb.REVISION) for split in ("train", "test")]


def test_another_revision_is_not_held_to_the_pinned_counts(hub: list) -> None:
    splits, task = load_benchmark("pgb", POLY_A, revision="abc123", splits=("test",))
    assert len(splits["test"]) == 6
    assert hub == [("poly_a/trifolium_pratense_test.fa", "abc123")]
    assert "published rows" not in task.description


def test_five_gigabytes_are_not_downloaded_unasked(hub: list) -> None:
    with pytest.raises(
        ValueError, match=r"train is 5.4 GB and is not downloaded by default. Pass streaming=True, splits="
    ):
        load_benchmark("pgb", CHROMATIN)
    assert hub == []
    splits, _ = load_benchmark("pgb", CHROMATIN, splits=("train",))
    assert len(splits["train"]) == 5


def test_streaming_from_the_hub_opens_the_pinned_file_when_read(hub: list) -> None:
    splits, _ = load_benchmark("pgb", CHROMATIN, streaming=True)
    assert hub == []
    assert len(list(splits["train"])) == 5
    assert hub == [("chromatin_access/setaria_italica_train.fa", pgb.REVISION)]


def test_without_the_hub_the_error_names_the_file_and_data_dir(hub: list) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"benchmark/lncrna/z_mays_train\.fa: not in the local cache, .*data_dir="
    ):
        load_benchmark("pgb", "lncrna.z_mays")


# --- real rows ------------------------------------------------------------------------------------------------------

REAL = {
    "poly_a.arabidopsis_thaliana": {"train": 1800, "validation": 200, "test": 1000},
    "poly_a.oryza_sativa_japonica_group": {"test": 1000},  # holds a repeated name
    "splicing.arabidopsis_thaliana_donor": {"train": 1800, "validation": 200, "test": 1000},
    "promoter_strength.leaf": {"train": 3600, "validation": 400, "test": 1000},
    "promoter_strength.protoplast": {"train": 1800, "validation": 200, "test": 1000},
    "chromatin_access.arabidopis_thaliana": {"test": 1000},
    "chromatin_access.sorghum_bicolor": {"test": 1000},
    "pro_seq.m_esculenta": {"test": 812},
}


@pytest.mark.parametrize("name", REAL)
def test_real_rows_are_read(shared: Path, name: str) -> None:
    real = shared / "data" / "tasks" / "PGB_hublayout"
    splits, task = load_benchmark("pgb", name, data_dir=real, allow_subset=True)
    assert {split: len(rows) for split, rows in splits.items()} == REAL[name]
    assert task.length_bp is not None
    lengths = {len(sequence) for rows in splits.values() for sequence in rows["sequence"]}
    assert task.length_bp[0] <= min(lengths) <= max(lengths) <= task.length_bp[1]


def test_real_rows_equal_those_of_the_repos_own_script(shared: Path) -> None:
    tasks = shared / "data" / "tasks"
    for name in ("promoter_strength.leaf", "chromatin_access.setaria_italica", ENHANCERS):
        splits, task = load_benchmark(
            "pgb", name, data_dir=tasks / "PGB_hublayout", splits=("test",), allow_subset=True
        )
        scripted = read_file(tasks / "PGB_jsonl" / f"{name}.test.jsonl.gz", task=task, labels="required")
        assert splits["test"][:] == scripted[:]


def test_track_numbers_in_real_names_agree_with_the_labels(shared: Path) -> None:
    splits, _ = load_benchmark(
        "pgb", "chromatin_access.arabidopsis_thaliana", data_dir=shared / "data" / "tasks" / "PGB_hublayout"
    )
    for row in splits["test"]:
        tracks = row["name"].rsplit("_", 1)[1]
        expected = [] if tracks == "negative" else [int(track) for track in tracks.split(";")]
        assert [index for index, label in enumerate(row["labels"]) if label] == expected


def test_multi_target_headers_are_read(shared: Path) -> None:
    # Real windows, invented values: no real sample of this task is at hand.
    path = shared / "data" / "fixtures_synthetic_labels" / "PGB_gene_exp_arabidopsis_thaliana_test.fa"
    dataset = read_file(path, task=benchmark_tasks()[pgb.SUITE]["gene_exp.arabidopsis_thaliana"], labels="required")
    assert len(dataset) == 12
    assert dataset[0]["labels"][:2] == [4.576370, 4.898891]
