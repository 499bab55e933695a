"""Which vessel lies under the pointer, and which comes next on a round over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vesselapp.core.geometry import Box
from vesselapp.core.strokes import Point
from vesselapp.core.tools.trace import Path
from vesselapp.core.tools.vessel_round import VesselRound
from vesselapp.core.tools.vessel_way import FaintWays
from vesselapp.state.document import Document
from vesselapp.ui.render import level_for

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_WINDOW = 480
_WHOLE_PX = 1_500_000

Vessel = tuple[Path, float]
"""Its way, (N, 2) int32 px (x, y) of the picture, and its half width in px."""


class VesselFinder:
    """Finds vessels in the canvas's document, on the reduced copy that is in sight.

    Parameters
    ----------
    canvas : Canvas
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._round: VesselRound | None = None
        self._passed: list[Vessel] = []
        self._round_in: Document | None = None

    def under(self, document: Document, at: Point) -> Vessel | None:
        """Find a vessel in a window around a place, None where none is."""
        ways, corner, step = self._around(document, at)
        if ways is None:
            return None
        found = ways.through((int(at[0] // step) - corner[0], int(at[1] // step) - corner[1]))
        if found is None:
            return None
        way = (found[0] + np.array(corner, np.int32)) * step + step // 2
        return np.minimum(way, np.array([document.width - 1, document.height - 1], np.int32)), found[1] * step

    def after(self, document: Document, vessel: Vessel, at: Point) -> Vessel | None:
        """Go on to the nearest vessel not looked at; None where none is left, and the round begins anew."""
        if self._round is None or self._round_in is not document:
            self._round, self._round_in = VesselRound(document.height, document.width), document
            self._passed = []
        self._round.saw(vessel[0])
        place = int(at[0]), int(at[1])
        ways, corner, step = self._around(document, at)
        found = None if ways is None else self._round.next(ways, place, corner=corner, step=step)
        if found is None:
            found = self._anywhere(document, self._round, place)
        if found is None:
            self._round = None
        else:
            self._passed.append(vessel)
        return found

    def before(self, document: Document) -> Vessel | None:
        """Give the vessel before on the round; None at its beginning."""
        return self._passed.pop() if self._passed and self._round_in is document else None

    def _anywhere(self, document: Document, going: VesselRound, place: tuple[int, int]) -> Vessel | None:
        """Find the nearest vessel in all of the picture on a reduced copy, then as it is in full."""
        levels = document.evidence.levels
        level = next((n for n, plane in enumerate(levels) if plane.size <= _WHOLE_PX), len(levels) - 1)
        found = going.next(FaintWays(levels[level], document.level), place, step=2**level)
        if found is None:
            return None
        x, y = found[0][len(found[0]) // 2].tolist()
        return self.under(document, (x, y)) or found

    def _around(self, document: Document, at: Point) -> tuple[FaintWays | None, tuple[int, int], int]:
        """Give the ways around a place, the corner they count from, and how many px one of theirs is."""
        level = level_for(self._canvas.view.zoom, len(document.evidence.levels))
        plane, step = document.evidence.levels[level], 2**level
        x, y = int(at[0] // step), int(at[1] // step)
        window = Box(x - _WINDOW, y - _WINDOW, x + _WINDOW, y + _WINDOW).clipped(*plane.shape)
        if window.empty:
            return None, (0, 0), step
        return FaintWays(plane[window.slices], document.level), (window.left, window.top), step
