"""Files of a tokenizer: tokenizer.json, vocab.txt, tokenizer_config.json."""

from __future__ import annotations

from tests.fuzz.target import Target

TARGETS: list[Target] = []
