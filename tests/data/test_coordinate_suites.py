"""Suites that hold places instead of letters: cut from a reference whose letters are known here."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.data import load_benchmark
from hf_dnalm.data.benchmarks import genomic_benchmarks, long_range, places
from hf_dnalm.data.benchmarks.coordinates import interval_counts, window_of
from hf_dnalm.data.benchmarks.definition import PublishedTask
from hf_dnalm.sequence import reverse_complement

pytest.importorskip("pysam")
LETTERS = "".join(np.random.default_rng(5).choice(list("ACGT"), size=4_000))


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def reference(tmp_path) -> Path:
    path = tmp_path / "genome" / "hg.fa"
    write(path, ">chr1", LETTERS, ">chr2", LETTERS[::-1])
    return path


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
    message = (
        r"negative.csv: the file holds coordinates; pass reference= \(--reference\) with the FASTA of the assembly"
    )
    with pytest.raises(ValueError, match=message):
        load_benchmark("genomic-benchmarks", "human_enhancers_ensembl", data_dir=intervals, splits=["test"])


def test_a_reference_for_letters_is_refused(reference, tmp_path):
    with pytest.raises(ValueError, match="its files hold letters, not coordinates; leave out reference="):
        load_benchmark("gue", "emp_H3", data_dir=tmp_path, reference=reference)
    with pytest.raises(ValueError, match="its sequences have the length they have; leave out sequence_length="):
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
    with pytest.raises(ValueError, match="with the FASTA of the assembly of 'worm'"):
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


# --- the Genomics Long-Range Benchmark ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "length", "window"),
    [
        (99, None, 10, (94, 104)),
        (99, None, 11, (94, 105)),
        (99, 119, 40, (89, 129)),
        (99, 119, 41, (89, 130)),
        (4, None, 10, None),
        (5, None, 10, (0, 10)),
        (194, None, 10, (189, 199)),
        (195, None, 10, None),  # ends with the last base, which the published loader leaves out
    ],
)
def test_windows_are_symmetric_and_inside(start, end, length, window):
    assert window_of(start, end, sequence_length=length, chromosome_bp=200) == window


@pytest.fixture
def elements(tmp_path) -> Path:
    write(
        tmp_path / "regulatory_elements" / "promoter_dataset.csv",
        ",CHROM,START,STOP,label,split",
        "0,chr1,101,121,1,train",
        "1,chr1,301,321,0,train",
        "2,1,5,25,0,train",
        *(f"9,chr2,{start},{start + 20},{start % 2},train" for start in range(601, 700, 10)),
        "3,chr2,501,521,1,test",
    )
    return tmp_path


def test_regulatory_elements_are_windows_of_any_length(elements, reference):
    splits, task = load_benchmark(
        "long-range",
        "regulatory_element_promoter",
        data_dir=elements,
        reference=reference,
        sequence_length=51,
        splits=["train", "test"],
        allow_subset=True,
    )
    (only,) = splits["test"]
    # 1-based 501..521 is 0-based 500..520 to the published loader: 20 bp, 15 on either side and one more on the right.
    assert only == {"name": "chr2:486-536", "sequence": LETTERS[::-1][485:536], "labels": 1}
    assert len(splits["train"]) + len(splits["validation"]) == 12
    assert "1 train windows of 51 bp leave their chromosome and are left out" in task.description


def test_the_window_length_has_a_default_and_must_be_positive(elements, reference):
    options = {"data_dir": elements, "reference": reference, "splits": ["test"]}
    splits, _ = load_benchmark("long-range", "regulatory_element_promoter", sequence_length=100, **options)
    assert {len(sequence) for sequence in splits["test"]["sequence"]} == {100}
    with pytest.raises(ValueError, match="sequence_length is -5; it must be 1 bp or more"):
        load_benchmark("long-range", "regulatory_element_promoter", sequence_length=-5, **options)
    with pytest.raises(ValueError, match="no record of test is left"):
        load_benchmark("long-range", "regulatory_element_promoter", sequence_length=3_999, **options)


def test_chromatin_labels_are_lists_as_python_writes_them(tmp_path, reference):
    marks, dnase = str([0, 1] * 10), str([1.0] + [0.0] * 19)
    write(
        tmp_path / "chromatin_features" / "histones_and_dnase_subset.csv",
        "CHROM,POS,HISTONES,DNASE,split",
        f'chr1,101,"{marks}","{dnase}",test',
        f'chr1,201,"{marks[:-1]}","{dnase}",test',
    )
    options = {"data_dir": tmp_path, "reference": reference, "sequence_length": 20, "splits": ["test"]}
    splits, task = load_benchmark("long-range", "chromatin_features_dna_accessibility", **options)
    assert splits["test"][0]["sequence"] == LETTERS[90:110]
    assert splits["test"][0]["labels"] == [1] + [0] * 19
    assert task.num_labels == 20
    with pytest.raises(ValueError, match=r"labels, but task .* needs 20|does not fit task"):
        load_benchmark("long-range", "chromatin_features_histone_marks", **options)


@pytest.fixture
def variants(tmp_path) -> Path:
    ref, other = LETTERS[200], LETTERS[300:302]
    write(
        tmp_path / "variant_effect_pathogenic" / "vep_pathogenic_coding.csv",
        "CHROM,POS,REF,ALT,INT_LABEL,split",
        f"1,201,{ref},{'A' if ref != 'A' else 'C'},1,test",
        f"chr1,301,{other},{other[0]},0,test",
        f"chr1,3,{LETTERS[2]},T,0,test",
    )
    return tmp_path


def test_variants_are_pairs_of_alleles(variants, reference):
    options = {"data_dir": variants, "reference": reference, "sequence_length": 21, "splits": ["test"]}
    splits, task = load_benchmark("long-range", "variant_effect_pathogenic_clinvar", **options)
    snv, deletion = splits["test"]
    assert snv["sequence"] == LETTERS[190:211]
    assert [i for i in range(21) if snv["sequence"][i] != snv["sequence2"][i]] == [10]
    assert snv["labels"] == 1
    assert deletion["sequence2"] == deletion["sequence"][:11] + deletion["sequence"][12:]
    assert deletion["name"] == f"chr1:301:{LETTERS[300:302]}>{LETTERS[300]}"
    assert task.pair
    assert "1 test windows of 21 bp leave their chromosome" in task.description


def test_a_variant_of_another_reference_is_refused(variants, reference):
    wrong = "C" if LETTERS[200] != "C" else "G"
    write(
        variants / "variant_effect_pathogenic" / "vep_pathogenic_coding.csv",
        "CHROM,POS,REF,ALT,label,split",
        f"1,201,{wrong},T,1,test",
    )
    message = rf"record 1: chr1:201 is {LETTERS[200]} in .*hg.fa, but REF is {wrong}; the coordinates are of hg38"
    with pytest.raises(ValueError, match=message):
        load_benchmark(
            "long-range",
            "variant_effect_pathogenic_clinvar",
            data_dir=variants,
            reference=reference,
            sequence_length=20,
            splits=["test"],
        )


def test_a_table_without_labels_is_refused(variants, reference):
    write(
        variants / "variant_effect_pathogenic" / "vep_pathogenic_coding.csv",
        "CHROM,POS,REF,ALT,split",
        "1,201,A,T,test",
    )
    with pytest.raises(ValueError, match="no column label or INT_LABEL; the columns are CHROM, POS, REF, ALT, split"):
        load_benchmark(
            "long-range",
            "variant_effect_pathogenic_clinvar",
            data_dir=variants,
            reference=reference,
            sequence_length=20,
            splits=["test"],
        )


@pytest.fixture
def genes(tmp_path, monkeypatch) -> Path:
    """Three genes with the values of two tissues, in the place of 218."""
    folder = tmp_path / "bulk_rna_expression"
    write(
        folder / "gene_coordinates.csv",
        "id,symbol,chrom,strand,CAGE_representative_TSS,split",
        "ENSG1,A,chr1,+,101,train",
        "ENSG2,B,chr8,-,201,test",
        "ENSG3,C,chr8,+,3,test",
    )
    write(folder / "rna_expression_values.csv", "0,1", "0.5,-1.5", "2.0,0.25", "9,9")
    monkeypatch.setitem(long_range.TASKS, "bulk_rna_expression", small(long_range.TASKS["bulk_rna_expression"]))
    write(tmp_path / "genome" / "hg.fa", ">chr1", LETTERS, ">chr8", LETTERS[::-1])
    return tmp_path


def small(published: PublishedTask, **fields: object) -> PublishedTask:
    """The task with two outputs."""
    return dataclasses.replace(published, task=dataclasses.replace(published.task, label_names=("a", "b")), **fields)


def test_expression_is_read_along_the_gene_with_the_start_in_the_middle(genes):
    options = {"data_dir": genes, "reference": genes / "genome" / "hg.fa", "sequence_length": 11}
    splits, task = load_benchmark("long-range", "bulk_rna_expression", splits=["test"], **options)
    (gene,) = splits["test"]
    window = LETTERS[::-1][195:206]  # the start, 1-based 201, is the sixth of eleven letters on either strand
    assert gene == {"name": "ENSG2", "sequence": reverse_complement(window), "labels": [2.0, 0.25]}
    assert "1 test windows of 11 bp leave their chromosome" in task.description
    streamed, _ = load_benchmark("long-range", "bulk_rna_expression", streaming=True, **options)
    assert [(row["sequence"], row["labels"]) for row in streamed["train"]] == [(LETTERS[95:106], [0.5, -1.5])]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["0,1", "0.5,-1.5", "2.0,0.25"],
            r"rna_expression_values.csv: holds 2 rows, fewer than .*gene_coordinates.csv",
        ),
        (["0,1", *["1,1"] * 4], r"rna_expression_values.csv: holds more rows than the 3 records of"),
        (["0,1", "1,1", "1", "1,1"], r"record 2 \('ENSG2'\): 1 labels, but task .* needs 2"),
    ],
)
def test_expression_values_that_do_not_fit_the_genes_are_refused(genes, values, message):
    write(genes / "bulk_rna_expression" / "rna_expression_values.csv", *values)
    options = {"data_dir": genes, "reference": genes / "genome" / "hg.fa", "sequence_length": 3, "splits": ["test"]}
    with pytest.raises(ValueError, match=message):
        load_benchmark("long-range", "bulk_rna_expression", **options)
    (genes / "bulk_rna_expression" / "rna_expression_values.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"rna_expression_values.csv: no such file; it holds the labels of"):
        load_benchmark("long-range", "bulk_rna_expression", **options)


@pytest.mark.parametrize(("split", "others"), [("test", "test"), ("validation", "valid")])
def test_files_that_lie_beside_a_table_of_the_hub_are_downloaded_with_it(cage, reference, monkeypatch, split, others):
    asked = []
    table = cage / "cage_prediction" / "sequences_coordinates.csv"
    targets = cage / "cage_prediction" / "targets_subset"
    write(table, "chrom,start,stop,split,npy_idx", f"chr1,1001,1513,{split},7")
    with np.load(targets / "targets-test-0-999.npz") as counts:
        np.savez(targets / "targets-valid-0-999.npz", **{"target-valid-7.npy": counts["target-test-7.npy"]})

    def download(repo: str, file: str, **options: str) -> str:
        asked.append(file)
        return str(cage / file)

    def download_all(repo: str, *, allow_patterns: list[str], **options: str) -> None:
        asked.append((repo, allow_patterns, options["revision"]))

    monkeypatch.setattr(places, "hf_hub_download", download)
    monkeypatch.setattr(places, "snapshot_download", download_all)
    splits, _ = load_benchmark("long-range", "cage_prediction", reference=reference, splits=[split])
    assert len(splits[split]) == 1
    assert asked == [
        "cage_prediction/sequences_coordinates.csv",
        (long_range.REPO, [f"cage_prediction/targets_subset/targets-{others}-*.npz"], long_range.REVISION),
    ]


@pytest.fixture
def cage(tmp_path, monkeypatch) -> Path:
    """Four bins of 128 bp with two tracks, in the place of 896 with 50."""
    folder = tmp_path / "cage_prediction"
    write(folder / "sequences_coordinates.csv", "chrom,start,stop,split,npy_idx", "chr1,1001,1513,test,7")
    (folder / "targets_subset").mkdir()
    counts = np.arange(8, dtype=np.float64).reshape(1, 4, 2)
    np.savez(folder / "targets_subset" / "targets-test-0-999.npz", **{"target-test-7.npy": counts})
    task = small(long_range.TASKS["cage_prediction"], sequence_length=512)
    monkeypatch.setitem(long_range.TASKS, "cage_prediction", task)
    return tmp_path


@pytest.mark.parametrize(
    ("length", "bins"), [(512, [0, 1, 2, 3]), (256, [1, 2]), (1024, [None, None, 0, 1, 2, 3, None, None])]
)
def test_cage_windows_have_the_bins_of_their_middle(cage, reference, length, bins):
    splits, task = load_benchmark(
        "long-range", "cage_prediction", data_dir=cage, reference=reference, sequence_length=length, splits=["test"]
    )
    (row,) = splits["test"]
    assert row["sequence"] == LETTERS[1000 + 256 - length // 2 : 1000 + 256 + length // 2]
    expected = [[-100.0, -100.0] if b is None else np.log1p([2 * b, 2 * b + 1]).tolist() for b in bins]
    np.testing.assert_allclose(row["labels"], expected)
    assert (task.level, task.bin_bp) == ("bin", 128)


def test_cage_windows_are_whole_bins_and_have_targets(cage, reference):
    options = {"data_dir": cage, "reference": reference, "splits": ["test"]}
    with pytest.raises(
        ValueError, match="sequence_length is 384; for long-range/cage_prediction it must be a multiple"
    ):
        load_benchmark("long-range", "cage_prediction", sequence_length=384, **options)
    (cage / "cage_prediction" / "targets_subset" / "targets-test-0-999.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file targets-test-\*.npz holds target 7"):
        load_benchmark("long-range", "cage_prediction", sequence_length=512, **options)
