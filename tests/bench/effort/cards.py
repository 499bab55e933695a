"""Strokes along a straightened vessel, by the app's own frame, card, edges and strokes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from tests.bench.effort.desk import Change, Numbers, Sight
from tests.bench.effort.hand import (
    HAND_PX,
    Along,
    Gesture,
    Movement,
    Opening,
    Outcome,
    Spot,
    length,
    tiles_near,
)
from vesselapp.core.evidence import FOREGROUND, LOWEST, Correction
from vesselapp.core.geometry import Box
from vesselapp.core.tools.straight import AwayStroke, Edges, EdgeStroke, Straight, reach_of
from vesselapp.core.tools.trace import Path
from vesselapp.ui.tools.card import ACROSS, ALONG, lay_out
from vesselapp.ui.view import View

_EYE_ROOM = 6.0
_DRAG = 2
BESIDE = 4.0
_ANCHORS_APART = 30.0
_OTHER_EDGE_PX = 3.0
_WIDTH_PX = 9
_WIDER = (-0.5, 0.0, 0.5)
ZOOMS = (1, 2)

Points = list[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Drawing:
    """One kind of stroke along a card.

    Attributes
    ----------
    name : str
        "edge", "edges", "line" or "away".
    sides : tuple of (N,) float
        What is followed, px across: one way out, the second one back. Where the observer has no vessel, on
        from where he has one.
    widths : (N,) float or None
        Px of a line, whole numbers that the keys change on the way; None draws edges.
    zoom : int
        Of the picture, and so of the card.
    """

    name: str
    sides: tuple[Numbers, ...]
    widths: Numbers | None = None
    zoom: int = 1

    def covers(self, other: Along) -> bool:
        """Tell whether nothing is left of another: an edge leaves the other edge, all else replaces both."""
        before = other.drawn
        return self.name != "edge" or (
            isinstance(before, Drawing) and before.name == "edge" and np.array_equal(self.sides, before.sides)
        )


class Card:
    """A straightened vessel on screen, and where the observer has its edges.

    Parameters
    ----------
    way : (N, 2) int32
        As the app found it.
    half : float
        The vessel's half width that the app shows it by, px.
    sight : Sight
    opening : Opening or None
        What must be dragged to open it; None where the key opens it, the pointer being over the vessel.
    in_round : bool
        Whether keys bring it to the pointer, wherever the pointer is.
    """

    def __init__(
        self, way: Path, half: float, sight: Sight, opening: Opening | None = None, *, in_round: bool = False
    ) -> None:
        self.straight = Straight(way, reach_of(half), *sight.shape)
        self.opening, self.half, self._in_round = opening, half, in_round
        self._shape = sight.shape
        self.drawings = list(self._drawings(sight))

    def __len__(self) -> int:
        return len(self.straight)

    def meets(self, box: Box) -> bool:
        """Tell whether a change in a box of the picture may be seen on the card."""
        x, y = self.straight.centres.T
        room = self.straight.reach + 2
        beside = (x > box.left - room) & (x < box.right + room)
        return bool((beside & (y > box.top - room) & (y < box.bottom + room)).any())

    def _drawings(self, sight: Sight) -> Iterator[Drawing]:
        truth = np.where(sight.truth, np.uint8(FOREGROUND), np.uint8(LOWEST))
        seen = self.straight.edges(truth, FOREGROUND, room=min(_EYE_ROOM, self.straight.reach))
        yield Drawing("away", (np.zeros(len(self)),))
        if not seen.there.any():
            return
        usual = median_filter(_filled(seen.high - seen.low, seen.there), _WIDTH_PX, mode="nearest")
        for zoom in ZOOMS:
            low, high = (_followed(edge, seen.there, zoom) for edge in (seen.low, seen.high))
            for sides in ((high,), (low,), (high, low)):
                yield Drawing("edges" if len(sides) > 1 else "edge", sides, zoom=zoom)
            for wider in _WIDER:
                widths = np.maximum(1.0, np.round(usual + wider))
                yield Drawing("line", ((low + high) / 2,), widths, zoom)

    def gains(self, sight: Sight, paint: Numbers, erase: Numbers) -> Numbers:
        """Give what each drawing is worth at each place along, ``(drawings, N)``.

        Parameters
        ----------
        paint, erase : (H, W) float
            What it is worth to paint or erase each pixel of the picture.
        """
        before, box = self._edges(sight), self.straight.box
        out = np.zeros((len(self.drawings), len(self)))
        for row, drawing in enumerate(self.drawings):
            slips = slips_along(drawing)
            for slip in slips:
                for correction, pixels in self._between(sight, before, self._whole(drawing, before, slip)):
                    if pixels is None:
                        continue
                    part, chosen = pixels
                    worth = (paint if correction is Correction.FOREGROUND else erase)[part.slices][chosen]
                    inner = Box(
                        part.left - box.left, part.top - box.top, part.right - box.left, part.bottom - box.top
                    )
                    place = self.straight.place[inner.slices][chosen]
                    out[row] += np.bincount(place, worth / len(slips), len(self))
        return out

    @cached_property
    def steps(self) -> Numbers:
        """The screen px that each drawing takes at each place, ``(drawings, N)``."""
        return np.stack(
            [
                sum(
                    (drawing.zoom * np.hypot(ALONG, ACROSS * np.gradient(side)) for side in drawing.sides),
                    np.zeros(len(self)),
                )
                for drawing in self.drawings
            ]
        )

    def gesture(self, drawing: Drawing, first: int, last: int) -> Gesture:
        """Give a drawing from a place on up to another."""

        def outcome(slip: int) -> Outcome:
            points = self._points(drawing, first, last, slip)

            def changes(sight: Sight) -> list[Change]:
                before = self._edges(sight)
                return self._between(sight, before, self._made(drawing, points, before))

            return changes

        return Gesture(
            drawing.name,
            tuple(map(outcome, slips_along(drawing))),
            self._movements(self._points(drawing, first, last, 0), drawing.zoom),
            opening=self.opening,
            tiles=tiles_near(self.straight.centres[first:last:4], self.half + BESIDE),
            along=Along(self, drawing, first, last),
        )

    def _movements(self, points: Points, zoom: int) -> tuple[Movement, ...]:
        """Give the ways of the pointer to draw through points, from either end.

        A card that the key opens has the place under the pointer where it is in the picture: the person may
        point at any place of the vessel, and goes on from there, on the card, to where the stroke begins. A
        vessel of the round comes to the pointer by keys: its middle, where the stroke begins. The wheel zooms
        at the pointer, before and after.
        """
        out = []
        for way in (points, points[::-1]):
            if self.opening is not None:
                anchor = self.straight.from_picture(*self.opening.end)[0]
                out.append(self._movement(anchor, way, zoom))
                continue
            near, far = sorted((way[0][0], way[-1][0]))
            anchors = {way[0][0], *np.arange(near, far, _ANCHORS_APART).tolist()}
            out += [self._movement(anchor, [(anchor, 0.0), *way], zoom) for anchor in anchors]
            if self._in_round:
                found = self._movement(way[0][0], [(way[0][0], 0.0), *way], zoom)
                out.append(replace(found, start=None))
        return tuple(out)

    def _movement(self, anchor: float, way: Points, zoom: int) -> Movement:
        """Give the way through places of a card that shows one of them where it is in the picture."""
        view = View(zoom=float(zoom), height=self._shape[0], width=self._shape[1])
        layout = lay_out(self.straight, anchor, view)
        screen = [layout.to_device(*point) for point in way]
        # Zoomed at the pointer, the picture's place under it stays there.
        first, last = ((x / zoom, y / zoom) for x, y in (screen[0], screen[-1]))
        held = self.straight.to_picture(anchor, 0.0)
        start = tuple(h + (f - h) * zoom for h, f in zip(held, first, strict=True))
        return Movement((start[0], start[1]), last, length(np.array(screen)))

    def pointed(self, spot: Spot) -> Movement:
        """Give the way to have a place of the vessel under the pointer, with the card open."""
        if self.opening is not None:
            return Movement(self.opening.end, self.opening.end, 0.0)
        return Movement(None if self._in_round else spot, spot, 0.0)

    def _points(self, drawing: Drawing, first: int, last: int, slip: int) -> Points:
        """Give the places (px along, across) of a stroke whose hand is so many px off along the vessel."""
        places = [*range(first, last - 1, _DRAG), last - 1]
        out: Points = []
        for number, side in enumerate(drawing.sides):
            seen = side[np.clip(np.array(places) + slip, 0, len(self) - 1)]
            out += list(zip(map(float, places), seen.tolist(), strict=True))[:: -1 if number else 1]
        return out

    def _made(self, drawing: Drawing, points: Points, before: Edges) -> Edges:
        """Let the app make a stroke through places."""
        if drawing.name == "away":
            away = AwayStroke(self.straight, before)
            for point in points:
                away.to(*point)
            return away.now
        stroke = EdgeStroke(self.straight, before)
        for along, across in points:
            if drawing.widths is not None:
                stroke.width = float(drawing.widths[int(along)])
            stroke.to(along, across, _OTHER_EDGE_PX / ACROSS)
        return stroke.now

    def _whole(self, drawing: Drawing, before: Edges, slip: int) -> Edges:
        """Give the edges after a drawing along all of the card: what the strokes come to, at one go."""
        places = np.clip(np.arange(len(self)) + slip, 0, len(self) - 1)
        drawn = [side[places].astype(np.float32) for side in drawing.sides]
        low, high = before.low, before.high
        if drawing.name == "away":
            low, high = np.ones_like(low), np.zeros_like(high)
        elif drawing.widths is not None:
            half = (drawing.widths / 2).astype(np.float32)
            low, high = drawn[0] - half, drawn[0] + half
        elif drawing.name == "edges":
            low, high = np.minimum(*drawn), np.maximum(*drawn)
        else:
            upper = drawn[0] >= (low + high) / 2
            low = np.where(upper, np.minimum(low, drawn[0]), drawn[0])
            high = np.where(upper, drawn[0], np.maximum(high, drawn[0]))
        return before.moved(0, low, high)

    def _edges(self, sight: Sight) -> Edges:
        return self.straight.edges(sight.evidence, sight.level)

    def _between(self, sight: Sight, before: Edges, after: Edges) -> list[Change]:
        added, taken = self.straight.change(sight.evidence, sight.level, before, after)
        return [(Correction.FOREGROUND, added), (Correction.BACKGROUND, taken)]


def slips_along(drawing: Drawing) -> tuple[int, ...]:
    """Give by how many px along the vessel a hand may be off; across, it is right to half a px."""
    off = round(HAND_PX / (ALONG * drawing.zoom))
    return (0,) if drawing.name == "away" else (off, -off)


def _followed(edge: NDArray[np.float32], there: NDArray[np.bool_], zoom: int) -> Numbers:
    """Give the line that a hand draws along an edge: smooth by as much as it may be off."""
    off = HAND_PX / (ALONG * zoom)
    return np.asarray(gaussian_filter1d(_filled(edge, there), off, mode="nearest"), np.float64)


def _filled(values: NDArray[np.float32], there: NDArray[np.bool_]) -> Numbers:
    """Give values with those that are not there taken from their neighbours."""
    places = np.arange(len(values))
    return np.asarray(np.interp(places, places[there], values[there].astype(float)), np.float64)
