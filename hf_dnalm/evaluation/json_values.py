"""Convert values for JSON, which has no NaN and no infinity."""

from __future__ import annotations

import math
from typing import Any


def json_number(value: float) -> float | None:
    """Return the number, or None if it is NaN or infinite.

    >>> json_number(0.5), json_number(float("nan"))
    (0.5, None)
    """
    return float(value) if math.isfinite(value) else None


def json_value(value: Any) -> Any:
    """Return a value that JSON can represent: None for NaN and infinity, text for unknown types.

    >>> json_value({"loss": float("inf"), 1: (2, 3.5)})
    {'loss': None, '1': [2, 3.5]}
    """
    match value:
        case dict():
            return {str(key): json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case float():
            return json_number(value)
        case str() | int() | None:
            return value
        case _:
            return str(value)
