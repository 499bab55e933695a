"""What can be straightened: vessels that the key opens where the pointer is, others by a drag along them."""

from collections.abc import Iterator

import cv2
import numpy as np

from tests.bench.effort.cards import Card
from tests.bench.effort.desk import Sight
from tests.bench.effort.hand import Opening
from tests.bench.effort.ways import Lane
from vesselapp.core.tools.pieces import Mask, Place
from vesselapp.core.tools.trace import Path, Tracer
from vesselapp.core.tools.vessel_way import FaintWays
from vesselapp.core.tools.width import vessel_width

SHORTEST = 8
_OVERLAP = 10
_SEEN = 3


def vessel_cards(sight: Sight, lanes: list[Lane]) -> list[Card]:
    """Give the cards that come to mind: along what is on screen, and where the observer has a vessel.

    Parameters
    ----------
    sight : Sight
    lanes : list of Lane
        The observer's vessels.
    """
    ways = FaintWays(sight.evidence, sight.level)
    cards = [Card(way, half, sight) for way, half in _opened_by_key(sight, ways)]
    tracer = Tracer(sight.pixels, sight.evidence, sight.level)
    for lane in lanes:
        for first, last in _missed(sight, lane):
            found = ways.through(_place(lane, (first + last) // 2))
            if found is not None and len(found[0]) >= SHORTEST:
                cards.append(Card(*found, sight))
            longer = max(0, first - _OVERLAP), min(len(lane), last + _OVERLAP)
            cards.append(_dragged(tracer, lane, *longer, sight))
    return [card for card in cards if len(card) >= SHORTEST]


def _opened_by_key(sight: Sight, ways: FaintWays) -> Iterator[tuple[Path, float]]:
    """Open every vessel of the mask on screen once."""
    left = sight.mask_line.copy()
    for y, x in np.argwhere(left).tolist():
        if not left[y, x]:
            continue
        found = ways.through((x, y))
        left[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = False
        if found is not None:
            passed = np.zeros_like(left)
            passed[found[0][:, 1], found[0][:, 0]] = True
            left &= ~_grown(passed, 1)
            if len(found[0]) >= SHORTEST:
                yield found


def _missed(sight: Sight, lane: Lane) -> list[tuple[int, int]]:
    """Give the stretches of an observer's vessel that the mask misses, and all of it where they are many."""
    near = _grown(sight.mask, _SEEN)
    missed = ~near[lane.way[:, 1], lane.way[:, 0]]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missed.astype(np.int8), [0]])))
    stretches = [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
    if missed.mean() > 0.2 and (0, len(lane)) not in stretches:
        stretches.append((0, len(lane)))
    return [(first, last) for first, last in stretches if last - first >= SHORTEST]


def _dragged(tracer: Tracer, lane: Lane, first: int, last: int, sight: Sight) -> Card:
    """Open the way between two places by a drag, as the app finds it."""
    start, end = (tracer.snapped(_place(lane, place)) for place in (first, last - 1))
    tracer.set_node(start)
    way = tracer.path(end)
    if len(way) < 2:
        way = lane.way[first:last]
    _, widths = vessel_width(sight.pixels, sight.evidence, way)
    return Card(way, float(np.median(widths)) / 2, sight, Opening(start, end))


def _place(lane: Lane, place: int) -> Place:
    x, y = lane.way[place].tolist()
    return x, y


def _grown(mask: Mask, by: int) -> Mask:
    side = 2 * by + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)
