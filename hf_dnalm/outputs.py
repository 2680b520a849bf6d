"""Claims on outputs: one run writes an output at a time, never over an input, and never over a result unasked."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

Place = str | os.PathLike[str]


@contextmanager
def claimed_outputs(outputs: Iterable[Place | None], *, inputs: Iterable[Place], overwrite: bool) -> Iterator[None]:
    """Hold all outputs of a run, after checking them; to be entered before anything is read.

    Of a run of several processes (torchrun, accelerate) the first one holds them for all.

    Args:
        outputs: files and folders that will be written; None is ignored.
        inputs: files and folders that are read; names that are no paths, such as Hub ids, are ignored.
        overwrite: whether existing outputs may be replaced.

    Raises:
        ValueError: as `check_output`; or two outputs are one file.
        BlockingIOError: another run is writing one of them.
        FileNotFoundError: the folder of an output does not exist.
    """
    paths = [Path(each) for each in outputs if each is not None]
    inputs = list(inputs)
    for number, path in enumerate(paths):
        refuse_input(path, inputs)
        if any(path.absolute() == other.absolute() for other in paths[:number]):
            raise ValueError(f"two outputs of this run are {path}; name another file for one of them.")
    with ExitStack() as claims:
        if os.environ.get("RANK", "0") == "0":
            for path in paths:
                claims.enter_context(claimed(path))
        for path in paths:  # now that no other run can finish it
            check_output(path, inputs=inputs, overwrite=overwrite)
        yield


def check_output(output: Place, *, inputs: Iterable[Place], overwrite: bool) -> None:
    """Refuse an output that is one of the inputs, or that exists already.

    Args:
        output: the file or folder to be written; an empty folder does not count as existing.
        inputs, overwrite: as in `claimed_outputs`.

    Raises:
        ValueError: the output is an input, or exists and `overwrite` is False.
    """
    path = Path(output)
    refuse_input(path, inputs)
    if overwrite or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    raise ValueError(f"the output {path} exists already; give --overwrite (overwrite=True) to replace it.")


def refuse_input(output: Place, inputs: Iterable[Place]) -> None:
    """Refuse an output that is one of the inputs (the same file, also by a link), or a file of an input folder.

    Raises:
        ValueError: it is.
    """
    path = Path(output)
    if not path.exists():
        return
    for each in map(Path, inputs):
        if not each.exists():
            continue
        if os.path.samefile(path, each) or (
            each.is_dir() and path.is_file() and path.resolve().parent == each.resolve()
        ):
            raise ValueError(f"the output {path} is also an input of this run ({each}); choose another output.")


@contextmanager
def claimed(output: Place, *, wait: bool = False) -> Iterator[None]:
    """Hold the output for this run: another run that wants to write it is refused until this one has ended.

    The claim is a lock of the operating system on the file `.<name>.lock` next to the output, so it ends with the
    process, however that ends.

    Args:
        wait: wait for the run that holds it, instead of refusing.

    Raises:
        BlockingIOError: another run holds the output.
        FileNotFoundError: the folder of the output does not exist.
    """
    path = Path(output)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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
