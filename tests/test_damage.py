"""Errors of decoders name the file, whatever they were."""

from __future__ import annotations

import errno

import pytest

from hf_dnalm.damage import decoding, read_json


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("bad\nheader"), RecursionError(), OSError("no magic")])
def test_whatever_a_decoder_raises_names_file_and_place(error):
    message = r"^a\.bin: record 2: cannot be read \(.+\)\. The file is damaged"
    with pytest.raises(ValueError, match=message) as caught, decoding("a.bin", "record 2"):
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


def test_an_error_that_names_the_file_or_comes_from_the_system_is_kept():
    named, system = ValueError("a.bin: record 2 has no name"), PermissionError(13, "Permission denied", "a.bin")
    for error in (named, system, ImportError("h5py is needed")):
        with pytest.raises(type(error)) as caught, decoding("a.bin"):
            raise error
        assert caught.value is error


def test_an_error_of_the_system_without_a_file_gets_it():
    with pytest.raises(OSError, match=r"Input/output error: 'a\.bin'") as caught, decoding("a.bin"):
        raise OSError(errno.EIO, "Input/output error")
    assert caught.value.errno == errno.EIO
    with pytest.raises(PermissionError, match=r"'a\.bin'"), decoding("a.bin"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_an_offset_that_no_file_has_is_damage():
    with (
        pytest.raises(
            ValueError, match=r"^a\.bin: cannot be read \(\[Errno 22\] Invalid argument\)\. The file is damaged"
        ),
        decoding("a.bin"),
    ):
        raise OSError(errno.EINVAL, "Invalid argument")


def test_too_little_memory_names_the_file_and_says_that_it_may_be_damaged():
    message = r"^a\.bin: .*more memory is needed than there is\)\. If the file is small, it is damaged"
    with pytest.raises(ValueError, match=message), decoding("a.bin"):
        raise MemoryError


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"settings\.json: the file is empty\. Copy or download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            r"git-lfs pointer.*Run .*`git lfs pull`",
        ),
        (b"[]", r"settings\.json: holds a list where an object is needed"),
        (b"null", "holds null where"),
        (b"true", "holds true or false where"),
        (b'"a"', "holds a text where"),
        (b"1", "holds a number where"),
        (b"{", r"settings\.json: cannot be read \(Expecting property name"),
        (b"\xff{}", r"settings\.json: cannot be read \('utf-8' codec"),
        (b"[" * 200_000, r"settings\.json: cannot be read \(.*recursion"),
        (b'{"a": ' + b"9" * 5000 + b"}", r"settings\.json: cannot be read \(Exceeds the limit"),
        (b" " * (2**26 + 1), r"settings\.json: 67,108,865 bytes, more than such a file ever has"),
    ],
    ids=["empty", "pointer", "list", "null", "bool", "text", "number", "cut", "bytes", "deep", "digits", "large"],
)
def test_what_is_wrong_with_a_json_file_is_said_with_its_name(data, message, tmp_path):
    (tmp_path / "settings.json").write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_json(tmp_path / "settings.json")
    assert str(tmp_path / "settings.json") in str(caught.value)


def test_a_json_object_is_read(tmp_path):
    (tmp_path / "settings.json").write_text('{"a": [1, "é"]}', encoding="utf-8")
    assert read_json(tmp_path / "settings.json") == {"a": [1, "é"]}


@pytest.mark.parametrize("remedy", ["", "Copy it again", "Copy it again."])
def test_the_message_ends_with_one_full_stop(remedy):
    with pytest.raises(ValueError, match=r"[^.]\.$"), decoding("a.bin", remedy=remedy):
        raise KeyError("a")
