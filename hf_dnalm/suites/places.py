"""Where the files of a published task lie: in a local folder, or on the Hub, from which they are downloaded."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from huggingface_hub import HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from hf_dnalm.suites.definition import PublishedTask


def hub_files(published: PublishedTask, wanted: Sequence[str], *, asked: bool) -> dict[str, list[str]]:
    """Split to the paths of its files in the repo; `asked`: the splits were named, so large ones are wanted.

    Raises:
        ValueError: the task is not on the Hub, or a split is too large to be downloaded unasked.
    """
    name = published.task.name
    if not published.repo:
        raise ValueError(f"{name} is not on the Hub; pass data_dir= with the authors' files ({published.task.source}).")
    too_big = [split for split in wanted if split in published.large]
    if too_big and not asked:
        split = too_big[0]
        rest = tuple(split for split in wanted if split not in published.large)
        raise ValueError(
            f"{name}: {split} is {published.large[split]} GB and is not downloaded unasked. Pass streaming=True, "
            f"splits={rest} to leave it out, splits={tuple(wanted)} to download it, or data_dir= with the files."
        )
    return {split: [published.files[split]] for split in wanted}


def local_files(
    published: PublishedTask, folder: Path, wanted: Sequence[str], *, must_have_all: bool
) -> dict[str, list[str]]:
    """Split to the paths of its files in `folder`, plain or .gz, in the first layout that has one.

    Raises:
        FileNotFoundError: no such folder, no file of the task, or not all of them where all must be there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder.")
    found: dict[str, list[str]] = {}
    for layout in (published.files, *published.layouts):
        for split in wanted:
            places = [] if split not in layout else layout[split].split(",")
            paths = [_matches(folder, place) for place in places]
            if paths and all(paths):
                found[split] = [str(match) for matches in paths for match in matches]
        if found:
            break
    missing = [split for split in wanted if split not in found]
    if found and missing and must_have_all:
        raise FileNotFoundError(f"{folder}: has neither {layout[missing[0]]} nor {layout[missing[0]]}.gz.")
    if not found:
        expected = ", ".join(dict.fromkeys(published.files[split] for split in wanted))
        others = "".join(f", or {next(iter(layout.values()))} and so on" for layout in published.layouts)
        raise FileNotFoundError(
            f"{folder}: has no file of {published.task.name}; expected {expected} (or .gz){others}."
        )
    return {split: found[split] for split in wanted if split in found}


def _matches(folder: Path, path: str) -> list[Path]:
    """What lies at a layout's path: the file, plain or .gz, those that fit a pattern, or the folder that it names."""
    if path.endswith("/"):
        return [folder / path] if (folder / path).is_dir() else []
    found = {
        match.with_suffix("") if match.suffix == ".gz" else match: match
        for pattern in (f"{path}.gz", path)  # the plain one is taken where both are there
        for match in folder.glob(pattern)
        if match.is_file()
    }
    return [found[name] for name in sorted(found, key=_natural)]


def _natural(path: Path) -> list[tuple[int, str]]:
    """A sorting key by which `train-2` comes before `train-10`."""
    return [(int(part or 0), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def download(repo: str, file: str, revision: str) -> str:
    """The file on this machine; `*` in its path stands for letters that are not known."""
    with _said_when_offline(repo, file):
        if "*" in file:
            file = _only_match(repo, file, revision)
        return hf_hub_download(repo, file, repo_type="dataset", revision=revision)


def download_all(repo: str, patterns: Sequence[str], revision: str) -> None:
    """The files that fit, into the folder of the cache in which `download` puts those of this revision."""
    with _said_when_offline(repo, ", ".join(patterns)):
        snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(patterns))


@contextmanager
def _said_when_offline(repo: str, file: str) -> Iterator[None]:
    try:
        yield
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        raise FileNotFoundError(
            f"{repo}/{file}: not in the local cache, and the Hub cannot be reached; "
            f"go online, or pass data_dir= with a folder that holds {file}."
        ) from None


def _only_match(repo: str, pattern: str, revision: str) -> str:
    """The one file of a repo whose path fits.

    Raises:
        ValueError: none or several do.
    """
    base = f"datasets/{repo}@{revision}/"
    matches = sorted(HfFileSystem().glob(base + pattern))
    if len(matches) != 1:
        raise ValueError(f"{repo} @ {revision}: {len(matches)} files fit {pattern}, where one is expected.")
    return str(matches[0]).split("/", 3)[3]  # datasets/owner/name@revision/path


def open_remote(where: str) -> AbstractContextManager[BinaryIO]:
    """A file of the Hub to read from as it comes; `where` is as Hugging Face's file system writes it."""
    # The buffer makes reading line by line quick; fsspec's own readline is slow.
    return cast("AbstractContextManager[BinaryIO]", io.BufferedReader(HfFileSystem().open(where, "rb"), 2**20))
