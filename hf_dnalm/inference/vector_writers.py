"""Write embeddings with their names as Parquet, safetensors, HDF5, AnnData, NumPy or WebDataset files.

Every writer receives the vectors in blocks, so a file can be larger than the memory.
"""

from __future__ import annotations

import importlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from hf_dnalm.inference.archives import Rows, add_bytes, new_archive
from hf_dnalm.inference.embeddings import Embeddings
from hf_dnalm.inference.output_files import output_extension, whole_file
from hf_dnalm.inference.token_embeddings import TokenEmbeddings

Unit = Literal["sequence", "nucleotide", "token"]
_SAFETENSORS_HEADER = 100_000_000  # bytes, the longest header that safetensors reads
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class VectorRows:
    """Vectors to write to a file.

    Attributes:
        names: names of the sequences, in order.
        counts: (n,) int64, number of rows of each sequence; None for one vector per sequence.
        width: numbers in a row.
        blocks: the rows in order, each block (rows, width) float32.
    """

    names: list[str]
    counts: np.ndarray | None
    width: int
    blocks: Iterable[np.ndarray]

    @property
    def total(self) -> int:
        """Number of rows."""
        return len(self.names) if self.counts is None else int(self.counts.sum())

    @property
    def offsets(self) -> np.ndarray:
        """(n + 1,) int64: sequence i has the rows offsets[i] to offsets[i + 1] - 1."""
        counts = np.ones(len(self.names), dtype=np.int64) if self.counts is None else self.counts
        return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def write_embeddings(
    embeddings: Embeddings | TokenEmbeddings, path: str | os.PathLike[str], *, settings: Mapping[str, str] | None = None
) -> None:
    """Write embeddings in the format of the extension, completely or not at all; float32, in input order.

    - .parquet: columns `name` and `embedding` (a list of fixed length); settings in the metadata of the schema
    - .safetensors: tensor `embeddings` (n, hidden); `names` (a JSON list) and the settings in the metadata
    - .h5: datasets `embeddings` and `names`; settings as attributes
    - .h5ad: AnnData with the vectors as X and the names as index of obs; settings in uns
    - .npz: arrays `embeddings` and `names`, and one for each setting
    - .tar.gz: WebDataset in the layout of BEND: `sample_<n>.input.npy` (1, rows, hidden) for each sequence, n from 0,
      and `sample_<n>.json` with its `name` and the `settings`

    Vectors of tokens or nucleotides are concatenated. Parquet has one row for each, with its 0-based `position` in the
    sequence after the name; .safetensors, .h5 and .npz have a third array, `offsets` (n + 1): sequence i has the rows
    offsets[i] to offsets[i + 1] - 1. AnnData cannot store them.

    Args:
        settings: how the vectors were made, as text: model, pooling, layer ….

    Raises:
        ValueError: the extension is not supported, or is AnnData for vectors of tokens or nucleotides.
        FileNotFoundError: the folder of `path` does not exist.
        ImportError: h5py (.h5) or anndata (.h5ad) is not installed.
    """
    path = Path(path)
    if isinstance(embeddings, TokenEmbeddings):
        check_vector_output(path, per=embeddings.per)
        counts = np.array([len(each) for each in embeddings.vectors], dtype=np.int64)
        width = embeddings.vectors[0].shape[1] if embeddings.vectors else 0
        rows = VectorRows(embeddings.names, counts, width, embeddings.vectors)
    else:
        check_vector_output(path)
        vectors = embeddings.vectors
        blocks = (vectors[start : start + _BLOCK_ROWS] for start in range(0, len(vectors), _BLOCK_ROWS))
        rows = VectorRows(embeddings.names, None, vectors.shape[1], blocks)
    write_vector_rows(rows, path, settings=settings)


def write_vector_rows(rows: VectorRows, path: Path, *, settings: Mapping[str, str] | None = None) -> None:
    """`write_embeddings` for rows that arrive in blocks."""
    write = _WRITERS[output_extension(path, _WRITERS)]
    with whole_file(path) as partial:
        write(rows, partial, dict(settings or {}))


def check_vector_output(path: Path, *, per: Unit = "sequence") -> None:
    """Raise an error if embeddings cannot be written to `path`; call this before any computing.

    Raises:
        ValueError, FileNotFoundError, ImportError: as `write_embeddings`.
    """
    extension = output_extension(path, _WRITERS)
    if extension == ".h5ad" and per != "sequence":
        raise ValueError(f"cannot write {path}: AnnData holds one vector per sequence, not per {per}; write .h5.")
    if extension in _EXTRAS:
        _extra(*_EXTRAS[extension], extension)


