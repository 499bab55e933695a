"""Boxes of pixels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """A rectangle of pixels: left and top included, right and bottom excluded (px)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        """Whether no pixel lies in the box."""
        return self.right <= self.left or self.bottom <= self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """The box as (rows, columns), to index an array with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def slices_in(self, other: "Box") -> tuple[slice, slice]:
        """Give the box as (rows, columns) of the array of another box that holds it."""
        return (
            slice(self.top - other.top, self.bottom - other.top),
            slice(self.left - other.left, self.right - other.left),
        )

    def clipped(self, height: int, width: int) -> "Box":
        """Give the part inside a picture of that size; empty when there is none."""
        left, top = min(max(self.left, 0), width), min(max(self.top, 0), height)
        return Box(left, top, max(left, min(self.right, width)), max(top, min(self.bottom, height)))

    def clipped_to(self, other: "Box") -> "Box":
        """Give the part inside another box; empty when there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Box(
            left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom))
        )

    def grown(self, by: int) -> "Box":
        """Give the box with a margin (px) added on every side."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def moved(self, right: int, down: int) -> "Box":
        """Give the box that lies so many px further right and down."""
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def united(self, other: "Box") -> "Box":
        """Give the smallest box that holds both; an empty box adds nothing."""
        if self.empty:
            return other
        if other.empty:
            return self
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


EMPTY = Box(0, 0, 0, 0)
Pixels = tuple[Box, NDArray[np.bool_]]
"""A box, and which of its pixels, (h, w) bool, are meant."""


def pixels_at(x: NDArray[np.integer], y: NDArray[np.integer]) -> Pixels:
    """Give the pixels of some places (at least one): the smallest box that holds them, and which of it."""
    box = Box(int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1)
    chosen = np.zeros((box.bottom - box.top, box.right - box.left), np.bool_)
    chosen[y - box.top, x - box.left] = True
    return box, chosen


def box_of(plane: NDArray[np.generic]) -> Box:
    """Give the box of a whole (H, W, ...) array."""
    return Box(0, 0, plane.shape[1], plane.shape[0])
