"""Every test of this folder runs for each family, and where it asks for it for each head, flavour and layout."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.families.family import FAMILIES, Family


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_flavour: run for each kind of model that a family's toy declares")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cases of `family`, with `head` (all), `labelled_head` (all but the base), `implementation` (of attention) and
    `layout` (of the published folder)."""
    names = [name for name in ("family", "head", "labelled_head", "implementation") if name in metafunc.fixturenames]
    names += ["layout"] if "published" in metafunc.fixturenames else []
    if "family" not in names:
        return
    every_flavour = metafunc.definition.get_closest_marker("every_flavour") is not None
    cases = [case for family in FAMILIES for case in _cases(family, names[1:], every_flavour=every_flavour)]
    ids = ["-".join(str(each) for each in case if each) for case in cases]
    metafunc.parametrize(names, cases, ids=ids)


def _cases(family: Family, names: list[str], *, every_flavour: bool) -> Iterator[tuple]:
    """All combinations for one family; one alone where its toy is lost, so that the tests fail and not pytest."""
    has_toy = family.has_toy
    flavours = family.flavours() if every_flavour and has_toy else [family]
    for flavour in flavours:
        # every head reads the same body: beside the first flavour, the body and the head that pools say enough
        heads = [head for head in family.heads if flavour is flavours[0] or head in ("base", "sequence")]
        choices = {
            "head": heads,
            "labelled_head": [head for head in heads if head != "base"],
            "implementation": family.implementations,
            "layout": (family.declared("LAYOUTS") if has_toy else ()) or [None],
        }
        yield from product([flavour], *(choices[name] for name in names))


@pytest.fixture(scope="session")
def upstream_folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("upstream"))


class Folders(dict[tuple[str, str | None], Path]):
    """Family and layout to a toy folder in the published layout, written when it is first asked for."""

    def __init__(self, root: Path):
        super().__init__()
        self.root = root

    def of(self, family: Family, layout: str | None) -> Path:
        key = (family.name, layout)
        if key not in self:
            options = {} if layout is None else {"layout": layout}
            self[key] = family.toy.write_upstream(self.root / f"{family.name}_{layout}", **options)
        return self[key]


@pytest.fixture
def upstream(family: Family, upstream_folders: Folders) -> Path:
    """The family's toy folder in the published layout; shared, not to be written to."""
    return upstream_folders.of(family, None)


@pytest.fixture
def published(family: Family, layout: str | None, upstream_folders: Folders) -> Path:
    """The same in each published layout that the toy declares."""
    return upstream_folders.of(family, layout)
