"""READERS: the function that reads each layout, by the name that a task definition gives as its `reader`."""

from __future__ import annotations

from hf_dnalm.suites import basenji, coordinates, readers
from hf_dnalm.suites.readers import Reader

READERS: dict[str, Reader] = {
    "table": readers.read_table,
    "singles or pairs": readers.read_table_of_singles_or_pairs,
    "headerless": readers.read_headerless,
    "species": readers.read_species,
    "deepstarr": readers.read_deepstarr,
    "classes": coordinates.read_classes,
    "windows": coordinates.read_windows,
    "variants": coordinates.read_variants,
    "expression": coordinates.read_expression,
    "cage": coordinates.read_cage,
    "signal": coordinates.read_signal,
    "basenji": basenji.read_basenji,
}
