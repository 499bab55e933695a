"""Planes of an image as PNG: the snapshot of its corrections, and the answer that was judged."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
from numpy.typing import NDArray

import vesselapp.core.image_decode  # noqa: F401 - lifts Pillow's limit of 89 megapixels
from vesselapp.core.evidence import HIGHEST, LOWEST, Correction
from vesselapp.core.files import atomic_write

SNAPSHOT_NAME = "corrections.png"
ANSWER_NAME = "answer.png"

_SEQUENCE = "vesselapp.sequence"
_PALETTE = [0, 0, 0, 0, 114, 178, 213, 94, 0, 240, 228, 66]


class Damaged(ValueError):
    """A file that is there, and isn't what it should be."""


def write_snapshot(
    path: Path, corrections: NDArray[np.uint8], sequence: int, ready: Callable[[], object] | None = None
) -> str:
    """Write corrections as palette PNG.

    Parameters
    ----------
    path : Path
    corrections : (H, W) uint8
        `Correction` values.
    sequence : int
        Number of the last operation of the journal that they hold.
    ready : callable, optional
        As of `atomic_write`.

    Returns
    -------
    str
        The file's sha256.
    """
    picture = PIL.Image.fromarray(corrections, "P")
    picture.putpalette(_PALETTE)
    words = PIL.PngImagePlugin.PngInfo()
    words.add_text(_SEQUENCE, str(sequence))
    return _write(path, picture, words, ready)


def write_answer(path: Path, answer: NDArray[np.uint8], ready: Callable[[], object] | None = None) -> str:
    """Write a quantised probability ((H, W) uint8, 1-253) as gray PNG; give the file's sha256."""
    return _write(path, PIL.Image.fromarray(answer, "L"), PIL.PngImagePlugin.PngInfo(), ready)


def read_snapshot(data: bytes, height: int, width: int) -> tuple[NDArray[np.uint8], int]:
    """Read corrections from a PNG's bytes.

    Returns
    -------
    corrections : (H, W) uint8
    sequence : int
        Number of the last operation that they hold; 0 where the file doesn't tell.

    Raises
    ------
    Damaged
        Where they can't be read, or are of another size.
    """
    plane, words = _read(data, ("P", "L"), height, width)
    if plane.max(initial=0) > max(Correction):
        raise Damaged("it holds values that are no corrections")
    try:
        return plane, max(0, int(words.get(_SEQUENCE, 0)))
    except ValueError as problem:
        raise Damaged("it doesn't tell which operations it holds") from problem


def read_answer(data: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Read a quantised probability ((H, W) uint8, 1-253) from a PNG's bytes.

    Raises
    ------
    Damaged
        As `read_snapshot`.
    """
    plane, _ = _read(data, ("L",), height, width)
    if plane.size and not LOWEST <= plane.min() <= plane.max() <= HIGHEST:
        raise Damaged("it holds values that are no probabilities")
    return plane


def _write(
    path: Path,
    picture: PIL.Image.Image,
    words: PIL.PngImagePlugin.PngInfo,
    ready: Callable[[], object] | None,
) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1, pnginfo=words)
    data = buffer.getvalue()
    atomic_write(path, data, ready=ready)
    return hashlib.sha256(data).hexdigest()


def _read(
    data: bytes, modes: tuple[str, ...], height: int, width: int
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    try:
        with PIL.Image.open(io.BytesIO(data), formats=("PNG",)) as stored:
            if stored.size != (width, height):
                raise Damaged(f"it has {stored.size[0]} x {stored.size[1]} px, not {width} x {height}")
            if stored.mode not in modes:
                raise Damaged("it is another kind of PNG")
            return np.array(stored, np.uint8), {str(k): str(v) for k, v in stored.info.items()}
    except Damaged:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as problem:
        raise Damaged("it is damaged or cut short") from problem
