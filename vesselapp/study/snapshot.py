"""Planes of an image as PNG: the snapshot of its corrections, and the answer that was judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import HIGHEST, LOWEST, Correction
from vesselapp.core.files import atomic_write
from vesselapp.study.plane_png import Damaged, decode_plane, encode_plane

SNAPSHOT_NAME = "corrections.png"
ANSWER_NAME = "answer.png"

_SEQUENCE = "vesselapp.sequence"
_PALETTE = bytes([0, 0, 0, 0, 114, 178, 213, 94, 0, 240, 228, 66])


def write_snapshot(
    path: Path, corrections: NDArray[np.uint8], sequence: int, ready: Callable[[], object] | None = None
) -> bytes:
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
    bytes
        What was written.
    """
    data = encode_plane(corrections, _PALETTE, {_SEQUENCE: str(sequence)})
    atomic_write(path, data, ready=ready)
    return data


def write_answer(path: Path, answer: NDArray[np.uint8], ready: Callable[[], object] | None = None) -> str:
    """Write a quantised probability ((H, W) uint8, 1-253) as gray PNG; give the file's sha256."""
    data = encode_plane(answer)
    atomic_write(path, data, ready=ready)
    return hashlib.sha256(data).hexdigest()


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
    plane, words = decode_plane(data, height, width)
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
    plane, _ = decode_plane(data, height, width)
    if plane.size and not LOWEST <= plane.min() <= plane.max() <= HIGHEST:
        raise Damaged("it holds values that are no probabilities")
    return plane
