"""Regions, sequences and labels are read as published; errors name file and row."""

from __future__ import annotations

import dataclasses
import gzip
import sys

import h5py
import numpy as np
import pytest

from hf_dnalm.genome import Genome, Interval
from hf_dnalm.sequence import reverse_complement
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import TASKS
from hf_dnalm.suites.bend.reading import BendData
from hf_dnalm.suites.bend.regions import read_regions
from tests.bend.layout import letters_of, write_bed, write_gene_finding, write_genome, write_histone, write_labels

HISTONE = TASKS["histone_modification"]
GENES = TASKS["gene_finding"]
BINS = BendTask("bins", ("a",), level="bin", label_source="hdf5", downsample=10)

# --- regions --------------------------------------------------------------------------------------------------------


def test_a_published_file_is_read_row_by_row(tmp_path):
    regions = read_regions(write_histone(tmp_path), strands=True)
    assert len(regions) == 5
    assert regions.intervals[1] == Interval("chr1", 100, 612, "-")
    assert regions.labels == ["0,17", "3", "1,2", "5", ""]
    assert regions.split_names == ["train", "valid", "test"]
    assert regions.rows_of("train") == [0, 1, 3]
    assert regions.where(4).endswith("row 5 (line 6, chr2:101-612)")


def test_a_file_without_a_header_needs_its_columns(tmp_path):
    path = tmp_path / "samples.bed"
    path.write_text("chr19\t0\t600\t.\t1\t+\t1,4\nchr19\t5\t605\t.\t1\t-\t\n")
    regions = read_regions(path, columns=["chromosome", "start", "end", "name", "score", "strand", "label"])
    assert regions.intervals == [Interval("chr19", 0, 600, "+"), Interval("chr19", 5, 605, "-")]
    assert (regions.labels, regions.splits) == (["1,4", ""], ["all", "all"])
    with pytest.raises(ValueError, match="the first line is a row, not a header"):
        read_regions(path)


def test_the_published_example_is_read(shared):
    path = shared / "data" / "tasks" / "BEND" / "basset_example_samples.bed"
    regions = read_regions(path, columns=["chromosome", "start", "end", "name", "score", "strand", "label"])
    assert len(regions) == 89
    assert regions.intervals[0] == Interval("chr19", 18_837_909, 18_838_509, "+")
    assert {interval.end - interval.start for interval in regions.intervals} == {600}
    assert regions.labels is not None
    assert regions.labels[0] == "1,4,5,10,11,12,13,15,16,17"


def test_the_last_column_is_the_split_where_none_is_called_so(tmp_path):
    path = write_bed(tmp_path, "a", "chromosome start end label part", ["chr1 0 5 1 part2"])
    assert read_regions(path).splits == ["part2"]


def test_gzip_and_empty_lines_and_crlf_are_read(tmp_path):
    path = tmp_path / "a.bed.gz"
    path.write_bytes(gzip.compress(b"chromosome\tstart\tend\tsplit\r\nchr1\t0\t5\ttrain\r\n\r\nchr1\t5\t9\ttest\r\n"))
    assert read_regions(path).lines == [2, 4]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["chromosome start split", "chr1 0 train"], "no column 'end' among chromosome, start, split"),
        (["chromosome start end split"], "has a header and no rows"),
        (["chromosome start end split", "chr1 0 5"], "line 2 has 3 columns, where 4 are expected"),
        (["chromosome start end split", "chr1 5 5 train"], "line 2: start '5' and end '5' are no region"),
        (["chromosome start end split", "chr1 -1 5 train"], "line 2: start '-1' and end '5' are no region"),
        (["chromosome start end split", "chr1 0 5 a"], "the task reads strands, and there is no column 'strand'"),
        (["chromosome start end strand split", "chr1 0 5 f a"], "line 2: strand is 'f'; it must be . or -"),
        (["chromosome start end strand split", "chr1 0 5 . a"], "line 2: strand is '.', and the task reads strands"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, lines, message):
    path = write_bed(tmp_path, "a", lines[0], lines[1:])
    with pytest.raises(ValueError, match=message):
        read_regions(path, strands="strand" in message)


def test_a_file_of_empty_lines_has_no_rows(tmp_path):
    (tmp_path / "a.bed").write_text("\n\n")
    with pytest.raises(ValueError, match=r"a.bed: has no rows"):
        read_regions(tmp_path / "a.bed")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes("chromosome\tstart\tend\tsplit\nchr1\t0\t5\ttest\n".encode("utf-8-sig"))
    assert read_regions(path).intervals == [Interval("chr1", 0, 5, ".")]


