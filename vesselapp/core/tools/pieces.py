"""Boxes of pixels that edits are made of, and walking over large planes a part at a time."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.geometry import Box, Pixels

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Place = tuple[int, int]

_TILE = 256


def trimmed(box: Box, chosen: Mask) -> Pixels | None:
    """Cut a box to the pixels chosen in it; None where there are none."""
    rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
    if not len(rows):
        return None
    inner = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return inner.moved(box.left, box.top), np.ascontiguousarray(chosen[inner.slices])


def by_tiles(box: Box, chosen: Mask) -> Iterator[Pixels]:
    """Give the chosen pixels of a large box as small boxes, so that an edit keeps only what it changes."""
    for top in range(box.top, box.bottom, _TILE):
        rows = slice(top - box.top, min(top + _TILE, box.bottom) - box.top)
        if not chosen[rows].any():
            continue
        for left in range(box.left, box.right, _TILE):
            tile = Box(left, top, min(left + _TILE, box.right), min(top + _TILE, box.bottom))
            found = trimmed(tile, chosen[rows, left - box.left : tile.right - box.left])
            if found is not None:
                yield found


def disjoint(parts: list[Pixels]) -> list[Pixels]:
    """Give the same pixels with none in two boxes: what is see-through may be drawn only once."""
    out: list[Pixels] = []
    for box, chosen in parts:
        left = chosen.copy()
        for other, taken in out:
            both = box.clipped_to(other)
            if not both.empty:
                left[both.slices_in(box)] &= ~taken[both.slices_in(other)]
        out.append((box, left))
    return out


def bands(box: Box, height: int, rows: int, margin: int) -> Iterator[tuple[Box, Box]]:
    """Give a box as bands of rows: each band, and the same with a margin above and below (px)."""
    for top in range(box.top, box.bottom, rows):
        core = Box(box.left, top, box.right, min(top + rows, box.bottom))
        yield core, Box(box.left, max(0, top - margin), box.right, min(height, core.bottom + margin))


def block_max(plane: Plane, step: int) -> Plane:
    """Give the largest value of each block of step x step px; step is a power of two, odd ends round up."""
    while step > 1:
        bottom, right = plane.shape[0] % 2, plane.shape[1] % 2
        if bottom or right:
            plane = np.asarray(cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        rows = np.maximum(plane[0::2], plane[1::2])
        plane = np.maximum(rows[:, 0::2], rows[:, 1::2])
        step //= 2
    return plane
