"""Every suite's table of labels, lengths and rows, as published; and the real files that are at hand, all of them."""

from __future__ import annotations

import pytest

from hf_dnalm.data import infer_task, read_file
from hf_dnalm.suites import _SUITES, benchmark_tasks, load_benchmark
from hf_dnalm.suites.plant_genomic_benchmark import TASKS as PLANT

# Task, labels, length in bp (shortest-longest; - where none was published), rows of train, validation and test (- where
# there is no such split, ? where the number was computed or remembered by others but not read in the data), metric.
TABLE = """
[plant-genomic-benchmark]
poly_a.arabidopsis_thaliana 2 400 170835 - 30384 auroc
poly_a.oryza_sativa_indica_group 2 400 98139 - 16776 auroc
poly_a.trifolium_pratense 2 400 111138 - 13746 auroc
poly_a.medicago_truncatula 2 400 47277 - 8850 auroc
poly_a.chlamydomonas_reinhardtii 2 400 90378 - 10542 auroc
poly_a.oryza_sativa_japonica_group 2 400 120621 - 20232 auroc
splicing.arabidopsis_thaliana_donor 2 398 2588034 - 377873 auroc
splicing.arabidopsis_thaliana_acceptor 2 398 1704844 - 250084 auroc
lncrna.m_esculenta 2 101-6000 4934 - 360 auroc
lncrna.z_mays 2 101-6000 8423 - 1629 auroc
lncrna.g_max 2 101-6000 11430 - 490 auroc
lncrna.s_lycopersicum 2 101-6000 7274 - 1072 auroc
lncrna.t_aestivum 2 101-6000 11252 - 1810 auroc
lncrna.s_bicolor 2 101-6000 8654 - 734 auroc
promoter_strength.leaf 1 170 58179 6825 7154 pearson_r2
promoter_strength.protoplast 1 170 61051 7162 7595 pearson_r2
terminator_strength.leaf 1 170 43294 4806 5309 r2
terminator_strength.protoplast 1 170 ? ? ? r2
gene_exp.glycine_max 14 6000 ? ? ? r2
gene_exp.oryza_sativa 7 6000 31244 3702 3702 r2
gene_exp.solanum_lycopersicum 10 6000 ? ? ? r2
gene_exp.zea_mays 23 6000 34493 4483 4483 r2
gene_exp.arabidopsis_thaliana 56 6000 25731 3401 3402 r2
chromatin_access.oryza_sativa_MH63_RS2 15 1000 ? ? ? auroc
chromatin_access.oryza_sativa_ZS97_RS2 15 1000 ? ? ? auroc
chromatin_access.setaria_italica 9 1000 ? ? ? auroc
chromatin_access.arabidopis_thaliana 19 1000 ? ? ? auroc
chromatin_access.brachypodium_distachyon 9 1000 ? ? ? auroc
chromatin_access.sorghum_bicolor 14 1000 ? ? ? auroc
chromatin_access.zea_mays 19 1000 ? ? ? auroc
pro_seq.m_esculenta 2 1000 16852 1229 812 auroc
[nt-downstream]
promoter_all 2 300 53276 - ? mcc
promoter_no_tata 2 300 ? - ? mcc
promoter_tata 2 300 ? - ? mcc
enhancers 2 200 14968 - 400 mcc
enhancers_types 3 200 14968 - 400 mcc
splice_sites_all 3 400 27000 - ? mcc
splice_sites_acceptors 2 600 19961 - ? mcc
splice_sites_donors 2 600 19775 - ? mcc
H3 2 290-500 13468 - ? mcc
H4 2 290-500 13140 - ? mcc
H3K9ac 2 290-500 25003 - ? mcc
H3K14ac 2 290-500 29743 - ? mcc
H4ac 2 290-500 30685 - ? mcc
H3K4me1 2 290-500 28509 - ? mcc
H3K4me2 2 290-500 27614 - ? mcc
H3K4me3 2 290-500 33119 - ? mcc
H3K36me3 2 290-500 31392 - ? mcc
H3K79me3 2 290-500 25953 - ? mcc
[nt-downstream-revised]
promoter_all 2 300 30000 - 1584 mcc
promoter_tata 2 300 ? - ? mcc
promoter_no_tata 2 300 ? - ? mcc
enhancers 2 400 30000 - 3000 mcc
enhancers_types 3 400 ? - ? mcc
splice_sites_all 3 600 30000 - 3000 mcc
splice_sites_acceptors 2 600 30000 - 3000 mcc
splice_sites_donors 2 600 30000 - 3000 mcc
H2AFZ 2 1000 ? - ? mcc
H3K4me3 2 1000 ? - ? mcc
H3K9ac 2 1000 ? - ? mcc
H3K9me3 2 1000 27438 - 850 mcc
H3K27ac 2 1000 30000 - 1616 mcc
H3K27me3 2 1000 30000 - 3000 mcc
H3K36me3 2 1000 ? - ? mcc
H3K4me1 2 1000 ? - ? mcc
H3K4me2 2 1000 30000 - 2138 mcc
H4K20me1 2 1000 ? - ? mcc
[gue]
emp_H3 2 500 11971 1497 1497 mcc
emp_H3K14ac 2 290-500 26438 3305 3305 mcc
emp_H3K36me3 2 500 27904 3488 3488 mcc
emp_H3K4me1 2 290-500 25341 3168 3168 mcc
emp_H3K4me2 2 500 ? 3069 3069 mcc
emp_H3K4me3 2 500 ? 3680 3680 mcc
emp_H3K79me3 2 500 23069 2884 2884 mcc
emp_H3K9ac 2 500 22224 2779 2779 mcc
emp_H4 2 500 11679 1461 1461 mcc
emp_H4ac 2 449-500 27275 3410 3410 mcc
prom_300_all 2 300 47356 5920 5920 mcc
prom_300_notata 2 300 ? 5307 5307 mcc
prom_300_tata 2 300 4904 613 613 mcc
prom_core_all 2 70 47356 5920 5920 mcc
prom_core_notata 2 70 42452 5307 5307 mcc
prom_core_tata 2 70 4904 613 613 mcc
human_tf_0 2 101 32378 1000 1000 mcc
human_tf_1 2 101 30672 1000 1000 mcc
human_tf_2 2 101 19000 1000 1000 mcc
human_tf_3 2 101 27294 1000 1000 mcc
human_tf_4 2 101 19000 1000 1000 mcc
mouse_0 2 101 6478 810 810 mcc
mouse_1 2 101 53952 6745 6745 mcc
mouse_2 2 101 2620 328 328 mcc
mouse_3 2 101 1904 239 239 mcc
mouse_4 2 101 15064 1883 1883 mcc
splice_reconstructed 3 400 ? 4562 4562 mcc
virus_covid 9 999 73335 9166 9168 f1
[gue-plus]
EPI_GM12878 2 5000-5001 10000 2000 2000 mcc
EPI_HeLa-S3 2 5000-5001 ? ? ? mcc
EPI_HUVEC 2 5000-5001 ? ? ? mcc
EPI_IMR90 2 5000-5001 ? ? ? mcc
EPI_K562 2 5000-5001 ? ? ? mcc
EPI_NHEK 2 5000-5001 ? ? ? mcc
fungi_species_20 20 10000 8000 1000 1000 mcc
virus_species_40 25 5000 4000 500 500 mcc
[genomic-benchmarks]
dummy_mouse_enhancers_ensembl 2 331-4776 968 - 242 accuracy
demo_coding_vs_intergenomic_seqs 2 200 75000 - 25000 accuracy
demo_human_or_worm 2 200 75000 - 25000 accuracy
drosophila_enhancers_stark 2 236-3237 5184 - 1730 accuracy
human_enhancers_cohn 2 500 20843 - 6948 accuracy
human_enhancers_ensembl 2 2-573 123872 - 30970 accuracy
human_ensembl_regulatory 3 71-802 231348 - 57713 accuracy
human_nontata_promoters 2 251 27097 - 9034 accuracy
human_ocr_ensembl 2 71-593 139804 - 34952 accuracy
[plant-multi-species]
core-promoters 2 - 66560 8320 8320 mcc
H3K27ac 2 - 81920 10240 10240 mcc
H3K27me3 2 - 79748 9968 9968 mcc
H3K4me3 2 - 81920 10240 10240 mcc
lncRNAs 2 - 40248 5028 5032 mcc
open-chromatin 3 - 118800 14850 14850 mcc
sequence-conservation 2 - 56320 7040 7040 mcc
[gena-lm]
promoters_300 2 300 ? ? ? f1
promoters_2000 2 2000 ? ? ? f1
promoters_8000 2 8000 ? ? ? f1
promoters_16000 2 16000 ? ? ? f1
splice 3 15000 146436 16270 16505 site_auprc
deepstarr 2 249 402296 40570 41186 pearson
deepsea 919 1000-8000 ? ? ? group_median_auroc
poly_a 1 150-256 ? - ? pearson_r2
enformer 5313 114688-196608 ? ? ? pearson
moderngena_sequence_classification 2 10000 ? - ? auprc
moderngena_token_regression 1 10000 ? - ? pearson
"""


