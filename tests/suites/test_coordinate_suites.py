"""Suites that hold places instead of letters: cut from a reference whose letters are known here."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hf_dnalm.sequence import reverse_complement
from hf_dnalm.suites import genomic_benchmarks, load_benchmark
from hf_dnalm.suites.coordinates import interval_counts
from tests.data.reference import LETTERS, write, write_reference

pytest.importorskip("pysam")


@pytest.fixture
def reference(tmp_path) -> Path:
    return write_reference(tmp_path)


# --- Genomic Benchmarks ---------------------------------------------------------------------------------------------

HEADER = "id,region,start,end,strand"


@pytest.fixture
def intervals(tmp_path) -> Path:
    folder = tmp_path / "human_enhancers_ensembl"
    write(folder / "test" / "positive.csv", HEADER, "0,chr1,10,30,+", "1,1,10,30,-", "2,chr2,5,7,")
    write(folder / "test" / "negative.csv", HEADER, "9,chr2,0,12,+")
    write(folder / "train" / "positive.csv", HEADER, "0,chr1,100,130,+")
    packed = folder / "train" / "negative.csv.gz"
    packed.write_bytes(gzip.compress(f"{HEADER}\n0,chr1,200,230,+\n".encode()))
    return tmp_path


def test_intervals_are_cut_from_the_reference(intervals, reference):
    options = {"data_dir": intervals, "reference": reference, "allow_subset": True}
    splits, task = load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", splits=["test"], **options)
    assert splits["test"].to_list() == [
        {"name": "chr2:0-12(+)", "sequence": LETTERS[::-1][:12], "labels": 0},
        {"name": "chr1:10-30(+)", "sequence": LETTERS[10:30], "labels": 1},
        {"name": "1:10-30(-)", "sequence": reverse_complement(LETTERS[10:30]), "labels": 1},
        {"name": "chr2:5-7(+)", "sequence": LETTERS[::-1][5:7], "labels": 1},  # two letters, and no strand
    ]
    assert task.label_names == ("negative", "positive")
    streamed, _ = load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", streaming=True, **options)
    assert list(streamed["test"]) == splits["test"].to_list()


def test_splits_of_intervals_are_made_by_chromosome(intervals, reference):
    write(intervals / "human_enhancers_ensembl" / "train" / "positive.csv", HEADER, "0,chr1,100,130,+", "1,2,1,9,-")
    options = {"data_dir": intervals, "reference": reference, "allow_subset": True}
    splits, _ = load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", validation_chromosomes=["2"], **options)
    assert splits["train"]["name"][:] == ["chr1:200-230(+)", "chr1:100-130(+)"]
    assert splits["validation"]["name"][:] == ["2:1-9(-)"]
    assert len(splits["test"]) == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0,chr9,1,2,+", "has no contig 'chr9', with or without 'chr'"),
        ("0,chr1,3990,4010,+", "reaches past the end of chr1"),
        ("0,chr1,x,20,+", r"positive.csv: record 1: start is 'x', which is not a whole number"),
        ("0,chr1,1,20,*", r"positive.csv: record 1: strand '\*' is not '\+', '-' or empty"),
        ("0,chr1,1,20", "record 1 has 4 cells, the header has 5"),
    ],
)
def test_intervals_that_are_wrong_are_refused(intervals, reference, line, message):
    write(intervals / "human_enhancers_ensembl" / "test" / "positive.csv", HEADER, line)
    with pytest.raises(ValueError, match=message):
        load_benchmark(
            "genomic-benchmarks",
            "human_enhancers_ensembl",
            data_dir=intervals,
            reference=reference,
            splits=["test"],
            allow_subset=True,
        )


def test_intervals_need_their_columns_and_every_class(intervals, reference):
    test = intervals / "human_enhancers_ensembl" / "test"
    options = {"data_dir": intervals, "reference": reference, "splits": ["test"]}
    write(test / "positive.csv", "id,start,end,strand", "0,1,2,+")
    with pytest.raises(ValueError, match=r"positive.csv: no column 'region'; the columns are id, start, end, strand"):
        load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", **options)
    (test / "positive.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no positive.csv; it needs one for each of"):
        load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", **options)


def test_intervals_need_a_reference(intervals):
    message = r"negative.csv: the file contains coordinates; pass reference= \(--reference\), the FASTA of the assembly"
    with pytest.raises(ValueError, match=message):
        load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", data_dir=intervals, splits=["test"])


def test_a_reference_for_letters_is_refused(reference, tmp_path):
    with pytest.raises(ValueError, match="its files contain sequences, not coordinates; leave out reference="):
        load_benchmark("gue", "emp_H3", data_dir=tmp_path, reference=reference)
    with pytest.raises(ValueError, match="its sequence lengths are fixed; leave out sequence_length="):
        load_benchmark("gue", "emp_H3", data_dir=tmp_path, sequence_length=100)


def test_classes_of_two_genomes_have_a_reference_each(tmp_path, reference):
    write(tmp_path / "demo_human_or_worm" / "test" / "human.csv", HEADER, "0,1,0,8,+")
    write(tmp_path / "demo_human_or_worm" / "test" / "worm.csv", HEADER, "0,I,0,8,-")
    worm = tmp_path / "genome" / "worm.fa"
    write(worm, ">I", "AAAACCCCGGGG")
    options = {"data_dir": tmp_path, "splits": ["test"], "allow_subset": True}
    for both in ({"human": reference, "worm": worm}, f"human={reference},worm={worm}"):
        splits, _ = load_benchmark("genomic-benchmarks", "demo_human_or_worm", reference=both, **options)
        assert splits["test"]["sequence"][:] == [LETTERS[:8], "GGGGTTTT"]
    message = r"its classes are of different genomes \(human: GRCh38; worm: WBcel235\); pass reference=\{'human': …, "
    with pytest.raises(ValueError, match=message):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", reference=reference, **options)
    with pytest.raises(ValueError, match="has no class 'mouse'; the classes are human, worm"):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", reference={"mouse": worm}, **options)
    with pytest.raises(ValueError, match="the FASTA of the assembly of 'worm'"):
        load_benchmark("genomic-benchmarks", "demo_human_or_worm", reference={"human": reference}, **options)


@pytest.mark.parametrize("name", genomic_benchmarks.TASKS)
def test_real_interval_files_have_the_published_counts(shared, name):
    published = genomic_benchmarks.TASKS[name]
    folder = shared / "data" / "tasks" / "genomic_benchmarks_coords" / name
    whole = 0
    for split, expected in published.rows.items():
        counts = interval_counts(folder / split, published.task)
        if set(counts) == set(published.task.label_names):
            assert sum(counts.values()) == expected
            whole += 1
        else:
            assert sum(counts.values()) < expected  # some files of the real sample are not there
    print(name, whole)
