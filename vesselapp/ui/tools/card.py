"""The card of a straightened vessel: where it lies on the canvas, and what it shows. No Qt here.

The vessel lies along its own chord, seven tenths as long as on the canvas; across, it is four times as large.
A stroke along an edge is short, and may still be right to half a pixel; edges change slowly along it.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vesselapp.core.evidence import LOWEST
from vesselapp.core.geometry import Box
from vesselapp.core.pyramid import Pyramid
from vesselapp.core.tools.straight import Straight
from vesselapp.ui.looks import PictureLook
from vesselapp.ui.render import level_for
from vesselapp.ui.view import View

ALONG = 0.7
ACROSS = 4.0
_MOST_ACROSS = 48.0

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """Where a card lies, in device px of the canvas.

    Attributes
    ----------
    straight : Straight
    origin : (x, y)
        Of place 0 along and across.
    along, across : (x, y)
        Device px for one px along and for one across.
    """

    straight: Straight
    origin: tuple[float, float]
    along: tuple[float, float]
    across: tuple[float, float]

    def to_device(self, along: float, across: float) -> tuple[float, float]:
        """Give where a place of the frame (px) is on the canvas."""
        return (
            self.origin[0] + along * self.along[0] + across * self.across[0],
            self.origin[1] + along * self.along[1] + across * self.across[1],
        )

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """Give the place along and across (px) under a place of the canvas."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        size_along, size_across = _squared(self.along), _squared(self.across)
        return (
            (dx * self.along[0] + dy * self.along[1]) / size_along,
            (dx * self.across[0] + dy * self.across[1]) / size_across,
        )

    def holds(self, x: float, y: float, room: float = 0.0) -> bool:
        """Tell whether a place of the canvas is on the card, or at most so many device px off its ends."""
        along, across = self.to_frame(x, y)
        spare = room / _squared(self.along) ** 0.5
        return -spare <= along <= len(self.straight) - 1 + spare and abs(across) <= self.straight.reach

    def corners(self) -> list[tuple[float, float]]:
        """Give the card's corners in order."""
        last, reach = len(self.straight) - 1.0, self.straight.reach
        return [self.to_device(*place) for place in ((0, -reach), (last, -reach), (last, reach), (0, reach))]

    def box(self, height: int, width: int) -> Box:
        """Give the part of a canvas that the card lies in."""
        xs, ys = zip(*self.corners(), strict=True)
        low, high = (min(xs), min(ys)), (max(xs), max(ys))
        return Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1).clipped(height, width)


