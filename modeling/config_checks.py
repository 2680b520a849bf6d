"""The checks that the configs of several families share. The errors name the field and its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SIZES = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def check_choices(config: Any, **choices: Sequence[str]) -> None:
    """Raise ValueError if a field has none of the values that are listed for it."""
    for field, allowed in choices.items():
        if getattr(config, field) not in allowed:
            raise ValueError(f"{field} is {getattr(config, field)!r}; choose from {', '.join(map(repr, allowed))}.")


def check_sizes(config: Any, *fields: str) -> None:
    """Raise ValueError if one of these fields is less than 1."""
    for field in fields:
        if getattr(config, field) < 1:
            raise ValueError(f"{field} is {getattr(config, field)}; it must be at least 1.")


def check_heads(config: Any) -> None:
    """Raise ValueError if the hidden size is not a multiple of the number of attention heads."""
    if config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"hidden_size {config.hidden_size} cannot be shared among {config.num_attention_heads} heads: "
            "make it a multiple of num_attention_heads."
        )


def check_token_ids(config: Any, *fields: str) -> None:
    """Raise ValueError if one of these token ids is not in the vocabulary; None is allowed."""
    for field in fields:
        token_id = getattr(config, field)
        if token_id is not None and not 0 <= token_id < config.vocab_size:
            raise ValueError(f"{field} {token_id} is outside of the {config.vocab_size} token ids.")
