"""Adapters of PEFT: their settings, the model they were trained on, and how they get into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safetensors import safe_open

from hf_dnalm.auto.strict import listed, no_load_report
from hf_dnalm.checkpoints import Passport
from hf_dnalm.source import Source, without

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def adapter_config(source: Source) -> dict[str, Any] | None:
    """adapter_config.json of an adapter that has no weights under it; None for anything else."""
    adapter = source.json("adapter_config.json")
    return None if adapter is None or any(source.path(name) for name in WEIGHT_FILES) else adapter


def base_of(source: Source, adapter: Mapping[str, Any]) -> Source:
    """Where the model under an adapter lies.

    Raises:
        ValueError: the adapter does not say, or nothing is there.
    """
    name = adapter.get("base_model_name_or_path")
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
        fields = {key: config[key] for key in passport.head_fields if config.get(key) is not None}
        if "id2label" in fields:
            fields["id2label"] = {int(number): label for number, label in fields["id2label"].items()}
    else:
        fields = {}
        path = source.path("adapter_model.safetensors")
        if path is not None:
            with safe_open(path, framework="pt") as weights:
                for key in weights.keys():  # noqa: SIM118 (not a dict)
                    if key.endswith(tuple(passport.label_weights.values())):
                        fields = {"num_labels": weights.get_slice(key).get_shape()[0]}
    if {"num_labels", "id2label"} & given.keys():
        return without(fields, "num_labels", "id2label", "label2id")
    return fields


def attach(source: Source, base: Source, model: Any, new: set[str]) -> set[str]:
    """Put the adapter's weights into its base model; returns what still starts untrained.

    Raises:
        ValueError: the adapter was made for another model or head.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    with no_load_report():
        model.load_adapter(source.name, adapter_kwargs=source.hub, ignore_mismatched_sizes=True)
    # transformers 5.5 neither says what did not fit nor fills in the head: PEFT's own functions do both.
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
    saved = tuple(f"{module}." for module in model.peft_config["default"].modules_to_save or ())
    return {key for key in new if not key.startswith(saved)}
