"""The house rules that imports and shipped files obey, read from the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# room → the rooms of this package it may import (its own files aside). The same table stands in docs/architecture.md.
LEAVES = {"same_run", "lazy", "damage", "outputs", "compression", "version"}  # any room of the package may import these
MAY_IMPORT = {
    "modeling": set(),
    "tokenization": set(),
    "sequence": set(),
    "genome": {"sequence"},
    "tasks": set(),
    "checkpoints": set(),
    "peft_defaults": {"checkpoints"},
    "registry": {"checkpoints", "modeling", "tokenization", "peft_defaults"},
    "weight_files": set(),
    "source": {"registry", "checkpoints", "weight_files"},
    "auto": {"source", "weight_files", "checkpoints", "modeling", "tokenization", "peft_defaults"},
    "data": {"sequence", "genome", "tasks", "tokenization"},
    "suites": {"sequence", "genome", "tasks", "data"},
    "inference": {"sequence", "genome", "tasks", "data", "tokenization"},
    "evaluation": {"sequence", "tasks", "data", "inference"},
    "training": {
        *("auto", "source", "checkpoints", "sequence", "tasks", "data", "suites", "evaluation", "inference"),
        "tokenization",
    },
    "benchmarking": {"tasks", "data", "suites", "inference", "evaluation", "training"},
    "bend": {
        *("auto", "checkpoints", "modeling", "sequence", "genome", "tasks", "data", "suites", "evaluation"),
        *("inference", "tokenization"),
    },
    "hub": {"auto", "source", "checkpoints", "tokenization", "evaluation"},
    "verification": {"auto", "source", "checkpoints", "sequence", "inference", "tokenization"},
    "hub_cards": set(),
}
SHIPPED_MAY_IMPORT = {
    "modeling": {"torch", "transformers", "huggingface_hub", "numpy"} | set(sys.stdlib_module_names),
    "tokenization": {"tokenizers", "transformers", "numpy"} | set(sys.stdlib_module_names),
}
LIGHT_FILES = [
    "__init__.py",
    "lazy.py",
    "registry.py",
    "peft_defaults.py",
    "sequence.py",
    "tasks.py",
    "cli/main.py",
    "cli/list.py",
    "checkpoints/*.py",
]
HEAVY = {"torch", "transformers", "datasets", "sklearn", "matplotlib", "peft", "accelerate"}


def _room(path: Path) -> str:
    relative = path.relative_to(REPOSITORY)
    parts = relative.parts[1:] if relative.parts[0] == "hf_dnalm" else relative.parts
    return parts[0].removesuffix(".py")


def _sources() -> list[Path]:
    return sorted(
        path for folder in ("hf_dnalm", "modeling", "tokenization") for path in (REPOSITORY / folder).rglob("*.py")
    )


def _imports(path: Path, *, module_level_only: bool = False) -> set[str]:
    """Dotted names of all absolute imports in a file; relative ones as `.name`."""
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    if module_level_only:
        for node in ast.walk(tree):
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
                skipped.update(ast.walk(node))
    names = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names.add(base)
            if base == "hf_dnalm":
                names.update(f"hf_dnalm.{alias.name}" for alias in node.names)
    return names


def _optional_imports(path: Path) -> set[str]:
    """What a file imports inside `try` blocks that do without it."""
    blocks = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Try)]
    optional = [block for block in blocks if any("ImportError" in ast.unparse(each) for each in block.handlers)]
    return {each.module or "" for block in optional for each in ast.walk(block) if isinstance(each, ast.ImportFrom)}


def _rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _imports(path) if name.startswith("hf_dnalm.") and len(name.split(".")) > 1}


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_room_imports_only_what_the_table_allows(path):
    room = _room(path)
    imported = _rooms_imported(path) - {room} - LEAVES
    assert "cli" not in imported or room == "__main__", f"{path}: nobody imports the command line"
    if room in MAY_IMPORT:
        assert imported <= MAY_IMPORT[room], f"{path}: {imported - MAY_IMPORT[room]} not allowed in {room}"
    else:
        assert room in {"__init__", "__main__", "cli"} | LEAVES


@pytest.mark.parametrize("folder", ["modeling", "tokenization"])
def test_shipped_files_obey_the_remote_code_rules(folder):
    siblings = {path.stem for path in (REPOSITORY / folder).glob("*.py")}
    for path in (REPOSITORY / folder).glob("*.py"):
        for name in _imports(path):
            if name.startswith("."):
                assert re.fullmatch(r"\.\w+", name), f"{path}: transformers does not follow `{name}`"
                assert name[1:] in siblings, f"{path}: no file {name[1:]}.py ships beside it"
            elif name not in _optional_imports(path):  # as transformers' check of remote code leaves these out
                assert name.split(".")[0] in SHIPPED_MAY_IMPORT[folder], f"{path} imports {name}"
        # transformers finds relative imports by pattern, in docstrings and type-checking blocks too
        written = set(re.findall(r"^\s*from\s+\.(\w*)\s+import", path.read_text(), flags=re.MULTILINE))
        assert written <= siblings, f"{path}: {written - siblings}"
        assert not any(line.strip().startswith("from . import") for line in path.read_text().splitlines())


def test_shipped_folders_are_flat_and_file_names_unique():
    names = [path.stem for folder in ("modeling", "tokenization") for path in (REPOSITORY / folder).rglob("*.py")]
    names = [name for name in names if name != "__init__"]
    assert len(names) == len(set(names))
    for folder in ("modeling", "tokenization"):
        assert not [path for path in (REPOSITORY / folder).iterdir() if path.is_dir() and path.name != "__pycache__"]


def test_shipped_models_never_check_the_class_of_their_config():
    for path in (REPOSITORY / "modeling").glob("modeling_*.py"):
        assert not re.search(r"isinstance\([^)]*[cC]onfig", path.read_text()), path


def test_nothing_imports_the_top_level_twins():
    for path in [*_sources(), *(REPOSITORY / "tests").rglob("*.py"), *(REPOSITORY / "benchmarks").rglob("*.py")]:
        twins = {name for name in _imports(path) if name.split(".")[0] in {"modeling", "tokenization", "hub_cards"}}
        assert not twins, f"{path}: `import modeling` makes a second copy of every class"


@pytest.mark.parametrize("pattern", LIGHT_FILES)
def test_light_files_import_nothing_heavy(pattern):
    doors = REPOSITORY / "hf_dnalm" / "auto.py"
    for path in {*(REPOSITORY / "hf_dnalm").glob(pattern)} - {doors}:
        heavy = {name.split(".")[0] for name in _imports(path, module_level_only=True)} & HEAVY
        assert not heavy, f"{path} imports {heavy} when it is imported"


def test_importing_the_package_and_listing_the_tasks_imports_no_torch():
    heavy = "{'torch', 'datasets', 'sklearn', 'matplotlib'}"
    code = f"import sys, hf_dnalm, hf_dnalm.suites; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_import_table_in_the_docs_is_the_one_enforced():
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, flags=re.MULTILINE))
    assert set(rows) == set(MAY_IMPORT)
    for room, allowed in rows.items():
        assert set(re.findall(r"`(\w+)`", allowed)) == MAY_IMPORT[room], room


def test_no_file_holds_two_concepts():
    long = {str(path): count for path in _sources() if (count := len(path.read_text().splitlines())) > 400}
    assert not long


def test_every_public_name_can_be_imported():
    import hf_dnalm

    for name in hf_dnalm.__all__:
        assert getattr(hf_dnalm, name) is not None
    with pytest.raises(AttributeError, match="module 'hf_dnalm' has no attribute 'AutoModelForDance'"):
        _ = hf_dnalm.AutoModelForDance


def test_every_package_is_installed():
    packages = set(tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    written = {
        ".".join(path.parent.relative_to(REPOSITORY).parts) for path in (REPOSITORY / "hf_dnalm").rglob("__init__.py")
    }
    assert packages == written | {"hf_dnalm.modeling", "hf_dnalm.tokenization", "hf_dnalm.hub_cards"}
