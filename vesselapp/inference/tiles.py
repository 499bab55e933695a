"""How a plane is cut into tiles, and how their answers are blended into one without a seam.

Neighbouring tiles share at least ``overlap + ramp`` px. The outer ``overlap / 2`` px of a side that has a
neighbour are context only, so that a net whose receptive field (side, px) fits the overlap answers as if it
had seen the whole plane; over the ``ramp`` px in the middle the answers fade into each other. The weights of
all tiles add up to one at each pixel, so answers are added straight into the result, without a second plane.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RAMP = 16


@dataclass(frozen=True)
class Axis:
    """Tiles along one axis: their side, where each begins, and where it begins and stops to count (px)."""

    length: int
    side: int
    starts: tuple[int, ...]
    ramp: int

    def weights(self, index: int) -> NDArray[np.float32]:
        """Give ``(side,) float32``: how much each row or column of a tile counts, 0-1."""
        weights = np.ones(self.side, np.float32)
        if index > 0:
            low, high = self._fade(index - 1)
            weights *= _rise(np.arange(self.side) + self.starts[index], low, high)
        if index + 1 < len(self.starts):
            low, high = self._fade(index)
            weights *= 1 - _rise(np.arange(self.side) + self.starts[index], low, high)
        return weights

    def span(self, index: int) -> tuple[int, int]:
        """Give the first and one past the last px at which a tile counts at all, inside the plane."""
        low = self._fade(index - 1)[0] if index > 0 else 0
        high = self._fade(index)[1] if index + 1 < len(self.starts) else self.length
        return low, min(high, self.length)

    def own(self, index: int) -> tuple[int, int]:
        """Give the px that are this tile's when each px is given to just one tile."""
        low = sum(self._fade(index - 1)) // 2 if index > 0 else 0
        high = sum(self._fade(index)) // 2 if index + 1 < len(self.starts) else self.length
        return low, min(high, self.length)

    def _fade(self, index: int) -> tuple[int, int]:
        """Give where tile ``index`` fades into the next one."""
        middle = (self.starts[index + 1] + self.starts[index] + self.side) // 2
        low = middle - self.ramp // 2
        return low, low + self.ramp


def _rise(position: NDArray[np.int64], low: int, high: int) -> NDArray[np.float32]:
    """Rise from 0 before ``low`` to 1 from ``high`` on, along half a cosine."""
    if high == low:
        return (position >= low).astype(np.float32)
    share = np.clip((position + 0.5 - low) / (high - low), 0.0, 1.0)
    return (0.5 - 0.5 * np.cos(np.pi * share)).astype(np.float32)


def cut_axis(length: int, size: int, overlap: int, stride: int, *, fixed: bool) -> Axis:
    """Cut a length into tiles whose beginnings lie on multiples of the stride.

    Parameters
    ----------
    length : int
        Px to cover.
    size : int
        Wanted side of a tile in px; its side where ``fixed``, else the most it may be.
    overlap : int
        Px of context that neighbours share besides the ramp.
    stride : int
        Sides that are free are multiples of it.
    fixed : bool
        All tiles have exactly ``size`` px; otherwise they shrink to what the length needs.

    Returns
    -------
    Axis
    """
    side = size if fixed else max(4 * stride, size // stride * stride)
    if 4 * stride > side:
        stride = 1
    ramp = min(RAMP, side // 8)
    shared = math.ceil((min(overlap, side // 2) + ramp) / stride) * stride
    if length <= side:
        return Axis(length, side if fixed else math.ceil(length / stride) * stride, (0,), 0)
    reach = math.ceil((length - side) / stride)  # how far the last tile begins, in strides
    count = 1 + math.ceil(reach / max(1, (side - shared) // stride))
    if not fixed:
        units = math.ceil(length / stride)
        side = math.ceil((units * stride + (count - 1) * shared) / count / stride) * stride
        reach = units - side // stride
    starts = tuple(stride * (reach * index // (count - 1)) for index in range(count))
    return Axis(length, side, starts, ramp)


@dataclass(frozen=True)
class Tile:
    """One tile: its place (px of the plane) and its row and column among the tiles."""

    top: int
    left: int
    row: int
    column: int


@dataclass(frozen=True)
class Grid:
    """All tiles of a plane."""

    rows: Axis
    columns: Axis

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of every tile in px."""
        return self.rows.side, self.columns.side

    def tiles(self) -> Iterator[Tile]:
        """Walk the tiles row by row."""
        for row, top in enumerate(self.rows.starts):
            for column, left in enumerate(self.columns.starts):
                yield Tile(top, left, row, column)

    def span(self, tile: Tile) -> tuple[int, int, int, int]:
        """Give the box (left, top, right, bottom; px) that a tile has a say in."""
        top, bottom = self.rows.span(tile.row)
        left, right = self.columns.span(tile.column)
        return left, top, right, bottom

    def own(self, tile: Tile) -> tuple[int, int, int, int]:
        """Give the box that is a tile's when each px is given to just one tile."""
        top, bottom = self.rows.own(tile.row)
        left, right = self.columns.own(tile.column)
        return left, top, right, bottom

    def add(self, plane: NDArray[np.float32], tile: Tile, answer: NDArray[np.float32]) -> None:
        """Add a tile's answer ``(tile height, tile width) float32`` to the plane by its weights."""
        left, top, right, bottom = self.span(tile)
        rows = slice(top - tile.top, bottom - tile.top)
        columns = slice(left - tile.left, right - tile.left)
        part = answer[rows, columns]
        if len(self.rows.starts) > 1:
            part = part * self.rows.weights(tile.row)[rows, None]
        if len(self.columns.starts) > 1:
            part = part * self.columns.weights(tile.column)[None, columns]
        plane[top:bottom, left:right] += part


def cut(shape: tuple[int, int], size: tuple[int, int], overlap: int, stride: int, *, fixed: bool) -> Grid:
    """Cut a plane of some height and width into tiles of some height and width (see `cut_axis`)."""
    rows = cut_axis(shape[0], size[0], overlap, stride, fixed=fixed)
    return Grid(rows, cut_axis(shape[1], size[1], overlap, stride, fixed=fixed))


def take_tile(pixels: NDArray[np.uint8], tile: Tile, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Take a tile's pixels; past the right and lower edge the picture is mirrored.

    Parameters
    ----------
    pixels : (H, W, C) uint8
    tile : Tile
    shape : (int, int)
        Height and width in px.

    Returns
    -------
    shape + (C,) uint8
    """
    return mirror_to(pixels[tile.top : tile.top + shape[0], tile.left : tile.left + shape[1]], shape)


def mirror_to(part: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Mirror pixels past their right and lower edge until they fill ``shape`` (height, width; px)."""
    if part.shape[:2] == shape:
        return part
    rows = _mirrored(part.shape[0], shape[0])
    columns = _mirrored(part.shape[1], shape[1])
    return part[rows][:, columns]


def _mirrored(length: int, wanted: int) -> NDArray[np.intp]:
    """Give indices that run forth and back over a length, without repeating its ends."""
    if length == 1:
        return np.zeros(wanted, np.intp)
    index = np.arange(wanted) % (2 * length - 2)
    return np.where(index < length, index, 2 * length - 2 - index).astype(np.intp)
