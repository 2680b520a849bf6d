"""Loading weights strictly: what is missing, left over or of another shape is an error that names it."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError

from hf_dnalm.auto.lightning import readable_weights
from hf_dnalm.checkpoints import Passport
from hf_dnalm.source import HUB_ARGUMENTS, Source, auto_map, outline, without
from hf_dnalm.weight_files import Stored

_SMALL = 2**24  # weights that make no difference to the memory: pooler, position tables


def load_strictly(
    door: str,
    load: Any,
    passport: Passport,
    source: Source,
    *args: Any,
    renamed: Mapping[str, str],
    stored: Mapping[str, Stored],
    **kwargs: Any,
) -> tuple[Any, dict[str, Any], set[str]]:
    """The model, transformers' loading info less what the passport declares, and the weights that start untrained.

    Args:
        renamed: patterns of stored names that have other names here, because one of ours is that of another head.
        stored: what the files of the weights hold.

    Raises:
        ValueError: weights are missing, left over, of another shape, of another head or unreadable.
    """
    ignore_mismatched = kwargs.pop("ignore_mismatched_sizes", False)
    if stored:
        _check_stored(door, passport, source, kwargs["config"], stored, renamed)
    try:
        with no_load_report(), readable_weights(source, passport, kwargs["config"]) as weights:
            if weights != source.name:
                kwargs = without(kwargs, *HUB_ARGUMENTS)
            model, info = load(weights, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs)
    except (SafetensorError, pickle.UnpicklingError) as error:
        raise ValueError(f"{source.name}: the weights cannot be read, cut short or damaged ({error}).") from error
    model.name_or_path = model.config.name_or_path = source.name
    model._weight_conversions = []  # else save_pretrained would undo a key_mapping and write the names it was read from

    # transformers takes a stored name as it is where the new one has no place: another task's head, then.
    mistaken = {name for name in model.state_dict() if any(re.search(pattern, name) for pattern in renamed)}
    if mistaken - set(info["missing_keys"]):
        raise ValueError(
            f"{source.name}: the head in the weights ({listed(mistaken)}) is of another task than "
            f"{type(model).__name__}. Load them with the class they were saved from, or with AutoModel."
        )

    prefix = passport.heads.get(door, "")
    head = {name for name in model.state_dict() if prefix and name.startswith(prefix)}
    claims_head = type(model).__name__ in (model.config.architectures or [])  # its own file must hold it
    no_head = bool(head) and head <= set(info["missing_keys"]) and not claims_head
    info["missing_keys"] = set(info["missing_keys"]) - _settle_pooler(model, door, info["missing_keys"])
    poolers = {key for key in info["missing_keys"] if key.startswith(tuple(f"{name}." for name in passport.poolers))}
    new = head | poolers if no_head and door in passport.new_heads else set()

    others = tuple(other for other in passport.heads.values() if other != prefix or new)
    unused = "|".join(f"(?:{pattern})" for pattern in passport.unused_keys(model.config))
    info["unexpected_keys"] = {
        key for key in info["unexpected_keys"] if not key.startswith(others) and not re.fullmatch(unused, key)
    }
    copies = {key for key in info["unexpected_keys"] if any(re.fullmatch(copy, key) for copy, _ in passport.copies)}
    if copies:
        _check_copies(passport, source)
        info["unexpected_keys"] -= copies
    _refuse(type(model).__name__, source, set(info["missing_keys"]) - new, info, head, ignore_mismatched)
    return model, info, new | {key for key, *_ in info["mismatched_keys"]}


def _check_stored(
    door: str, passport: Passport, source: Source, config: Any, stored: Mapping[str, Stored], renamed: Mapping[str, str]
) -> None:
    """Raise where the files cannot be of the model that the config describes, before memory is taken for it."""
    if door not in auto_map(passport):
        return  # transformers names the classes that there are
    parameters = dict(outline(passport, door, config, source.name).named_parameters())
    heads = tuple(passport.heads.values())
    wanted = sum(each.numel() for name, each in parameters.items() if not name.startswith(heads))
    held = sum(each.size for each in stored.values())
    if wanted > 2 * held + _SMALL:
        raise ValueError(
            f"{source.name}: config.json describes a model of {wanted:,} weights, and the files hold {held:,}. Correct "
            "the sizes in config.json, or copy it again."
        )
    if getattr(config, "quantization_config", None) is not None:
        return
    for key in (key for key, each in stored.items() if each.is_integer):
        name = key
        for pattern, new in renamed.items():
            name = re.sub(pattern, new, name)
        if any(f".{name}".endswith(f".{each}") or f".{each}".endswith(f".{name}") for each in parameters):
            raise ValueError(
                f"{source.name}: {key} is stored as whole numbers, and is no such tensor in {passport.title}. The file "
                "is damaged; copy or download it again."
            )


def _check_copies(passport: Passport, source: Source) -> None:
    """Raise where a tensor that is stored twice has two values: only one of them would be read."""
    import torch

    for weights in source.weights():
        for copy, first in passport.copies:
            for key in (key for key in weights if re.fullmatch(copy, key)):
                name = re.sub(copy, first, key)
                if name in weights and not torch.equal(weights[key], weights[name]):
                    raise ValueError(
                        f"{source.name}: {key} and {name} are one tensor in every {passport.title} and differ in the "
                        "weights: they were saved after the two had come apart. Load the original weights again."
                    )


def _settle_pooler(model: Any, door: str, missing: Collection[str]) -> set[str]:
    """Let a model have a pooler only where its weights hold one, and its config say so; returns what is not missed.

    A random pooler would give random outputs. The one exception is a sequence head, which is trained together with it.
    """
    body = model.base_model
    if not hasattr(model.config, "add_pooler"):
        return set()
    prefix = "pooler." if body is model else f"{model.base_model_prefix}.pooler."
    keys = {key for key in model.state_dict() if key.startswith(prefix)}
    unread = keys if keys <= set(missing) and door != "AutoModelForSequenceClassification" else set()
    if unread:
        body.pooler = None
    if body.pooler is None:
        model.config.add_pooler = False
    return unread


def _refuse(
    name: str, source: Source, missing: set[str], info: dict[str, Any], head: set[str], ignore_mismatched: bool
) -> None:
    """Raise for what a loaded model lacks or left over."""
    if missing and missing == head:
        raise ValueError(
            f"{source.name}: the weights hold no head for {name} ({listed(missing)} missing). Load them with the "
            "class they were saved from, or with AutoModel."
        )
    if missing:
        raise ValueError(f"{source.name}: the weights are incomplete, {name} misses {listed(missing)}.")
    if info["unexpected_keys"]:
        raise ValueError(
            f"{source.name}: the weights hold {listed(info['unexpected_keys'])}, for which {name} has no place: they "
            "are of another model than config.json says."
        )
    if info["mismatched_keys"] and not ignore_mismatched:
        (key, stored, wanted), *more = sorted(info["mismatched_keys"])
        raise ValueError(
            f"{source.name}: {key} has shape {tuple(stored)} in the weights and {tuple(wanted)} in {name}"
            f"{f' ({len(more)} more such)' if more else ''}. To start with new weights there, as for another number of "
            "labels, pass ignore_mismatched_sizes=True."
        )


def listed(keys: Collection[str]) -> str:
    """The names, or the first four of many."""
    first = ", ".join(sorted(keys)[:4])
    return first if len(keys) <= 4 else f"{first} and {len(keys) - 4} more"


@contextmanager
def no_load_report() -> Iterator[None]:
    """Suppress transformers' table of missing and unexpected keys, which are refused or reported by name."""

    def keep(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    reporters = [logging.getLogger(f"transformers.{name}") for name in ("modeling_utils", "integrations.peft")]
    for reporter in reporters:
        reporter.addFilter(keep)
    try:
        yield
    finally:
        for reporter in reporters:
            reporter.removeFilter(keep)
