"""Ways to damage a file: as bytes, as lines of text and as JSON. Each takes the bytes and a seeded generator."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

Mutator = Callable[[bytes, random.Random], bytes]

_CELLS = [
    *("", " ", "NA", "nan", "inf", "-inf", "null", "-", ".", "?", "*", "0", "-1", "1e309", "1,5", "-0,22", "true"),
    *("\x00", "é", "\ufeff", '"', "'", "`", "<script>", "../../x", "/etc/passwd", "$x$", "%s", "{}", "[]", "\\"),
    *("acgt", "NNNN", "ACGU", "AC GT", "J", "<DEL>", "A" * 5000, "9" * 400, "99999999999999999999", "0x10", "chr1"),
]
_LINE_ENDS = [b"\n", b"\r\n", b"\r", b"", b"\n\n", b"\x0b", b"\xc2\x85"]
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 0.5, 2**31, 2**62, 10**7, -(2**40), 1e300, "", "x", "../../x", "owner/name"),
    *([], {}, [[]], [None], ["x"] * 3, {"x": None}, {"0": "a", "1": "b"}, "9" * 400, [1, "a", None]),
]


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """Some bits turned over."""
    damaged = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite_number(data: bytes, rng: random.Random) -> bytes:
    """A 1-, 2-, 4- or 8-byte number replaced by an extreme one, as lengths and offsets in headers are."""
    width = rng.choice([1, 2, 4, 8])
    if len(data) < width:
        return data
    place = (
        rng.randrange(min(len(data), 2048) - width + 1) if rng.random() < 0.7 else rng.randrange(len(data) - width + 1)
    )
    value = rng.choice(
        [0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1) - 1, 2 ** (8 * width - 1), rng.getrandbits(8 * width)]
    )
    return data[:place] + value.to_bytes(width, rng.choice(["little", "big"])) + data[place + width :]


def cut(data: bytes, rng: random.Random) -> bytes:
    """The file up to some place, as after a download that broke off."""
    return data[: rng.randrange(len(data) + 1)]


def remove_range(data: bytes, rng: random.Random) -> bytes:
    """Some bytes in the middle gone."""
    start, end = _range(data, rng)
    return data[:start] + data[end:]


def repeat_range(data: bytes, rng: random.Random) -> bytes:
    """Some bytes twice."""
    start, end = _range(data, rng)
    return data[:end] + data[start:end] + data[end:]


def zero_range(data: bytes, rng: random.Random) -> bytes:
    """Some bytes replaced by zeros, as a crash of a file system leaves them."""
    start, end = _range(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def insert_noise(data: bytes, rng: random.Random) -> bytes:
    """Random bytes put in between."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice([1, 2, 16, 300])) + data[place:]


def replace_whole(data: bytes, rng: random.Random) -> bytes:
    """Another file under this name: empty, a Git LFS pointer, a web page, an archive, noise."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
    page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n"
    magic = [
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04",
        b"\x89HDF\r\n\x1a\n",
        b"PAR1",
        b"\x80\x02.",
        b"\xef\xbb\xbf",
        b"\x28\xb5\x2f\xfd",
    ]
    return rng.choice(
        [b"", b"\n", pointer, page, b"null", b"{", *(each + rng.randbytes(40) for each in magic), rng.randbytes(500)]
    )


def damage_lines(data: bytes, rng: random.Random) -> bytes:
    """Lines removed, repeated, exchanged, joined or ended otherwise."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[place]
        case 1:
            lines.insert(other, lines[place])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case 3:
            lines[place] = lines[place].rstrip(b"\r\n") + rng.choice(_LINE_ENDS)
        case 4:
            lines = [line.rstrip(b"\r\n") + b"\r\n" for line in lines]
        case _:
            lines[place] = rng.choice([b" ", b"\t", b"#", b">", b"\xef\xbb\xbf"]) + lines[place]
    return b"".join(lines)


def damage_cell(data: bytes, rng: random.Random) -> bytes:
    """One cell of one line replaced by something that people and programs put there, or not text at all."""
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    separator = rng.choice([b"\t", b",", b" ", b":", b";", b"="])
    cells = lines[place].split(separator)
    which = rng.randrange(len(cells))
    value = (
        rng.choice(_CELLS).encode() if rng.random() < 0.9 else rng.choice([b"\xff", b"\xe9", b"\xc3", b"\xed\xa0\x80"])
    )
    match rng.randrange(4):
        case 0:
            del cells[which]
        case 1:
            cells.insert(which, value)
        case _:
            cells[which] = value
    lines[place] = (separator if rng.random() < 0.9 else rng.choice([b" ", b"\t", b";"])).join(cells)
    return b"\n".join(lines)


def damage_json(data: bytes, rng: random.Random) -> bytes:
    """One value of a JSON file replaced by one of another kind, removed, or nested very deep."""
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        return flip_bits(data, rng)
    if rng.random() < 0.03:
        depth = rng.choice([50, 2_000, 100_000])
        return b'{"x": ' * depth + b"1" + b"}" * depth if rng.random() < 0.5 else b"[" * depth + b"]" * depth
    if rng.random() < 0.03:
        return json.dumps(rng.choice(_VALUES)).encode()
    root = copy.deepcopy(root)
    places = list(_places(root))
    if not places:
        return json.dumps(rng.choice(_VALUES)).encode()
    parent, key = rng.choice(places)
    match rng.randrange(8):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[rng.choice(["x", "", "../x", key + "x"])] = parent.pop(key)
        case 2:
            parent[key] = [parent[key]]
        case 3:
            parent[key] = str(parent[key])
        case _:
            parent[key] = rng.choice(_VALUES)
    return json.dumps(root).encode()


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items)[:200]:
        yield node, key
        yield from _places(value)


def _range(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(start + rng.choice([1, 1, 4, 32, 512, 5000]), len(data))


BINARY: tuple[Mutator, ...] = (
    *(flip_bits, flip_bits, overwrite_number, overwrite_number, cut, remove_range, repeat_range, zero_range),
    *(insert_noise, replace_whole),
)
TEXT: tuple[Mutator, ...] = (
    *(damage_cell, damage_cell, damage_cell, damage_lines, damage_lines, flip_bits, cut, remove_range, repeat_range),
    *(insert_noise, replace_whole),
)
JSON: tuple[Mutator, ...] = (*(damage_json,) * 6, flip_bits, cut, insert_noise, replace_whole)


def mutated(data: bytes, mutators: tuple[Mutator, ...], rng: random.Random) -> bytes:
    """The bytes after one to three of the mutators."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        data = rng.choice(mutators)(data, rng)
    return data
