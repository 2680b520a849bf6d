"""Open a FASTA file with its index (`.fai`, and `.gzi` for bgzip), and rebuild an index that does not match the file.

htslib trusts any index next to a file. An index of an earlier version of the file silently gives shifted letters, so
an index is used only if it is not older than the file and gives the correct position of every contig.
"""

from __future__ import annotations

import bisect
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from hf_dnalm.compression import open_bytes

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Indexed(NamedTuple):
    """A FASTA file opened for random access.

    Attributes:
        handle: pysam's FastaFile.
        folder: a temporary folder with the index or a copy of the file; None if none was needed.
    """

    handle: Any
    folder: tempfile.TemporaryDirectory | None


class _Entry(NamedTuple):
    """A line of a `.fai`; offsets and widths are in bytes of the uncompressed file."""

    name: str
    length: int
    offset: int
    line_bases: int
    line_width: int


def open_indexed(path: str) -> Indexed:
    """Open a FASTA file with a valid index.

    A missing or outdated index is made next to the file, or in a temporary folder if the file's folder is not
    writable. A file that begins with a byte order mark is read from a temporary copy without it.

    Raises:
        ValueError: the file is not FASTA, is compressed with gzip instead of bgzip, or has two contigs with one name.
        ImportError: pysam is not installed.
    """
    pysam = import_pysam()
    with open_bytes(path) as start:
        marked = start.read(3) == _BYTE_ORDER_MARK
    folder = None
    source = path
    if marked:
        folder = tempfile.TemporaryDirectory(prefix="hf_dnalm_genome_")
        source = os.path.join(folder.name, "genome.fa")
        with open_bytes(path) as original, open(source, "wb") as copy:
            original.read(3)
            shutil.copyfileobj(original, copy, 2**20)
    before = pysam.set_verbosity(0)  # htslib would print its own messages to stderr
    index, blocks = f"{source}.fai", f"{source}.gzi"
    try:
        if _is_current(source, index, blocks):
            with suppress(OSError, ValueError):  # htslib still refuses it: make it again
                return Indexed(_opened(source, index, blocks), folder)
        if not os.access(os.path.dirname(source) or ".", os.W_OK):
            folder = folder or tempfile.TemporaryDirectory(prefix="hf_dnalm_genome_")
            index, blocks = (os.path.join(folder.name, name) for name in ("genome.fai", "genome.gzi"))
        _make(path, source, index, blocks)
        return Indexed(_opened(source, index, blocks), folder)
    except (OSError, ValueError, pysam.SamtoolsError) as error:
        if folder is not None:
            folder.cleanup()
        reason = " ".join(str(error).split())
        if reason.startswith(path):
            raise
        raise ValueError(
            f"{path}: cannot be indexed ({reason}). A genome must be FASTA with lines of equal length, plain or bgzip; "
            "a gzip file must be unpacked, and may be packed again with bgzip."
        ) from None
    finally:
        pysam.set_verbosity(before)


def _opened(source: str, index: str, blocks: str) -> Any:
    packed = {"filepath_index_compressed": blocks} if os.path.exists(blocks) else {}
    return import_pysam().FastaFile(source, filepath_index=index, **packed)


def _make(path: str, source: str, index: str, blocks: str) -> None:
    """Make the index, completely or not at all.

    Raises:
        ValueError: two contigs have the same name; htslib would drop the second.
    """
    new = {name: f"{name}.{os.getpid()}.part" for name in (index, blocks)}
    try:
        import_pysam().faidx("--fai-idx", new[index], "--gzi-idx", new[blocks], source)
        misfit = _misfit(source, new[index], new[blocks])
        if misfit is not None:
            raise ValueError(f"{path}: {misfit}.")
        for name, part in new.items():
            if os.path.exists(part):
                os.replace(part, name)
    finally:
        for part in new.values():
            Path(part).unlink(missing_ok=True)


