"""Numbers that others published for a checkpoint and one sequence: what `dnalm verify` compares real weights with.

They stand in references.json: Hub id → "vectors" and "logits", each a list of objects with the fields below. A number
goes in only with the place where it was published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class VectorReference:
    """The pooled hidden states of a sequence.

    Attributes:
        sequence: DNA as the tokenizer is given it.
        pooling: "mean", "max" or "cls", as `embed` takes it.
        layer: index into the hidden states, as `embed` takes it; -1 is the last.
        numbers: the first numbers of the vector.
        tolerance: how far each may be off: what rounding in print and another machine's float32 leave open.
        source: where they were published.
    """

    sequence: str
    pooling: str
    layer: int
    numbers: tuple[float, ...]
    tolerance: float
    source: str


@dataclass(frozen=True)
class LogitsReference:
    """What a masked language model gives for letters at a token that was masked.

    Attributes:
        sequence: DNA as the tokenizer is given it, unmasked.
        masked: which base is masked, 0-based; the token that holds it is masked whole.
        letters: words of the vocabulary of one letter each.
        numbers: their logits, in that order.
        tolerance: how far each may be off.
        source: where they were published.
    """

    sequence: str
    masked: int
    letters: str
    numbers: tuple[float, ...]
    tolerance: float
    source: str


Reference = VectorReference | LogitsReference


def references_of(hub_id: str) -> tuple[Reference, ...]:
    """The published numbers that are known for a checkpoint; none for most.

    >>> [reference.numbers[0] for reference in references_of("songlab/gpn-brassicales")]
    [4.8509]
    >>> references_of("owner/unknown")
    ()
    """
    return parse_references(_table().get(hub_id, {}))


def parse_references(entry: Mapping[str, Any]) -> tuple[Reference, ...]:
    """What references.json holds for one checkpoint.

    Raises:
        TypeError: a field is missing or not known.
    """
    vectors = [VectorReference(**_frozen(each)) for each in entry.get("vectors", ())]
    logits = [LogitsReference(**_frozen(each)) for each in entry.get("logits", ())]
    return (*vectors, *logits)


def _table() -> dict[str, Any]:
    return json.loads(files("hf_dnalm.checkpoints").joinpath("references.json").read_text(encoding="utf-8"))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "numbers": tuple(fields["numbers"])}
