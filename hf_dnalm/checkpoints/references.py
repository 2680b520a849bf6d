"""Numbers that others published for a checkpoint and one sequence; `dnalm verify` compares real weights with them.

references.json maps a Hub id to "vectors" and "logits", each a list of objects with the fields below. Every number
comes with the place where it was published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class VectorReference:
    """Published hidden states of a sequence, pooled.

    Attributes:
        sequence: DNA, the input of the tokenizer.
        pooling: "mean", "max" or "cls", as in `embed`.
        layer: index into the hidden states, as in `embed`; -1 is the last.
        numbers: the first numbers of the vector.
        tolerance: largest accepted difference, from rounding in print and float32 on another machine.
        source: where the numbers were published.
    """

    sequence: str
    pooling: str
    layer: int
    numbers: tuple[float, ...]
    tolerance: float
    source: str


@dataclass(frozen=True)
class LogitsReference:
    """Published logits of a masked language model for single letters at a masked token.

    Attributes:
        sequence: DNA, the input of the tokenizer, unmasked.
        masked: the masked base, 0-based; the whole token that covers it is masked.
        letters: single-letter tokens.
        numbers: their logits, in that order.
        tolerance: largest accepted difference.
        source: where the numbers were published.
    """

    sequence: str
    masked: int
    letters: str
    numbers: tuple[float, ...]
    tolerance: float
    source: str


Reference = VectorReference | LogitsReference


def references_of(hub_id: str) -> tuple[Reference, ...]:
    """The published numbers of a checkpoint; empty for most.

    >>> [reference.numbers[0] for reference in references_of("songlab/gpn-brassicales")]
    [4.8509]
    >>> references_of("owner/unknown")
    ()
    """
    return parse_references(_table().get(hub_id, {}))


def parse_references(entry: Mapping[str, Any]) -> tuple[Reference, ...]:
    """The entry of one checkpoint in references.json, parsed.

    Raises:
        TypeError: a field is missing or unknown.
    """
    vectors = [VectorReference(**_frozen(each)) for each in entry.get("vectors", ())]
    logits = [LogitsReference(**_frozen(each)) for each in entry.get("logits", ())]
    return (*vectors, *logits)


def _table() -> dict[str, Any]:
    return json.loads(files("hf_dnalm.checkpoints").joinpath("references.json").read_text(encoding="utf-8"))


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, "numbers": tuple(fields["numbers"])}
