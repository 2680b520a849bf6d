"""The one place that knows all families: registers our classes with the Auto classes, finds the family of a source."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from hf_dnalm.checkpoints import (
    PASSPORTS,
    Passport,
    ReadFile,
    find_checkpoint,
    find_passport,
    passport_of_family,
)

AUTO_MODULE = "transformers.models.auto"
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def install() -> None:
    """Register every family with transformers' Auto classes, now or when their modules are imported.

    Importing this package must not cost torch, so nothing is imported here: the Auto modules of transformers register
    our classes as the last step of their own import. Called again, it changes nothing.
    """
    for name, register in _REGISTER.items():
        if name in sys.modules:
            register(sys.modules[name])
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def recognise(config: Mapping[str, Any], read_file: ReadFile, *, family: str | None = None) -> Passport | None:
    """The passport for a config.json, by its content; None where it is left to transformers.

    Args:
        config: the contents of config.json.
        read_file: gives the text of a file beside it, or None where there is none.
        family: takes this family whatever the content says.

    Raises:
        ValueError: there is no such family.
    """
    return find_passport(config, read_file) if family is None else passport_of_family(family)


class Recognised(NamedTuple):
    """A config.json and the passport of its family."""

    passport: Passport
    contents: dict[str, Any]

    def config(self, name: str, **arguments: Any) -> Any:
        """Our config, with arguments as transformers' `PreTrainedConfig.from_dict` takes them.

        Raises:
            ValueError: the config asks for something the family does not have.
        """
        own = self.contents.get("model_type") == self.passport.model_type
        try:
            fields = dict(self.contents) if own else self.passport.translate(self.contents)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        return config_class(self.passport).from_dict(fields, name_or_path=name, **arguments)

    def auto_class(self, weight_names: Collection[str] | None) -> str:
        """The Auto class that takes all the weights: the one they were saved from, or by the head they hold.

        Args:
            weight_names: the names of the stored tensors; None where they are not at hand.
        """
        architectures = self.contents.get("architectures") or ()
        for auto_class, reference in auto_map(self.passport).items():
            if reference.rpartition(".")[2] in architectures:
                return auto_class
        if weight_names is None:
            return "AutoModelForMaskedLM"
        for auto_class, prefix in self.passport.heads.items():
            marker = self.passport.label_weights.get(auto_class, prefix)
            if any(name.startswith(marker) for name in weight_names):
                return auto_class
        return "AutoModel"


class Source(NamedTuple):
    """A folder, a repository or the path of a config.json, with the arguments that say how to reach it."""

    name: str
    hub: dict[str, Any]

    @classmethod
    def of(cls, name: str | os.PathLike[str], arguments: Mapping[str, Any]) -> Source:
        """What `from_pretrained(name, **arguments)` reads: a known id without a revision at its pinned commit.

        Raises:
            FileNotFoundError: the name can only be a path, and nothing is there.
        """
        name = os.fspath(name)
        if not os.path.exists(name) and (os.path.isabs(name) or name.startswith((".", "~")) or name.count("/") > 1):
            raise FileNotFoundError(f"{name}: no such folder, and no Hub id either (that is owner/name).")
        hub = {key: arguments[key] for key in HUB_ARGUMENTS if arguments.get(key) is not None}
        pinned = None if os.path.exists(name) else pinned_revision(name)
        if pinned is not None and "revision" not in hub:
            hub["revision"] = _cached_commit(name, pinned, hub.get("cache_dir"))
        return cls(name, hub)

    def path(self, file: str) -> str | None:
        """Where a file of this source lies (fetched if need be), or None where there is none."""
        from transformers.utils import cached_file

        if os.path.isfile(self.name):
            beside = os.path.join(os.path.dirname(self.name), file)
            return beside if os.path.isfile(beside) else None
        return cached_file(
            self.name,
            file,
            **self.hub,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )

    def text(self, file: str) -> str | None:
        """The text of a file of this source, or None where there is none."""
        path = self.path(file)
        return None if path is None else Path(path).read_text(encoding="utf-8")

    def json(self, file: str) -> dict[str, Any] | None:
        """The contents of a JSON file of this source, or None where there is none.

        Raises:
            ValueError: the file is not JSON.
        """
        text = self.text(file)
        try:
            return None if text is None else json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{self.name}: {file} is not JSON ({error}).") from error

    def weight_names(self) -> list[str] | None:
        """The names of the stored tensors; None without weights, and for one large file that only the Hub has."""
        for file in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
            index = self.json(file)
            if index is not None:
                return list(index["weight_map"])
        if not os.path.exists(self.name):
            return None
        path = self.path("model.safetensors")
        if path is not None:
            from safetensors import safe_open

            with safe_open(path, framework="pt") as weights:
                return list(weights.keys())
        path = self.path("pytorch_model.bin")
        if path is None:
            return None
        import torch

        return list(torch.load(path, map_location="meta", weights_only=True))

    def recognise(self, family: str | None = None, *, trust_remote_code: bool | None = None) -> Recognised | None:
        """What family this source's config.json is of, or None where it is left to transformers.

        Raises:
            OSError: there is no config.json, or it cannot be reached.
            ValueError: neither we nor transformers know what this config.json describes.
        """
        import transformers
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        contents = self._config()
        passport = recognise(contents, self.text, family=family)
        if passport is not None:
            return Recognised(passport, contents)
        by_its_own_code = trust_remote_code and "AutoConfig" in contents.get("auto_map", {})
        if contents.get("model_type") in CONFIG_MAPPING or by_its_own_code:
            return None
        families = ", ".join(repr(passport.family) for passport in PASSPORTS)
        raise ValueError(
            f"{self.name}: config.json (model_type {contents.get('model_type')!r}, architectures "
            f"{contents.get('architectures')!r}) is of no family that hf_dnalm or transformers "
            f"{transformers.__version__} knows. Name one with family=… ({families}), or, if that repository has code "
            "of its own and you trust it, let transformers run it with trust_remote_code=True."
        )

    def _config(self) -> dict[str, Any]:
        from transformers.configuration_utils import PreTrainedConfig

        try:
            return PreTrainedConfig.get_config_dict(self.name, **self.hub)[0]
        except OSError as error:
            pinned = None if os.path.exists(self.name) else pinned_revision(self.name)
            if pinned is None or not self.hub.get("revision", "").startswith(pinned):
                raise
            raise OSError(
                f"{self.name} is read at commit {pinned}, which is neither in the cache nor within reach. Go online "
                "once, or pass revision='main' for what the cache holds."
            ) from error


def pinned_revision(hub_id: str) -> str | None:
    """The commit at which a published checkpoint is read; None where none is pinned, or the id is not known."""
    known = find_checkpoint(hub_id)
    return None if known is None else known[1].revision


def _cached_commit(hub_id: str, revision: str, cache_dir: str | os.PathLike[str] | None) -> str:
    """The whole hash of a pinned commit where the cache holds it, under whatever name it was fetched; else as it is."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    snapshots = Path(cache_dir or HF_HUB_CACHE) / repo_folder_name(repo_id=hub_id, repo_type="model") / "snapshots"
    found = [snapshot.name for snapshot in snapshots.glob(f"{revision}*")]
    return found[0] if len(found) == 1 else revision


def config_class(passport: Passport) -> Any:
    """The family's config class."""
    return _load("modeling", passport.config_class)


def tokenizer_class(passport: Passport) -> Any:
    """The family's tokenizer class."""
    return _load("tokenization", passport.tokenizer_class)


def auto_map(passport: Passport) -> dict[str, str]:
    """Auto class to "module.Class", as the family's configs carry it."""
    return importlib.import_module(f"hf_dnalm.modeling.{passport.config_class.partition('.')[0]}").AUTO_MAP


def model_class(passport: Passport, auto_class: str) -> Any:
    """The family's model class behind one Auto class; imports torch."""
    return _load("modeling", auto_map(passport)[auto_class])


def _load(room: str, reference: str) -> Any:
    module, _, name = reference.partition(".")
    return getattr(importlib.import_module(f"hf_dnalm.{room}.{module}"), name)


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
}


class _AfterImport(MetaPathFinder):
    """Lets the ordinary finders find transformers' Auto modules, and registers our classes once these have run."""

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
    """What is registered with one Auto class: config class to model class, ours imported (with torch) on first use."""

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
