"""Weights in the checkpoints that PyTorch Lightning writes: the tensors are read, and nothing in them is run."""

from __future__ import annotations

import pickle
import re
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file

from hf_dnalm.checkpoints import Passport
from hf_dnalm.damage import decoding, refuse_absent
from hf_dnalm.source import Source
from hf_dnalm.weight_files import WEIGHT_FILES, check_extents

_MODEL = "model."  # what Lightning's module calls the model that it trains


@contextmanager
def readable_weights(source: Source, passport: Passport, config: Any) -> Iterator[str]:
    """What transformers can load the weights from: the source, or a folder with those of its Lightning checkpoint.

    Args:
        config: of the model, which goes into that folder too.

    Raises:
        ValueError: the checkpoint is damaged, or holds no model.
    """
    path = None if passport.lightning_file is None else source.path(passport.lightning_file)
    if path is None or any(source.path(name) for name in WEIGHT_FILES):
        yield source.name
        return
    weights = {}
    for key, tensor in lightning_weights(path).items():
        for pattern, name in passport.lightning_keys.items():
            key = re.sub(pattern, name, key)
        weights[key] = tensor.contiguous().clone()  # one tensor may stand there under several names
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        save_file(weights, Path(folder, "model.safetensors"), {"format": "pt"})
        yield folder


def lightning_weights(path: str) -> dict[str, torch.Tensor]:
    """The tensors of the model in a Lightning checkpoint, by their names in the model.

    Beside them lie the trainer's settings, as objects of whatever classes it used. These are neither imported nor made:
    an inert object replaces them, so a file cannot run code.

    Raises:
        ValueError: the file is damaged, or holds no model.
    """
    refuse_absent(path)
    with decoding(path):
        is_new = zipfile.is_zipfile(path)
    if not is_new:
        raise ValueError(f"{path}: no checkpoint of PyTorch 1.6 or later, or cut short.")
    with decoding(path):
        # weights_only=True would refuse the whole file for such objects; the unpickler below lets no other name in.
        contents = torch.load(path, map_location="cpu", weights_only=False, pickle_module=_TENSORS_ALONE)
    state = contents.get("state_dict") if isinstance(contents, dict) else None
    state = state if isinstance(state, dict) else {}
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    weights = {key.removeprefix(_MODEL): value for key, value in tensors.items() if str(key).startswith(_MODEL)}
    if not weights:
        raise ValueError(
            f"{path}: a checkpoint of PyTorch Lightning has tensors named '{_MODEL}…' in its state_dict, and this file "
            "has none."
        )
    check_extents(weights, path)
    return weights


class _Inert:
    """Stands for any object that is no tensor: takes what unpickling hands it, and does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Inert:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> _Inert:
        return self

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...

    def add(self, item: Any) -> None: ...


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class _Unpickler(pickle.Unpickler):
    """Knows how to make tensors, and makes nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        return _ALLOWED.get((module, name), _Inert)


# What torch.load asks of a pickle module.
_TENSORS_ALONE = ModuleType("tensors_alone")
_TENSORS_ALONE.Unpickler = _Unpickler  # type: ignore[attr-defined]
