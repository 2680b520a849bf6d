"""Results are written completely or not at all, and tables read back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from hf_dnalm.inference.output_files import TABLE_WRITERS, Table, output_extension, whole_file, write_table_file


def test_the_longest_extension_counts(tmp_path):
    assert output_extension(tmp_path / "x.VCF.gz", (".gz", ".vcf.gz")) == ".vcf.gz"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "x.doc",
            ValueError,
            r"cannot write .*x\.doc: the extension must be one of \.tsv, \.tsv\.gz, \.csv, \.parquet",
        ),
        ("folder.tsv", ValueError, r"cannot write .*folder\.tsv: it is a folder"),
        ("absent/x.tsv", FileNotFoundError, r"there is no folder .*absent"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name, error, message):
    (tmp_path / "folder.tsv").mkdir()
    with pytest.raises(error, match=message):
        output_extension(tmp_path / name, TABLE_WRITERS)


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "x.tsv").write_text("old")
    parts = iter([[np.array([1.5])], [np.array([2.5]), np.array([1])]])
    with pytest.raises(ValueError, match="columns"):
        write_table_file(Table({"a": pa.float64()}, _one_too_many(parts)), tmp_path / "x.tsv")
    assert (tmp_path / "x.tsv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.tsv"]


def _one_too_many(parts):
    yield next(parts)
    raise ValueError("the columns ran out")


def test_what_is_written_moves_in_at_the_end(tmp_path):
    with whole_file(tmp_path / "x") as partial:
        partial.write_text("new")
        assert not (tmp_path / "x").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
