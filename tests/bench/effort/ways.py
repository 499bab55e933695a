"""Ways that a person's eye follows: along the observer's vessels, and along what is wrong."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter1d, median_filter

from vesselapp.core.geometry import Box
from vesselapp.core.tools.pieces import Mask
from vesselapp.core.tools.skeleton import half_widths, loose_ends, middle_line, walk_back

Way = NDArray[np.int32]

_JOINED = 4
_STRAIGHT_ON = -0.5
_HEADING = 8
_BAND = 13


class Lane:
    """A way with the pixels of a band around it, each with its place along and its distance to the side.

    Parameters
    ----------
    way : (N, 2) int32
        Pixels (x, y).
    half : (N,) float32
        Half width of what lies there, px.
    height, width : int
        Size of the picture.

    Attributes
    ----------
    steps : (N,) float
        Px from place to place.
    pixels : (P,) int
        The band's pixels, as places in the flattened picture.
    place : (P,) int
        The place along the way that each is nearest to.
    across : (P,) float
        Px to the way, negative on one side.
    """

    def __init__(self, way: Way, half: NDArray[np.float32], height: int, width: int) -> None:
        self.way, self.half = way, half
        self._smooth = gaussian_filter1d(way.astype(float), 3, axis=0, mode="nearest")
        tangent = np.gradient(self._smooth, axis=0) if len(way) > 1 else np.ones((1, 2))
        self.steps = np.hypot(tangent[:, 0], tangent[:, 1]) if len(way) > 1 else np.zeros(1)
        tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
        self._normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        self._last = np.array([width - 1, height - 1])
        reach = int(half.max()) + _BAND
        low, high = way.min(axis=0) - reach, way.max(axis=0) + reach + 1
        self.box = Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])).clipped(height, width)
        spots = way - [self.box.left, self.box.top]
        number = np.zeros((self.box.bottom - self.box.top, self.box.right - self.box.left), np.int32)
        number[spots[:, 1], spots[:, 0]] = np.arange(1, len(way) + 1)
        far, (row, column) = distance_transform_edt(number == 0, return_indices=True)
        ys, xs = np.nonzero(far <= reach)
        self.place = (number[row, column] - 1)[ys, xs]
        self.pixels = (ys + self.box.top) * width + xs + self.box.left
        apart = np.stack([xs + self.box.left, ys + self.box.top], axis=1) - way[self.place]
        side = np.where((apart * self._normal[self.place]).sum(axis=1) >= 0, 1.0, -1.0)
        self.across = side * far[ys, xs]

    def __len__(self) -> int:
        return len(self.way)

    def part(self, first: int, last: int, off: NDArray[np.float64] | None = None) -> Way:
        """Give the way's pixels from a place on up to another, moved sideways by so many px."""
        if off is None:
            return self.way[first:last]
        points = (self._smooth + self._normal * off[:, None])[first:last]
        return np.clip(np.round(points), 0, self._last).astype(np.int32)


def vessel_lanes(truth: Mask, line: Mask) -> list[Lane]:
    """Give the observer's vessels: branches, joined where one goes straight on into another."""
    half = half_widths(truth)
    lanes = []
    for way in joined(list(branches(line))):
        along = half[way[:, 1], way[:, 0]]
        if len(way) > 3:
            along = gaussian_filter1d(median_filter(along, 5, mode="nearest"), 2, mode="nearest")
        lanes.append(Lane(way, along, *truth.shape))
    return lanes


def part_lanes(part: Mask) -> list[Lane]:
    """Give the middle lines of what is wrong."""
    half = half_widths(part)
    return [Lane(way, half[way[:, 1], way[:, 0]], *part.shape) for way in branches(middle_line(part))]


def branches(line: Mask) -> Iterator[Way]:
    """Take a middle line apart where it branches; give each branch's pixels (x, y) in order."""
    around = cv2.filter2D(line.astype(np.uint8), cv2.CV_16S, np.ones((3, 3), np.float32))
    loose = line & (around <= 3)
    left = loose.copy()
    for end in loose_ends(loose):
        if left[end]:
            way, _ = walk_back(left, end, line.size)
            spots = np.array(way, np.int32)
            left[spots[:, 0], spots[:, 1]] = False
            yield np.ascontiguousarray(spots[:, ::-1])


def joined(ways: list[Way]) -> list[Way]:
    """Join ways whose ends meet and go on within 60 degrees, the straightest first."""
    links = _links(ways)
    out, used = [], set[int]()
    # Begin where nothing goes before; what is left then are rings.
    begins = [end for end in range(2 * len(ways)) if end not in links] + list(range(0, 2 * len(ways), 2))
    for end in begins:
        chain: list[Way] = []
        at: int | None = end
        while at is not None and at // 2 not in used:
            used.add(at // 2)
            chain.append(ways[at // 2][::-1] if at % 2 else ways[at // 2])
            at = links.get(at ^ 1)
        if chain:
            out.append(_in_one(chain))
    return out


def _links(ways: list[Way]) -> dict[int, int]:
    """Give which end goes on into which; ends are numbered 2 n for the first and 2 n + 1 for the last."""
    places = np.array([way[-1] if last else way[0] for way in ways for last in (0, 1)])
    headings = np.array([_heading(way[::-1] if last else way) for way in ways for last in (0, 1)])
    pairs = [
        (float(headings[one] @ headings[other]), one, other)
        for one in range(len(places))
        for other in range(one + 1, len(places))
        if one // 2 != other // 2 and np.abs(places[one] - places[other]).max() <= _JOINED
    ]
    links: dict[int, int] = {}
    for agreement, one, other in sorted(pairs):
        if agreement <= _STRAIGHT_ON and one not in links and other not in links:
            links[one], links[other] = other, one
    return links


def _heading(way: Way) -> NDArray[np.float64]:
    """Give the unit direction in which a way comes out at its first pixel."""
    out = (way[0] - way[min(_HEADING, len(way) - 1)]).astype(float)
    return out / max(float(np.hypot(*out)), 1e-6)


def _in_one(chain: list[Way]) -> Way:
    parts = [chain[0]]
    for way in chain[1:]:
        start, end = parts[-1][-1], way[0]
        count = int(np.abs(end - start).max())
        parts.append(np.round(np.linspace(start, end, count + 1)[1:-1]).astype(np.int32).reshape(-1, 2))
        parts.append(way)
    return np.vstack(parts).astype(np.int32)
