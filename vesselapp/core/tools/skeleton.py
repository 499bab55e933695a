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
    way, seen = [end], {end}
    while len(way) < longest:
        onward = onward_from(line, way[-1], seen)
        if not onward:
            return way, False
        stair = len(onward) == 2 and touch(*onward)  # its corner is no branching
        if len(onward) > 1 and not stair:
            return way[:-1] or way, len(way) > 1
        way.append(onward[0])
        seen.add(onward[0])
    return way, False


def onward_from(line: Mask, spot: Spot, seen: set[Spot]) -> list[Spot]:
    """Give the pixels of a skeleton that touch one of it and were not seen, those by a side first."""
    height, width = line.shape
    near = ((spot[0] + down, spot[1] + across) for down, across in _AROUND)
    return [
        (row, column)
        for row, column in near
        if 0 <= row < height and 0 <= column < width and line[row, column] and (row, column) not in seen
    ]


def touch(one: Spot, other: Spot) -> bool:
    """Tell whether two spots touch by a side."""
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) == 1
