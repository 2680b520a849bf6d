"""What is fuzzed: a reader of the product, a valid input for it, and how one damaged input ends."""

from __future__ import annotations

import random
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.mutations import Mutator, mutated


class Target(NamedTuple):
    """A reader.

    Attributes:
        name: on the command line and in the table of counts.
        write: writes a valid input into an empty folder, once; returns the file that is damaged.
        read: reads the file, given its path, to the last byte, as the product does.
        mutators: ways to damage it.
        heals: the file is made again when it is damaged, so it need never be refused.
        costly: every reading starts a process, so that the tests read fewer files.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], object]
    mutators: tuple[Mutator, ...]
    heals: bool = False
    costly: bool = False


class Ending(NamedTuple):
    """How an input ended: kind is "read", "refused" or "fault"; `detail` is the error."""

    kind: str
    detail: str = ""


def prepared(target: Target, folder: Path) -> tuple[Path, str]:
    """The folder with the valid input, and the name of the damaged file in it."""
    template = folder / "valid"
    template.mkdir(parents=True)
    return template, str(target.write(template).relative_to(template))


def attempt(target: Target, template: Path, file: str, number: int, *, seed: int = 0) -> Ending:
    """Damage a copy of the valid input, the same way for the same number, and read it."""
    place = template.with_name("damaged")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template, place, symlinks=True)
    rng = random.Random(zlib.crc32(f"{target.name} {seed} {number}".encode()))
    path = place / file
    path.write_bytes(mutated(path.read_bytes(), target.mutators, rng))
    try:
        target.read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        named = any(name in text for name in (str(path), path.name, str(place)))
        return Ending("refused" if named else "fault", f"{type(error).__name__}: {text}")
    except Exception as error:  # what the fuzzing is for
        return Ending("fault", f"{type(error).__name__}: {error}")
    return Ending("read")
