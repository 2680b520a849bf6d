"""Registration of the classes of all families with transformers' Auto classes and PEFT."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from hf_dnalm import peft_defaults
from hf_dnalm.checkpoints import PASSPORTS, Passport

AUTO_MODULE = "transformers.models.auto"


def install() -> None:
    """Register every family with transformers' Auto classes and PEFT, now or when their modules are imported.

    Importing this package must not import torch, so nothing is imported here: our classes are registered as the last
    step when those modules are imported. Calling it again has no effect.
    """
    if any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        return
    for name, register in _REGISTER.items():
        if name in sys.modules:
            register(sys.modules[name])
    sys.meta_path.insert(0, _AfterImport())


def config_class(passport: Passport) -> Any:
    """The family's config class, which can also load upstream's config.json.

    Libraries call `from_pretrained` of a model's config class on the folder that the model came from: PEFT does so at
    every save. The class ships with the weights and knows only its own fields; the translation is added here.
    """
    cls = _load("modeling", passport.config_class)
    if "get_config_dict" not in vars(cls):
        cls.get_config_dict = classmethod(partial(_own_fields, passport))
    return cls


def _own_fields(
    passport: Passport, cls: Any, name: str | os.PathLike[str], **arguments: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of our config, from our config.json or upstream's, and the unused arguments of `from_pretrained`."""
    contents, unused = super(cls, cls).get_config_dict(name, **arguments)
    if contents and contents.get("model_type") != passport.model_type:
        try:
            contents = passport.translate(contents)
        except ValueError as error:
            raise ValueError(f"{os.fspath(name)}: {str(error).rstrip('.')}.") from error
    return contents, unused


def tokenizer_class(passport: Passport) -> Any:
    """The family's tokenizer class."""
    return _load("tokenization", passport.tokenizer_class)


def auto_map(passport: Passport) -> dict[str, str]:
    """Auto class to "module.Class", as in the family's configs."""
    return importlib.import_module(f"hf_dnalm.modeling.{passport.config_class.partition('.')[0]}").AUTO_MAP


def model_class(passport: Passport, auto_class: str) -> Any:
    """The family's model class for one Auto class; imports torch."""
    return _load("modeling", auto_map(passport)[auto_class])


def _load(package: str, reference: str) -> Any:
    module, _, name = reference.partition(".")
    return getattr(importlib.import_module(f"hf_dnalm.{package}.{module}"), name)


def _register_configs(module: ModuleType) -> None:
    for passport in PASSPORTS:
        module.AutoConfig.register(passport.model_type, config_class(passport), exist_ok=True)


def _register_models(module: ModuleType) -> None:
    for passport in PASSPORTS:
        for auto_class, reference in auto_map(passport).items():
            if auto_class != "AutoConfig":
                mapping = getattr(module, auto_class)._model_mapping
                if not isinstance(mapping._extra_content, _LazyClasses):
                    mapping._extra_content = _LazyClasses(mapping._extra_content)
                mapping._extra_content[config_class(passport)] = reference


def _register_tokenizers(module: ModuleType) -> None:
    for passport in PASSPORTS:
        module.AutoTokenizer.register(config_class(passport), tokenizer_class(passport), exist_ok=True)


_REGISTER = {
    f"{AUTO_MODULE}.configuration_auto": _register_configs,
    f"{AUTO_MODULE}.modeling_auto": _register_models,
    f"{AUTO_MODULE}.tokenization_auto": _register_tokenizers,
    "peft.utils.constants": peft_defaults.register_targets,
    "peft.peft_model": peft_defaults.keep_untrained,
}


class _AfterImport(MetaPathFinder):
    """An import hook that registers our classes right after a module of `_REGISTER` has been imported."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in _REGISTER:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((found for finder in others if (found := finder.find_spec(fullname, path, target))), None)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run(module)
            _REGISTER[fullname](module)

        spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec


class _LazyClasses(dict):
    """The registrations of one Auto class, config class to model class; ours are imported (with torch) on first use."""

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, str):
            value = self[key] = _load("modeling", value)
        return value

    def __iter__(self) -> Iterator[Any]:  # a plain copy, dict(self), then goes through __getitem__ too
        return super().__iter__()

    def values(self) -> list[Any]:  # type: ignore[override]
        return [self[key] for key in self]

    def items(self) -> list[tuple[Any, Any]]:  # type: ignore[override]
        return [(key, self[key]) for key in self]
