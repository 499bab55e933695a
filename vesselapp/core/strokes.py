"""Round brush strokes as sets of pixels, without gaps however fast the pointer goes.

A pixel belongs to a stroke when its centre is no further from the pointer's way than half the diameter.
Pointer positions snap to pixel centres for odd diameters and to pixel corners for even ones, so that a
brush of 1 px paints just the pixel under the pointer and every brush is symmetric.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from skimage import draw

from vesselapp.core.geometry import Box, Pixels, pixels_at

SMALLEST = 1
LARGEST = 400

Point = tuple[float, float]


def snapped(point: Point, diameter: int) -> Point:
    """Move a point (x, y in px, pixel corners at whole numbers) to where a brush of that diameter sits."""
    if diameter % 2:
        return float(np.floor(point[0])) + 0.5, float(np.floor(point[1])) + 0.5
    return float(np.floor(point[0] + 0.5)), float(np.floor(point[1] + 0.5))


def stroke_pixels(start: Point, end: Point, diameter: int, height: int, width: int) -> Iterator[Pixels]:
    """Give the pixels between two pointer positions.

    Parameters
    ----------
    start, end : (x, y)
        Px of the picture; both ends belong to the stroke.
    diameter : int
        Px, 1-400.
    height, width : int
        Size of the picture in px; nothing outside it is given.

    Yields
    ------
    Box, (h, w) bool
        A box inside the picture and which of its pixels are painted. Long ways come as several small boxes.
    """
    start, end = snapped(start, diameter), snapped(end, diameter)
    if diameter == 1:
        yield from _thin_line(start, end, height, width)
        return
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    pieces = max(1, int(np.ceil(length / max(diameter, 64))))
    ways = np.linspace(start, end, pieces + 1)
    for piece in range(pieces):
        found = _capsule(ways[piece], ways[piece + 1], diameter / 2, height, width)
        if found is not None:
            yield found


def _thin_line(start: Point, end: Point, height: int, width: int) -> Iterator[Pixels]:
    ends = tuple(math.floor(side) for side in (start[1], start[0], end[1], end[0]))
    rows, columns = draw.line(*ends)  # type: ignore[no-untyped-call]
    inside = (rows >= 0) & (columns >= 0) & (rows < height) & (columns < width)
    rows, columns = rows[inside], columns[inside]
    for first in range(0, len(rows), 256):
        yield pixels_at(columns[first : first + 256], rows[first : first + 256])


def _capsule(
    start: NDArray[np.float64], end: NDArray[np.float64], radius: float, height: int, width: int
) -> Pixels | None:
    """Give the pixels whose centres lie within a radius (px) of the way from start to end."""
    low = np.floor(np.minimum(start, end) - radius).astype(int)
    high = np.ceil(np.maximum(start, end) + radius).astype(int)
    box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(height, width)
    if box.empty:
        return None
    x = (np.arange(box.left, box.right) + 0.5 - start[0]).astype(np.float32)[None, :]
    y = (np.arange(box.top, box.bottom) + 0.5 - start[1]).astype(np.float32)[:, None]
    way = (end - start).astype(np.float32)
    squared = float(way @ way)
    if squared:
        along = (x * (way[0] / squared)) + (y * (way[1] / squared))
        np.clip(along, 0.0, 1.0, out=along)
        distance = (x - along * way[0]) ** 2 + (y - along * way[1]) ** 2
    else:
        distance = x**2 + y**2
    return box, distance <= np.float32(radius * radius + 1e-4)
