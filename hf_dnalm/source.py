"""A checkpoint's source, a folder or Hub id, and the family of its files, recognised by content."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hf_dnalm.checkpoints import (
    PASSPORTS,
    Passport,
    ReadFile,
    find_checkpoint,
    find_passport,
    passport_of_family,
)
from hf_dnalm.checkpoints.contents import check_contents
from hf_dnalm.damage import decoding, read_json, read_text
from hf_dnalm.registry import auto_map, config_class, model_class
from hf_dnalm.weight_files import Stored, check_files, load_tensors, shard_names

REMOTE_CODE = ("trust_remote_code", "code_revision")
HUB_ARGUMENTS = ("cache_dir", "force_download", "local_files_only", "proxies", "revision", "subfolder", "token")


def recognise(config: Mapping[str, Any], read_file: ReadFile, *, family: str | None = None) -> Passport | None:
    """The passport for a config.json, by its content; None where it is left to transformers.

    Args:
        config: the contents of config.json.
        read_file: returns the text of a file in the same folder, or None if there is none.
        family: takes this family whatever the content says.

    Raises:
        ValueError: there is no such family.
    """
    return find_passport(config, read_file) if family is None else passport_of_family(family)


def without(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The arguments but for those of these names."""
    return {key: value for key, value in arguments.items() if key not in names}


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
        with _building(name), naming(name):
            check_contents(self.contents, [checkpoint.config for checkpoint in self.passport.checkpoints])
            fields = dict(self.contents) if own else self.passport.translate(self.contents)
            fields.pop("transformers_weights", None)  # the file of the weights is the one that was checked
            result = config_class(self.passport).from_dict(fields, name_or_path=name, **arguments)
            config = result[0] if isinstance(result, tuple) else result
            for check in (
                "_check_choices",
                "_check_shape",
            ):  # transformers sets the arguments after the config's own checks
                getattr(config, check, bool)()
            return result

    @property
    def renamed_keys(self) -> dict[str, str]:
        """Patterns of the stored tensors' names to the names that our models give them; empty for what we wrote."""
        own = self.contents.get("model_type") == self.passport.model_type
        return {} if own else self.passport.renamed_keys(self.contents)

    def renamed(self, weight_names: Collection[str]) -> list[str]:
        """The names that our models give to stored tensors."""
        names = list(weight_names)
        for pattern, name in self.renamed_keys.items():
            names = [re.sub(pattern, name, each) for each in names]
        return names

    def auto_class(self, weight_names: Collection[str] | None) -> str:
        """The Auto class that takes all the weights: the one they were saved from, or by the head they hold.

        Args:
            weight_names: the names of the stored tensors; None where they are not at hand.
        """
        architectures = self.contents.get("architectures") or ()
        for auto_class, reference in auto_map(self.passport).items():
            if reference.rpartition(".")[2] in architectures:
                return auto_class
        for upstream, auto_class in self.passport.upstream_classes.items():
            if upstream in architectures:
                return auto_class
        if weight_names is None:
            return next((name for name in auto_map(self.passport) if name.endswith("LM")), "AutoModel")
        names = self.renamed(weight_names)
        for auto_class, prefix in self.passport.heads.items():
            marker = self.passport.label_weights.get(auto_class, prefix)
            if any(name.startswith(marker) for name in names):
                return auto_class
        return "AutoModel"


