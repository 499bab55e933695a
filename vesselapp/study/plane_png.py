"""Planes of bytes as PNG, quickly and without holding up other threads, which zlib and numpy let run.

Rows are written unfiltered. A file that another program saved anew goes through Pillow.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import PIL.Image
from numpy.typing import NDArray

import vesselapp.core.image_decode  # noqa: F401 - lifts Pillow's limit of 89 megapixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _PALETTE = 0, 3


class Damaged(ValueError):
    """A file that is there, and isn't what it should be."""


def encode_plane(
    plane: NDArray[np.uint8], palette: bytes | None = None, words: dict[str, str] | None = None
) -> bytes:
    """Give a plane as 8-bit PNG.

    Parameters
    ----------
    plane : (H, W) uint8
    palette : bytes, optional
        Red, green, blue for each value from 0 on; gray where None.
    words : dict, optional
        ASCII text kept in the file, by keyword.
    """
    height, width = plane.shape
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = 0
    rows[:, 1:] = plane
    kind = _GRAY if palette is None else _PALETTE
    parts = [_SIGNATURE, _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if palette is not None:
        parts.append(_chunk(b"PLTE", palette))
    for keyword, text in (words or {}).items():
        parts.append(_chunk(b"tEXt", keyword.encode("ascii") + b"\0" + text.encode("ascii")))
    parts += [_chunk(b"IDAT", zlib.compress(rows.data, 1)), _chunk(b"IEND", b"")]
    return b"".join(parts)


def decode_plane(data: bytes, height: int, width: int) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Read a plane of a size that is known from a PNG's bytes; give it with the text in the file.

    Raises
    ------
    Damaged
        Where it is anything else.
    """
    head, words, packed = b"", {}, []
    for name, content in _chunks(data):
        if name == b"IHDR":
            head = content
        elif name == b"tEXt":
            keyword, _, text = content.decode("latin-1").partition("\0")
            words[keyword] = text
        elif name == b"IDAT":
            packed.append(content)
    if len(head) != 13:
        raise Damaged("it is no PNG")
    found = struct.unpack(">II", head[:8])
    if found != (width, height):
        raise Damaged(f"it has {found[0]} x {found[1]} px, not {width} x {height}")
    if head[8:] in (bytes((8, _GRAY, 0, 0, 0)), bytes((8, _PALETTE, 0, 0, 0))):
        rows = _rows(b"".join(packed), height, width)
        if not rows[:, 0].any():
            return np.ascontiguousarray(rows[:, 1:]), words
    return _by_pillow(data), words


def _rows(packed: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Unpack to (H, W + 1), no more than fits; the first column tells how the row is filtered."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, height * (width + 1) + 1)
    except zlib.error as problem:
        raise Damaged("it is damaged") from problem
    if not unpacker.eof or len(raw) != height * (width + 1):
        raise Damaged("it is cut short")
    return np.frombuffer(raw, np.uint8).reshape(height, width + 1)


def _by_pillow(data: bytes) -> NDArray[np.uint8]:
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("PNG",)) as stored:
            if stored.mode not in ("P", "L"):
                raise Damaged("it is another kind of PNG")
            return np.array(stored, np.uint8)
    except Damaged:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as problem:
        raise Damaged("it is damaged or cut short") from problem


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give name and content of each chunk."""
    if not data.startswith(_SIGNATURE):
        raise Damaged("it is no PNG")
    place = len(_SIGNATURE)
    while place < len(data):
        head = data[place : place + 8]
        length = int.from_bytes(head[:4], "big")
        content, check = data[place + 8 : place + 8 + length], data[place + 8 + length : place + 12 + length]
        if len(head) != 8 or len(check) != 4:
            raise Damaged("it is cut short")
        if int.from_bytes(check, "big") != zlib.crc32(content, zlib.crc32(head[4:])):
            raise Damaged("it is damaged")
        yield head[4:], content
        if head[4:] == b"IEND":
            return
        place += 12 + length
    raise Damaged("it is cut short")
