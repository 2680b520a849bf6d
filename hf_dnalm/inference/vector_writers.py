"""Embeddings as files: Parquet, safetensors, HDF5, AnnData and NumPy, each with the names beside the vectors."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from safetensors.numpy import save_file

from hf_dnalm.inference.embed import Embeddings
from hf_dnalm.inference.output_files import output_extension, whole_file


def write_embeddings(
    embeddings: Embeddings, path: str | os.PathLike[str], *, settings: Mapping[str, str] | None = None
) -> None:
    """Write the file that the extension of `path` names, whole or not at all; vectors are float32, in input order.

    - .parquet: columns `name` and `embedding` (a list of fixed length); settings in the metadata of the schema
    - .safetensors: tensor `embeddings` (n, hidden); in the metadata `names`, a JSON list, and the settings
    - .h5: data sets `embeddings` and `names`; settings as attributes
    - .h5ad: AnnData with the vectors as X and the names as index of obs; settings in uns
    - .npz: arrays `embeddings`, `names` and one for each setting

    Args:
        settings: how the vectors were made, in words: model, pooling, layer ….

    Raises:
        ValueError: another extension.
        FileNotFoundError: the folder of `path` does not exist.
        ImportError: h5py (.h5) or anndata (.h5ad) is not installed.
    """
    path = Path(path)
    write = find_vector_writer(path)
    with whole_file(path) as partial:
        write(embeddings, partial, dict(settings or {}))


def find_vector_writer(path: Path) -> Callable[[Embeddings, Path, dict[str, str]], None]:
    """The function that writes `path`, checked, with what it needs, before any vector is made.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `write_embeddings`.
    """
    extension = output_extension(path, _WRITERS)
    if extension in _EXTRAS:
        _extra(*_EXTRAS[extension], extension)
    return _WRITERS[extension]


def _write_parquet(embeddings: Embeddings, path: Path, settings: dict[str, str]) -> None:
    width = embeddings.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(embeddings.vectors).ravel())
    vectors = pa.FixedSizeListArray.from_arrays(flat, width)
    table = pa.table({"name": pa.array(embeddings.names, pa.string()), "embedding": vectors})
    # pyarrow's types know nothing of plain strings as metadata, which it takes
    metadata: dict[Any, Any] = settings
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)


def _write_safetensors(embeddings: Embeddings, path: Path, settings: dict[str, str]) -> None:
    metadata = settings | {"names": json.dumps(embeddings.names)}
    save_file({"embeddings": np.ascontiguousarray(embeddings.vectors)}, path, metadata=metadata)


def _write_hdf5(embeddings: Embeddings, path: Path, settings: dict[str, str]) -> None:
    h5py = _extra(*_EXTRAS[".h5"], ".h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("embeddings", data=embeddings.vectors)
        file.create_dataset("names", data=embeddings.names, dtype=h5py.string_dtype())
        file.attrs.update(settings)


def _write_anndata(embeddings: Embeddings, path: Path, settings: dict[str, str]) -> None:
    anndata = _extra(*_EXTRAS[".h5ad"], ".h5ad")
    import pandas

    obs = pandas.DataFrame(index=pandas.Index(embeddings.names, dtype=object))
    anndata.AnnData(X=embeddings.vectors, obs=obs, uns={"embedding": settings}).write_h5ad(path)


def _write_npz(embeddings: Embeddings, path: Path, settings: dict[str, str]) -> None:
    arrays: dict[str, Any] = {name: np.array(text) for name, text in settings.items()}
    with open(path, "wb") as file:  # given a name, numpy would add its own extension
        np.savez(file, embeddings=embeddings.vectors, names=np.array(embeddings.names, dtype=np.str_), **arrays)


def _extra(module: str, extra: str, extension: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f'{module} is needed to write {extension}: pip install "hf_dnalm[{extra}]"') from None


_EXTRAS = {".h5": ("h5py", "hdf5"), ".h5ad": ("anndata", "anndata")}
_WRITERS: dict[str, Callable[[Embeddings, Path, dict[str, str]], None]] = {
    ".parquet": _write_parquet,
    ".safetensors": _write_safetensors,
    ".h5": _write_hdf5,
    ".h5ad": _write_anndata,
    ".npz": _write_npz,
}
