"""The suites beside the Plant Genomic Benchmark: their facts, every published layout, and real rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub.errors import OfflineModeIsEnabled

from hf_dnalm.suites import (
    benchmark_tasks,
    dataset_files,
    genomic_benchmarks,
    gue,
    load_benchmark,
    nt_downstream,
    plant_multi_species,
)

ALL = {
    nt_downstream.SUITE: nt_downstream.TASKS,
    nt_downstream.REVISED_SUITE: nt_downstream.REVISED_TASKS,
    gue.SUITE: gue.TASKS,
    gue.PLUS_SUITE: gue.PLUS_TASKS,
    genomic_benchmarks.SUITE: genomic_benchmarks.TASKS,
    plant_multi_species.SUITE: plant_multi_species.TASKS,
}

# --- facts ----------------------------------------------------------------------------------------------------------


def test_the_suites_have_their_published_numbers_of_tasks() -> None:
    assert {suite: len(tasks) for suite, tasks in benchmark_tasks().items()} == {
        "plant-genomic-benchmark": 31,
        "nt-downstream": 18,
        "nt-downstream-revised": 18,
        "gue": 28,
        "gue-plus": 8,
        "genomic-benchmarks": 9,
        "plant-multi-species": 7,
        "gena-lm": 11,
        "long-range": 9,
        "dnabert-s": 18,
        "bend": 7,
    }


@pytest.mark.parametrize(
    ("suite", "name", "labels", "length_bp", "metric", "rows"),
    [
        ("nt-downstream", "H3K9ac", 2, (290, 500), "mcc", {"train": 25_003}),
        ("nt-downstream", "enhancers", 2, (200, 200), "mcc", {"train": 14_968, "test": 400}),
        ("nt-downstream", "splice_sites_all", 3, (400, 400), "mcc", {"train": 27_000}),
        ("nt-downstream-revised", "H3K9ac", 2, (1000, 1000), "mcc", {}),
        ("nt-downstream-revised", "H3K9me3", 2, (1000, 1000), "mcc", {"train": 27_438, "test": 850}),
        ("nt-downstream-revised", "splice_sites_all", 3, (600, 600), "mcc", {"train": 30_000, "test": 3_000}),
        ("gue", "emp_H4ac", 2, (449, 500), "mcc", {"train": 27_275, "validation": 3_410, "test": 3_410}),
        ("gue", "emp_H3K4me2", 2, (500, 500), "mcc", {"validation": 3_069, "test": 3_069}),
        ("gue", "prom_core_tata", 2, (70, 70), "mcc", {"train": 4_904, "validation": 613, "test": 613}),
        ("gue", "human_tf_3", 2, (101, 101), "mcc", {"train": 27_294, "validation": 1_000, "test": 1_000}),
        ("gue", "mouse_2", 2, (101, 101), "mcc", {"train": 2_620, "validation": 328, "test": 328}),
        ("gue", "splice_reconstructed", 3, (400, 400), "mcc", {"validation": 4_562, "test": 4_562}),
        ("gue", "virus_covid", 9, (999, 999), "f1", {"train": 73_335, "validation": 9_166, "test": 9_168}),
        # The table in the paper has the classes of these two the wrong way round.
        (
            "gue-plus",
            "fungi_species_20",
            20,
            (10_000, 10_000),
            "mcc",
            {"train": 8_000, "validation": 1_000, "test": 1_000},
        ),
        ("gue-plus", "virus_species_40", 25, (5_000, 5_000), "mcc", {"train": 4_000, "validation": 500, "test": 500}),
        ("gue-plus", "EPI_GM12878", 2, (5_000, 5_001), "mcc", {"train": 10_000, "validation": 2_000, "test": 2_000}),
        ("gue-plus", "EPI_K562", 2, (5_000, 5_001), "mcc", {}),
        (
            "genomic-benchmarks",
            "human_ensembl_regulatory",
            3,
            (71, 802),
            "accuracy",
            {"train": 231_348, "test": 57_713},
        ),
        ("genomic-benchmarks", "human_enhancers_ensembl", 2, (2, 573), "accuracy", {"train": 123_872, "test": 30_970}),
        (
            "plant-multi-species",
            "open-chromatin",
            3,
            None,
            "mcc",
            {"train": 118_800, "validation": 14_850, "test": 14_850},
        ),
    ],
)
def test_tasks_have_the_published_shape(suite, name, labels, length_bp, metric, rows) -> None:
    published_task = ALL[suite][name]
    task = published_task.task
    assert task.name == f"{suite}/{name}"
    assert (task.num_labels, task.length_bp, task.metric) == (labels, length_bp, metric)
    assert published_task.rows == rows
    assert task.problem_type == "single_label_classification"


def test_the_two_nt_suites_share_names_and_no_repo() -> None:
    shared = set(nt_downstream.TASKS) & set(nt_downstream.REVISED_TASKS)
    assert {"H3K9ac", "promoter_all", "splice_sites_all"} <= shared
    for name in shared:
        first, second = nt_downstream.TASKS[name], nt_downstream.REVISED_TASKS[name]
        assert first.repo != second.repo
        assert first.task.name != second.task.name
    assert {task.revision for task in nt_downstream.REVISED_TASKS.values()} == {
        "851f9946252e90c665cdb3cc3eedb78f1f26197c"
    }


@pytest.mark.parametrize("suite", ALL)
def test_every_task_says_what_its_labels_mean(suite) -> None:
    for name, published_task in ALL[suite].items():
        description = published_task.task.description
        assert "?" in description or "or" in description, name
        assert all(f"{count:,}" in description for count in published_task.rows.values()), name


# --- layouts --------------------------------------------------------------------------------------------------------


def csv(path: Path, rows: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    last = {"train": "T", "dev": "G", "test": "T"}[path.stem]
    lines = [f"ACGTAC{'A' * row}{last},{row % 2}" for row in range(rows)]
    path.write_text("\n".join(["sequence,label", *lines]) + "\n")


@pytest.mark.parametrize("folder", ["GUE/emp_H3", "emp_H3", "GUE/EMP/H3", "EMP/H3"])
@pytest.mark.parametrize("name", ["emp_H3", "EMP/H3", "H3"])
def test_gue_is_read_in_the_hubs_and_in_the_authors_layout(folder, name, tmp_path) -> None:
    for split, rows in (("train", 12), ("dev", 4), ("test", 6)):
        csv(tmp_path / folder / f"{split}.csv", rows)
    splits, task = load_benchmark("gue", name, data_dir=tmp_path, allow_subset=True)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 12, "validation": 4, "test": 6}
    assert task.name == "gue/emp_H3"
    assert splits["test"][3] == {"name": "4", "sequence": "ACGTACAAAT", "labels": 1}


@pytest.mark.parametrize("streaming", [False, True])
def test_a_file_of_three_columns_holds_pairs(streaming, tmp_path) -> None:
    (tmp_path / "EPI" / "K562").mkdir(parents=True)
    (tmp_path / "EPI" / "K562" / "test.csv").write_text("enhancer,promoter,label\nACGT,GGGG,1\nAAAA,CCCC,0\n")
    splits, task = load_benchmark("gue-plus", "EPI_K562", data_dir=tmp_path, splits=["test"], streaming=streaming)
    assert next(iter(splits["test"])) == {"name": "1", "sequence": "ACGT", "sequence2": "GGGG", "labels": 1}
    assert task.pair
    (tmp_path / "EPI" / "K562" / "test.csv").write_text("sequence,label\nACGTGGGG,1\n")
    splits, task = load_benchmark("gue-plus", "EPI_K562", data_dir=tmp_path, splits=["test"], streaming=streaming)
    assert list(splits["test"]) == [{"name": "1", "sequence": "ACGTGGGG", "labels": 1}]
    assert not task.pair


def test_nt_tasks_are_read_from_parquet_and_from_fasta(tmp_path) -> None:
    (tmp_path / "H4").mkdir()
    table = pa.table({"sequence": ["ACGT", "AAAA"], "name": ["a", "b"], "label": [1, 0], "task": ["H4", "H4"]})
    pq.write_table(table, tmp_path / "H4" / "test.parquet")
    from_parquet, _ = load_benchmark("nt-downstream", "H4", data_dir=tmp_path, splits=["test"])
    (tmp_path / "H4" / "test.parquet").unlink()
    (tmp_path / "H4" / "test.fna").write_text(">a|1\nACGT\n>b|0\nAAAA\n")
    from_fasta, _ = load_benchmark("nt-downstream", "H4", data_dir=tmp_path, splits=["test"])
    assert from_parquet["test"][:] == from_fasta["test"][:]
    assert from_fasta["test"]["labels"][:] == [1, 0]


def test_genomic_benchmarks_are_read_from_the_hubs_parquet(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(
        pa.table({"seq": ["ACGT", "TTTT"], "label": [0, 2]}), tmp_path / "data" / "test-00000-of-00001-0a1b.parquet"
    )
    splits, task = load_benchmark(
        "genomic-benchmarks", "human_ensembl_regulatory", data_dir=tmp_path, splits=["test"], allow_subset=True
    )
    assert [task.label_names[label] for label in splits["test"]["labels"]] == ["enhancer", "promoter"]


@pytest.fixture
def class_folders(tmp_path) -> Path:
    for number, letters in ((10, "AAAA"), (2, "CCCC")):
        for name in ("human", "worm"):
            path = tmp_path / "demo_human_or_worm" / "test" / name / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(letters + ("" if name == "human" else "G"))
    return tmp_path


def test_genomic_benchmarks_are_read_from_folders_of_classes(class_folders) -> None:
    for streaming in (False, True):
        splits, _ = load_benchmark(
            "genomic-benchmarks",
            "demo_human_or_worm",
            data_dir=class_folders,
            splits=["test"],
            allow_subset=True,
            streaming=streaming,
        )
        assert list(splits["test"]) == [
            {"name": "human/2", "sequence": "CCCC", "labels": 0},
            {"name": "human/10", "sequence": "AAAA", "labels": 0},
            {"name": "worm/2", "sequence": "CCCCG", "labels": 1},
            {"name": "worm/10", "sequence": "AAAAG", "labels": 1},
        ]


def test_a_class_without_a_folder_is_refused(class_folders) -> None:
    folder = class_folders / "demo_human_or_worm" / "test" / "worm"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError, match=r"test/worm: no such folder; .* one for each of \('human', 'worm'\)"):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", data_dir=class_folders, splits=["test"])


def test_an_empty_folder_is_refused_with_every_layout(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected GUE/emp_H3/train.csv, .*, or EMP/H3/train.csv and so on"):
        load_benchmark("gue", "emp_H3", data_dir=tmp_path)


def test_another_number_of_rows_is_refused(tmp_path) -> None:
    csv(tmp_path / "EMP" / "H3" / "test.csv", 5)
    with pytest.raises(ValueError, match=r"test.csv: 5 records, but test of gue/emp_H3 was published with 1,497"):
        load_benchmark("gue", "emp_H3", data_dir=tmp_path)


# --- a stand-in for the Hub -----------------------------------------------------------------------------------------


class FileSystem:
    """Answers `glob` as the Hub's file system does, for a repo that holds these files."""

    files: tuple[str, ...] = ()

    def glob(self, pattern: str) -> list[str]:
        base, _, _ = pattern.rpartition("/")
        assert base == "datasets/katarinagresova/Genomic_Benchmarks_human_or_worm@main/data".replace(
            "human_or_worm", "demo_human_or_worm"
        )
        return [f"{base}/{name}" for name in self.files]


