"""Checks of a config.json before anything is built from it: types of values, sizes, and no reference to code."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

# Far above every published model and far below the limits of a computer. Layers and labels need memory even before
# weights are allocated.
MOST_LAYERS = 4_096
MOST_LABELS = 2**18
LARGEST_SIZE = 2**24  # a width, a vocabulary, a kernel
LARGEST_NUMBER = 2**31  # every other whole number in the configs of our families

_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "num_attention_heads")
_SIZES = ("vocab_size", "hidden_size", "d_model", "intermediate_size", "d_inner", "input_size", "type_vocab_size")
_LIMITS = (
    dict.fromkeys(_LAYERS, MOST_LAYERS)
    | dict.fromkeys(_SIZES, LARGEST_SIZE)
    | dict.fromkeys(("filter_inner_layers", "num_inner_mlps"), 64)  # HyenaDNA's, in each of its layers
    | {"num_labels": MOST_LABELS, "max_position_embeddings": 2**28}
)

# Fields that every config.json may have, each with a value of the right type.
_EVERY: dict[str, Any] = {
    "model_type": "",
    "architectures": [],
    "auto_map": {},
    "id2label": {},
    "label2id": {},
    "num_labels": 0,
    "problem_type": "",
    "vocab_size": 0,
}
_OURS: dict[str, Any] = (
    _EVERY
    | dict.fromkeys((*_LAYERS, *_SIZES), 0)
    | {
        "dtype": "",
        "torch_dtype": "",
        "transformers_version": "",
        "tokenizer_class": "",
        "pad_token_id": 0,
        "output_hidden_states": True,
        "output_attentions": True,
        "tie_word_embeddings": True,
        "quantization_config": {},
        "initializer_range": 0.0,
    }
)

_DTYPE = re.compile(r"b?float16|float32|float64|float8_\w+|half|float|double")

# Fields in which transformers names an implementation of attention or experts.
_IMPLEMENTATIONS = (
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "experts_implementation",
    "_experts_implementation",
    "_experts_implementation_internal",
)


def check_contents(contents: Mapping[str, Any], published: Iterable[Mapping[str, Any]] | None = None) -> None:
    """Refuse a config.json whose values have the wrong type, are far too large, or refer to code.

    Args:
        contents: the parsed config.json.
        published: configs of the same family, which show the type of each field; None for a family outside this
            package, for which only the fields that every config.json may have are checked.

    Raises:
        ValueError: the message names the field and its value.

    Example:
        >>> check_contents({"num_hidden_layers": 10_000_000}, [])
        Traceback (most recent call last):
        ValueError: num_hidden_layers is 10,000,000; at most 4,096 is allowed. Correct it in config.json.
        >>> check_contents({"hidden_size": "768"}, [{"hidden_size": 512}])
        Traceback (most recent call last):
        ValueError: hidden_size is '768', a string; it must be a whole number. Correct it in config.json.
    """
    _check_kinds(contents, (_EVERY,) if published is None else (_OURS, *published))
    _check_numbers(contents, "", {"num_labels": MOST_LABELS} if published is None else _LIMITS, published is not None)
    for field in ("id2label", "label2id"):
        if len(contents.get(field) or ()) > MOST_LABELS:
            raise ValueError(
                f"{field} has {len(contents[field]):,} labels; at most {MOST_LABELS:,} are allowed. Correct it in "
                "config.json."
            )
    for number in contents.get("id2label") or ():
        if not str(number).isdecimal():
            raise ValueError(
                f"id2label has the key {_shown(number)}; keys must be label numbers. Correct it in config.json."
            )
    for field in ("dtype", "torch_dtype") if published is not None else ():
        value = contents.get(field)
        if value is not None and not _DTYPE.fullmatch(value):
            raise ValueError(f"{field} is {_shown(value)}; it must be float32, float16, bfloat16 or float64.")
    _check_code(contents)


def _check_kinds(contents: Mapping[str, Any], examples: Iterable[Mapping[str, Any]], path: str = "") -> None:
    kinds: dict[str, set[str]] = {}
    nested: dict[str, list[Mapping[str, Any]]] = {}
    for example in examples:
        for field, value in example.items():
            kinds.setdefault(field, set()).add(_kind(value))
            if isinstance(value, Mapping):
                nested.setdefault(field, []).append(value)
    for field, value in contents.items():
        if value is None or kinds.get(field, {"nothing"}) == {"nothing"}:
            continue
        allowed = kinds[field] - {"nothing"}
        kind = _kind(value)
        if kind not in allowed and not (kind == "a whole number" and "a number" in allowed):
            raise ValueError(
                f"{path}{field} is {_shown(value)}, {kind}; it must be {' or '.join(sorted(allowed))}. Correct it in "
                "config.json."
            )
        if isinstance(value, Mapping):
            _check_kinds(value, nested[field], f"{path}{field}.")
    for name in contents.get("architectures") or ():
        if not isinstance(name, str):
            raise ValueError(
                f"architectures contains {_shown(name)}; it must list class names. Correct it in config.json."
            )


def _check_numbers(value: Any, field: str, limits: Mapping[str, int], is_ours: bool) -> None:
    """Check every number in nested values against the limit of its field."""
    match value:
        case bool():
            return
        case int():
            limit = limits.get(field.rpartition(".")[2], LARGEST_NUMBER if is_ours else None)
            if limit is not None and abs(value) > limit:
                shown = f"{value:,}" if abs(value) < 10**30 else "a number of more than 30 digits"
                raise ValueError(f"{field} is {shown}; at most {limit:,} is allowed. Correct it in config.json.")
        case float():
            if is_ours and not math.isfinite(value):
                raise ValueError(f"{field} is {value}, which is not a finite number. Correct it in config.json.")
        case Mapping():
            for name, each in value.items():
                _check_numbers(each, f"{field}.{name}" if field else str(name), limits, is_ours)
        case list() | tuple():
            for each in value:
                _check_numbers(each, field, limits, is_ours)


def _check_code(contents: Mapping[str, Any]) -> None:
    for field in _IMPLEMENTATIONS:
        value = contents.get(field)
        if value is not None and not (isinstance(value, str) and value.replace("_", "").isalnum()):
            raise ValueError(
                f"{field} is {_shown(value)}: a config.json cannot choose code from the Hub to compute attention. "
                "Delete the field; if you trust that code, pass attn_implementation=… yourself."
            )
    weights = contents.get("transformers_weights")
    if weights is not None and (not isinstance(weights, str) or set(weights) & set("/\\\0") or ".." in weights):
        raise ValueError(
            f"transformers_weights is {_shown(weights)}: weights outside the model's folder are never loaded. Delete "
            "the field, and name the file model.safetensors."
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case _:
            return "a list"
