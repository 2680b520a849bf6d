"""Every example in a docstring gives what it says."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDERS = {"hf_dnalm": "hf_dnalm", "modeling": "hf_dnalm.modeling", "tokenization": "hf_dnalm.tokenization"}
MODULES = [
    ".".join([package, *path.relative_to(REPOSITORY / folder).with_suffix("").parts])
    for folder, package in FOLDERS.items()
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0
    assert failed == 0
