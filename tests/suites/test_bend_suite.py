"""The suite BEND through `load_benchmark`: coordinates and a reference become splits of labelled sequences."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.sequence import reverse_complement
from hf_dnalm.suites import load_benchmark
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.loading import load_bend
from tests.bend.layout import letters_of, write_bed, write_gene_finding, write_genome, write_histone, write_labels


@pytest.fixture
def place(tmp_path):
    """Where the data are, as `load_benchmark` takes it."""
    write_histone(tmp_path)
    return {"data_dir": tmp_path, "reference": write_genome(tmp_path)}


def test_regions_become_splits_of_sequences_with_tracks(place):
    splits, task = load_benchmark("bend", "histone_modification", **place)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 3, "validation": 1, "test": 1}
    row = splits["train"][1]
    assert row["name"] == "chr1:101-612"
    assert row["sequence"] == reverse_complement(letters_of("chr1")[100:612])
    assert np.flatnonzero(row["labels"]).tolist() == [3]
    assert (task.name, task.problem_type, task.num_labels) == (
        "bend/histone_modification",
        "multi_label_classification",
        18,
    )


def test_splits_are_chosen_by_either_name(place):
    for name in ("valid", "validation"):
        splits, _ = load_benchmark("bend", "histone_modification", splits=[name], **place)
        assert list(splits) == ["validation"]


def test_streaming_gives_the_same_rows_again_and_again(place):
    whole, _ = load_benchmark("bend", "histone_modification", **place)
    streamed, _ = load_benchmark("bend", "histone_modification", streaming=True, **place)
    for _ in range(2):
        assert list(streamed["train"]) == list(whole["train"])


def test_nucleotides_have_a_class_each(tmp_path, place):
    labels = write_gene_finding(tmp_path)
    splits, task = load_benchmark("bend", "gene_finding", **place)
    assert task.level == "nucleotide"
    assert splits["train"]["labels"][:] == [labels[0].tolist(), labels[2].tolist()]
    assert [len(sequence) for sequence in splits["train"]["sequence"]] == [30, 40]


@pytest.mark.parametrize("outputs", [1, 2])
def test_bins_have_a_label_or_several_and_parts_are_folds(tmp_path, place, outputs):
    task = BendTask(
        "bins",
        ("a", "b")[:outputs],
        level="bin",
        label_source="hdf5",
        downsample=10,
        cross_validation=10,
        metric="auprc",
    )
    write_bed(tmp_path, "bins", "chromosome start end split", [f"chr1 {n} {n + 30} part{n}" for n in range(1, 11)])
    labels = np.arange(10 * 3 * outputs).reshape(10, 3, outputs) % 2
    write_labels(tmp_path, "bins", list(labels))
    splits, described = load_bend(task, data_dir=tmp_path, reference=place["reference"])
    assert list(splits) == [f"part{n}" for n in range(1, 11)]
    assert splits["part1"]["labels"][0] == (labels[0].tolist() if outputs == 2 else labels[0, :, 0].tolist())
    assert (described.level, described.bin_bp) == ("bin", 10)


def write_enhancers(folder, parts: int) -> None:
    """One region of two bins in each part; parts are numbered from 1."""
    write_bed(
        folder,
        "enhancer_annotation",
        "chromosome start end split",
        [f"chr1 {n} {n + 256} part{n}" for n in range(1, parts + 1)],
    )
    write_labels(folder, "enhancer_annotation", [np.array([0, 1])] * parts)


def test_a_fold_tests_one_part_and_validates_on_the_next(tmp_path, place):
    write_enhancers(tmp_path, 10)
    splits, task = load_benchmark("bend", "enhancer_annotation", folds=10, fold=9, **place)
    names = {split: rows["name"][:] for split, rows in splits.items()}
    assert names["test"] == ["chr1:11-266"]  # of part10, which starts at 10
    assert names["validation"] == ["chr1:2-257"]
    assert len(names["train"]) == 8
    assert "fold 9 (counted from 0) of the 10 parts" in task.description
    with pytest.raises(ValueError, match="published in 10 parts, which are its folds: folds is 10 and fold 0 to 9"):
        load_benchmark("bend", "enhancer_annotation", folds=5, fold=0, **place)
    with pytest.raises(ValueError, match="need all rows; leave out streaming=True"):
        load_benchmark("bend", "enhancer_annotation", folds=10, fold=0, streaming=True, **place)
    write_enhancers(tmp_path, 2)
    with pytest.raises(ValueError, match="2 parts are too few; one tests, one validates and the rest trains"):
        load_benchmark("bend", "enhancer_annotation", folds=2, fold=0, **place)


def test_splits_are_made_anew_by_chromosome(place):
    splits, task = load_benchmark("bend", "histone_modification", validation_chromosomes=["chr2"], **place)
    assert {name.partition(":")[0] for name in splits["validation"]["name"]} == {"chr2"}
    assert "by chromosome" in task.description


def test_variants_are_pairs_of_both_alleles(tmp_path, place):
    there = letters_of("chr1")[400]
    other = next(letter for letter in "ACGT" if letter != there)
    write_bed(tmp_path, "variant_effects_expression", "chromosome start end alt label", [f"chr1 400 401 {other} 1"])
    splits, task = load_benchmark("bend", "variant_effects_expression", **place)
    (row,) = splits["all"]
    assert task.pair
    assert (row["sequence"][256], row["sequence2"][256], row["labels"]) == (there, other, 1)
    assert row["sequence"][:256] == row["sequence2"][:256] == letters_of("chr1")[144:400]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_dir": None}, r"histone_modification is not on the Hub: pass data_dir="),
        ({"reference": None}, "histone_modification is coordinates: pass reference=, a FASTA file of GRCh38"),
        ({"splits": ["dev"]}, "no split 'dev'; there are: train, validation, test"),
        ({"sequence_length": 100}, "have one reference, and their BED file sets the region lengths"),
        ({"reference": {"human": "genome.fa"}}, "have one reference, and their BED file sets the region lengths"),
        ({"revision": "main"}, "bend is not on the Hub and has no revision 'main'"),
    ],
)
def test_what_is_missing_is_named(place, changes, message):
    with pytest.raises(ValueError, match=message):
        load_benchmark("bend", "histone_modification", **(place | changes))


def test_dnalm_finetune_reads_a_task_of_coordinates(place):
    from hf_dnalm.training import DataArguments, read_splits

    paths = {name: str(path) for name, path in place.items()}
    splits, task = read_splits(DataArguments(task="bend/histone_modification", **paths), seed=0)
    assert (len(splits["train"]), task.num_labels) == (3, 18)
