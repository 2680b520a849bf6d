"""Configs survive every way of writing and reading them, and name all classes of their family."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch

import hf_dnalm
from hf_dnalm.registry import auto_map, config_class


@pytest.mark.every_flavour
def test_a_config_survives_dictionaries_and_files(family, tmp_path):
    config = family.config(num_labels=5, problem_type="regression")
    written = config.to_dict()
    assert type(config).from_dict(written).to_dict() == written
    config.save_pretrained(tmp_path)
    for again in (type(config).from_pretrained(tmp_path), hf_dnalm.AutoConfig.from_pretrained(tmp_path)):
        assert type(again) is type(config)
        assert again.to_dict() | {"_name_or_path": ""} == written
        assert (again.num_labels, again.problem_type) == (5, "regression")


def test_the_model_type_is_our_own(family):
    config = family.config()
    assert config.model_type == family.passport.model_type
    assert config.model_type.startswith("dnalm_")
    assert type(config) is config_class(family.passport)


def test_the_auto_map_names_every_class_and_each_knows_its_place(family):
    classes = auto_map(family.passport)
    assert family.config().auto_map == classes
    assert set(classes) == {"AutoConfig", *family.heads.values()}
    assert classes["AutoConfig"] == family.passport.config_class
    for head, auto_class in family.heads.items():
        module, _, name = classes[auto_class].partition(".")
        found = getattr(importlib.import_module(f"hf_dnalm.modeling.{module}"), name)
        assert found is family.toy.CLASSES[head]
        assert found._auto_class == auto_class
        assert found.config_class is config_class(family.passport)


def test_a_table_that_names_another_repository_is_replaced(family):
    stale = {name: f"someone/else--{reference}" for name, reference in auto_map(family.passport).items()}
    assert family.config(auto_map=stale).auto_map == auto_map(family.passport)


def test_the_modeling_file_imports_every_file_that_ships(family):
    # transformers 5.5 copies the siblings that a model's own file imports, and not those which only they import.
    def siblings(path: Path) -> set[str]:
        return set(re.findall(r"^from \.(\w+) import", path.read_text(), flags=re.MULTILINE))

    file = Path(inspect.getfile(family.toy.CLASSES["base"]))
    direct = siblings(file)
    assert family.passport.config_class.partition(".")[0] in direct
    assert set().union(*(siblings(file.with_name(f"{name}.py")) for name in direct)) <= direct


@pytest.mark.every_flavour
def test_the_meta_device_is_enough_to_build_every_model(family, head):
    with torch.device("meta"):
        model = family.toy.CLASSES[head](family.config())
    assert all(parameter.is_meta for parameter in model.parameters())
