"""Files of a published task: find them in a local folder, or download them from the Hub."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from huggingface_hub import HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

from hf_dnalm.suites.task_definition import PublishedTask


def hub_files(published: PublishedTask, wanted: Sequence[str], *, splits_named: bool) -> dict[str, list[str]]:
    """Each split's file paths in the Hub repository. Large splits are allowed only if `splits_named`.

    Raises:
        ValueError: the task is not on the Hub, or a split is too large to download without being named.
    """
    name = published.task.name
    if not published.repo:
        raise ValueError(f"{name} is not on the Hub; pass data_dir= with the authors' files ({published.task.source}).")
    too_big = [split for split in wanted if split in published.large]
    if too_big and not splits_named:
        split = too_big[0]
        rest = tuple(split for split in wanted if split not in published.large)
        raise ValueError(
            f"{name}: {split} is {published.large[split]} GB and is not downloaded by default. Pass streaming=True, "
            f"splits={rest} to leave it out, splits={tuple(wanted)} to download it, or data_dir= with the files."
        )
    return {split: [published.files[split]] for split in wanted}


def local_files(
    published: PublishedTask, folder: Path, wanted: Sequence[str], *, must_have_all: bool
) -> dict[str, list[str]]:
    """Each split's file paths in `folder`, plain or .gz, in the first layout with a matching file.

    Raises:
        FileNotFoundError: no such folder, no file of the task, or, with `must_have_all`, a split without a file.
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
    """What exists at a layout's path: a file (plain or .gz), all files that match a pattern, or a folder."""
    if path.endswith("/"):
        return [folder / path] if (folder / path).is_dir() else []
    found = {
        match.with_suffix("") if match.suffix == ".gz" else match: match
        for pattern in (f"{path}.gz", path)  # if both exist, the plain file wins
        for match in folder.glob(pattern)
        if match.is_file()
    }
    return [found[name] for name in sorted(found, key=_natural)]


def _natural(path: Path) -> list[tuple[int, str]]:
    """A sort key that puts `train-2` before `train-10`."""
    return [(int(part or 0), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def download(repo: str, file: str, revision: str) -> str:
    """Download a file and return its local path; `*` in `file` matches any characters."""
    with _explain_offline(repo, file):
        if "*" in file:
            file = _only_match(repo, file, revision)
        return hf_hub_download(repo, file, repo_type="dataset", revision=revision)


def download_all(repo: str, patterns: Sequence[str], revision: str) -> None:
    """Download all matching files into the cache folder that `download` uses for this revision."""
    with _explain_offline(repo, ", ".join(patterns)):
        snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(patterns))


@contextmanager
def _explain_offline(repo: str, file: str) -> Iterator[None]:
    try:
        yield
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        raise FileNotFoundError(
            f"{repo}/{file}: not in the local cache, and the Hub cannot be reached; "
            f"go online, or pass data_dir= with a folder that contains {file}."
        ) from None


def _only_match(repo: str, pattern: str, revision: str) -> str:
    """The only file of a repository whose path matches.

    Raises:
        ValueError: no file or several files match.
    """
    base = f"datasets/{repo}@{revision}/"
    matches = sorted(HfFileSystem().glob(base + pattern))
    if len(matches) != 1:
        raise ValueError(
            f"{repo} @ {revision}: {len(matches)} files match {pattern}, but exactly one is expected. "
            "Pass another revision=."
        )
    return str(matches[0]).split("/", 3)[3]  # datasets/owner/name@revision/path


def open_remote(where: str) -> AbstractContextManager[BinaryIO]:
    """Open a file on the Hub for streaming; `where` is a path of `HfFileSystem`."""
    # Buffered, because fsspec's own readline is slow.
    return cast("AbstractContextManager[BinaryIO]", io.BufferedReader(HfFileSystem().open(where, "rb"), 2**20))
