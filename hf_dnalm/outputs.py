"""Claims on outputs: one run writes an output at a time, never over an input, and never over a result unasked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def check_output(output: str | os.PathLike[str], *, inputs: Iterable[str | os.PathLike[str]], overwrite: bool) -> None:
    """Refuse an output that is one of the inputs, or that exists already; to be called before anything is read.

    Args:
        output: the file or folder to be written.
        inputs: files and folders that are read; names that are not paths, such as Hub ids, are ignored.
        overwrite: whether an existing output may be replaced.

    Raises:
        ValueError: the output is an input (the same file, also by a link), or exists and `overwrite` is False.
    """
    path = Path(output)
    if not path.exists():
        return
    for each in map(Path, inputs):
        if each.exists() and os.path.samefile(path, each):
            raise ValueError(f"the output {path} is also an input of this run; choose another output.")
    if not overwrite:
        raise ValueError(f"the output {path} exists already; give --overwrite (overwrite=True) to replace it.")


@contextmanager
def claimed(output: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the output for this run: another run that wants to write it is refused until this one has ended.

    The claim is a lock of the operating system on the file `.<name>.lock` next to the output, so it ends with the
    process, however that ends.

    Raises:
        BlockingIOError: another run holds the output.
    """
    path = Path(output)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BlockingIOError(
                f"another run is writing {path} (it holds {lock}); wait for it to end, or choose another output."
            ) from None
        try:  # the run before may have removed the file between our open and our lock
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):
                break
        except FileNotFoundError:
            pass
        os.close(descriptor)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)
