"""Adapters of PEFT: their settings, the model they were trained on, and how they get into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.auto.strict import listed, no_load_report
from hf_dnalm.checkpoints import Passport
from hf_dnalm.checkpoints.contents import check_contents
from hf_dnalm.damage import decoding
from hf_dnalm.peft_defaults import modules_to_save, not_in_adapter
from hf_dnalm.source import Source, naming, without
from hf_dnalm.weight_files import WEIGHT_FILES, Stored, stored_tensors

# Fields of PEFT's settings that are the side of a tensor.
_RANKS = ("r", "init_r", "target_r", "num_virtual_tokens", "oft_block_size", "boft_block_size", "rank")
# The kinds of head that PEFT names in an adapter's config.
TASK_HEADS = {"SEQ_CLS": "AutoModelForSequenceClassification", "TOKEN_CLS": "AutoModelForTokenClassification"}
_REMEDY = "Correct adapter_config.json, or make the adapter again."


def adapter_config(source: Source) -> dict[str, Any] | None:
    """adapter_config.json of an adapter that has no weights under it; None for anything else."""
    adapter = source.json("adapter_config.json")
    return None if adapter is None or any(source.path(name) for name in WEIGHT_FILES) else adapter


def base_of(source: Source, adapter: Mapping[str, Any]) -> Source:
    """Where the base model of an adapter is.

    Raises:
        ValueError: the adapter does not say, or nothing is there.
    """
    name = adapter.get("base_model_name_or_path")
    for field in ("base_model_name_or_path", "revision"):
        if not isinstance(adapter.get(field), str | None):
            raise ValueError(
                f"{source.name}: adapter_config.json has {field} = {adapter[field]!r}; it must be a text in quotes."
            )
    if not name:
        raise ValueError(f"{source.name}: adapter_config.json names no base model; fill in base_model_name_or_path.")
    try:
        return Source.of(name, without(source.hub, "revision", "subfolder") | {"revision": adapter.get("revision")})
    except FileNotFoundError as error:
        raise no_base(source, name) from error


def no_base(source: Source, base: str) -> ValueError:
    return ValueError(
        f"{source.name}: adapter_config.json names the base model {base!r}, which cannot be read. Put it there, or "
        "correct base_model_name_or_path in that file."
    )


def outputs_of(source: Source, passport: Passport, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the head in an adapter's config.json; where there is none, the number of labels."""
    config = source.json("config.json")
    if config is not None:
        with naming(f"{source.name}: config.json"):
            check_contents(config, [checkpoint.config for checkpoint in passport.checkpoints])
        fields = {key: config[key] for key in passport.head_fields if config.get(key) is not None}
        if "id2label" in fields:
            with decoding(f"{source.name}: config.json", "id2label"):
                fields["id2label"] = {int(number): label for number, label in fields["id2label"].items()}
    else:
        fields = {}
        for key, each in stored_in(source).items():
            if key.endswith(tuple(passport.label_weights.values())) and each.shape:
                fields = {"num_labels": each.shape[0]}
    if {"num_labels", "id2label"} & given.keys():
        return without(fields, "num_labels", "id2label", "label2id")
    return fields


def stored_in(source: Source) -> dict[str, Stored]:
    """The tensors of an adapter, without their numbers.

    Raises:
        FileNotFoundError: the adapter has no weights.
        ValueError: they are damaged.
    """
    for name in ("adapter_model.safetensors", "adapter_model.bin"):
        path = source.path(name)
        if path is not None:
            return stored_tensors(path)
    raise FileNotFoundError(
        f"{source.name}: has adapter_config.json and neither adapter_model.safetensors nor adapter_model.bin. Copy the "
        "adapter's weights into that folder."
    )


def _check_settings(source: Source, stored: Mapping[str, Stored]) -> None:
    """Refuse an adapter_config.json that names code or cannot be of these weights, before memory is taken for it."""
    settings = source.json("adapter_config.json") or {}
    for field in ("megatron_config", "layer_replication"):
        if settings.get(field) is not None:
            raise ValueError(
                f"{source.name}: adapter_config.json has {field} = {settings[field]!r}, which no adapter of this "
                "package has. Set it to null."
            )
    longest = max((length for each in stored.values() for length in each.shape), default=0)
    patterns = settings.get("rank_pattern")
    ranks = {field: settings[field] for field in _RANKS if isinstance(settings.get(field), int)}
    ranks |= {f"rank_pattern.{name}": rank for name, rank in patterns.items()} if isinstance(patterns, dict) else {}
    for field, rank in ranks.items():
        if isinstance(rank, int) and rank > longest:
            raise ValueError(
                f"{source.name}: adapter_config.json has {field} = {rank:,}, and no tensor of its weights is as long "
                f"as that (the longest side is {longest:,}). Correct it, or copy the adapter again."
            )


def attach(source: Source, base: Source, model: Any, new: set[str]) -> set[str]:
    """Put the adapter's weights into its base model; returns what still starts untrained.

    Args:
        new: the weights of the model that neither its base model nor anything else holds.

    Raises:
        ValueError: the adapter was made for another model or head, or was trained under such weights and lacks them.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    _check_settings(source, stored_in(source))
    with decoding(source.name, "adapter_config.json", remedy=_REMEDY), no_load_report():
        # transformers looks for safetensors alone unless it is told not to
        pickled = {} if source.path("adapter_model.safetensors") else {"use_safetensors": False}
        model.load_adapter(source.name, adapter_kwargs=source.hub, ignore_mismatched_sizes=True, **pickled)
    # transformers 5.5 neither says what did not fit nor fills in the head: PEFT's own functions do both.
    with decoding(source.name, "the adapter's weights"):
        weights = load_peft_weights(source.name, device="cpu", **source.hub)
    stored = {name.removeprefix("base_model.model."): each for name, each in weights.items()}
    places = get_peft_model_state_dict(model, adapter_name="default")
    unfit = {
        name
        for name in stored | places
        if name not in stored or stored[name].shape != getattr(places.get(name), "shape", None)
    }
    if unfit:
        raise ValueError(
            f"{source.name}: the adapter does not fit {type(model).__name__} from {base.name} ({listed(unfit)}). Load "
            "it with the class it was trained in, on the base model it was trained on."
        )
    set_peft_model_state_dict(model, stored, adapter_name="default")
    new = new - stored.keys()
    if new and _trained_with_head(source):
        raise not_in_adapter(source.name, modules_to_save(model, new))
    return new


def _trained_with_head(source: Source) -> bool:
    """Whether an adapter was trained for a task, and not as a language model that may get a head later."""
    settings = source.json("adapter_config.json") or {}
    trained_in = str((settings.get("auto_mapping") or {}).get("base_model_class"))
    return settings.get("task_type") in TASK_HEADS or trained_in.endswith(
        ("ForSequenceClassification", "ForTokenClassification")
    )
