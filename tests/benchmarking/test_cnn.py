"""The small CNN learns each kind of task, the same way for the same seed, and knows what it does not do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_dnalm.benchmarking.cnn import SmallCNN, cnn_baseline
from hf_dnalm.tasks import Task
from tests.benchmarking.conftest import sequences
from tests.training.conftest import TASKS, labelled

MOTIF = "TGACGTCA"
BOUND = Task("motif", "single_label_classification", ("no", "yes"), metric="mcc")


def with_motif(rows: int, seed: int) -> Dataset:
    """Half of the sequences hold a motif somewhere: what k-mer counts and convolutions see, and the mean letter not."""
    generator = np.random.default_rng(seed)
    letters, labels = sequences(rows, 40, seed), [row % 2 for row in range(rows)]
    for row in range(1, rows, 2):
        place = int(generator.integers(0, 32))
        letters[row] = letters[row][:place] + MOTIF + letters[row][place + 8 :]
    return Dataset.from_dict({"sequence": letters, "labels": labels})


def test_it_finds_a_motif_wherever_it_stands():
    splits = [with_motif(rows, seed) for rows, seed in ((300, 0), (60, 1), (100, 2))]
    evaluation = cnn_baseline(BOUND, *splits, epochs=6, bootstrap=20)
    assert evaluation.primary.value > 0.5
    assert evaluation.n == 100


@pytest.mark.parametrize("name", ["single", "multi", "value", "values"])
def test_every_kind_of_task_and_the_same_numbers_for_the_same_seed(name):
    task = TASKS[name]
    splits = [labelled(task, rows, seed=seed) for rows, seed in ((33, 1), (11, 2), (13, 3))]
    first, again, other = (cnn_baseline(task, *splits, epochs=2, bootstrap=10, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.logits, again.logits)
    assert not np.array_equal(first.logits, other.logits)
    assert first.logits.shape == (13, task.num_labels)
    assert first.settings["epochs"] == 2


def test_the_random_state_of_the_caller_is_left_alone():
    splits = [labelled(TASKS["single"], rows, seed=1) for rows in (8, 4, 4)]
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    cnn_baseline(TASKS["single"], *splits, epochs=1, bootstrap=10)
    assert torch.equal(torch.rand(2), expected)


def test_it_stops_when_the_validation_metric_no_longer_rises():
    splits = [labelled(TASKS["single"], rows, seed=1) for rows in (8, 8, 4)]
    evaluation = cnn_baseline(TASKS["single"], *splits, epochs=40, patience=1, bootstrap=10)
    assert evaluation.settings["epochs"] == evaluation.settings["best_epoch"] + 1 < 40


def test_targets_of_a_regression_come_back_in_their_own_units():
    data = labelled(TASKS["value"], 60, seed=1)
    far = data.remove_columns("labels").add_column("labels", [1000 + 50 * value for value in data["labels"]])
    evaluation = cnn_baseline(TASKS["value"], far, far, far, epochs=6, bootstrap=10)
    assert 1000 < evaluation.logits.mean() < 1050


def test_of_a_pair_both_sequences_are_read():
    letters, others = sequences(80, 12, 1), sequences(80, 9, 2)
    labels = [int(each.count("G") > 2) for each in others]
    data = Dataset.from_dict({"sequence": letters, "sequence2": others, "labels": labels})
    alone = data.remove_columns("sequence2")
    pair, first = (cnn_baseline(BOUND, each, each, each, epochs=6, bootstrap=10) for each in (data, alone))
    assert pair.primary.value > 0.8
    assert not np.array_equal(pair.logits, first.logits)


def test_one_letter_is_enough():
    assert SmallCNN(2, length_bp=1).eval()(torch.tensor([[0], [4]])).shape == (2, 2)


def test_a_task_of_single_bases_is_refused():
    splits = [labelled(TASKS["bases"], rows, seed=1) for rows in (8, 4, 4)]
    with pytest.raises(ValueError, match="the CNN baseline is for sequence-level tasks"):
        cnn_baseline(TASKS["bases"], *splits)
