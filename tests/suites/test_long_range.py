"""The Genomics Long-Range Benchmark: windows and variants cut from a reference whose letters are known here."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.sequence import reverse_complement
from hf_dnalm.suites import dataset_files, load_benchmark, long_range
from hf_dnalm.suites.coordinates import window_of
from hf_dnalm.suites.task_definition import PublishedTask
from tests.data.reference import LETTERS, write, write_reference

pytest.importorskip("pysam")


@pytest.fixture
def reference(tmp_path) -> Path:
    return write_reference(tmp_path)


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
            r"rna_expression_values.csv: has 2 rows, but .*gene_coordinates.csv",
        ),
        (["0,1", *["1,1"] * 4], r"rna_expression_values.csv: has more rows than the 3 records of"),
        (["0,1", "1,1", "1", "1,1"], r"record 2 \('ENSG2'\): 1 labels, but task .* needs 2"),
    ],
)
def test_expression_values_that_do_not_fit_the_genes_are_refused(genes, values, message):
    write(genes / "bulk_rna_expression" / "rna_expression_values.csv", *values)
    options = {"data_dir": genes, "reference": genes / "genome" / "hg.fa", "sequence_length": 3, "splits": ["test"]}
    with pytest.raises(ValueError, match=message):
        load_benchmark("long-range", "bulk_rna_expression", **options)
    (genes / "bulk_rna_expression" / "rna_expression_values.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"rna_expression_values.csv: no such file; it has the labels of"):
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

    monkeypatch.setattr(dataset_files, "hf_hub_download", download)
    monkeypatch.setattr(dataset_files, "snapshot_download", download_all)
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


def test_damaged_cage_targets_are_refused_with_their_file(cage, reference):
    options = {"data_dir": cage, "reference": reference, "splits": ["test"], "sequence_length": 512}
    targets = next(cage.glob("**/targets-test-0-999.npz"))
    whole = targets.read_bytes()
    targets.write_bytes(whole[:200])
    with pytest.raises(ValueError, match=r"targets-test-0-999.npz: cannot be read"):
        load_benchmark("long-range", "cage_prediction", **options)
    last = len(whole) - 1 - whole[::-1].index(b"PK\x01\x02"[::-1])  # where the list of arrays begins
    targets.write_bytes(whole[: last - 9] + bytes([whole[last - 9] ^ 1]) + whole[last - 8 :])
    with pytest.raises(ValueError, match=r"targets-test-0-999.npz: array 'target-test-7.npy': cannot be read .*CRC"):
        load_benchmark("long-range", "cage_prediction", **options)


def test_cage_windows_are_whole_bins_and_have_targets(cage, reference):
    options = {"data_dir": cage, "reference": reference, "splits": ["test"]}
    with pytest.raises(
        ValueError, match="sequence_length is 384; for long-range/cage_prediction it must be a multiple"
    ):
        load_benchmark("long-range", "cage_prediction", sequence_length=384, **options)
    (cage / "cage_prediction" / "targets_subset" / "targets-test-0-999.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"no file targets-test-\*.npz holds target 7"):
        load_benchmark("long-range", "cage_prediction", sequence_length=512, **options)
