"""PEFT's defaults for our models: which layers it adapts, and what it saves with an adapter.

Nothing here imports PEFT, whose modules are handed in once they are imported.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from types import ModuleType
from typing import Any

from hf_dnalm.checkpoints import PASSPORTS, Passport

# PEFT's own choice for BERT, whose names of layers several of our families have.
_IA3_TARGETS, _IA3_FEED_FORWARD = ["key", "value", "output.dense"], ["output.dense"]

# Set on a model that was loaded from weights: the names of those that these did not hold.
UNTRAINED = "newly_initialised"


def register_targets(constants: ModuleType) -> None:
    """Write the layers that adapters of our model types train by default into `peft.utils.constants`."""
    lora = constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    kin = [constants.TRANSFORMERS_MODELS_TO_ADALORA_TARGET_MODULES_MAPPING, lora]
    for name, mapping in vars(constants).items():  # most methods began with a copy of LoRA's
        if name.endswith("_TARGET_MODULES_MAPPING") and mapping is not lora and lora.items() <= mapping.items():
            kin.append(mapping)
    for passport in PASSPORTS:
        targets = passport.lora_targets
        for mapping in kin:
            mapping[passport.model_type] = targets if isinstance(targets, str) else list(targets)
        if "value" in targets:
            constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING[passport.model_type] = list(_IA3_TARGETS)
            constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING[passport.model_type] = list(
                _IA3_FEED_FORWARD
            )


def keep_untrained(peft_model: ModuleType) -> None:
    """Let `peft.peft_model.PeftModel` train and save what of a model started untrained.

    PEFT saves its adapters and heads of a few names. A pooler that the published weights do not hold would be drawn
    again at every loading, under an adapter that was trained over another one.
    """
    build, load = peft_model.PeftModel.__init__, peft_model.PeftModel.load_adapter

    @functools.wraps(build)
    def init(self: Any, model: Any, peft_config: Any, *args: Any, **kwargs: Any) -> None:
        new = modules_to_save(model, getattr(model, UNTRAINED, ()))
        if peft_config.task_type == "TOKEN_CLS":  # else "all-linear" gives an adapter to the head that is to be saved
            new += [name for name in _heads(model) if name not in new]
        if new and not peft_config.inference_mode and hasattr(peft_config, "modules_to_save"):
            saved = list(peft_config.modules_to_save or ())
            peft_config.modules_to_save = saved + [name for name in new if name not in saved]
        build(self, model, peft_config, *args, **kwargs)

    @functools.wraps(load)
    def load_adapter(
        self: Any, model_id: Any, adapter_name: str, is_trainable: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        result = load(self, model_id, adapter_name, is_trainable, *args, **kwargs)
        model = self.get_base_model()
        saved = tuple(getattr(self.peft_config[adapter_name], "modules_to_save", None) or ())
        new = [name for name in modules_to_save(model, getattr(model, UNTRAINED, ())) if not name.endswith(saved)]
        if new and not is_trainable:
            raise not_in_adapter(str(model_id), new)
        return result

    peft_model.PeftModel.__init__, peft_model.PeftModel.load_adapter = init, load_adapter


def modules_to_save(model: Any, keys: Collection[str]) -> list[str]:
    """The modules with these weights, heads and poolers whole, as PEFT's `modules_to_save` takes them."""
    passport = _passport(model)
    parts = [] if passport is None else [*_heads(model), *passport.poolers]
    return [name for name in parts if any(key.startswith(f"{name}.") for key in keys)]


def _heads(model: Any) -> list[str]:
    """The heads of one of our models."""
    passport = _passport(model)
    prefixes = () if passport is None else passport.heads.values()
    return [name for name in dict.fromkeys(each.removesuffix(".") for each in prefixes) if hasattr(model, name)]


def _passport(model: Any) -> Passport | None:
    model_type = getattr(getattr(model, "config", None), "model_type", None)
    return next((each for each in PASSPORTS if each.model_type == model_type), None)


def not_in_adapter(adapter: str, modules: Collection[str]) -> ValueError:
    names = ", ".join(modules)
    return ValueError(
        f"{adapter}: the adapter was trained with {names}, which the base model's weights do not hold and the adapter "
        "does not either: it would start at random, and every loading would predict something else. Train the adapter "
        f"again with modules_to_save={list(modules)} in PEFT's config."
    )
