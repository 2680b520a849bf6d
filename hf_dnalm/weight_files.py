"""The files that hold weights: which they are, what is in them by name, and what is wrong with them."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, NamedTuple

from hf_dnalm.damage import decoding, refuse_absent

if TYPE_CHECKING:
    import torch

# The names that transformers looks for, in its order.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


class Stored(NamedTuple):
    """A tensor in a file: its shape, and whether its numbers are whole numbers."""

    shape: tuple[int, ...]
    is_integer: bool

    @property
    def size(self) -> int:
        """How many numbers it has."""
        size = 1
        for length in self.shape:
            size *= length
        return size


def shard_names(index: Mapping[str, Any], path: str) -> list[str]:
    """The files among which an index divides the weights.

    Args:
        index: contents of a `….index.json`.
        path: of the index, for errors.

    Raises:
        ValueError: the index has another form, or names a file outside of its folder.

    Example:
        >>> files = {"a": "model-2.safetensors", "b": "model-1.safetensors"}
        >>> shard_names({"metadata": {}, "weight_map": files}, "index.json")
        ['model-1.safetensors', 'model-2.safetensors']
        >>> shard_names({"weight_map": {"a": "../other/model.safetensors"}}, "index.json")
        Traceback (most recent call last):
        ValueError: index.json: weight_map names '../other/model.safetensors' for a, a file outside of the model's \
folder. Weights of another model are never read; correct the index, or put the file into the folder.
    """
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(
            f"{path}: has no weight_map (the name of each tensor and of the file that holds it). Copy or make the "
            "index again."
        )
    for tensor, file in weight_map.items():
        if not isinstance(file, str) or not file.endswith((".safetensors", ".bin")):
            raise ValueError(
                f"{path}: weight_map has {file!r} for {tensor}; it must be the name of a .safetensors or .bin file."
            )
        if not stays_inside(file):
            raise ValueError(
                f"{path}: weight_map names {file!r} for {tensor}, a file outside of the model's folder. Weights of "
                "another model are never read; correct the index, or put the file into the folder."
            )
    if not isinstance(index.get("metadata"), dict):
        raise ValueError(f'{path}: has no object metadata, which transformers needs. Add "metadata": {{}}.')
    return sorted(set(weight_map.values()))


def stays_inside(name: str) -> bool:
    """Whether a relative name stays inside of its folder, by the rules of every operating system.

    >>> [stays_inside(name) for name in ("a.bin", "b/a.bin", "../a.bin", "/a.bin", "C:a.bin", "b\\\\..\\\\..\\\\a.bin")]
    [True, True, False, False, False, False]
    """
    windows = PureWindowsPath(name)
    parts = {*PurePosixPath(name).parts, *windows.parts}
    return not (name.startswith("/") or windows.drive or windows.root or ".." in parts or "\0" in name)


def stored_tensors(path: str) -> dict[str, Stored]:
    """What a file of weights holds. The numbers are read only where the file is of the format before torch 1.6.

    Raises:
        ValueError: the file is damaged, cut short, a git-lfs pointer, or holds something else than tensors.
    """
    if path.endswith(".safetensors"):
        from safetensors import safe_open

        with decoding(path), safe_open(path, framework="pt") as weights:
            slices = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118 (not a dict)
            return {name: Stored(tuple(each.get_shape()), _whole(each.get_dtype())) for name, each in slices.items()}
    return {
        name: Stored(tuple(each.shape), not (each.is_floating_point() or each.is_complex()))
        for name, each in _unpickled(path).items()
    }


def load_tensors(path: str) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights, on the CPU.

    Raises:
        ValueError: as `stored_tensors`.
    """
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        with decoding(path):
            return load_file(path)
    return _unpickled(path)


def _whole(dtype: str) -> bool:
    """Whether a dtype of safetensors is of whole numbers: I64, U8, BOOL."""
    return dtype.startswith(("I", "U", "B")) and dtype != "BF16"


def _unpickled(path: str) -> dict[str, torch.Tensor]:
    """The tensors in a file of `torch.save`; no other object is made. The newer format is mapped and not read."""
    import torch

    refuse_absent(path)
    with decoding(path):
        is_new = zipfile.is_zipfile(path)
        try:
            contents = torch.load(path, map_location="cpu", weights_only=True, mmap=is_new)
        except (pickle.UnpicklingError, RuntimeError) as error:
            # torch's own words may advise to switch the protection off
            raise ValueError(_refusal(path, str(error))) from None
    if not isinstance(contents, dict) or not all(isinstance(name, str) for name in contents):
        raise ValueError(f"{path}: holds {type(contents).__name__} where tensors by name are needed.")
    for name, each in contents.items():
        if not isinstance(each, torch.Tensor):
            raise ValueError(
                f"{path}: {name!r} is {type(each).__name__} where a tensor is needed. Is this a training checkpoint? "
                "Save the model's state_dict alone."
            )
    check_extents(contents, path)
    return contents


def check_extents(tensors: Mapping[str, torch.Tensor], path: str) -> None:
    """Refuse tensors that are larger than what is stored of them: a copy would fill the memory.

    Raises:
        ValueError: such a tensor, or one that is not dense.
    """
    for name, each in tensors.items():
        dense = str(each.layout) == "torch.strided"
        stored = each.untyped_storage().nbytes() if dense else 0
        if not dense or each.numel() * each.element_size() > stored:
            raise ValueError(
                f"{path}: {name!r} has shape {tuple(each.shape)}, more numbers than the file holds of it. The file is "
                "damaged; copy or download it again."
            )


def _refusal(path: str, message: str) -> str:
    """What torch's refusal to unpickle a file means."""
    if code := re.search(r"GLOBAL (\w+(?:\.\w+)+) (?:was not|whose module)", message):
        return (
            f"{path}: loading this file would run {code[1]}, which is code and no weights. Nothing was run. Get the "
            "weights as .safetensors, from a source that you trust."
        )
    if unpickler := re.search(r"WeightsUnpickler error: ([^\n]*)", message):
        message = unpickler[1]
    reason = "it is not what torch.save writes" if "weights_only" in message else " ".join(message.split())
    return (
        f"{path}: cannot be read ({reason}). The file is damaged, "
        "cut short, or holds more than weights; copy or download it again, if possible as .safetensors."
    )


def check_files(paths: list[str]) -> dict[str, Stored]:
    """What some files of weights hold together.

    Raises:
        ValueError: as `stored_tensors`.
    """
    found: dict[str, Stored] = {}
    for path in paths:
        found |= stored_tensors(os.fspath(path))
    return found
