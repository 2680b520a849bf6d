"""Every test of this folder runs for each family; with `head`, for each of its heads."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tests.families.family import FAMILIES, Family


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases of `family`, with `head` (all), `labelled_head` (all but the base) and `implementation` (of attention)."""
    names = [name for name in ("family", "head", "labelled_head", "implementation") if name in metafunc.fixturenames]
    if "family" not in names:
        return
    cases = []
    for family in FAMILIES:
        choices = {
            "family": [family],
            "head": list(family.heads),
            "labelled_head": [head for head in family.heads if head != "base"],
        }
        if "implementation" in names:
            choices["implementation"] = family.implementations
        cases += list(product(*(choices[name] for name in names)))
    ids = ["-".join(str(getattr(each, "name", each)) for each in case if each is not None) for case in cases]
    metafunc.parametrize(names, cases, ids=ids)


@pytest.fixture(scope="session")
def upstream_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Families to their toy folders in the published layout; filled as they are asked for."""
    return _Folders(tmp_path_factory.mktemp("upstream"))


class _Folders(dict):
    def __init__(self, root: Path):
        super().__init__()
        self.root = root

    def __missing__(self, family: Family) -> Path:
        self[family] = folder = family.toy.write_upstream(self.root / family.name)
        return folder


@pytest.fixture
def upstream(family: Family, upstream_folders) -> Path:
    """The family's toy folder in the published layout; shared, not to be written to."""
    return upstream_folders[family]
