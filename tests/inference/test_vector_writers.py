"""Vectors, names and settings read back from every format with that format's usual reader."""

from __future__ import annotations

import io
import json
import sys
import tarfile

import numpy as np
import pyarrow.parquet
import pytest
from safetensors import safe_open

from hf_dnalm.inference import Embeddings, write_embeddings

VECTORS = np.array([[1.5, -2e-20, 0.1], [3, 4, 5]], np.float32)
EMBEDDINGS = Embeddings(["b", "é a"], VECTORS)
SETTINGS = {"model": "toy", "pooling": "mean"}


def _parquet(path):
    table = pyarrow.parquet.read_table(path)
    settings = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    assert table.schema.field("embedding").type == pyarrow.list_(pyarrow.float32(), 3)
    return table["name"].to_pylist(), np.array(table["embedding"].to_pylist(), np.float32), settings


def _safetensors(path):
    with safe_open(path, framework="np") as file:
        settings = file.metadata()
        return json.loads(settings.pop("names")), file.get_tensor("embeddings"), settings


def _hdf5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        return list(file["names"].asstr()), file["embeddings"][:], dict(file.attrs)


def _anndata(path):
    anndata = pytest.importorskip("anndata")
    read = anndata.read_h5ad(path)
    return list(read.obs_names), read.X, dict(read.uns["embedding"])


def _npz(path):
    with np.load(path) as file:  # no pickles
        settings = {key: str(file[key]) for key in file if key not in ("names", "embeddings")}
        return file["names"].tolist(), file["embeddings"], settings


def _pairs(members):
    return zip(members[::2], members[1::2], strict=True)


def _webdataset(path):
    """Samples by their stem, which for WebDataset is the name up to the first dot."""
    names, vectors, settings = [], [], SETTINGS
    with tarfile.open(path) as archive:
        for number, (array, about) in enumerate(_pairs(archive.getmembers())):
            assert (array.name, about.name) == (f"sample_{number}.input.npy", f"sample_{number}.json")
            assert array.mtime == 0
            vectors.append(np.load(io.BytesIO(archive.extractfile(array).read()))[0, 0])
            described = json.loads(archive.extractfile(about).read())
            names.append(described["name"])
            settings = described["settings"]
    return names, np.array(vectors), settings


READERS = {
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".h5": _hdf5,
    ".h5ad": _anndata,
    ".npz": _npz,
    ".tar.gz": _webdataset,
}
NEEDS = {".h5": "h5py", ".h5ad": "anndata"}


@pytest.mark.parametrize("extension", READERS)
def test_what_is_written_reads_back(tmp_path, extension):
    if extension in NEEDS:
        pytest.importorskip(NEEDS[extension])
    write_embeddings(EMBEDDINGS, tmp_path / f"x{extension}", settings=SETTINGS)
    names, vectors, settings = READERS[extension](tmp_path / f"x{extension}")
    assert (names, settings) == (EMBEDDINGS.names, SETTINGS)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VECTORS)
    assert [path.name for path in tmp_path.iterdir()] == [f"x{extension}"]


@pytest.mark.parametrize("extension", READERS)
def test_no_sequences_make_an_empty_file(tmp_path, extension):
    if extension in NEEDS:
        pytest.importorskip(NEEDS[extension])
    write_embeddings(Embeddings([], np.zeros((0, 3), np.float32)), tmp_path / f"x{extension}")
    names, vectors, _ = READERS[extension](tmp_path / f"x{extension}")
    assert (names, len(vectors)) == ([], 0)


@pytest.mark.parametrize(("extension", "module", "extra"), [(".h5", "h5py", "hdf5"), (".h5ad", "anndata", "anndata")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, tmp_path, extension, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    message = rf'{module} is needed to write {extension}: pip install "hf_dnalm\[{extra}\]"'
    with pytest.raises(ImportError, match=message):
        write_embeddings(EMBEDDINGS, tmp_path / f"x{extension}")
    assert not list(tmp_path.iterdir())


def test_other_extensions_are_refused(tmp_path):
    message = r"the extension must be one of \.parquet, \.safetensors, \.h5, \.h5ad, \.npz, \.tar\.gz"
    with pytest.raises(ValueError, match=message):
        write_embeddings(EMBEDDINGS, tmp_path / "x.npy")
