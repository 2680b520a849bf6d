"""Import the public names of a package on first use, so that importing the package itself is quick."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence


def imported_on_first_use(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], object]]:
    """`__all__`, sorted, and `__getattr__` (PEP 562) for a package.

    Args:
        package: the package's `__name__`.
        modules: the public names that each module of the package defines.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}.")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return sorted(homes), get