@pytest.fixture
def hub(tmp_path, monkeypatch) -> list[str]:
    asked: list[str] = []

    def download(repo: str, file: str, *, repo_type: str, revision: str) -> str:
        asked.append(f"{repo}@{revision}/{file}")
        pq.write_table(pa.table({"seq": ["ACGT"], "label": [1]}), tmp_path / "file.parquet")
        return str(tmp_path / "file.parquet")

    monkeypatch.setattr(dataset_files, "hf_hub_download", download)
    monkeypatch.setattr(dataset_files, "HfFileSystem", FileSystem)
    return asked


def test_a_file_whose_name_holds_a_hash_is_found_on_the_hub(hub, monkeypatch) -> None:
    monkeypatch.setattr(FileSystem, "files", ("test-00000-of-00001-9f.parquet",))
    for streaming in (False, True):
        splits, _ = load_benchmark(
            "genomic-benchmarks", "demo_human_or_worm", splits=["test"], allow_subset=True, streaming=streaming
        )
        assert [row["labels"] for row in splits["test"]] == [1]
    expected = "katarinagresova/Genomic_Benchmarks_demo_human_or_worm@main/data/test-00000-of-00001-9f.parquet"
    assert hub == [expected] * 2


@pytest.mark.parametrize("files", [(), ("test-1.parquet", "test-2.parquet")])
def test_a_repo_with_another_layout_is_refused(files, hub, monkeypatch) -> None:
    monkeypatch.setattr(FileSystem, "files", files)
    message = (
        rf"demo_human_or_worm @ main: {len(files)} files match data/test-00000-of-00001\*.parquet, but exactly one is"
    )
    with pytest.raises(ValueError, match=message):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", splits=["test"])