def test_a_file_that_is_not_text_is_refused_with_its_place(tmp_path):
    path = tmp_path / "a.bed"
    path.write_bytes(b"chromosome\tstart\tend\tsplit\nchr1\t0\t5\tcaf\xe9\n")
    with pytest.raises(ValueError, match=r"a.bed: line 2 is not UTF-8 text"):
        read_regions(path)


def test_regions_outside_of_the_genome_are_refused(tmp_path):
    genome = Genome(write_genome(tmp_path))
    path = write_bed(tmp_path, "a", "chromosome start end split", ["chr1 0 5 a", "chr2 690 701 a"])
    with pytest.raises(ValueError, match=r"row 2 .*reaches past the end of chr2, which is 700 bp"):
        read_regions(path).check_against(genome)
    path = write_bed(tmp_path, "b", "chromosome start end split", ["chr3 0 5 a"])
    with pytest.raises(ValueError, match=r"row 1 .*has no contig 'chr3'"):
        read_regions(path).check_against(genome)
    with pytest.raises(ValueError, match="no row is of split 'b'; there are: a"):
        read_regions(path).rows_of("b")


# --- letters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["chr", ""])
def test_letters_are_the_reference_s_on_the_strand_of_the_row(tmp_path, prefix):
    write_histone(tmp_path)
    with BendData(HISTONE, tmp_path, write_genome(tmp_path, prefix=prefix)) as data:
        assert data.sequence(0) == letters_of("chr1")[:512]
        assert data.sequence(1) == reverse_complement(letters_of("chr1")[100:612])
        assert np.flatnonzero(data[0].labels).tolist() == [0, 17]
        assert data[4].labels.tolist() == [0] * 18


def test_a_task_that_does_not_read_strands_reads_the_forward_one(tmp_path):
    write_histone(tmp_path)
    with BendData(dataclasses.replace(HISTONE, read_strand=False), tmp_path, write_genome(tmp_path)) as data:
        assert data.sequence(1) == letters_of("chr1")[100:612]


def test_files_are_found_in_the_folder_and_named_where_they_are_not(tmp_path):
    genome = write_genome(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"histone_modification/histone_modification.bed nor histone_mod"):
        BendData(HISTONE, tmp_path, genome)
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        BendData(HISTONE, tmp_path / "nowhere", genome)
    with pytest.raises(ValueError, match=r"names no .bed file; pass data_dir="):
        BendData(HISTONE, None, genome)
    write_histone(tmp_path)
    with BendData(HISTONE, tmp_path / "histone_modification", genome) as data:
        assert len(data.regions) == 5


def test_regions_of_which_the_network_makes_no_output_are_refused(tmp_path):
    write_bed(tmp_path, "histone_modification", "chromosome start end strand label split", ["chr1 0 511 + 1 a"])
    with pytest.raises(ValueError, match=r"row 1 .* is 511 bp; task 'histone_modification' makes one output of 512 bp"):
        BendData(HISTONE, tmp_path, write_genome(tmp_path))


def test_variants_have_both_alleles_with_context(tmp_path):
    there = letters_of("chr1")[300]
    other = next(letter for letter in "ACGT" if letter != there)
    rows = [f"chr1 300 301 {there} {other} 1", f"chr1 300 301 {there} {there} 0", f"chr1 300 301 {other} {other} 2"]
    write_bed(tmp_path, "variant_effects_disease", "chromosome start end ref alt label", rows)
    with BendData(TASKS["variant_effects_disease"], tmp_path, write_genome(tmp_path)) as data:
        assert data.sequence(0) == letters_of("chr1")[44:557]
        assert data.alternative(0) == letters_of("chr1")[44:300] + other + letters_of("chr1")[301:557]
        assert data[0].labels.tolist() == 1
        with pytest.raises(ValueError, match=f"row 2 .*alt is '{there}'; .* another than {there}, which stands there"):
            data.alternative(1)
        with pytest.raises(ValueError, match=r"row 3 .* but ref is .*; the variants are of another assembly"):
            data.alternative(2)
        with pytest.raises(ValueError, match=r"row 3 .*label is '2'; a variant's is 0 or 1"):
            data.labels[2]


def test_variants_without_alternatives_are_refused(tmp_path):
    write_bed(tmp_path, "variant_effects_disease", "chromosome start end label", ["chr1 300 301 1"])
    with pytest.raises(ValueError, match="no column 'alt', which task 'variant_effects_disease' reads"):
        BendData(TASKS["variant_effects_disease"], tmp_path, write_genome(tmp_path))