def rows() -> list[tuple[str, ...]]:
    found, suite = [], ""
    for line in TABLE.split("\n"):
        if line.startswith("["):
            suite = line.strip("[]")
        elif line:
            found.append((suite, *line.split()))
    return found


@pytest.mark.parametrize(("suite", "name", "labels", "length", "train", "validation", "test", "metric"), rows())
def test_definitions_equal_the_published_tables(suite, name, labels, length, train, validation, test, metric):
    published = _SUITES[suite].tasks[name]
    task = published.task
    assert (task.num_labels, task.metric) == (int(labels), metric)
    ends = [int(end) for end in length.split("-") if end]
    assert task.length_bp == ((ends[0], ends[-1]) if ends else None)
    counts = {"train": train, "validation": validation, "test": test}
    assert set(published.files) == {split for split, count in counts.items() if count != "-"}
    assert published.rows == {split: int(count) for split, count in counts.items() if count not in "-?"}
    assert task.name == f"{suite}/{name}"


def test_the_tables_hold_every_task():
    described = {(suite, name) for suite, tasks in benchmark_tasks().items() for name in tasks}
    apart = {"dnabert-s", "long-range", "bend"}  # rows depend on windows, or on the authors' archive
    assert {row[:2] for row in rows()} == {pair for pair in described if pair[0] not in apart}