def _is_current(source: str, index: str, blocks: str) -> bool:
    """Whether the index exists, is not older than the file and gives the correct position of every contig."""
    try:
        needed = (index, blocks) if _is_bgzip(source) else (index,)
        if any(os.stat(each).st_mtime_ns < os.stat(source).st_mtime_ns for each in needed):
            return False
        return _misfit(source, index, blocks) is None
    except (OSError, ValueError, struct.error):  # missing or damaged
        return False


def _misfit(source: str, index: str, blocks: str) -> str | None:
    """How the file differs from its index, and what to do; None if each contig follows exactly one header."""
    entries = _entries(index)
    read_at = _packed_reader(source, blocks) if _is_bgzip(source) else _plain_reader(source)
    names = {entry.name for entry in entries}
    end = 0
    for entry in [*entries, None]:
        between = read_at(end, 2**16 if entry is None else min(max(entry.offset - end, 0), 2**20))
        headers = [line.split(maxsplit=1)[0][1:] for line in between.split(b"\n") if line.startswith(b">")]
        texts = [line for line in between.split(b"\n") if line.strip()]
        header_names = [name.decode("utf-8") for name in headers]
        if header_names == ([] if entry is None else [entry.name]) and len(texts) == len(headers):
            end = end if entry is None else entry.offset + _bytes_of(entry)
            if entry is None or not entry.length or read_at(end - 1, 1).strip():  # the last letter
                continue
        expected = None if entry is None else entry.name
        duplicates = (
            name for name in header_names if header_names.count(name) > 1 or (name in names and name != expected)
        )
        duplicate = next(duplicates, None)
        if duplicate is not None:
            return f"two contigs are named {duplicate!r}; rename or remove one"
        return f"the letters before byte {end:,} cannot be indexed; look for NUL bytes and other control bytes there"
    return None if entries else "the file has no contigs"


def _bytes_of(entry: _Entry) -> int:
    """Bytes of a contig in the file, without its last line break."""
    if not entry.line_bases:
        return 0
    lines, rest = divmod(entry.length, entry.line_bases)
    if not rest and lines:
        lines, rest = lines - 1, entry.line_bases
    return lines * entry.line_width + rest


def _entries(index: str) -> list[_Entry]:
    entries = []
    for line in Path(index).read_text(encoding="utf-8").split("\n")[:-1]:
        name, *numbers = line.split("\t")
        length, offset, line_bases, line_width = map(int, numbers[:4])
        if length and not 0 < line_bases <= line_width <= line_bases + 2:
            raise ValueError(f"{index}: lines of {line_bases} letters in {line_width} bytes")
        entries.append(_Entry(name, length, offset, line_bases, line_width))
    return entries


def _is_bgzip(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _plain_reader(path: str) -> Callable[[int, int], bytes]:
    def read_at(offset: int, count: int) -> bytes:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(count)

    return read_at


def _packed_reader(path: str, blocks: str) -> Callable[[int, int], bytes]:
    """`_plain_reader` of a bgzip file, by its `.gzi`: the number of blocks, then each block's start in both files."""
    data = Path(blocks).read_bytes()
    (count,) = struct.unpack_from("<Q", data)
    numbers = struct.unpack_from(f"<{2 * count}Q", data, 8)
    packed, unpacked = [0, *numbers[::2]], [0, *numbers[1::2]]

    def read_at(offset: int, count: int) -> bytes:
        block = bisect.bisect_right(unpacked, offset) - 1
        with import_pysam().BGZFile(path, "r") as file:
            file.seek(packed[block] << 16)  # a virtual offset: the block, and the place in it
            file.read(offset - unpacked[block])
            return file.read(count)

    return read_at


def import_pysam() -> Any:
    """pysam, which is an extra.

    Raises:
        ImportError: pysam is not installed.
    """
    try:
        import pysam
    except ImportError:
        raise ImportError('pysam is needed for indexed FASTA and bgzip: pip install "hf_dnalm[genome]".') from None
    return pysam
