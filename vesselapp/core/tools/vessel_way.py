"""The way of the vessel under a place: along the mask's middle line, straight on where it branches."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import LOWEST, mask_of
from vesselapp.core.tools.pieces import Mask, Place, Plane
from vesselapp.core.tools.skeleton import Spot, half_widths, middle_line, onward_from, touch
from vesselapp.core.tools.trace import Path

_HEADING = 10
_STRAIGHT_ON = 0.5
_ROOM = 3.0
_USUAL = 0.9
_FAINTER = (1, 4, 16)
_LONG_ENOUGH = 0.67
_APART = 9
_SHORTEST = 4


class FaintWays:
    """The ways of vessels, also of those that the threshold leaves out: down to a sixteenth of it is tried.

    Parameters
    ----------
    evidence : (H, W) uint8
    level : int
    """

    def __init__(self, evidence: Plane, level: int) -> None:
        self._evidence = evidence
        self._levels = sorted({max(LOWEST + 1, level // part) for part in _FAINTER}, reverse=True)
        self._ways: dict[int, VesselWays] = {}

    def through(self, place: Place) -> tuple[Path, float] | None:
        """Follow the vessel under a place (see `VesselWays.through`).

        The clearest mask's way is taken, unless a fainter one goes on for much longer: a vessel that the
        threshold cuts to pieces is followed whole.
        """
        known = (self._at(level).through(place) for level in self._levels)
        found = [one for one in known if one is not None and len(one[0]) >= _SHORTEST]
        longest = max((len(way) for way, _ in found), default=0)
        return next((one for one in found if len(one[0]) >= _LONG_ENOUGH * longest), None)

    def lines(self) -> Mask:
        """Give the middle lines of the mask, and of what a quarter of the threshold shows apart from them."""
        clear = self._at(self._levels[0]).line
        faint = self._at(self._levels[min(1, len(self._levels) - 1)]).line
        near = cv2.dilate(clear.astype(np.uint8), np.ones((_APART, _APART), np.uint8)) > 0
        return clear | (faint & ~near)

    def _at(self, level: int) -> "VesselWays":
        if level not in self._ways:
            self._ways[level] = VesselWays(mask_of(self._evidence, level))
        return self._ways[level]


class VesselWays:
    """The ways of a mask's vessels.

    Parameters
    ----------
    mask : (H, W) bool

    Attributes
    ----------
    line : (H, W) bool
        The mask's middle line.
    """

    def __init__(self, mask: Mask) -> None:
        self.line = middle_line(mask)
        self._half = half_widths(mask)

    def through(self, place: Place) -> tuple[Path, float] | None:
        """Follow the vessel under a place both ways, to where it ends or turns off by more than 60 degrees.

        Parameters
        ----------
        place : (x, y)
            Px, in the vessel or at most 3 px beside it.

        Returns
        -------
        way : (N, 2) int32
            Pixels (x, y) of the middle line, each touching the next; at least two.
        half_width : float
            The vessel's on the way, px; nine of ten places are no wider.
        None
            Where no vessel is.
        """
        start = self._nearest(place)
        if start is None:
            return None
        there = self._follow([start], {start})
        both = self._follow(there[::-1], set(there))
        spots = np.array(both, np.int32)
        if len(spots) < 2:
            return None
        half = float(np.quantile(self._half[spots[:, 0], spots[:, 1]], _USUAL))
        if half > min(self.line.shape) / 2:
            return None  # all is marked, as far as is seen: no vessel
        return np.ascontiguousarray(spots[:, ::-1]), half

    def _nearest(self, place: Place) -> Spot | None:
        height, width = self.line.shape
        x, y = place
        if not (0 <= x < width and 0 <= y < height):
            return None
        room = int(_ROOM)
        near = self._half[max(0, y - room) : y + room + 1, max(0, x - room) : x + room + 1]
        # From the rim of a wide vessel, its middle is a whole width away.
        reach = int(2 * near.max()) + room + 1
        for far in (reach, 8 * reach):
            top, left = max(0, y - far), max(0, x - far)
            spots = np.argwhere(self.line[top : y + far + 1, left : x + far + 1])
            if not len(spots):
                continue
            spots += [top, left]
            beside = np.hypot(spots[:, 0] - y, spots[:, 1] - x) - self._half[spots[:, 0], spots[:, 1]]
            best = int(np.argmin(beside))
            return (int(spots[best, 0]), int(spots[best, 1])) if beside[best] <= _ROOM else None
        return None

    def _follow(self, begun: list[Spot], seen: set[Spot]) -> list[Spot]:
        """Go on with a way, without the spots seen, which grow by the new ones."""
        way = list(begun)
        while True:
            onward = onward_from(self.line, way[-1], seen)
            if not onward:
                return way
            if len(onward) == 1:
                seen.add(onward[0])
                way.append(onward[0])
                continue
            # Corners of a stair beside the way are no branches.
            seen.update(onward)
            agreement = {spot: self._agreement(way, spot, seen) for spot in onward}
            best = max(onward, key=lambda spot: agreement[spot])
            if agreement[best] < _STRAIGHT_ON:
                return way
            seen.difference_update(spot for spot in onward if spot != best and not touch(spot, best))
            way.append(best)

    def _agreement(self, way: list[Spot], spot: Spot, seen: set[Spot]) -> float:
        """Give the cosine between where the way heads and where it would go on from a spot."""
        before = way[max(0, len(way) - _HEADING)]
        heading = np.subtract(way[-1], before)
        ahead, known = spot, {*seen, spot}
        for _ in range(_HEADING):
            onward = onward_from(self.line, ahead, known)
            if not onward:
                break
            known.update(onward)
            ahead = onward[0]
        return _cosine(heading, np.subtract(ahead, way[-1]))


def _cosine(one: NDArray[np.int_], other: NDArray[np.int_]) -> float:
    lengths = float(np.hypot(*one) * np.hypot(*other))
    return float(np.dot(one, other)) / lengths if lengths else 1.0
