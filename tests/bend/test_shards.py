"""Shards have the published layout, are complete or absent, and are read as they were written."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from hf_dnalm.bend.shards import Sample, find_shards, read_shards, shard_path, write_shard


def samples(count: int, *, start: int = 0) -> list[Sample]:
    generator = np.random.default_rng(count)
    return [
        Sample(start + number, generator.random((4 + number, 3), np.float32), np.array([number, 1]))
        for number in range(count)
    ]


def assert_same(found, expected):
    found = list(found)
    assert [sample.number for sample in found] == [sample.number for sample in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.embedding, other.embedding)
        assert one.embedding.dtype == other.embedding.dtype
        np.testing.assert_array_equal(one.labels, other.labels)


def test_a_shard_has_the_published_members(tmp_path):
    assert write_shard(tmp_path / "train_0.tar.gz", samples(2, start=5)) == 2
    with tarfile.open(tmp_path / "train_0.tar.gz", "r:gz") as archive:
        names = archive.getnames()
        assert names == [f"sample_{n}.{part}.npy" for n in (5, 6) for part in ("input", "output")]
        content = archive.extractfile("sample_5.input.npy")
        assert content is not None
        assert np.load(io.BytesIO(content.read())).shape == (1, 4, 3)


def test_shards_are_read_as_written_in_the_order_of_numbers(tmp_path):
    for chunk in (10, 2):
        write_shard(shard_path(tmp_path, "train", chunk), samples(2, start=chunk))
    write_shard(shard_path(tmp_path, "part1", 0), samples(1))
    (tmp_path / "notes.txt").write_text("passed over")
    assert [(shard.split, shard.chunk) for shard in find_shards(tmp_path)] == [
        ("part1", 0),
        ("train", 2),
        ("train", 10),
    ]
    assert_same(read_shards(tmp_path, "train"), [*samples(2, start=2), *samples(2, start=10)])
    assert_same(read_shards([shard_path(tmp_path, "train", 10)]), samples(2, start=10))
    assert_same(read_shards(tmp_path), [*samples(1), *samples(2, start=2), *samples(2, start=10)])


def test_letter_codes_and_single_labels_keep_their_shape(tmp_path):
    sample = Sample(0, np.array([0, 4, 3]), np.array(1))
    write_shard(tmp_path / "a_0.tar.gz", [sample])
    assert_same(read_shards(tmp_path), [sample])


def test_equal_samples_give_equal_files(tmp_path):
    for name in ("a_0.tar.gz", "b_0.tar.gz"):
        write_shard(tmp_path / name, samples(3))
    assert (tmp_path / "a_0.tar.gz").read_bytes() == (tmp_path / "b_0.tar.gz").read_bytes()


def test_an_error_leaves_no_file(tmp_path):
    def broken():
        yield samples(1)[0]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_shard(tmp_path / "train_0.tar.gz", broken())
    assert not list(tmp_path.iterdir())


def test_a_shard_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "train_0.tar.gz"
    write_shard(path, samples(20))
    whole = path.read_bytes()
    for length in (len(whole) // 2, len(whole) - 20, 5):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"train_0.tar.gz: cannot be read \(.*\)\. Delete the shard and embed"):
            list(read_shards(tmp_path))


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


VECTORS = npy(np.zeros((1, 4, 2)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.txt", b"")], "member 'a.txt' is not named sample_<n>.input.npy or .output.npy"),
        ([("other_1.input.npy", VECTORS)], "member 'other_1.input.npy' is not named sample_<n>"),
        ([("sample_1.input.npy", VECTORS)], "sample_1 has only its input.npy"),
        ([("sample_1.output.npy", VECTORS), ("sample_2.input.npy", VECTORS)], "sample_1 has only its output.npy"),
        ([("sample_1.input.npy", b"text")], "member 'sample_1.input.npy': cannot be read"),
        (
            [("sample_1.input.npy", npy(np.zeros((2, 4, 2)))), ("sample_1.output.npy", VECTORS)],
            r"sample_1.input.npy has shape \(2, 4, 2\); it must be \(1, L, D\)",
        ),
    ],
)
def test_other_archives_are_refused_with_their_member(tmp_path, members, message):
    with tarfile.open(tmp_path / "train_0.tar.gz", "w:gz") as archive:
        for name, content in members:
            add(archive, name, content)
    with pytest.raises(ValueError, match=message):
        list(read_shards(tmp_path))


def test_a_folder_as_a_member_is_refused(tmp_path):
    with tarfile.open(tmp_path / "train_0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("sample_1.input.npy")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    with pytest.raises(ValueError, match=r"member 'sample_1.input.npy' is not a file"):
        list(read_shards(tmp_path))


def test_missing_shards_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        list(read_shards(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="has no shard of split 'train'"):
        list(read_shards(tmp_path, "train"))
    with pytest.raises(FileNotFoundError, match=r"has no shard \("):
        find_shards(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"train_0.tar.gz: no such file"):
        list(read_shards([tmp_path / "train_0.tar.gz"]))
