"""Names of a package that are imported on first use, so that importing the package itself is quick."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def imported_on_first_use(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A `__getattr__` for the package (PEP 562).

    Args:
        package: its `__name__`.
        homes: public name → the module in the package that defines it.
    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return get
