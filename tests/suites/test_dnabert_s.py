"""The evaluation sets of DNABERT-S, and files of pairs to learn from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hf_dnalm.data import read_contrastive_pairs
from hf_dnalm.evaluation import cluster, tetranucleotide_frequencies
from hf_dnalm.suites import benchmark_tasks, load_benchmark


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join("\t".join(row) for row in [("any", "header"), *rows]) + "\n")
    return path


def test_there_are_twelve_clusterings_and_six_binnings():
    names = list(benchmark_tasks()["dnabert-s"])
    assert len([name for name in names if "-clustering-" in name]) == 12
    assert [name for name in names if "-binning-" in name] == [
        f"{folder}-binning-{number}" for folder in ("reference", "marine", "plant") for number in (5, 6)
    ]


@pytest.mark.parametrize("place", ["marine/clustering_0.tsv", "clustering_0.tsv"])
def test_species_are_numbered_in_the_order_of_their_names(place, tmp_path):
    write(tmp_path / place, [("ACGT", "yeast"), ("GGGG", "E. coli"), ("TTTT", "yeast")])
    splits, task = load_benchmark("dnabert-s", "marine-clustering-0", data_dir=tmp_path)
    assert list(splits) == ["test"]
    assert task.label_names == ("E. coli", "yeast")
    assert splits["test"]["labels"][:] == [1, 0, 1]
    assert splits["test"]["sequence"][:] == ["ACGT", "GGGG", "TTTT"]


def test_numbers_as_species_are_classes_however_many(tmp_path):
    write(tmp_path / "clustering_1.tsv", [("ACGT" * (number + 1), str(number)) for number in range(80)])
    _, task = load_benchmark("dnabert-s", "reference-clustering-1", data_dir=tmp_path)
    assert task.num_labels == 80


def test_sequences_are_cut_as_in_the_protocol_and_it_is_said(tmp_path):
    write(tmp_path / "clustering_0.tsv", [("ACGT" * 3_000, "a"), ("ACGT", "b")])
    splits, task = load_benchmark("dnabert-s", "reference-clustering-0", data_dir=tmp_path)
    assert [len(sequence) for sequence in splits["test"]["sequence"]] == [10_000, 4]
    assert "1 sequences are truncated to 10,000 bp, as in the protocol" in task.description
    splits, _ = load_benchmark("dnabert-s", "reference-clustering-0", data_dir=tmp_path, sequence_length=50)
    assert [len(sequence) for sequence in splits["test"]["sequence"]] == [50, 4]


def test_binning_leaves_out_short_sequences_and_rare_species(tmp_path):
    rows = [("ACGTT" * 600 + "A" * row, "many") for row in range(10)]
    rows += [("GGCGT" * 600 + "A" * row, "more") for row in range(10)]
    rows += [("ACGTA" * 600, "few"), ("ACGT", "many")]
    write(tmp_path / "plant" / "binning_5.tsv", rows)
    splits, task = load_benchmark("dnabert-s", "plant-binning-5", data_dir=tmp_path)
    assert (len(splits["test"]), task.label_names) == (20, ("many", "more"))
    assert "1 sequences below 2,500 bp and 1 of species with fewer than 10 are excluded" in task.description


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        (
            "marine-clustering-0",
            [("ACGT", "a"), ("ACGT",)],
            "record 2 has 1 cell; it needs a sequence and a species",
        ),
        ("marine-clustering-0", [], "no sequence passes the filters of dnabert-s/marine-clustering-0"),
        ("marine-clustering-0", [("ACGT", "a")], "needs at least 2 label names"),
    ],
)
def test_files_that_do_not_fit_are_refused(name, rows, message, tmp_path):
    write(tmp_path / "clustering_0.tsv", rows)
    with pytest.raises(ValueError, match=message):
        load_benchmark("dnabert-s", name, data_dir=tmp_path)


def test_streaming_is_refused(tmp_path):
    with pytest.raises(ValueError, match="its label names are read from all rows; leave out streaming=True"):
        load_benchmark("dnabert-s", "marine-clustering-0", data_dir=tmp_path, streaming=True)


def test_real_genomes_are_told_apart_by_tetranucleotides(shared, tmp_path):
    shutil.copy(shared / "data" / "tasks" / "DNABERT_S_layout" / "clustering_0.tsv.gz", tmp_path)
    splits, task = load_benchmark("dnabert-s", "reference-clustering-0", data_dir=tmp_path)
    test = splits["test"]
    assert (len(test), task.num_labels) == (350, 7)
    assert {len(sequence) for sequence in test["sequence"]} == {5_000}
    vectors = tetranucleotide_frequencies(test["sequence"][:])
    assert cluster(vectors, test["labels"][:], seeds=(0,)).scores["ari"] > 0.5


# --- pairs to learn from --------------------------------------------------------------------------------------------


def test_contrastive_pairs_have_no_header(tmp_path):
    (tmp_path / "pairs.csv").write_text("acgt,GGRG\nTTTT,CCCC\n")
    assert read_contrastive_pairs(tmp_path / "pairs.csv")[:] == {
        "name": ["1", "2"],
        "sequence": ["ACGT", "TTTT"],
        "sequence2": ["GGNG", "CCCC"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT,GGGG\nACGT\n", "record 2 has 1 cells; a file of pairs has two sequences in a row and no header"),
        ("sequence1,sequence2\nACGT,GGGG\n", r"record 1 \('1'\).*letter 'e' at position 2"),
        ("ACGT,\n", r"record 1 \('1'\) has no second sequence"),
        ("\n", "the file has no records"),
    ],
)
def test_files_that_are_no_pairs_are_refused(text, message, tmp_path):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_contrastive_pairs(tmp_path / "pairs.csv")
