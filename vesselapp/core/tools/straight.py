"""A vessel laid out straight, so that its edges can be drawn anew along it.

A way through the picture is given places *along* it (px from its start) and *across* it (px to its side), as
the curved reformations of radiology do (Kanitsar et al., IEEE Visualization 2002). In that frame a vessel is
two edges over the places along; a gesture moves edges, and what lies between them becomes the mask.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from vesselapp.core.evidence import UNSURE, mask_of
from vesselapp.core.geometry import Box, Pixels, pixels_at
from vesselapp.core.tools.pieces import Mask, Plane

Numbers = NDArray[np.float32]

_STEP = 0.5
_SMOOTH = 4.0
_BESIDE_MIDDLE = 2.0
_NO_WIDTH = 0.5
_MOSTLY = 0.5
_ROOM = 10.0


@dataclass(frozen=True, eq=False)
class Edges:
    """Where a vessel's edges lie at each place along a way.

    Attributes
    ----------
    low, high : (N,) float32
        Px across, low <= high; both zero where there is no vessel.
    there : (N,) bool
        Whether there is a vessel.
    low_leads_on, high_leads_on : (N,) bool
        Whether the mask goes on past the frame on that side: a branch or a neighbour, not this vessel.
    """

    low: Numbers
    high: Numbers
    there: Mask
    low_leads_on: Mask
    high_leads_on: Mask

    def moved(self, first: int, low: Numbers, high: Numbers) -> "Edges":
        """Give edges with other places from a first one on; no vessel where low is above high."""
        lows, highs, there = self.low.copy(), self.high.copy(), self.there.copy()
        chosen = slice(first, first + len(low))
        lows[chosen], highs[chosen], there[chosen] = low, high, low <= high
        return replace(self, low=lows, high=highs, there=there)

    def begins(self, first: int, last: int) -> bool:
        """Tell whether most of a stretch has no vessel, so that a push outwards begins one."""
        there = self.there[first:last]
        return len(there) > 0 and bool(there.mean() < _MOSTLY)

    def pushed(self, first: int, last: int, *, high: bool, outwards: bool) -> "Edges":
        """Give edges with one of them moved by 1 px over a stretch.

        Where most of the stretch has no vessel, pushing outwards begins one there: a line of 1 px along
        the way.

        Parameters
        ----------
        first, last : int
            The stretch; ``last`` is the place after it.
        high : bool
            The edge to be moved, or the low one.
        outwards : bool
            Away from the vessel's middle, or towards it; edges that pass one another leave no vessel.
        """
        chosen = slice(max(first, 0), max(last, 0))
        low, high_, there = self.low[chosen].copy(), self.high[chosen].copy(), self.there[chosen]
        if outwards and self.begins(chosen.start, chosen.stop):
            low[~there], high_[~there] = -_NO_WIDTH, _NO_WIDTH
        else:
            by = np.float32(1.0 if outwards else -1.0)
            low, high_ = (low, high_ + by) if high else (low - by, high_)
            low[~there], high_[~there] = 1.0, 0.0
        return self.moved(chosen.start, low, high_)


class Straight:
    """The frame of a way: places along and across it for the pixels of a band around it.

    The pixels' own places are worked out when an edge is first moved: to look at a vessel needs none.

    Parameters
    ----------
    way : (N, 2) int32
        Pixels (x, y), each touching the next; at least two.
    reach : float
        Px to either side that the band holds.
    height, width : int
        Size of the picture.

    Attributes
    ----------
    centres, normals : (M, 2) float32
        The smoothed way at every whole px along it (x, y in px, pixel corners at whole numbers), and what is
        across there.
    box : Box
        Of the band.
    """

    def __init__(self, way: NDArray[np.int32], reach: float, height: int, width: int) -> None:
        self.reach = float(reach)
        self.centres = _even(way)
        tangents = np.gradient(self.centres, axis=0)
        tangents /= np.maximum(np.hypot(tangents[:, 0], tangents[:, 1]), 1e-6)[:, None]
        self.normals = np.ascontiguousarray(np.stack([-tangents[:, 1], tangents[:, 0]], axis=1))
        self._tangents = tangents
        low = np.floor(self.centres.min(axis=0) - reach).astype(int) - 1
        high = np.ceil(self.centres.max(axis=0) + reach).astype(int) + 1
        self.box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(height, width)

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def place(self) -> NDArray[np.int32]:
        """The place along of each pixel of the box, (h, w); -1 outside the band and beyond the way's ends."""
        return self._frame[0]

    @property
    def across(self) -> Numbers:
        """How far across each pixel's middle is, px, (h, w)."""
        return self._frame[1]

    def to_picture(self, along: float, across: float) -> tuple[float, float]:
        """Give the place in the picture (x, y in px); beyond the ends, straight on."""
        at = min(max(along, 0.0), len(self) - 1.0)
        index, part = int(at), at - int(at)
        after = min(index + 1, len(self) - 1)
        centre = self.centres[index] * (1 - part) + self.centres[after] * part
        normal = self.normals[index] * (1 - part) + self.normals[after] * part
        point = centre + normal * across + self._tangents[index] * (along - at)
        return float(point[0]), float(point[1])

    def from_picture(self, x: float, y: float) -> tuple[float, float]:
        """Give the place along and across that is nearest to one of the picture (px)."""
        apart = np.array([x, y], np.float32) - self.centres
        index = int(np.argmin(np.hypot(apart[:, 0], apart[:, 1])))
        return float(index), float(apart[index] @ self.normals[index])

    def edges(self, evidence: Plane, level: int, room: float = _BESIDE_MIDDLE) -> Edges:
        """Read where the mask has the vessel: the run across each place that is nearest to the way.

        Parameters
        ----------
        evidence : (H, W) uint8
        level : int
        room : float
            How far (px) from the way it may be.
        """
        steps = np.arange(-round(self.reach / _STEP), round(self.reach / _STEP) + 1)
        seen = self._profiles(mask_of(evidence[self.box.slices], level), steps)
        middle = len(steps) // 2
        start = _nearest_run(seen, middle, round(room / _STEP))
        rows = np.arange(len(seen))
        there = seen[rows, start]
        columns = np.arange(len(steps))[None, :]
        last = np.where(~seen & (columns > start[:, None]), columns, len(steps)).min(axis=1) - 1
        first = np.where(~seen & (columns < start[:, None]), columns, -1).max(axis=1) + 1
        # The edge lies half a step beyond the last place in the mask.
        low = np.where(there, (steps[first] - 0.5) * _STEP, 0.0).astype(np.float32)
        high = np.where(there, (steps[np.minimum(last, len(steps) - 1)] + 0.5) * _STEP, 0.0)
        leads_low, leads_high = there & (first == 0), there & (last == len(steps) - 1)
        return Edges(low, high.astype(np.float32), there, leads_low, leads_high)

    def change(
        self, evidence: Plane, level: int, before: Edges, after: Edges
    ) -> tuple[Pixels | None, Pixels | None]:
        """Give the pixels that new edges add to the mask, and those that they take from it.

        Only what was the vessel's is taken; branches and neighbours stay. Pixels said to be unsure stay so.

        Returns
        -------
        added, taken : (Box, (h, w) bool) or None
        """
        low_moved = (before.low != after.low) | (before.there != after.there)
        high_moved = (before.high != after.high) | (before.there != after.there)
        if not (low_moved | high_moved).any():
            return None, None
        place, across = self.place[self._band], self.across[self._band]
        touched = (low_moved | high_moved)[place]
        rows, columns = (spots[touched] for spots in self._band)
        place, across = place[touched], across[touched]
        plane = evidence[self.box.slices][rows, columns]
        mask = mask_of(plane, level)
        # An edge that was left alone stays to the pixel.
        free = low_moved[place] | (across > before.low[place] + _NO_WIDTH)
        free &= high_moved[place] | (across < before.high[place] - _NO_WIDTH)
        wanted = after.there[place] & (across >= after.low[place]) & (across <= after.high[place])
        taken = before.there[place] & ~wanted & free
        taken &= (across >= before.low[place] - _NO_WIDTH) & (across <= before.high[place] + _NO_WIDTH)
        outer_low = np.where(after.there, after.low, 0.0)[place]
        outer_high = np.where(after.there, after.high, 0.0)[place]
        taken &= ~(before.low_leads_on[place] & (across < outer_low))
        taken &= ~(before.high_leads_on[place] & (across > outer_high))
        added = wanted & free & ~mask & (plane != UNSURE)
        taken &= mask
        return self._pixels(rows[added], columns[added]), self._pixels(rows[taken], columns[taken])

    def _pixels(self, rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Pixels | None:
        """Give places of the box as pixels of the picture; None where there are none."""
        return pixels_at(columns + self.box.left, rows + self.box.top) if len(rows) else None

    @cached_property
    def _band(self) -> tuple[NDArray[np.int_], ...]:
        """Rows and columns of the box that are in the band."""
        return np.nonzero(self.place >= 0)

    @cached_property
    def _frame(self) -> tuple[NDArray[np.int32], Numbers]:
        """`place` and `across`."""
        rows, columns = self.box.bottom - self.box.top, self.box.right - self.box.left
        spots = np.floor(self.centres).astype(int) - [self.box.left, self.box.top]
        spots = np.clip(spots, 0, [max(columns - 1, 0), max(rows - 1, 0)])
        free = np.ones((rows, columns), np.uint8)
        free[spots[:, 1], spots[:, 0]] = 0
        _, numbers = cv2.distanceTransformWithLabels(
            free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        of_number = np.zeros(int(numbers.max()) + 1, np.int32)
        of_number[numbers[spots[:, 1], spots[:, 0]]] = np.arange(len(self))
        place = of_number[numbers]
        ys, xs = np.mgrid[self.box.top : self.box.bottom, self.box.left : self.box.right]
        apart_x = (xs + np.float32(0.5)) - self.centres[place, 0]
        apart_y = (ys + np.float32(0.5)) - self.centres[place, 1]
        across = apart_x * self.normals[place, 0] + apart_y * self.normals[place, 1]
        along = apart_x * self._tangents[place, 0] + apart_y * self._tangents[place, 1]
        beyond = ((place == 0) | (place == len(self) - 1)) & (np.abs(along) > 1.0)
        place[beyond | (np.abs(across) > self.reach)] = -1
        return place, across.astype(np.float32)

    def _profiles(self, mask: Mask, steps: NDArray[np.int_]) -> Mask:
        """Read the mask across each place, ``(M, steps) bool``; false off the picture."""
        across = (steps * _STEP).astype(np.float32)
        x = self.centres[:, :1] + self.normals[:, :1] * across - np.float32(self.box.left)
        y = self.centres[:, 1:] + self.normals[:, 1:] * across - np.float32(self.box.top)
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        height, width = mask.shape
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        seen = np.zeros(column.shape, np.bool_)
        seen[inside] = mask[row[inside], column[inside]]
        return seen


def reach_of(half_width: float) -> float:
    """Give how far to the sides (px) a vessel of a half width (px) is shown."""
    return half_width + max(_ROOM, half_width / 2)


class EdgeStroke:
    """A stroke along a straightened vessel that draws its edges anew.

    The stroke draws the edge on the side of the vessel's middle that it is on, so that one that comes back on
    the other side draws both. With a width, it draws the vessel's middle instead, and both edges at once.

    Parameters
    ----------
    straight : Straight
    before : Edges
        As the stroke begins.
    width : float
        Px; 0 draws edges.
    """

    def __init__(self, straight: Straight, before: Edges, width: float = 0.0) -> None:
        self.width = width
        self.now = before
        self._length = len(straight)
        self._reach = straight.reach
        self._middle = np.where(before.there, (before.low + before.high) / 2, 0).astype(np.float32)
        self._at: tuple[float, float] | None = None
        self._high = True

    def to(self, along: float, across: float, room: float = 0.5) -> Edges:
        """Go on to a place; give the edges as they are then.

        Parameters
        ----------
        along, across : float
            Px.
        room : float
            How far across the middle (px) the stroke goes before it draws the other edge.
        """
        across = min(max(across, -self._reach), self._reach)
        start = self._at or (along, across)
        first_time, self._at = self._at is None, (along, across)
        low, high = sorted((start[0], along))
        places = np.arange(max(0, round(low)), min(self._length - 1, round(high)) + 1)
        if not len(places):
            return self.now
        share = (places - start[0]) / (along - start[0]) if along != start[0] else np.ones(len(places))
        drawn = (start[1] + np.clip(share, 0, 1) * (across - start[1])).astype(np.float32)
        first = int(places[0])
        if self.width > 0:
            half = np.float32(self.width / 2)
            self.now = self.now.moved(first, drawn - half, drawn + half)
            return self.now
        beside = across - float(self._middle[min(max(round(along), 0), self._length - 1)])
        if first_time or abs(beside) > room:
            self._high = beside >= 0
        chosen = slice(first, first + len(places))
        low_now, high_now = self.now.low[chosen], self.now.high[chosen]
        if self._high:
            self.now = self.now.moved(first, np.minimum(low_now, drawn), drawn)
        else:
            self.now = self.now.moved(first, drawn, np.maximum(high_now, drawn))
        return self.now


class AwayStroke:
    """A stroke along a straightened vessel that takes it away over the places it passes."""

    def __init__(self, straight: Straight, before: Edges) -> None:
        self.now = before
        self._length = len(straight)
        self._at: float | None = None

    def to(self, along: float, across: float, room: float = 0.5) -> Edges:
        """Go on to a place (px along; across does not matter); give the edges as they are then."""
        start = along if self._at is None else self._at
        self._at = along
        low, high = sorted((start, along))
        first, last = max(0, round(low)), min(self._length - 1, round(high))
        count = max(0, last - first + 1)
        if count:
            self.now = self.now.moved(first, np.ones(count, np.float32), np.zeros(count, np.float32))
        return self.now


def _even(way: NDArray[np.int32]) -> Numbers:
    """Smooth a way of pixels and take it at even steps of 1 px."""
    points = way.astype(np.float32) + np.float32(0.5)
    smooth = gaussian_filter1d(points, min(_SMOOTH, len(points) / 4), axis=0, mode="nearest")
    smooth[0], smooth[-1] = points[0], points[-1]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(smooth, axis=0).T))])
    steps = np.arange(max(2, round(float(along[-1])) + 1))
    steps = steps * (along[-1] / max(1, len(steps) - 1))
    even = np.stack([np.interp(steps, along, smooth[:, axis]) for axis in (0, 1)], axis=1)
    return np.ascontiguousarray(even, np.float32)


def _nearest_run(seen: Mask, middle: int, room: int) -> NDArray[np.int_]:
    """Give, for each row, the column nearest to the middle (at most some room off) that is in the mask."""
    near = seen[:, middle - room : middle + room + 1]
    far = np.abs(np.arange(near.shape[1]) - room)[None, :]
    return np.asarray(np.argmin(np.where(near, far, near.shape[1] + far), axis=1) + middle - room, np.int_)
