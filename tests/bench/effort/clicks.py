"""Gestures of one click: on a piece, in a hole, and growing from a place."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from tests.bench.effort.desk import Change, Sight
from tests.bench.effort.hand import Gesture, Movement, tiles_of
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Pixels
from vesselapp.core.tools.grow import Grower
from vesselapp.core.tools.pieces import Mask, Place
from vesselapp.core.tools.regions import hole_at, piece_at
from vesselapp.core.tools.skeleton import half_widths

_FEWEST = 12
_REACHES = (0.05, 0.15, 0.3)
# As in the app's grow tool.
_FIRST_REACH, _REACH_PX = 0.15, 400.0


def clicks(sight: Sight) -> Iterator[Gesture]:
    """Give clicks into the middle of what is wrong and of what is missed."""
    mask = sight.mask
    for place in _middles(mask & ~sight.truth):
        yield from _found("piece", place, Correction.BACKGROUND, piece_at, sight)
        yield from _grown(sight, place, Correction.BACKGROUND)
    for place in _middles(sight.truth & ~mask):
        yield from _found("hole", place, Correction.FOREGROUND, hole_at, sight)
        yield from _grown(sight, place, Correction.FOREGROUND)


def _middles(part: Mask) -> Iterator[Place]:
    """Give the innermost place of each piece, where a hand that is 2 px off still hits the most."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
    for number in range(1, len(stats)):
        left, top, width, height, area = stats[number].tolist()
        if area < _FEWEST:
            continue
        inside = numbers[top : top + height, left : left + width] == number
        depth = half_widths(np.pad(inside, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
        yield int(x) + left, int(y) + top


def _found(
    name: str,
    place: Place,
    correction: Correction,
    find: Callable[[np.ndarray, int, Place], Pixels | None],
    sight: Sight,
) -> Iterator[Gesture]:
    pixels = find(sight.evidence, sight.level, place)
    if pixels is None:
        return

    def changes(now: Sight) -> list[Change]:
        return [(correction, find(now.evidence, now.level, place))]

    yield Gesture(name, (changes,), (Movement(place, place, 0.0),), tiles=tiles_of(pixels[0]))


def _grown(sight: Sight, place: Place, correction: Correction) -> Iterator[Gesture]:
    grower = Grower(sight.evidence, sight.pixels, place)
    name = "grow" if correction is Correction.FOREGROUND else "shrink"
    for reach in _REACHES:
        region = grower.region(reach)
        travel = abs(reach - _FIRST_REACH) * _REACH_PX
        end = place[0] + (reach - _FIRST_REACH) * _REACH_PX, place[1]
        changes: list[Change] = [(correction, region)]
        yield Gesture(
            name,
            (lambda _, changes=changes: changes,),
            (Movement(place, end, travel),),
            tiles=tiles_of(region[0]),
        )
