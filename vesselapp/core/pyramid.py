"""Reduced copies of a plane, each half the size of the one before, for painting it zoomed out.

Evidence is reduced by the second largest of each 2x2 block: an order statistic, so every value is one that
stands in the plane, and thresholding a reduced copy is the same as asking, of the finer one, whether at
least two of the four pixels are foreground. Lines of one pixel stay in sight and no threshold makes the
copies wrong.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.geometry import Box

Plane = NDArray[np.uint8]
_ENOUGH = 512


def halve_pixels(pixels: Plane) -> Plane:
    """Halve (H, W, 3) or (H, W) uint8 picture values by 2x2 means; odd sides round up."""
    height, width = (pixels.shape[0] + 1) // 2, (pixels.shape[1] + 1) // 2
    padded = _padded_to_even(pixels)
    return np.asarray(cv2.resize(padded, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def halve_evidence(evidence: Plane) -> Plane:
    """Halve (H, W) uint8 evidence by the second largest of each 2x2 block; odd sides round up."""
    padded = _padded_to_even(evidence)
    # Copies, since two of them are written to below.
    a, b = padded[0::2, 0::2].copy(), padded[0::2, 1::2].copy()
    c, d = padded[1::2, 0::2].copy(), padded[1::2, 1::2].copy()
    lesser = np.maximum(np.minimum(a, b), np.minimum(c, d))
    np.maximum(a, b, out=a)
    np.maximum(c, d, out=c)
    return np.maximum(np.minimum(a, c), lesser)


def _padded_to_even(plane: Plane) -> Plane:
    bottom, right = plane.shape[0] % 2, plane.shape[1] % 2
    if not bottom and not right:
        return plane
    return np.asarray(cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)


class Pyramid:
    """A plane and its reduced copies; level 0 is the plane itself, not a copy of it.

    Parameters
    ----------
    plane : (H, W) or (H, W, C) uint8
    halve : callable
        `halve_pixels` or `halve_evidence`.
    """

    def __init__(self, plane: Plane, halve: Callable[[Plane], Plane]) -> None:
        self._halve = halve
        self.levels = [plane]
        while max(self.levels[-1].shape[:2]) > _ENOUGH:
            self.levels.append(halve(self.levels[-1]))

    @classmethod
    def uniform(cls, height: int, width: int, value: int, halve: Callable[[Plane], Plane]) -> "Pyramid":
        """Make a plane of one value, with its reduced copies, without computing them."""
        made = cls(np.full((1, 1), value, np.uint8), halve)
        made.levels = [np.full((height, width), value, np.uint8)]
        while max(made.levels[-1].shape) > _ENOUGH:
            high, wide = made.levels[-1].shape
            made.levels.append(np.full(((high + 1) // 2, (wide + 1) // 2), value, np.uint8))
        return made

    def update(self, box: Box) -> None:
        """Bring the reduced copies up to date after the plane changed inside a box (px of level 0)."""
        for level in range(1, len(self.levels)):
            finer, coarser = self.levels[level - 1], self.levels[level]
            half = Box(box.left // 2, box.top // 2, (box.right + 1) // 2, (box.bottom + 1) // 2)
            box = half.clipped(*coarser.shape[:2])
            if box.empty:
                return
            fine = Box(2 * box.left, 2 * box.top, 2 * box.right, 2 * box.bottom).clipped(*finer.shape[:2])
            coarser[box.slices] = self._halve(finer[fine.slices])
