"""Fetches transformers' common model tests, which its wheel leaves out, in the version that is installed."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import types
from pathlib import Path

import transformers

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "conformance"
PARAMETERIZED = "parameterized==0.9.0"  # the one package those tests need that nothing else here does
PACKAGE = "transformers_tests"


def load_model_tester_mixin() -> type:
    """`ModelTesterMixin` of the installed transformers; downloads its source distribution once per version.

    The tests of generation and export that it builds on are not in the source distribution: empty classes stand in.

    Raises:
        OSError: the package index cannot be reached and the tests are not in the cache.
    """
    folder = CACHE / f"transformers-{transformers.__version__}"
    if not (folder / "tests" / "test_modeling_common.py").is_file():
        _fetch(folder)
    sys.path[:0] = [str(path) for path in CACHE.glob("parameterized-*.whl")]
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder / "tests")]
    sys.modules[PACKAGE] = package
    for module_name, class_name in {
        "exporters.test_export": "ExportTesterMixin",
        "generation.test_utils": "GenerationTesterMixin",
    }.items():
        parent = sys.modules.setdefault(f"{PACKAGE}.{module_name.split('.')[0]}", types.ModuleType(PACKAGE))
        module = types.ModuleType(module_name)
        setattr(module, class_name, type(class_name, (), {}))
        sys.modules[f"{PACKAGE}.{module_name}"] = module
        setattr(parent, module_name.split(".")[1], module)
    return importlib.import_module(f"{PACKAGE}.test_modeling_common").ModelTesterMixin


def _fetch(folder: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE)]
    source = f"transformers=={transformers.__version__}"
    for arguments in ([PARAMETERIZED], ["--no-binary", ":all:", source]):
        done = subprocess.run([*pip, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"cannot download {arguments[-1]}: {done.stderr.strip().splitlines()[-1]}")
    with tarfile.open(CACHE / f"{folder.name}.tar.gz") as archive:
        tests = [member for member in archive if member.name.startswith(f"{folder.name}/tests/")]
        archive.extractall(CACHE, members=tests, filter="data")
