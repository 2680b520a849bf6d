"""The Auto classes for configs and models: our own, published ones, adapters, and those that transformers loads."""

from __future__ import annotations

import logging
import os
from typing import Any

import transformers
from transformers.configuration_utils import PreTrainedConfig
from transformers.utils import is_peft_available

from hf_dnalm.auto.adapters import adapter_config, attach, base_of, no_base, outputs_of
from hf_dnalm.auto.strict import load_strictly
from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.peft_defaults import UNTRAINED
from hf_dnalm.source import HUB_ARGUMENTS, REMOTE_CODE, Recognised, Source, without

logger = logging.getLogger(__name__)

_FOR_WEIGHTS = ("dtype", "torch_dtype", "quantization_config", "output_loading_info")


class AutoConfig(transformers.AutoConfig):
    """transformers' AutoConfig, which also reads upstream's config.json of our families as our own config."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, family: str | None = None, **kwargs: Any
    ) -> Any:
        """As in transformers, with `family="…"` to name a family whatever the content of config.json says.

        A repository's own code is run only with `trust_remote_code=True`; nobody is asked.
        """
        source = Source.of(pretrained_model_name_or_path, kwargs)
        kwargs["trust_remote_code"] = bool(kwargs.get("trust_remote_code"))
        if "gguf_file" in kwargs:
            return super().from_pretrained(source.name, **kwargs)
        found = source.recognise(family, trust_remote_code=kwargs["trust_remote_code"])
        if found is None:
            return super().from_pretrained(source.name, **kwargs)
        return found.config(source.name, **without(kwargs, *HUB_ARGUMENTS, *REMOTE_CODE))


class _ModelDoor:
    """What all Auto classes do: find the family, load strictly, attach an adapter; other models go to transformers."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *args: Any, family: str | None = None, **kwargs: Any
    ) -> Any:
        """A model from a folder or Hub id, with every argument of transformers' own `from_pretrained`.

        An adapter's folder gives its base model with the adapter in it. A config.json next to the adapter, as
        `dnalm finetune` writes it, says what the head's outputs are and how it pools; without one the head is as wide
        as the adapter's, and the rest is as the base model's config says.

        Args:
            family: names a family whatever the content of config.json says.
            revision: where none is given, a published checkpoint is read at the commit that its passport pins.
            trust_remote_code: only True lets transformers run a repository's own code, for a model of no family of
                ours; nobody is asked.

        Raises:
            ValueError: a weight is missing, left over or of another shape; the message names it. A task head that the
                weights do not hold starts untrained, which is logged and listed in the loading info; but not under an
                adapter that was trained with such a head, since its predictions would be those of random numbers.
        """
        source = Source.of(pretrained_model_name_or_path, kwargs)
        kwargs["trust_remote_code"] = bool(kwargs.get("trust_remote_code"))
        load = super().from_pretrained  # type: ignore[misc]
        if "gguf_file" in kwargs or kwargs.get("state_dict") is not None:
            return load(source.name, *args, **kwargs)
        adapter = adapter_config(source)
        if adapter is not None and not is_peft_available():
            raise ImportError(f'{source.name} is an adapter, which needs peft: pip install "hf_dnalm[train]".')
        base = source if adapter is None else base_of(source, adapter)
        config, found = kwargs.get("config"), None
        if isinstance(config, PreTrainedConfig):
            passport = next((each for each in PASSPORTS if each.model_type == config.model_type), None)
        else:
            found = _recognise_base(source, base, family, kwargs["trust_remote_code"])
            passport = None if found is None else found.passport
        stored = {}
        if kwargs.get("weights_only", True):  # what the user has asked to run is not looked into before
            how = {"safetensors": kwargs.get("use_safetensors"), "variant": kwargs.get("variant")}
            stored = base.stored(**how)
        if passport is None:
            return load(source.name, *args, **kwargs)
        kwargs = without(kwargs, *HUB_ARGUMENTS, *REMOTE_CODE) | base.hub
        if adapter is not None:
            kwargs = outputs_of(source, passport, kwargs) | kwargs
        if found is not None:
            kwargs = _with_config(found, base, kwargs)
            if found.renamed_keys:
                kwargs["key_mapping"] = found.renamed_keys | (kwargs.get("key_mapping") or {})
        with_info = kwargs.pop("output_loading_info", False)
        renamed = {} if found is None else found.renamed_keys
        model, info, new = load_strictly(
            cls.__name__, load, passport, base, *args, renamed=renamed, stored=stored, **kwargs
        )
        if adapter is not None:
            new = attach(source, base, model, new)
            info["missing_keys"] = set(info["missing_keys"]) & new
        setattr(model, UNTRAINED, frozenset(new))
        if new:
            logger.warning("%s: newly initialised, to be trained before use: %s", source.name, ", ".join(sorted(new)))
        return (model, info) if with_info else model


class AutoModel(_ModelDoor, transformers.AutoModel):
    """transformers' AutoModel for our families too: hidden states without a head."""


class AutoModelForMaskedLM(_ModelDoor, transformers.AutoModelForMaskedLM):
    """transformers' AutoModelForMaskedLM for our families too."""


class AutoModelForCausalLM(_ModelDoor, transformers.AutoModelForCausalLM):
    """transformers' AutoModelForCausalLM for our families too."""


class AutoModelForSequenceClassification(_ModelDoor, transformers.AutoModelForSequenceClassification):
    """transformers' AutoModelForSequenceClassification for our families too: classes, labels or values of sequences."""


class AutoModelForTokenClassification(_ModelDoor, transformers.AutoModelForTokenClassification):
    """transformers' AutoModelForTokenClassification for our families too: a class per token or nucleotide."""


def _with_config(found: Recognised, source: Source, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments for loading weights: those that are fields of the config have gone into it."""
    for_weights = {key: kwargs[key] for key in (*_FOR_WEIGHTS, *HUB_ARGUMENTS) if key in kwargs}
    fields = without(kwargs, "config", *REMOTE_CODE, *for_weights)
    config, unused = found.config(source.name, return_unused_kwargs=True, **fields)
    return for_weights | unused | {"config": config}


def _recognise_base(source: Source, base: Source, family: str | None, trust_remote_code: bool) -> Recognised | None:
    try:
        return base.recognise(family, trust_remote_code=trust_remote_code)
    except OSError as error:
        if base is source:
            raise
        raise no_base(source, base.name) from error
