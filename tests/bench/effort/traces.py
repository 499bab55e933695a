"""Gestures of the trace: from click to click along a vessel, at its own width or some px off it."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tests.bench.effort.desk import Change, Sight
from tests.bench.effort.hand import HAND_PX, Gesture, apart, either_way, tiles_near
from tests.bench.effort.strokes import merged
from tests.bench.effort.ways import Lane, branches
from vesselapp.core.evidence import Correction
from vesselapp.core.tools.mask_width import mask_width
from vesselapp.core.tools.pieces import Place
from vesselapp.core.tools.skeleton import middle_line
from vesselapp.core.tools.trace import Tracer
from vesselapp.core.tools.width import paint_path, vessel_width

SHORTEST = 8
_NODES_APART = (10_000, 60)
_WIDER = (-2, -1, 0, 1, 2)
_MUCH_MISSED = 0.3


def traces(sight: Sight, lanes: list[Lane]) -> Iterator[Gesture]:
    """Give traces along the observer's vessels and missed parts, and away along what is wrong.

    Nodes are set at zoom 1: the hand is 2 px off, and the trace snaps them to the vessel.
    """
    tracer = Tracer(sight.pixels, sight.evidence, sight.level)
    missed, wrong = sight.truth & ~sight.mask, sight.mask & ~sight.truth
    ways = [
        (lane.way, Correction.FOREGROUND)
        for lane in lanes
        if missed[lane.way[:, 1], lane.way[:, 0]].mean() > _MUCH_MISSED
    ]
    for plane, correction in ((missed, Correction.FOREGROUND), (wrong, Correction.BACKGROUND)):
        ways += [(way, correction) for way in branches(middle_line(plane))]
    for way, correction in ways:
        if len(way) >= SHORTEST:
            for count in sorted({max(1, round(len(way) / px)) for px in _NODES_APART}):
                nodes = [_place(way, i) for i in np.linspace(0, len(way) - 1, count + 1).astype(int)]
                yield from _traced(sight, tracer, nodes, correction)


def _traced(sight: Sight, tracer: Tracer, nodes: list[Place], correction: Correction) -> Iterator[Gesture]:
    """Trace from node to node in each width; the hand slips to either side in turns."""
    off = [(HAND_PX, 0), (0, HAND_PX), (-HAND_PX, 0), (0, -HAND_PX)]
    slipped = [(x + off[i % 4][0], y + off[i % 4][1]) for i, (x, y) in enumerate(nodes)]
    snapped = [tracer.snapped(_inside(node, sight.shape)) for node in slipped]
    measured = []
    for start, end in pairwise(snapped):
        tracer.set_node(start)
        path = tracer.path(end)
        if len(path) > 1:
            measured.append((path, vessel_width(sight.pixels, sight.evidence, path)))
    if not measured:
        return
    travel = sum(apart(one, other) for one, other in pairwise(nodes))
    tiles = tiles_near(np.vstack([path for path, _ in measured])[::4], 6.0)
    name = "trace" if correction is Correction.FOREGROUND else "untrace"
    for wider in _WIDER:
        # As in the app, what is taken away is as wide as the mask there, too.
        ways_taken = [measure for _, measure in measured]
        if correction is Correction.BACKGROUND:
            ways_taken += [mask_width(sight.evidence, sight.level, path) for path, _ in measured]
        parts = [
            part
            for centres, widths in ways_taken
            if len(centres)
            for part in paint_path(centres, np.maximum(widths + wider, 1), *sight.shape)
        ]
        if parts:
            changes: list[Change] = [(correction, merged(parts))]
            yield Gesture(
                name,
                (lambda _, changes=changes: changes,),
                either_way(nodes[0], nodes[-1], travel),
                clicks=len(nodes),
                tiles=tiles,
            )


def _place(way: np.ndarray, place: int) -> Place:
    x, y = way[place].tolist()
    return x, y


def _inside(place: Place, shape: tuple[int, ...]) -> Place:
    return min(max(place[0], 0), shape[1] - 1), min(max(place[1], 0), shape[0] - 1)
