"""Errors of decoders name the file, whatever they were."""

from __future__ import annotations

import pytest

from hf_dnalm.damage import decoding


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("bad\nheader"), RecursionError(), OSError("no magic")])
def test_whatever_a_decoder_raises_names_file_and_place(error):
    message = r"^a\.bin: record 2: cannot be read \(.+\)\. The file is damaged"
    with pytest.raises(ValueError, match=message) as caught, decoding("a.bin", "record 2"):
        raise error
    assert caught.value.__cause__ is error
    assert "\n" not in str(caught.value)


def test_an_error_that_names_the_file_or_comes_from_the_system_is_kept():
    named, system = ValueError("a.bin: record 2 has no name"), PermissionError(13, "Permission denied", "a.bin")
    for error in (named, system, MemoryError(), ImportError("h5py is needed")):
        with pytest.raises(type(error)) as caught, decoding("a.bin"):
            raise error
        assert caught.value is error
