"""Every family has a toy, and the toy says what it declares in words that the tests know."""

from __future__ import annotations

import re

import pytest

from tests.families.family import CAPABILITIES, DEFAULTS, FORMATS, INPUTS


def test_every_family_has_a_toy_of_the_one_interface(family):
    for name in ("toy_config", "toy_model", "toy_tokenizer", "write_upstream"):
        assert callable(getattr(family.toy, name))
    assert set(family.toy.CLASSES) == set(family.heads)
    assert {"base", "sequence", "token"} < set(family.heads)
    assert len(family.heads) == 4


def test_declared_exceptions_are_of_known_kinds_and_have_reasons(family):
    assert set(family.declared("REFUSES")) <= set(INPUTS)
    assert set(family.declared("CANNOT")) <= set(CAPABILITIES)
    assert set(family.declared("NO_EXPORT")) <= set(FORMATS)
    for reasons in (family.declared("CANNOT"), family.declared("CONFORMANCE_EXEMPT")):
        assert all(len(reason) > 10 for reason in reasons.values())
    alike = ("REFUS", "CANNOT", "NO_", "CONFORMANCE", "FLAVOUR", "LAYOUT", "BFLOAT", "CLOSE", "SEQUENCE")
    assert {name for name in vars(family.toy) if name.startswith(alike)} <= set(DEFAULTS)


def test_declared_silence_is_of_parameters_that_there_are(family):
    models = [flavour.model(head) for flavour in family.flavours() for head in family.heads]
    names = {name for model in models for name, _ in model.named_parameters()}
    for pattern in family.declared("NO_GRADIENT"):
        assert any(re.fullmatch(pattern, name) for name in names), pattern


def test_the_toys_sequences_differ_in_length(family):
    assert len(set(family.lengths)) > 2
    assert min(family.lengths) > 3


def test_a_seed_gives_one_model(family):
    first, again, other = (family.model("base", seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(value.equal(again[name]) for name, value in first.items())
    assert not all(value.equal(other[name]) for name, value in first.items())
    with pytest.raises(KeyError):
        family.model("no such head")