# --- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["18", "-1", "1;2", "1.0", "x"])
def test_a_label_of_no_track_is_refused_with_its_row(tmp_path, label):
    write_bed(tmp_path, "histone_modification", "chromosome start end strand label split", [f"chr1 0 512 + {label} a"])
    with (
        BendData(HISTONE, tmp_path, write_genome(tmp_path)) as data,
        pytest.raises(ValueError, match=rf"row 1 .*label '{label}' is not one of 0 to 17 .*between commas"),
    ):
        data[0]


def test_a_missing_label_column_is_refused(tmp_path):
    write_bed(tmp_path, "histone_modification", "chromosome start end strand split", ["chr1 0 512 + a"])
    with pytest.raises(ValueError, match="no column 'label', which task 'histone_modification' reads"):
        BendData(HISTONE, tmp_path, write_genome(tmp_path))


def test_classes_of_sequences_are_numbers_or_names(tmp_path):
    task = BendTask("kinds", ("exon", "intron"), loss="cross_entropy", metric="mcc", downsample=20)
    write_bed(tmp_path, "kinds", "chromosome start end label split", [f"chr1 0 20 {x} a" for x in ("1", "exon", "2")])
    with BendData(task, tmp_path, write_genome(tmp_path)) as data:
        assert [data[row].labels.tolist() for row in (0, 1)] == [1, 0]
        with pytest.raises(ValueError, match=r"label '2' is not one of 0 to 1 .*the number of one class"):
            data[2]


@pytest.mark.parametrize("padded", [False, True])
def test_labels_of_nucleotides_are_those_of_the_same_row_of_the_file(tmp_path, padded):
    labels = write_gene_finding(tmp_path, padded=padded)
    with BendData(GENES, tmp_path, write_genome(tmp_path)) as data:
        for row, expected in enumerate(labels):
            region = data[row]
            assert len(region.sequence) == len(region.labels)
            assert region.labels.tolist() == expected.tolist()


def test_labels_of_bins_are_one_for_each_whole_bin(tmp_path):
    write_bed(tmp_path, "bins", "chromosome start end split", ["chr1 0 35 part1", "chr1 0 30 part2"])
    write_labels(tmp_path, "bins", [np.array([0, 1, 1]), np.array([1, -100, 0])])
    with BendData(BINS, tmp_path, write_genome(tmp_path)) as data:
        assert [data[row].labels.tolist() for row in (0, 1)] == [[0, 1, 1], [1, -100, 0]]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([np.array([0, 1])], r"row 1 .*labels have shape \(2,\), where \(3,\) is expected"),
        ([np.array([0, 1, 1, 0])], r"row 1 .*labels have shape \(4,\), where \(3,\) is expected"),
        ([np.array([0, 1, 2])], r"row 1 .*label 2 is not one of 0 to 1"),
    ],
)
def test_wrong_labels_in_hdf5_are_refused_with_their_row(tmp_path, labels, message):
    write_bed(tmp_path, "bins", "chromosome start end split", ["chr1 0 30 a"])
    write_labels(tmp_path, "bins", labels)
    with BendData(BINS, tmp_path, write_genome(tmp_path)) as data, pytest.raises(ValueError, match=message):
        data[0]


def test_a_wrong_hdf5_file_is_refused(tmp_path):
    write_bed(tmp_path, "bins", "chromosome start end split", ["chr1 0 30 a", "chr1 0 30 b"])
    genome = write_genome(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"bins/bins.hdf5 nor bins.hdf5"):
        BendData(BINS, tmp_path, genome)
    path = write_labels(tmp_path, "bins", [np.array([0, 1, 0])])
    with pytest.raises(ValueError, match=r"bins.hdf5: labels has 1 rows, but .*bins.bed has 2; row i of one must be"):
        BendData(BINS, tmp_path, genome)
    with h5py.File(path, "w") as file:
        file["targets"] = np.zeros(2)
    with pytest.raises(ValueError, match="no dataset 'labels'; it has targets"):
        BendData(BINS, tmp_path, genome)
    with h5py.File(path, "w") as file:
        file["labels"] = np.full((2, 3), 0.5)
    with BendData(BINS, tmp_path, genome) as data, pytest.raises(ValueError, match="labels are not whole numbers"):
        data[0]
    path.write_text("no HDF5")
    with pytest.raises(ValueError, match=r"bins.hdf5: not a readable HDF5 file"):
        BendData(BINS, tmp_path, genome)
    with pytest.raises(FileNotFoundError, match=r"gone.hdf5: no such file"):
        BendData(dataclasses.replace(BINS, hdf5="gone.hdf5"), tmp_path, genome)


def test_hdf5_without_h5py_says_how_to_install_it(tmp_path, monkeypatch):
    write_gene_finding(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "hf_dnalm\[hdf5\]"'):
        BendData(GENES, tmp_path, write_genome(tmp_path))
