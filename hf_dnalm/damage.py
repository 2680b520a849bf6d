"""Turns what a decoder raises on a damaged file into one error that names the file.

Every reader of a file that we did not write ourselves goes through `decoding`: whatever is wrong with the bytes, the
caller sees a `ValueError` that says which file, and where in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


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
        MemoryError: there is not enough memory.

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
    except (ImportError, MemoryError):
        raise
    # A decoder may raise anything on damaged bytes: h5py RuntimeError, pickle AttributeError, numpy MemoryError, zlib
    # its own class. This is the one place, with the command line, where catching all of them is right.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if isinstance(error, ValueError) and name in reason:
            raise
        where = f"{name}: {place}: " if place else f"{name}: "
        remedy = remedy or "The file is damaged, cut short, or of another format; copy or make it again."
        raise ValueError(f"{where}cannot be read ({reason[:300]}). {remedy}") from error
