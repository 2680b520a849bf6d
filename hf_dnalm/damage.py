"""Turns what a decoder raises on a damaged file into one error that names the file.

Every reader of a file that we did not write ourselves goes through `decoding`: whatever is wrong with the bytes, the
caller sees a `ValueError` that says which file, and where in it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A text of settings or of names is far smaller: the largest tokenizer.json of a published DNA model has 5 MB.
TEXT_BYTES = 2**26
_DAMAGED = "The file is damaged, cut short, or of another format; copy or make it again."
_LARGE = "If the file is small, it is damaged: copy or make it again. Otherwise use a computer with more memory."
# What the system says to a decoder that follows a damaged offset.
_WRONG_OFFSET = (errno.EINVAL, errno.EFBIG, errno.EOVERFLOW)
_POINTER = b"version https://git-lfs"


@contextmanager
def decoding(path: str | os.PathLike[str], place: str = "", *, remedy: str = "") -> Iterator[None]:
    """Wrap the code that decodes a file; any error in it becomes a `ValueError` that names the file.

    Keep the block small: only calls of the decoder belong into it, never the code that uses the results.

    Args:
        path: the file that is decoded.
        place: where in the file, such as "record 3 ('chr1')"; empty where that is not known.
        remedy: a sentence that says what to do; empty for the default.

    Raises:
        ValueError: the decoder failed. An error whose message already names the file keeps its message.
        OSError: the operating system refused to read the file (`FileNotFoundError`, `PermissionError`, …).
        ImportError: a library that the decoder needs is not installed.

    Example:
        >>> try:
        ...     with decoding("vectors.npz", "member 'names'"):
        ...         raise KeyError("magic")
        ... except ValueError as error:
        ...     print(str(error)[:57])
        vectors.npz: member 'names': cannot be read ('magic'). Th
    """
    name = os.fspath(path)
    try:
        yield
    except ImportError:
        raise
    # A decoder may raise anything on damaged bytes: h5py RuntimeError, pickle AttributeError, numpy MemoryError, zlib
    # its own class. This is the one place, with the command line, where catching all of them is right.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):
            reason, remedy = "more memory is needed than there is", remedy or _LARGE
        if isinstance(error, OSError) and error.errno not in (None, *_WRONG_OFFSET):
            if error.filename is not None or name in reason:
                raise
            raise type(error)(error.errno, error.strerror, name) from error
        if isinstance(error, ValueError) and name in reason:
            raise
        where = f"{name}: {place}: " if place else f"{name}: "
        refuse_absent(path)
        raise ValueError(f"{where}cannot be read ({reason[:300]}). {(remedy or _DAMAGED).rstrip('.')}.") from error


def refuse_absent(path: str | os.PathLike[str]) -> None:
    """Refuse a file that has a name and no contents: an empty one, or a git-lfs pointer to contents elsewhere.

    Raises:
        ValueError: the file is empty or a pointer; the message says how to get the contents.
        OSError: the operating system refused to read the file.
    """
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        start = file.read(len(_POINTER))
    if not start:
        raise ValueError(f"{os.fspath(path)}: the file is empty. Copy or download it again.")
    if start == _POINTER:
        raise ValueError(
            f"{os.fspath(path)}: this is a git-lfs pointer, not the file itself. Run `git lfs install` and `git lfs "
            "pull` in that repository, or download the file from its web page."
        )


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a small file: settings, a vocabulary.

    Raises:
        ValueError: it is not UTF-8, a git-lfs pointer, or larger than any such file (64 MiB).
        OSError: the operating system refused to read the file.
    """
    size = os.path.getsize(path)
    if size > TEXT_BYTES:
        raise ValueError(
            f"{os.fspath(path)}: {size:,} bytes, more than such a file ever has (up to {TEXT_BYTES:,} are read). It is "
            "not what its name says, or damaged."
        )
    with decoding(path):
        text = Path(path).read_bytes().decode("utf-8")
    if text.startswith(_POINTER.decode()):
        refuse_absent(path)
    return text


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The contents of a JSON file of settings, which is an object: names and values.

    Raises:
        ValueError: it is not JSON, not an object, a git-lfs pointer, or larger than any such file (64 MiB).
        OSError: the operating system refused to read the file.
    """
    text = read_text(path)
    with decoding(path):
        contents = json.loads(text)
    if not isinstance(contents, dict):
        raise ValueError(
            f"{os.fspath(path)}: holds {_kind(contents)} where an object is needed (names and values in braces). "
            "Correct the file, or copy it again."
        )
    return contents


def _kind(value: Any) -> str:
    """What JSON calls a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "a number"
