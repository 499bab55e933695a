"""The next doubtful place: where the decision is least sure and matters most."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import BACKGROUND, FOREGROUND, HIGHEST, LOWEST, UNSURE
from vesselapp.core.geometry import Box
from vesselapp.core.tools.pieces import Plane, block_max

_MOST_BLOCKS = 2_000_000
_LARGEST_PLACE = 192
_BAND = 0.6
_LEAST_DOUBT = 64
_FEWEST_BLOCKS = 3
_LONGEST_BONUS = 4.0
_AROUND = np.ones((5, 5), np.uint8)


@dataclass(frozen=True)
class Place:
    """A connected region that may be foreground or not.

    Attributes
    ----------
    box : Box
        Px of the picture.
    centre : (x, y)
        A pixel of the region (to a few px), near its middle.
    weight : float
        Doubt (0-1) times area (px), up to four times as much for a region as long and thin as a vessel.
    """

    box: Box
    centre: tuple[int, int]
    weight: float


def doubtful_places(evidence: Plane, level: int, *, most: int | None = None) -> list[Place]:
    """Find where a person's word is worth most.

    A place is in doubt when the strongest evidence in its surroundings is near the level: the rim of a
    certain vessel, where evidence also passes the level, is not. Pixels that a person has corrected or
    called unsure are in no doubt, nor is the rim of what was taken away. Works on blocks of pixels, so that
    large pictures take no longer.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
        2-253.
    most : int or None
        Give no more than so many; None gives all.

    Returns
    -------
    list of Place
        The weightiest first.
    """
    step = 1
    while evidence.size > _MOST_BLOCKS * step * step:
        step *= 2
    doubt = _doubt(block_max(np.asarray(cv2.LUT(evidence, _plain_table()), np.uint8), step), level)
    # The rim of what a person took away is decided with it, as that of a certain vessel is.
    taken = block_max((evidence == BACKGROUND).astype(np.uint8), step)
    doubt[cv2.dilate(taken, _AROUND) > 0] = 0
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(
        (doubt >= _LEAST_DOUBT).astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    places: list[Place] = []
    for number in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= _FEWEST_BLOCKS):
        if number:
            left, top, width, height = (int(value) for value in stats[number][:4])
            box = Box(left, top, left + width, top + height)
            places.extend(_places(doubt, np.asarray(numbers), int(number), box, step, evidence.shape))
    places.sort(key=lambda place: -place.weight)
    return places[:most]


def _plain_table() -> Plane:
    """Give evidence with what a person said as certain: foreground stays, all else is background."""
    table = np.arange(256).astype(np.uint8)
    table[BACKGROUND], table[UNSURE], table[FOREGROUND] = LOWEST, LOWEST, FOREGROUND
    return table


def _doubt(strongest: Plane, level: int) -> Plane:
    """Give 0-255 per block: how near the level the strongest evidence around it is."""
    value = np.arange(256, dtype=np.float64)
    below = (level - value) / (_BAND * max(level - LOWEST, 1))
    above = (value - level) / (_BAND * max(HIGHEST - level, 1))
    table = np.clip(1 - np.where(value < level, below, above), 0, 1)
    table[FOREGROUND] = 0
    table = np.round(table * 255).astype(np.uint8)
    own = np.asarray(cv2.LUT(strongest, table), np.uint8)
    around = np.asarray(cv2.LUT(cv2.dilate(strongest, _AROUND), table), np.uint8)
    return np.minimum(own, around)


def _places(
    doubt: Plane, numbers: NDArray[np.int32], number: int, box: Box, step: int, shape: tuple[int, ...]
) -> list[Place]:
    """Turn a region of blocks into places; one too large to be looked at as a whole gives several."""
    out: list[Place] = []
    rows = -(-(box.bottom - box.top) // _LARGEST_PLACE)
    columns = -(-(box.right - box.left) // _LARGEST_PLACE)
    for row in range(rows):
        for column in range(columns):
            part = Box(
                box.left + column * (box.right - box.left) // columns,
                box.top + row * (box.bottom - box.top) // rows,
                box.left + (column + 1) * (box.right - box.left) // columns,
                box.top + (row + 1) * (box.bottom - box.top) // rows,
            )
            ys, xs = np.nonzero(numbers[part.slices] == number)
            if len(ys) >= _FEWEST_BLOCKS:
                out.append(_place(doubt, ys + part.top, xs + part.left, step, shape))
    return out


def _place(
    doubt: Plane, ys: NDArray[np.intp], xs: NDArray[np.intp], step: int, shape: tuple[int, ...]
) -> Place:
    nearest = int(np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2))
    box = Box(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    # A disc fills most of the square on its diagonal, a vessel little of it.
    diagonal = (box.right - box.left) ** 2 + (box.bottom - box.top) ** 2
    bonus = min(max(float(np.sqrt(diagonal / len(ys) / 2)), 1.0), _LONGEST_BONUS)
    weight = float(doubt[ys, xs].sum()) / 255 * step * step * bonus
    whole = Box(box.left * step, box.top * step, box.right * step, box.bottom * step)
    half = step // 2
    x, y = int(xs[nearest]) * step + half, int(ys[nearest]) * step + half
    return Place(whole.clipped(shape[0], shape[1]), (min(x, shape[1] - 1), min(y, shape[0] - 1)), weight)
