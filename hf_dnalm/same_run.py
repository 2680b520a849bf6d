"""Whether a folder's unfinished work is of the same run: two runs are never mixed in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The settings that differ, in words; those of nested mappings by their own names.

    >>> differences({"bootstrap": 10, "training": {"max_steps": 5}}, {"bootstrap": 10, "training": {"max_steps": 6}})
    ['max_steps was 5 and is 6']
    """
    found = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) or isinstance(new, dict):
            found += differences(old or {}, new or {})
        elif old != new:
            found.append(f"{name} was {old} and is {new}")
    return found


def refuse_another_run(before: Mapping[str, Any], now: Mapping[str, Any], place: Path, advice: str) -> None:
    """Refuse to go on with the work of a run that had other settings.

    Args:
        place: the file or folder with that work.
        advice: what to do, a sentence without a full stop.

    Raises:
        ValueError: something differs; the message names it with both values.
    """
    changed = differences(before, now)
    if changed:
        raise ValueError(f"{place} is of another run: {'; '.join(changed)}. {advice}.")
