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
from vesselapp.core.tools.vessel_round import VesselRound
from vesselapp.core.tools.vessel_way import FaintWays
from vesselapp.core.tools.width import vessel_width

SHORTEST = 8
_OVERLAP = 10
_SEEN = 3
_POINTED = 12

Ends = tuple[int, tuple[int, ...], tuple[int, ...]]


def vessel_cards(sight: Sight, lanes: list[Lane]) -> list[Card]:
    """Give the cards that come to mind: those of the app's round, and where the observer has a vessel.

    Parameters
    ----------
    sight : Sight
    lanes : list of Lane
        The observer's vessels.
    """
    ways = FaintWays(sight.evidence, sight.level)
    opened = dict[Ends, Card]()
    for way, half in vessel_round(sight):
        opened[_ends(way)] = Card(way, half, sight, in_round=True)
    dragged = []
    tracer = Tracer(sight.pixels, sight.evidence, sight.level)
    for lane in lanes:
        for first, last in _missed(sight, lane):
            for place in range(first, last, _POINTED):
                found = ways.through(_place(lane, place))
                if found is not None and _ends(found[0]) not in opened:
                    opened[_ends(found[0])] = Card(*found, sight)
            longer = max(0, first - _OVERLAP), min(len(lane), last + _OVERLAP)
            dragged.append(_dragged(tracer, lane, *longer, sight))
    return [card for card in (*opened.values(), *dragged) if len(card) >= SHORTEST]


def vessel_round(sight: Sight) -> Iterator[tuple[Path, float]]:
    """Press the key for the next vessel until none is left."""
    ways = FaintWays(sight.evidence, sight.level)
    going, place = VesselRound(*sight.shape), (0, 0)
    while (found := going.next(ways, place)) is not None:
        yield found
        going.saw(found[0])
        place = (int(found[0][0, 0]), int(found[0][0, 1]))


def _ends(way: Path) -> Ends:
    first, last = (tuple(way[end].tolist()) for end in (0, -1))
    return len(way), min(first, last), max(first, last)


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