def lay_out(straight: Straight, anchor: float, view: View, canvas: tuple[int, int] | None = None) -> Layout:
    """Lay a card on a canvas (height, width in device px; None: there is room all around).

    The vessel's place so many px along it stays where it is, unless the card would run off the canvas: then
    it is moved in, as far as it fits.
    """
    first, last = (view.to_canvas(*straight.centres[end].tolist()) for end in (0, -1))
    chord = np.subtract(last, first)
    if not chord.any():
        chord = np.array([1.0, 0.0])
    ahead = chord / np.hypot(*chord)
    along = ahead * ALONG * view.zoom
    across = np.array([-ahead[1], ahead[0]]) * min(ACROSS * view.zoom, _MOST_ACROSS)
    # Mirrored views turn the other side up.
    middle = straight.centres[len(straight) // 2]
    tangent = np.subtract(view.to_canvas(*_ahead(straight).tolist()), view.to_canvas(*middle.tolist()))
    beside = middle + straight.normals[len(straight) // 2]
    normal = np.subtract(view.to_canvas(*beside.tolist()), view.to_canvas(*middle.tolist()))
    if tangent[0] * normal[1] - tangent[1] * normal[0] < 0:
        across = -across
    place = np.array(view.to_canvas(*straight.to_picture(anchor, 0.0)))
    layout = Layout(straight, _pair(place - anchor * along), _pair(along), _pair(across))
    if canvas is None:
        return layout
    xs, ys = zip(*layout.corners(), strict=True)
    height, width = canvas
    shift = np.array([_moved_in(min(xs), max(xs), width), _moved_in(min(ys), max(ys), height)])
    return replace(layout, origin=_pair(layout.origin + shift))


def _moved_in(low: float, high: float, side: int) -> float:
    """Give what brings low..high into 0..side; nothing where it is too long for that."""
    return 0.0 if high - low > side else max(-low, 0.0) + min(side - high, 0.0)


def _ahead(straight: Straight) -> NDArray[np.float32]:
    middle = len(straight) // 2
    normal = straight.normals[middle]
    return np.asarray(straight.centres[middle] + np.array([normal[1], -normal[0]]), np.float32)


def _pair(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _squared(vector: tuple[float, float]) -> float:
    return max(vector[0] ** 2 + vector[1] ** 2, 1e-12)


class CardPicture:
    """What a card shows in a box of the canvas: for each device px, the place of the picture.

    Parameters
    ----------
    layout : Layout
    box : Box
        Device px of the canvas.
    """

    def __init__(self, layout: Layout, box: Box) -> None:
        straight = layout.straight
        self.box = box
        x = np.arange(box.left, box.right, dtype=np.float32)[None, :] + np.float32(0.5 - layout.origin[0])
        y = np.arange(box.top, box.bottom, dtype=np.float32)[:, None] + np.float32(0.5 - layout.origin[1])
        along = _projected(x, y, layout.along)
        across = _projected(x, y, layout.across)
        self.inside = (along >= 0) & (along <= len(straight) - 1) & (np.abs(across) <= straight.reach)
        first = np.clip(along, 0, len(straight) - 1.001).astype(np.int32)
        part = np.clip(along - first.astype(np.float32), 0, 1)
        after = first + 1
        centres, normals = straight.centres, straight.normals
        self._x, self._y = (
            (centres[first, axis] + normals[first, axis] * across) * (1 - part)
            + (centres[after, axis] + normals[after, axis] * across) * part
            for axis in (0, 1)
        )

    def pixels(self, pixels: Pyramid, zoom: float, look: PictureLook) -> NDArray[np.uint8]:
        """Give the picture, ``(h, w, 4) uint8``: B, G, R, A; nothing outside the card."""
        level = level_for(zoom, len(pixels.levels))
        plane, step = pixels.levels[level], 2**level
        left, top, right, bottom = self._bounds(plane.shape, step)
        x, y = self._x / step - np.float32(0.5 + left), self._y / step - np.float32(0.5 + top)
        part = np.ascontiguousarray(plane[top:bottom, left:right])
        packed = cv2.cvtColor(part, cv2.COLOR_RGB2BGRA)
        shown = cv2.remap(packed, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out = np.ascontiguousarray(look.apply(np.asarray(shown, np.uint8)))
        out[..., 3] = np.where(self.inside, 255, 0)
        out[~self.inside] = 0
        return out

    def evidence(self, plane: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """Give the evidence of a box of the picture, ``(h, w) uint8``; 1 outside the card or that box."""
        column, row = (np.floor(values).astype(np.int32) for values in (self._x, self._y))
        known = self.inside & (column >= box.left) & (column < box.right)
        known &= (row >= box.top) & (row < box.bottom)
        out = np.full(known.shape, LOWEST, np.uint8)
        out[known] = plane[row[known] - box.top, column[known] - box.left]
        return out

    def _bounds(self, shape: tuple[int, ...], step: int) -> tuple[int, int, int, int]:
        """Give the part of a reduced plane that is in sight: OpenCV can't remap planes of any size."""
        if not self.inside.any():
            return 0, 0, 1, 1
        x, y = self._x[self.inside] / step, self._y[self.inside] / step
        height, width = shape[:2]
        left, top = (int(np.clip(v.min() - 2, 0, side - 1)) for v, side in ((x, width), (y, height)))
        right, bottom = (int(np.clip(v.max() + 3, 1, side)) for v, side in ((x, width), (y, height)))
        return left, top, max(right, left + 1), max(bottom, top + 1)


def _projected(x: Numbers, y: Numbers, vector: tuple[float, float]) -> Numbers:
    size = _squared(vector)
    return np.asarray(x * np.float32(vector[0] / size) + y * np.float32(vector[1] / size), np.float32)