def test_offline_the_error_names_the_file_and_the_way_out(monkeypatch) -> None:
    def glob(self: object, pattern: str) -> list[str]:
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(FileSystem, "glob", glob)
    monkeypatch.setattr(dataset_files, "HfFileSystem", FileSystem)
    with pytest.raises(FileNotFoundError, match=r"test-00000-of-00001\*.parquet: not in the local cache, .*data_dir="):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", splits=["test"])


# --- real rows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("emp_H3", {"validation": 1_497, "test": 1_497}),
        ("prom_core_tata", {"train": 4_904, "validation": 613, "test": 613}),
        ("prom_300_all", {"validation": 5_920, "test": 5_920}),
        ("human_tf_2", {"train": 19_000, "validation": 1_000, "test": 1_000}),
    ],
)
def test_real_rows_of_gue_have_the_published_counts_and_lengths(shared, name, rows) -> None:
    splits, task = load_benchmark("gue", name, data_dir=shared / "data" / "tasks" / "GUE")
    assert {split: len(each) for split, each in splits.items()} == rows
    lengths = {len(sequence) for each in splits.values() for sequence in each["sequence"]}
    assert task.length_bp[0] <= min(lengths) <= max(lengths) <= task.length_bp[1]


@pytest.mark.parametrize("name", ["H3", "promoter_tata", "splice_sites_all"])
def test_real_rows_of_nt_tasks_are_the_same_in_both_formats(shared, name, tmp_path) -> None:
    folder = shared / "data" / "tasks" / "NT_hublayout_derived"
    from_parquet, _ = load_benchmark("nt-downstream", name, data_dir=folder, splits=["test"], allow_subset=True)
    (tmp_path / name).mkdir()
    (tmp_path / name / "test.fna.gz").write_bytes((folder / name / "test.fna.gz").read_bytes())
    from_fasta, _ = load_benchmark("nt-downstream", name, data_dir=tmp_path, splits=["test"], allow_subset=True)
    assert from_parquet["test"]["sequence"][:] == from_fasta["test"]["sequence"][:]
    assert from_parquet["test"]["labels"][:] == from_fasta["test"]["labels"][:]