@pytest.mark.parametrize("suite", list(benchmark_tasks()))
def test_every_task_says_what_its_labels_mean(suite):
    for name, task in benchmark_tasks()[suite].items():
        assert len(task.description) > 40, name
        assert task.source, name


# --- every folder of real rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _SUITES["gue"].tasks)
def test_real_rows_of_gue_have_the_published_counts(shared, name):
    published = _SUITES["gue"].tasks[name]
    try:
        splits, task = load_benchmark("gue", name, data_dir=shared / "data" / "tasks" / "GUE")
    except FileNotFoundError:
        pytest.skip(f"no real rows of {name} are at hand")
    assert {split: len(rows) for split, rows in splits.items()}.items() <= published.rows.items()
    lengths = {len(sequence) for rows in splits.values() for sequence in rows["sequence"]}
    assert task.length_bp[0] <= min(lengths) <= max(lengths) <= task.length_bp[1]
    assert {label for rows in splits.values() for label in rows["labels"]} == set(range(task.num_labels))


@pytest.mark.parametrize("name", PLANT)
def test_real_rows_of_the_plant_benchmark_fit_their_task(shared, name):
    folder = shared / "data" / "tasks" / "PGB_hublayout"
    try:
        splits, task = load_benchmark("pgb", name, data_dir=folder, splits=["test"], allow_subset=True)
    except FileNotFoundError:
        pytest.skip(f"no real rows of {name} are at hand")
    lengths = {len(sequence) for sequence in splits["test"]["sequence"]}
    assert task.length_bp[0] <= min(lengths) <= max(lengths) <= task.length_bp[1]
    jsonl = shared / "data" / "tasks" / "PGB_jsonl" / f"{name}.test.jsonl.gz"
    if not jsonl.exists():
        return
    # The same records as JSON lines, a layout that people have: read as one's own file, under the task.
    own = read_file(jsonl, task=task, labels="required", unique_names=False)
    assert own["sequence"][:] == splits["test"]["sequence"][:]
    assert own["labels"][:] == splits["test"]["labels"][:]


@pytest.mark.parametrize(
    ("kind", "problem_type", "labels"),
    [
        ("binary_classification", "single_label_classification", 2),
        ("multiclass_classification", "single_label_classification", 3),
        ("multilabel_classification", "multi_label_classification", 19),
        ("regression", "regression", 1),
    ],
)
def test_real_csv_of_dnallm_is_what_it_looks_like(shared, kind, problem_type, labels):
    file = shared / "data" / "tasks" / "DNALLM" / kind / "test.csv"
    if not file.exists():
        pytest.skip(f"no real rows of {kind} are at hand")
    task = infer_task(file, name=kind)
    assert (task.problem_type, task.num_labels) == (problem_type, labels)
    assert len(read_file(file, task=task)) == 100


def test_real_6_mers_with_spaces_are_refused_with_the_way_out(shared):
    file = shared / "data" / "tasks" / "DNABERT_ft_6mer" / "dev.tsv"
    with pytest.raises(ValueError, match=r"record 1 .*letter ' ' at position 7 .*remove the white space"):
        read_file(file)


def test_real_sample_rows_of_gue_are_a_file_of_ones_own(shared):
    file = shared / "data" / "tasks" / "GUE_sample_data" / "train.csv"
    assert infer_task(file, name="sample").problem_type == "single_label_classification"


def test_real_promoters_of_60_bp_are_read_by_their_own_label_column(shared):
    file = shared / "data" / "tasks" / "LPD_promoter_60" / "test.csv.gz"
    task = infer_task(file, name="promoters", labels_column="promoter_presence")
    rows = read_file(file, task=task, labels_column="promoter_presence")
    assert {len(sequence) for sequence in rows["sequence"]} == {60}
    assert task.num_labels == 2


def test_real_exon_positions_of_evo2_are_read_by_their_own_columns(shared):
    file = shared / "data" / "tasks" / "evo2_exon_samplePositions.tsv.gz"
    columns = {"sequence_column": "forward_seq", "labels_column": "label", "name_column": "gene_name"}
    task = infer_task(file, name="exons", problem_type="single_label_classification", **columns)
    rows = read_file(file, task=task, unique_names=False, **columns)
    assert set(rows["labels"]) == {0, 1}
    assert set("".join(rows["sequence"])) <= set("ACGTN")  # soft-masked letters are read in upper case