@contextmanager
def naming(source: str) -> Iterator[None]:
    """What is wrong with a config, a field of the wrong type included, becomes a ValueError that names its source."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (ValueError, StrictDataclassError) as error:
        if str(error).startswith(source):
            raise
        raise ValueError(f"{source}: {' '.join(str(error).split())}.") from error


def _building(source: str) -> AbstractContextManager[None]:
    """What else Python raises for values that no check foresaw becomes a ValueError too."""
    return decoding(
        source, "config.json", remedy="A field has a value that it cannot have; correct it, or copy config.json again."
    )


def outline(passport: Passport, auto_class: str, config: Any, source: str) -> Any:
    """The model that a config describes, without memory for its weights.

    Args:
        source: what the config is of, for errors.

    Raises:
        ValueError: no model can be built from this config.
    """
    import torch

    build = model_class(passport, auto_class)
    with _building(source), torch.device("meta"):
        return build(config)


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
        known = None if os.path.exists(name) else find_checkpoint(name)
        if known is not None and known[1].download is not None:
            raise FileNotFoundError(
                f"{name} is in no repository of the Hub: download its files from {known[1].download} and name their "
                "folder."
            )
        if not os.path.exists(name) and (os.path.isabs(name) or name.startswith((".", "~")) or name.count("/") > 1):
            raise FileNotFoundError(f"{name}: no such folder, and no Hub id either (that is owner/name).")
        hub = {key: arguments[key] for key in HUB_ARGUMENTS if arguments.get(key) is not None}
        pinned = None if os.path.exists(name) else pinned_revision(name)
        if pinned is not None and "revision" not in hub:
            hub["revision"] = _cached_commit(name, pinned, hub.get("cache_dir"))
        return cls(name, hub)

    def path(self, file: str) -> str | None:
        """The path of a file of this source, downloaded if necessary, or None if there is none."""
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
        return None if path is None else read_text(path)

    def json(self, file: str) -> dict[str, Any] | None:
        """The contents of a JSON file of this source, or None where there is none.

        Raises:
            ValueError: the file is not JSON, or not an object; or it is a config.json with values of the wrong kind.
        """
        path = self.path(file)
        if path is None:
            return None
        contents = read_json(path)
        if file == "config.json":
            with naming(path):
                check_contents(contents)
        return contents

    def weight_files(self, *, safetensors: bool | None = None, variant: str | None = None) -> list[str]:
        """Where the files of the weights lie, those that transformers would read, fetched if need be; or none.

        Args:
            safetensors: False reads pickled weights even where there are others, True only the others.
            variant: part of the files' names, as transformers' `from_pretrained` takes it.

        Raises:
            ValueError: an index is damaged, or names a file outside of this source.
            FileNotFoundError: a file that an index names is not there.
        """
        kinds = {None: ("model.safetensors", "pytorch_model.bin"), True: ("model.safetensors",)}
        for kind in kinds.get(safetensors, ("pytorch_model.bin",)):
            stem, _, extension = kind.rpartition(".")
            infix = f".{variant}" if variant else ""
            whole = self.path(f"{stem}{infix}.{extension}")
            if whole is not None:
                return [whole]
            index_name = f"{kind}.index{infix}.json"
            index = self.path(index_name)
            if index is not None:
                names = shard_names(read_json(index), index)
                paths = [(name, self.path(name)) for name in names]
                for name, path in paths:
                    if path is None:
                        raise FileNotFoundError(f"{self.name}: {index_name} names {name}, which is not there.")
                return [path for _, path in paths if path is not None]
        return []

    def stored(self, *, safetensors: bool | None = None, variant: str | None = None) -> dict[str, Stored]:
        """The stored tensors by name, without their numbers; every file is looked into. Empty without weights.

        Raises:
            ValueError, FileNotFoundError: as `weight_files`; or a file is damaged.
        """
        return check_files(self.weight_files(safetensors=safetensors, variant=variant))

    def weight_names(self, *, fetch: bool = False) -> list[str] | None:
        """The names of the stored tensors; None without weights.

        Args:
            fetch: fetch large files that only the Hub has; otherwise the names are None for them, or an index says.
        """
        if not fetch and not os.path.exists(self.name):
            for file in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
                index = self.path(file)
                if index is not None:
                    contents = read_json(index)
                    shard_names(contents, index)
                    return list(contents["weight_map"])
            return None
        return list(self.stored()) or None

    def weights(self) -> Iterator[dict[str, Any]]:
        """The stored tensors by name, a file at a time; nothing where there are none under the usual names."""
        for path in self.weight_files():
            yield load_tensors(path)

    def recognise(self, family: str | None = None, *, trust_remote_code: bool = False) -> Recognised | None:
        """What family this source's config.json is of, or None where it is left to transformers.

        Raises:
            OSError: there is no config.json, or it cannot be reached.
            ValueError: neither we nor transformers know what this config.json describes.
        """
        import transformers
        from transformers.models.auto.configuration_auto import CONFIG_MAPPING

        contents = self._config()
        with decoding(self.name, "the files that tell its family"):
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
            f"{transformers.__version__} knows. Name one with family=… ({families}). A repository's own code is not "
            "run, unless Python code that loads it says so (trust_remote_code=True)."
        )

    def _config(self) -> dict[str, Any]:
        from transformers.configuration_utils import PreTrainedConfig

        adapter = os.path.join(self.name, "adapter")
        unmerged = os.path.isfile(os.path.join(adapter, "adapter_config.json"))
        if unmerged and not os.path.exists(os.path.join(self.name, "config.json")):
            raise FileNotFoundError(
                f"{self.name} holds no model, but an adapter that was not merged: name the folder {adapter}."
            )
        try:
            # Before transformers reads it, whose errors name no field.
            if os.path.isfile(self.name):
                with naming(self.name):
                    check_contents(read_json(self.name))
            else:
                self.json("config.json")
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
