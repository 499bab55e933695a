"""The middle line of a mask, its loose ends, and the way back from them."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from vesselapp.core.tools.pieces import Mask

Spot = tuple[int, int]

_AROUND = ((-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.float32)


def middle_line(mask: Mask) -> Mask:
    """Give the skeleton of a mask (Zhang and Suen, CACM 1984), ``(H, W) bool``."""
    return np.asarray(skeletonize(mask), np.bool_)  # type: ignore[no-untyped-call]


def half_widths(mask: Mask) -> NDArray[np.float32]:
    """Give each pixel's distance to the background in px, 0.5 for one that touches it by a side.

    At most as far as the mask is long, where there is no background.
    """
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(np.clip(distance - np.float32(0.5), 0.0, float(max(mask.shape))), np.float32)


def loose_ends(line: Mask) -> list[Spot]:
    """Give the pixels (row, column) of a skeleton that have one neighbour or none."""
    count = cv2.filter2D(line.astype(np.float32), cv2.CV_32F, _RING, borderType=cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(line & (count < 1.5))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def walk_back(line: Mask, end: Spot, longest: int) -> tuple[list[Spot], bool]:
    """Follow a skeleton from a loose end.

    Parameters
    ----------
    line : (H, W) bool
    end : (row, column)
    longest : int
        How many pixels at most.

    Returns
    -------
    way : list of (row, column)
        From the end on; without the pixel where the line branches.
    branches : bool
        Whether the way ended where the line branches (rather than at another end, or by its length).
    """
    height, width = line.shape
    way, seen = [end], {end}
    while len(way) < longest:
        row, column = way[-1]
        near = [
            (row + down, column + across)
            for down, across in _AROUND
            if 0 <= row + down < height and 0 <= column + across < width and line[row + down, column + across]
        ]
        onward = [spot for spot in near if spot not in seen]
        if not onward:
            return way, False
        if len(onward) > 1 and not _one_after_the_other(onward):
            return way[:-1] or way, len(way) > 1
        way.append(onward[0])
        seen.add(onward[0])
    return way, False


def _one_after_the_other(spots: list[Spot]) -> bool:
    """Tell whether two spots touch by a side: a corner of a stair, not a branching."""
    if len(spots) != 2:
        return False
    (a, b), (c, d) = spots
    return abs(a - c) + abs(b - d) == 1