def _write_parquet(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    columns: dict[str, pa.DataType] = {"name": pa.string()}
    if rows.counts is not None:
        columns["position"] = pa.int64()
    # pyarrow accepts plain strings as metadata, but its type annotations do not
    metadata: dict[Any, Any] = settings
    schema = pa.schema([*columns.items(), ("embedding", pa.list_(pa.float32(), rows.width))], metadata=metadata)
    names, offsets = np.array(rows.names, dtype=object), rows.offsets
    with pyarrow.parquet.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for start, block in _numbered(rows.blocks):
            places = np.arange(start, start + len(block))
            owners = np.searchsorted(offsets, places, side="right") - 1
            arrays = [pa.array(names[owners], pa.string())]
            if rows.counts is not None:
                arrays.append(pa.array(places - offsets[owners]))
            flat = pa.array(np.ascontiguousarray(block).ravel())
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, rows.width))
            writer.write_table(pa.table(arrays, schema=schema))


def _write_safetensors(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    # Written by hand, because safetensors' own writer needs all vectors at once. The format:
    # https://huggingface.co/docs/safetensors/index#format
    offsets = np.empty(0, np.int64) if rows.counts is None else rows.offsets.astype("<i8")
    end = offsets.nbytes + 4 * rows.total * rows.width
    header: dict[str, Any] = {"__metadata__": settings | {"names": json.dumps(rows.names)}}
    if rows.counts is not None:  # first, so that it is aligned to eight bytes
        header["offsets"] = {"dtype": "I64", "shape": [len(offsets)], "data_offsets": [0, offsets.nbytes]}
    header["embeddings"] = {"dtype": "F32", "shape": [rows.total, rows.width], "data_offsets": [offsets.nbytes, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > _SAFETENSORS_HEADER:
        raise ValueError(
            f"{len(rows.names):,} names do not fit into the header of a safetensors file; write .parquet or .h5."
        )
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + offsets.tobytes())
        for block in rows.blocks:
            file.write(_bytes(block))


def _write_hdf5(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    h5py = _extra(*_EXTRAS[".h5"], ".h5")
    with h5py.File(path, "w") as file:
        vectors = file.create_dataset("embeddings", shape=(rows.total, rows.width), dtype=np.float32)
        _fill(vectors, rows.blocks)
        file.create_dataset("names", data=rows.names, dtype=h5py.string_dtype())
        if rows.counts is not None:
            file.create_dataset("offsets", data=rows.offsets)
        file.attrs.update(settings)


def _write_anndata(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    anndata, h5py = _extra(*_EXTRAS[".h5ad"], ".h5ad"), _extra(*_EXTRAS[".h5"], ".h5")
    import pandas

    obs = pandas.DataFrame(index=pandas.Index(rows.names, dtype=object))
    var = pandas.DataFrame(index=pandas.Index([str(number) for number in range(rows.width)], dtype=object))
    anndata.AnnData(obs=obs, var=var, uns={"embedding": settings}).write_h5ad(path)
    with h5py.File(path, "a") as file:  # X is added afterwards, because AnnData would need it in memory
        if "X" in file:
            del file["X"]
        vectors = file.create_dataset("X", shape=(rows.total, rows.width), dtype=np.float32)
        vectors.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        _fill(vectors, rows.blocks)


def _write_npz(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    arrays: dict[str, Any] = {name: np.array(text) for name, text in settings.items()}
    arrays["names"] = np.array(rows.names, dtype=np.str_)
    if rows.counts is not None:
        arrays["offsets"] = rows.offsets
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows.total, rows.width)}
    with zipfile.ZipFile(path, "w") as archive:
        # a plain ZipInfo has no time, so equal results give identical files
        with archive.open(zipfile.ZipInfo("embeddings.npy"), "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in rows.blocks:
                file.write(_bytes(block))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _write_webdataset(rows: VectorRows, path: Path, settings: dict[str, str]) -> None:
    blocks = Rows(rows.blocks, rows.width)
    with new_archive(path) as archive:
        for number, (name, count) in enumerate(zip(rows.names, np.diff(rows.offsets).tolist(), strict=True)):
            blocks.add_to(archive, f"sample_{number}.input.npy", count)
            description = json.dumps({"name": name, "settings": settings}, ensure_ascii=False)
            add_bytes(archive, f"sample_{number}.json", description.encode())


def _numbered(blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each non-empty block with the number of its first row."""
    start = 0
    for block in blocks:
        if len(block):
            yield start, block
            start += len(block)


def _fill(target: Any, blocks: Iterable[np.ndarray]) -> None:
    """Write the blocks one after the other into an HDF5 dataset."""
    for start, block in _numbered(blocks):
        target[start : start + len(block)] = block


def _bytes(block: np.ndarray) -> bytes:
    return np.ascontiguousarray(block, dtype="<f4").tobytes()


def _extra(module: str, extra: str, extension: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f'{module} is needed to write {extension}: pip install "hf_dnalm[{extra}]".') from None


_EXTRAS = {".h5": ("h5py", "hdf5"), ".h5ad": ("anndata", "anndata")}
_WRITERS: dict[str, Callable[[VectorRows, Path, dict[str, str]], None]] = {
    ".parquet": _write_parquet,
    ".safetensors": _write_safetensors,
    ".h5": _write_hdf5,
    ".h5ad": _write_anndata,
    ".npz": _write_npz,
    ".tar.gz": _write_webdataset,
}
