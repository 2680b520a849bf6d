"""Files of a checkpoint: config.json, weights, their index, adapters."""

from __future__ import annotations

from tests.fuzz.target import Target

TARGETS: list[Target] = []
