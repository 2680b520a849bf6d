"""The published tasks are as published, and your own task is a few lines of YAML."""

from __future__ import annotations

import pytest

from hf_dnalm.suites import benchmark_tasks
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import TASKS, find_task
from hf_dnalm.suites.bend.task_files import task_from_yaml


@pytest.mark.parametrize(
    ("name", "outputs", "downsample", "hidden", "loss", "metric", "rate", "batch", "folds", "strand"),
    [
        ("gene_finding", 9, None, 64, "cross_entropy", "mcc", 3e-3, 64, 0, False),
        ("enhancer_annotation", 1, 128, 2, "binary_cross_entropy", "auprc", 1e-3, 8, 10, False),
        ("histone_modification", 18, 512, 64, "binary_cross_entropy", "auroc", 3e-3, 256, 0, True),
        ("chromatin_accessibility", 125, 512, 64, "binary_cross_entropy", "auroc", 3e-3, 256, 0, True),
        ("cpg_methylation", 7, 512, 64, "binary_cross_entropy", "auroc", 3e-3, 256, 0, True),
    ],
)
def test_supervised_tasks_are_as_published(name, outputs, downsample, hidden, loss, metric, rate, batch, folds, strand):
    task = TASKS[name]
    assert (task.outputs, task.downsample, task.hidden, task.kernel) == (outputs, downsample, hidden, 3)
    assert (task.loss, task.metric, task.learning_rate, task.weight_decay) == (loss, metric, rate, 0.01)
    assert (task.batch_size, task.epochs, task.cross_validation, task.read_strand) == (batch, 100, folds, strand)
    assert task.positive_weight == (82.86 if name == "enhancer_annotation" else None)
    assert not task.is_zero_shot


@pytest.mark.parametrize("name", ["variant_effects_expression", "variant_effects_disease"])
def test_variant_tasks_train_nothing(name):
    assert TASKS[name].is_zero_shot
    assert TASKS[name].loss is None
    assert TASKS[name].context_bp == 256


def test_the_seven_tasks_are_listed_with_what_every_label_means():
    listed = benchmark_tasks()["bend"]
    assert list(listed) == list(TASKS)
    assert len(listed) == 7
    assert listed["gene_finding"].level == "nucleotide"
    assert listed["gene_finding"].id2label[8] == "noncoding"
    assert listed["histone_modification"].problem_type == "multi_label_classification"
    assert all(task.description and task.licence and task.citation for task in listed.values())


def test_a_task_is_found_by_name_and_by_file(tmp_path):
    assert find_task("gene_finding") is TASKS["gene_finding"]
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nlabel_names: 3\ndownsample: 20\nlearning_rate: 3e-4\n")
    task = find_task(str(path))
    assert task.label_names == ("label_0", "label_1", "label_2")
    assert task.learning_rate == 3e-4
    assert task.bed is None
    with pytest.raises(ValueError, match="no BEND task 'gene_findng'; did you mean gene_finding"):
        find_task("gene_findng")
    with pytest.raises(ValueError, match=r"no BEND task 'x'; there are: gene_finding, .* ends in .yaml"):
        find_task("x")


def test_a_yaml_file_finds_its_data_in_its_own_folder(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nlabel_names: [a, b]\ndownsample: 20\nhdf5: other/labels.h5\n")
    (tmp_path / "mine.bed").write_text("")
    task = task_from_yaml(tmp_path / "mine.yaml")
    assert task.bed == str(tmp_path / "mine.bed")
    assert task.hdf5 == str(tmp_path / "other" / "labels.h5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", r"must hold keys and values .*, not list"),
        ("name: [", r"mine.yaml: not YAML"),
        ("name: a\nlabels: 3\n", "unknown key 'labels'; there are: name, label_names"),
        ("name: a\n", "has no 'label_names'"),
        ("name: 3\nlabel_names: 2\n", "name is 3; it must be text"),
        ("name: a\nlabel_names: [1, 2]\n", "label_names is .*; it must be a list of names in quotes, or their number"),
        ("name: a\nlabel_names: 2\ncolumns: chr\n", "columns is 'chr'; it must be a list of column names"),
        ("name: a\nlabel_names: 2\nlength_bp: 512\n", r"length_bp is 512; it must be two numbers"),
        ("name: a\nlabel_names: 2\nread_strand: 1\n", "read_strand is 1; it must be true or false"),
        ("name: a\nlabel_names: 2\ndownsample: 1.5\n", "downsample is 1.5; it must be a whole number"),
        ("name: a\nlabel_names: 2\nlearning_rate: fast\n", "learning_rate is 'fast'; it must be a number"),
        ("name: a\nlabel_names: 2\n", "downsample is None; it must be the width of a bin, or the length"),
        ("name: a\nlabel_names: 2\ndownsample: 0\n", "downsample is 0; it must be more than 0"),
        ("name: a\nlabel_names: 2\nlevel: letter\n", "level is 'letter'; it must be one of sequence, bin"),
        ("name: a\nlabel_names: 2\nlevel: variant\n", "loss is 'binary_cross_entropy'; a task of level 'variant'"),
        ("name: a\nlabel_names: 2\nlevel: nucleotide\n", "loss is .*; each nucleotide has one class"),
        ("name: a\nlabel_names: 2\ndownsample: 5\nkernel: 4\n", "kernel is 4; it must be odd"),
        ("name: a\nlabel_names: 2\ndownsample: 5\nepochs: 0\n", "epochs is 0; it must be more than 0"),
        ("name: a\nlabel_names: 2\ndownsample: 5\ncross_validation: 2\n", "folds are 0 .none., or 3 and more"),
        ("name: a\nlabel_names: [x, x]\ndownsample: 5\n", "label_names is .*; at least 1, all different"),
        (
            "name: ../../x\nlabel_names: 2\ndownsample: 5\n",
            "name is '../../x'; it names a folder and files, and must be",
        ),
        (
            "name: a\nlabel_names: 2\nlevel: variant\nloss: null\ncross_validation: 5\n",
            "cross_validation is 5; a task of level 'variant' trains nothing",
        ),
    ],
)
def test_a_wrong_yaml_file_is_refused_with_file_and_key(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as refusal:
        task_from_yaml(path)
    assert str(path) in str(refusal.value)


def test_a_yaml_file_that_is_not_utf8_is_refused_and_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes("name: a\nlabel_names: 2\ndownsample: 5\n".encode("utf-8-sig"))
    assert task_from_yaml(path).name == "a"
    path.write_bytes(b"name: caf\xe9\nlabel_names: 2\n")
    with pytest.raises(ValueError, match=r"mine.yaml: not YAML .*0xe9"):
        task_from_yaml(path)


def test_a_missing_yaml_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.yaml: no such file"):
        task_from_yaml(tmp_path / "none.yaml")


def test_a_task_in_python_is_checked_too():
    with pytest.raises(ValueError, match="BEND task 'x': metric is 'luck'; it must be one of mcc, auroc, auprc"):
        BendTask("x", ("a",), downsample=5, metric="luck")
