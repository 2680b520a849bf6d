"""Folds by the numbers in the names of the splits: one for test, the next for validation, the rest for training."""

from __future__ import annotations

import pytest

from hf_dnalm.bend.folds import Part, choose_folds, find_folds
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import find_task

ENHANCERS = find_task("enhancer_annotation")
HISTONES = find_task("histone_modification")
TEN = [Part(f"part{number}") for number in (1, 10, 2, 3, 4, 5, 6, 7, 8, 9)]  # as a folder lists them
THREE = BendTask("mine", ("a",), downsample=8, cross_validation=3)


def names(parts):
    return [f"{part.split}_{part.chunk}" for part in parts]


@pytest.mark.parametrize("compat", [False, True])
def test_each_part_is_tested_once_and_the_next_validates(compat):
    folds = find_folds(ENHANCERS, TEN, compat=compat)
    assert [fold.number for fold in folds] == list(range(10))
    assert [names(fold.test) for fold in folds] == [[f"part{number}_0"] for number in range(1, 11)]
    assert [names(fold.validation) for fold in folds] == [[f"part{number}_0"] for number in (*range(2, 11), 1)]
    assert names(folds[8].train) == [f"part{number}_0" for number in range(1, 9)]
    for fold in folds:
        assert sorted(fold.train + fold.validation + fold.test) == sorted(TEN)


def test_chunks_stay_with_their_part():
    parts = [Part("part1", 0), Part("part1", 1), Part("part2"), Part("part3")]
    assert names(find_folds(THREE, parts)[0].test) == ["part1_0", "part1_1"]
    with pytest.raises(ValueError, match=r"'mine' has 3 folds, but its data have 4 files \(part1, part2, part3\)"):
        find_folds(THREE, parts, compat=True)


def test_as_published_a_second_chunk_moves_the_order_of_parts():
    parts = [Part("part1", 10), Part("part2"), Part("part3")]  # 110, 20, 30
    assert names(find_folds(THREE, parts, compat=True)[0].test) == ["part2_0"]
    assert names(find_folds(THREE, parts)[0].test) == ["part1_10"]


def test_without_folds_the_names_of_the_splits_decide():
    parts = [Part("test"), Part("train"), Part("train", 1), Part("unused"), Part("valid")]
    [fold] = find_folds(HISTONES, parts)
    assert fold.number is None
    assert [names(each) for each in fold[1:]] == [["train_0", "train_1"], ["valid_0"], ["test_0"]]


def test_missing_and_odd_splits_are_refused():
    with pytest.raises(ValueError, match="has no split 'valid'; its splits are test, train"):
        find_folds(HISTONES, [Part("train"), Part("test")])
    with pytest.raises(ValueError, match="is cross-validated, but has a split 'train'"):
        find_folds(ENHANCERS, [*TEN, Part("train")])
    with pytest.raises(ValueError, match=r"has 10 folds, but its data have 2 splits \(part1, part2\)"):
        find_folds(ENHANCERS, [Part("part1"), Part("part2")])


def test_a_fold_is_chosen_by_its_number():
    folds = find_folds(ENHANCERS, TEN)
    assert choose_folds(ENHANCERS, folds, None) == folds
    assert choose_folds(ENHANCERS, folds, [2, 9]) == [folds[2], folds[9]]
    with pytest.raises(ValueError, match="there is no fold 10; task 'enhancer_annotation' has folds 0 to 9"):
        choose_folds(ENHANCERS, folds, [10])
    with pytest.raises(ValueError, match=r"has splits train, valid and test, and no folds\. Leave out --fold"):
        choose_folds(HISTONES, [], [1])
