"""What a source is as a whole: its family, and the Auto class that takes all its weights."""

from __future__ import annotations

from typing import NamedTuple

from hf_dnalm.auto.adapters import TASK_HEADS, adapter_config, base_of
from hf_dnalm.source import Recognised, Source


class Whole(NamedTuple):
    """A source that is of one of our families.

    Attributes:
        found: its config.json and its passport; of an adapter those of the base model.
        auto_class: takes all its weights.
        stored: the names of the stored tensors, as our model calls them, of an adapter those of the base model; None
            where they lie in files that are not looked into.
    """

    found: Recognised
    auto_class: str
    stored: list[str] | None


def whole_of(source: Source, family: str | None = None) -> Whole | None:
    """What a source is, by its files, which are fetched for it; None where it is left to transformers.

    Args:
        family: takes this family whatever the content says.

    Raises:
        OSError: there is no config.json, or it cannot be reached.
        ValueError: neither we nor transformers know what this config.json describes.
    """
    adapter = adapter_config(source)
    base = source if adapter is None else base_of(source, adapter)
    found = base.recognise(family)
    if found is None:
        return None
    stored = base.weight_names(fetch=True)
    auto_class = found.auto_class(stored)
    if adapter is not None:
        auto_class = TASK_HEADS.get(str(adapter.get("task_type")), auto_class)
    return Whole(found, auto_class, None if stored is None else found.renamed(stored))
