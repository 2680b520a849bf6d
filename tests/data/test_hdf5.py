"""HDF5 rows are those of the file itself: links, external storage and virtual datasets are not followed."""

from __future__ import annotations

import numpy as np
import pytest

from hf_dnalm.data.hdf5 import Rows, open_hdf5

h5py = pytest.importorskip("h5py", reason="h5py is not installed")


@pytest.fixture
def secret(tmp_path):
    """A file of this machine that the user did not name."""
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["labels"] = np.arange(8.0)
    (tmp_path / "secret.bin").write_bytes(np.arange(8.0).tobytes())
    return tmp_path


def external_link(file, folder):
    file["labels"] = h5py.ExternalLink(str(folder / "secret.hdf5"), "/labels")


def soft_link_to_an_external_one(file, folder):
    file["there"] = h5py.ExternalLink(str(folder / "secret.hdf5"), "/labels")
    file["labels"] = h5py.SoftLink("/there")


def external_storage(file, folder):
    file.create_dataset("labels", shape=(8,), dtype="f8", external=[(str(folder / "secret.bin"), 0, 64)])


def virtual(file, folder):
    layout = h5py.VirtualLayout(shape=(8,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(folder / "secret.hdf5"), "labels", shape=(8,))
    file.create_virtual_dataset("labels", layout)


@pytest.mark.parametrize(
    ("lead_out", "how"),
    [
        (external_link, r"is a link to '.*secret\.hdf5'"),
        (soft_link_to_an_external_one, r"is a link to '.*secret\.hdf5'"),
        (external_storage, r"has its numbers in '.*secret\.bin'"),
        (virtual, "is made of parts of other files"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(secret, lead_out, how):
    path = secret / "given.hdf5"
    with h5py.File(path, "w") as file:
        lead_out(file, secret)
    with (
        open_hdf5(path) as file,
        pytest.raises(ValueError, match=rf"given\.hdf5: 'labels' {how}\. Links out of a file are not followed; copy"),
    ):
        Rows(file, "labels", path)


def test_links_inside_the_file_are_followed(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["numbers"] = np.arange(6).reshape(3, 2)
        file["labels"] = h5py.SoftLink("/numbers")
    with open_hdf5(tmp_path / "a.hdf5") as file:
        rows = Rows(file, "labels", "a.hdf5")
        assert (len(rows), rows[1].tolist()) == (3, [2, 3])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: file.create_group("labels"), "a.hdf5: dataset 'labels': cannot be read"),
        (
            lambda file: file.create_dataset("labels", data=3.0),
            "a.hdf5: dataset 'labels' is a single value; it must have",
        ),
        (lambda file: file.create_dataset("other", data=[1]), "a.hdf5: no dataset 'labels'; it has other"),
        (
            lambda file: file.create_dataset("labels", shape=(2, 2**40), dtype="f4", chunks=(1, 1024)),
            r"dataset 'labels' has shape \(2, 1099511627776\): a row would be 4,398,046,511,104 bytes",
        ),
    ],
)
def test_what_has_no_rows_is_refused(tmp_path, write, message):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        write(file)
    with open_hdf5(path) as file, pytest.raises(ValueError, match=message):
        Rows(file, "labels", path)
