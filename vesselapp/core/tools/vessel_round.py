"""A round over a picture's vessels: from each to the nearest that was not looked at yet."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vesselapp.core.tools.pieces import Place
from vesselapp.core.tools.trace import Path
from vesselapp.core.tools.vessel_way import FaintWays

SHORTEST = 10
"""Px; what is shorter, or shorter than it is wide, is passed over."""

_CELL = 2
_BESIDE = 1
_MOSTLY = 0.25


class VesselRound:
    """Remembers which vessels were looked at, and finds the next one.

    Parameters
    ----------
    height, width : int
        Size of the picture, px.
    """

    def __init__(self, height: int, width: int) -> None:
        self._size = height, width
        self._seen = np.zeros((-(-height // _CELL), -(-width // _CELL)), np.bool_)

    def saw(self, way: Path) -> None:
        """Note that a vessel was looked at; its pixels (x, y) are of the picture."""
        for across in (-_BESIDE, 0, _BESIDE):
            for down in (-_BESIDE, 0, _BESIDE):
                self._seen[self._cells(way + np.array([across, down], np.int32))] = True

    def next(
        self, ways: FaintWays, place: Place, *, corner: Place = (0, 0), step: int = 1
    ) -> tuple[Path, float] | None:
        """Find the nearest vessel that was not looked at.

        Parameters
        ----------
        ways : FaintWays
            Of a part of the picture, or of a reduced copy of it.
        place : (x, y)
            Px of the picture.
        corner : (x, y)
            Where the part begins, in px of the copy.
        step : int
            Px of the picture for a px of the copy.

        Returns
        -------
        way, half_width
            As of `FaintWays.through`, in px of the picture; None where none is left.
        """
        for spot in self._nearest_first(ways, place, corner, step):
            found = ways.through(spot)
            if found is None:
                continue
            way = (found[0] + np.array(corner, np.int32)) * step + step // 2
            fresh = ~self._seen[self._cells(way)]
            shortest = max(SHORTEST, 2 * found[1] * step)
            if len(way) * step >= shortest and fresh.mean() > _MOSTLY:
                return way, found[1] * step
            self.saw(way)
        return None

    def _nearest_first(self, ways: FaintWays, place: Place, corner: Place, step: int) -> Iterator[Place]:
        """Give spots (px of the part) of lines that weren't looked at, one for each few px."""
        rows, columns = np.nonzero(ways.lines())
        spots = np.stack([columns, rows], axis=1).astype(np.int32)
        inside = (spots + np.array(corner, np.int32)) * step
        spots, inside = (plane[~self._seen[self._cells(inside)]] for plane in (spots, inside))
        order = np.argsort(np.hypot(*(inside - np.array(place)).T), kind="stable")
        tried = np.zeros_like(self._seen)
        for number in order.tolist():
            cell = self._cells(inside[number : number + 1])
            if not tried[cell].any():
                tried[cell] = True
                yield int(spots[number, 0]), int(spots[number, 1])

    def _cells(self, way: Path) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        height, width = self._size
        x, y = np.clip(way[:, 0], 0, width - 1), np.clip(way[:, 1], 0, height - 1)
        return y // _CELL, x // _CELL
