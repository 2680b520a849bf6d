"""Code outside `checkpoints/` names no model family: the facts it needs are fields of the family's definition.

Docstrings, comments and examples may name families; so may modeling/ and tokenization/, which implement them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hf_dnalm.checkpoints import PASSPORTS

PACKAGE = Path(__file__).resolve().parent.parent / "hf_dnalm"
IMPLEMENT_FAMILIES = {"checkpoints", "modeling", "tokenization"}
NAMES = {name for passport in PASSPORTS for name in (passport.family, passport.model_type)}

# File → the family names in its code. The list may only get shorter.
ALLOWED = {
    # BEND published one embedder for each family; this file reproduces them one by one.
    "bend/published_embedders.py": {
        *("nucleotide_transformer", "dnabert", "dnabert2", "gena_bert", "gena_bigbird", "grover", "hyenadna"),
        *("caduceus", "gpn", "awd_lstm"),
    },
    "cli/demo.py": {"dnalm_nucleotide_transformer"},  # the demonstration trains a tiny model of one family
    "auto/tokenizers.py": {"caduceus", "hyenadna"},  # to be replaced by fields of the family's definition
}


def _family_names(path: Path) -> set[str]:
    """The families that the string constants of a file name, docstrings aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    ]
    return {name for name in NAMES if any(re.search(rf"(?<![\w/-]){name}(?![\w/-])", text) for text in texts)}


def test_no_family_name_stands_in_code_outside_checkpoints():
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        if place.parts[0] not in IMPLEMENT_FAMILIES:
            names = _family_names(path) - ALLOWED.get(place.as_posix(), set())
            assert not names, f"{place}: {', '.join(names)}; use a field of the passport"


def test_the_check_sees_a_name_in_code_and_not_in_a_docstring(tmp_path):
    path = tmp_path / "example.py"
    path.write_text('"""For hyenadna."""\n\n\ndef f(model_type):\n    return model_type == "dnalm_gpn"\n')
    assert _family_names(path) == {"dnalm_gpn"}
