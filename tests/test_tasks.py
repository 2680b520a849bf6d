"""Task: the one object that says what is predicted."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from hf_dnalm.tasks import DEFAULT_METRIC, Task

SINGLE = {"name": "t", "problem_type": "single_label_classification", "label_names": ("no", "yes"), "metric": "mcc"}


def test_round_trip_through_json_gives_the_same_task() -> None:
    task = Task(**SINGLE, length_bp=(101, 6000), source="here", licence="CC0-1.0", citation="nobody", description="x")
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task
    assert hash(task)  # frozen, so it can be a key


def test_outputs_are_the_label_names_in_order() -> None:
    task = Task(**SINGLE)
    assert task.num_labels == 2
    assert task.id2label == {0: "no", 1: "yes"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem_type": "classification"}, "problem_type is 'classification'; it must be one of single_label"),
        ({"level": "codon"}, "level is 'codon'; it must be one of sequence, nucleotide, bin"),
        ({"level": "nucleotide", "problem_type": "regression"}, "gives each base one class"),
        ({"level": "bin"}, "bin_bp is None at bin level; level='bin' needs the bases in a bin"),
        ({"bin_bp": 128}, "bin_bp is 128 at sequence level"),
        ({"level": "bin", "bin_bp": 0}, "bin_bp is 0"),
        ({"level": "nucleotide", "pair": True}, "a pair of sequences has one answer"),
        ({"label_groups": (("one", 3),)}, "hold 3 labels, but there are 2"),
        ({"label_names": ("a", "b", "a")}, "label names must differ; repeated: a"),
        ({"label_names": ("a",)}, r"needs at least 2 label names, got 1: \['a'\]"),
        ({"label_names": (), "problem_type": "regression"}, "needs at least 1 label names, got 0"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Task(**(SINGLE | changes))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (SINGLE | {"colour": 1}, r"unknown fields \['colour'\]"),
        ({"name": "t"}, r"missing fields \['label_names', 'metric', 'problem_type'\]"),
    ],
)
def test_a_dict_that_is_no_task_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Task.from_dict(fields)


@pytest.mark.parametrize(
    ("problem_type", "id2label", "level", "expected"),
    [
        ("single_label_classification", {0: "a", 1: "b"}, "sequence", "single_label_classification"),
        ("multi_label_classification", {"1": "b", "0": "a"}, "sequence", "multi_label_classification"),
        ("regression", {0: "a", 1: "b"}, "sequence", "regression"),
        (None, {0: "a"}, "sequence", "regression"),
        (None, {0: "a", 1: "b"}, "nucleotide", "single_label_classification"),
    ],
)
def test_config_of_a_model_gives_its_task(problem_type: str | None, id2label: dict, level: Any, expected: str) -> None:
    task = Task.from_config(SimpleNamespace(problem_type=problem_type, id2label=id2label), level=level)
    assert task.problem_type == expected
    assert task.label_names == ("a", "b")[: len(id2label)]
    assert task.metric == DEFAULT_METRIC[expected]
    assert task.level == level


def test_config_that_could_mean_classes_or_tracks_is_refused() -> None:
    with pytest.raises(ValueError, match="has 2 labels and no problem_type, so its outputs could be classes or tracks"):
        Task.from_config(SimpleNamespace(problem_type=None, id2label={0: "a", 1: "b"}))


def test_several_labels_of_every_base_are_no_task():
    config = SimpleNamespace(problem_type="multi_label_classification", id2label={0: "donor", 1: "acceptor"})
    with pytest.raises(ValueError, match=r"gives every base several labels .* call the model itself and put a sigmoid"):
        Task.from_config(config, level="nucleotide")
