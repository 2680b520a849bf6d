"""Which tasks and models are meant, and when two results may stand side by side."""

from __future__ import annotations

import dataclasses

import pytest
from datasets import Dataset

from hf_dnalm.benchmarking.settings import (
    Rows,
    check_training,
    choose_tasks,
    digest_of_folder,
    named_models,
    settings_of,
)
from hf_dnalm.data.digests import digests_of
from hf_dnalm.same_run import differences
from hf_dnalm.suites import benchmark_tasks
from hf_dnalm.tasks import Task

TASK = Task("two", "single_label_classification", ("a", "b"), metric="mcc")


def test_a_suite_alone_means_all_its_tasks():
    assert choose_tasks(["gue"]) == [("gue", name) for name in benchmark_tasks()["gue"]]


def test_patterns_are_of_the_suites_that_are_named():
    assert choose_tasks(["pgb", "gue"], ["*leaf", "emp_H3,emp_H4"]) == [
        ("plant-genomic-benchmark", "promoter_strength.leaf"),
        ("plant-genomic-benchmark", "terminator_strength.leaf"),
        ("gue", "emp_H3"),
        ("gue", "emp_H4"),
    ]


@pytest.mark.parametrize(
    ("suites", "patterns", "message"),
    [
        ([], [], "Name tasks .suite/name. or suites"),
        ([], ["emp_H3"], "task 'emp_H3' has no suite. Write suite/name"),
        (["glue"], [], "no benchmark suite 'glue'"),
        (["gue"], ["emp_H33"], "no task of gue matches 'emp_H33'. Did you mean emp_H3"),
        (["gue"], ["x*"], "no task of gue matches 'x.'. `dnalm list --tasks` lists all"),
    ],
)
def test_what_fits_no_task_is_refused(suites, patterns, message):
    with pytest.raises(ValueError, match=message):
        choose_tasks(suites, patterns)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["a/model", "b/model"], "two models have the name 'model'"),
        (["cnn=a"], "'cnn' is the name of a baseline"),
        (["=a"], "a model has an empty name"),
    ],
)
def test_names_of_models_must_tell_them_apart(models, message):
    with pytest.raises(ValueError, match=message):
        named_models(models)


def test_models_are_named_by_mapping_or_by_the_last_part_of_their_path():
    assert named_models({"x": "a/model"}) == {"x": "a/model"}
    assert named_models(["owner/model", "y=b/model"]) == {"model": "owner/model", "y": "b/model"}


def test_options_that_the_runner_gives_itself_are_refused():
    with pytest.raises(ValueError, match="the benchmark sets seed, resume itself"):
        check_training({"seed": 1, "learning_rate": 1, "resume": True})


def test_training_options_are_no_setting_of_a_baseline():
    settings = [
        settings_of(source, Rows(), bootstrap=10, training={"max_steps": 5}, weights=None) for source in (None, "a/b")
    ]
    assert "training" not in settings[0]
    assert settings[1]["training"] == {"max_steps": 5}
    assert differences(*settings) == ["model was None and is a/b", "max_steps was None and is 5"]


def test_rows_beyond_the_most_are_sampled_by_seed_and_that_is_said():
    data = {name: Dataset.from_dict({"sequence": list("ACGTACGT"), "labels": [0] * 8}) for name in ("train", "test")}
    rows = Rows(max_train_rows=5)
    limited, task = rows.limit(data, TASK)
    assert {name: len(split) for name, split in limited.items()} == {"train": 5, "test": 8}
    assert task.description == "Here: 5 of 8 train rows, drawn with seed 0."
    assert digests_of(limited) == digests_of(rows.limit(data, TASK)[0])
    assert digests_of(limited) != digests_of(dataclasses.replace(rows, split_seed=1).limit(data, TASK)[0])
    assert Rows().limit(data, TASK)[1] == TASK


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="max_eval_rows is 1; it must be at least 2"):
        Rows(max_eval_rows=1)


def test_the_digest_of_a_model_is_that_of_its_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = digest_of_folder(str(tmp_path))
    (tmp_path / "config.json").write_text("{ }")
    assert before not in (None, digest_of_folder(str(tmp_path)))
    assert digest_of_folder("owner/name") is None


def test_the_digest_of_rows_sees_labels_and_order_but_no_names():
    rows = {"sequence": ["A", "C"], "labels": [0, 1], "name": ["x", "y"]}
    one = digests_of({"test": Dataset.from_dict(rows)})
    assert one == digests_of({"test": Dataset.from_dict(rows | {"name": ["p", "q"]})})
    assert one != digests_of({"test": Dataset.from_dict(rows | {"labels": [1, 1]})})
    assert one != digests_of({"test": Dataset.from_dict({name: values[::-1] for name, values in rows.items()})})
