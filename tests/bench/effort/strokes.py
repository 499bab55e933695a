"""Strokes of brush and eraser along a lane: what each place along it would right or wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tests.bench.effort.desk import Change, Numbers, Sight
from tests.bench.effort.hand import (
    EXACT_ZOOM,
    Along,
    Gesture,
    Outcome,
    either_way,
    length,
    moved,
    slips,
    tiles_near,
)
from tests.bench.effort.ways import Lane, Way
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Pixels
from vesselapp.core.strokes import stroke_pixels

ZOOMS = (4, 2, 1)
_HAND_STEP = 4
_WIDER = (0.0, 0.5, 1.0, 1.5, 2.0)
_RIM_ERASERS, _RIM_BRUSHES = (2, 4, 7), (2, 3, 5)
_WRONG_WIDER = (0.0, 1.0, 4.0)


@dataclass(frozen=True, eq=False)
class Stroke:
    """A way to draw along a lane.

    Attributes
    ----------
    correction : Correction
    zoom : int
    diameters : (N,) int
        Whole px at each place; the wheel changes them on the way.
    off : (N,) float or None
        How far to the side of the lane, px.
    """

    correction: Correction
    zoom: int
    diameters: NDArray[np.int_]
    off: Numbers | None = None

    def covers(self, other: Along) -> bool:
        """Tell whether nothing is left of another: same side, no narrower, by a hand that is exact."""
        before, part = other.drawn, slice(other.first, other.last)
        if (
            not isinstance(before, Stroke)
            or self.zoom < EXACT_ZOOM
            or self.correction is not before.correction
        ):
            return False
        mine, its = (np.zeros(1) if stroke.off is None else stroke.off[part] for stroke in (self, before))
        return np.array_equal(mine, its) and bool((self.diameters[part] >= before.diameters[part]).all())


def strokes_along(lane: Lane, *, vessel: bool) -> Iterator[Stroke]:
    """Give what comes to mind along an observer's vessel, or along something wrong."""
    half, ones = lane.half.astype(float), np.ones(len(lane))
    if not vessel:
        for zoom in ZOOMS:
            for wider in _WRONG_WIDER:
                yield Stroke(Correction.BACKGROUND, zoom, _whole(2 * half + wider))
        return
    for zoom in ZOOMS[:2]:
        for wider in _WIDER:
            yield Stroke(Correction.FOREGROUND, zoom, _whole(2 * half + wider))
        for side in (1, -1):
            for diameter in _RIM_ERASERS:
                off = side * (half + 0.5 + diameter / 2)
                yield Stroke(Correction.BACKGROUND, zoom, _whole(diameter * ones), off)
            if half.max() < 1.5:
                continue
            for diameter in _RIM_BRUSHES:
                off = side * np.maximum(half + 0.5 - diameter / 2, 0)
                yield Stroke(Correction.FOREGROUND, zoom, _whole(diameter * ones), off)


def _whole(diameters: Numbers) -> NDArray[np.int_]:
    return np.maximum(1, np.round(diameters)).astype(np.int_)


def gains(lane: Lane, strokes: list[Stroke], paint: Numbers, erase: Numbers) -> Numbers:
    """Give what each stroke is worth at each place of its lane, ``(strokes, N)``.

    Parameters
    ----------
    paint, erase : (H, W) float
        What it is worth to paint or erase each pixel of the picture.
    """
    paint, erase = paint.ravel()[lane.pixels], erase.ravel()[lane.pixels]
    out = np.zeros((len(strokes), len(lane)))
    for row, stroke in enumerate(strokes):
        worth = paint if stroke.correction is Correction.FOREGROUND else erase
        off = 0.0 if stroke.off is None else stroke.off[lane.place]
        radius = stroke.diameters[lane.place] / 2
        # A hand that slips along the lane does no harm; to the side, it does.
        sideways = sorted({dx for dx, _ in slips(stroke.zoom)})
        total = sum(worth * (np.abs(lane.across - off - slip) <= radius) for slip in sideways)
        out[row] = np.bincount(lane.place, total / len(sideways), len(lane))
    return out


def gesture(lane: Lane, stroke: Stroke, first: int, last: int, shape: tuple[int, ...]) -> Gesture:
    """Give the stroke from a place of its lane on up to another, as the app paints it."""
    way = lane.part(first, last, stroke.off)
    pixels = painted(way, stroke.diameters[first:last], shape)

    def outcome(slip: tuple[int, int]) -> Outcome:
        def changes(sight: Sight) -> list[Change]:
            return [(stroke.correction, moved(pixels, slip, sight.shape))]

        return changes

    name = "brush" if stroke.correction is Correction.FOREGROUND else "eraser"
    (x0, y0), (x1, y1) = way[0].tolist(), way[-1].tolist()
    travel = length(way[_held(len(way))], stroke.zoom)
    both = either_way((x0, y0), (x1, y1), travel)
    tiles = tiles_near(way, float(stroke.diameters[first:last].max()) / 2)
    along = Along(lane, stroke, first, last)
    return Gesture(name, tuple(map(outcome, slips(stroke.zoom))), both, tiles=tiles, along=along)


def painted(way: Way, diameters: NDArray[np.int_], shape: tuple[int, ...]) -> Pixels:
    """Give the pixels of a stroke through a way's places, a drag every few px."""
    held = _held(len(way))
    points = way[held].astype(float) + 0.5
    sizes = [round(float(np.median(diameters[a : b + 1]))) for a, b in pairwise(held)]
    pairs = list(pairwise(points)) or [(points[0], points[0])]
    parts = [
        part
        for (start, end), size in zip(pairs, sizes or [int(diameters[0])], strict=True)
        for part in stroke_pixels(tuple(start), tuple(end), size, shape[0], shape[1])
    ]
    return merged(parts)


def _held(count: int) -> list[int]:
    return [*range(0, count - 1, _HAND_STEP), count - 1] if count > 1 else [0]


def merged(parts: list[Pixels]) -> Pixels:
    """Join sets of pixels in one box, so that none counts twice."""
    whole = parts[0][0]
    for box, _ in parts[1:]:
        whole = whole.united(box)
    chosen = np.zeros((whole.bottom - whole.top, whole.right - whole.left), np.bool_)
    for box, part in parts:
        rows = slice(box.top - whole.top, box.bottom - whole.top)
        chosen[rows, box.left - whole.left : box.right - whole.left] |= part
    return whole, chosen
