"""What acts on the whole picture: the threshold, and the clean-ups with their preview."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.bench.effort.desk import Change, Desk, Goal, Sight
from tests.bench.effort.hand import Effort, Gesture, Movement, tiles_of
from vesselapp.core.evidence import Correction, mask_of
from vesselapp.core.geometry import Box, Pixels
from vesselapp.core.tools import regions
from vesselapp.core.tools.pieces import Plane
from vesselapp.core.tools.trace import Tracer
from vesselapp.core.tools.vessels import bridges, spurs

SLIDER_PX = 150.0
PREVIEW_PX = 400.0
_MUCH = 0.25
_LEVELS = range(10, 250, 4)

Find = Callable[[Plane, int], list[Pixels]]


def threshold(desk: Desk, goal: Goal, effort: Effort) -> None:
    """Move the slider once to where the two masks agree best, where that makes much of the difference."""
    document = desk.document
    wrong = {level: _wrong(desk, level) for level in (document.level, *_LEVELS)}
    best = min(_LEVELS, key=lambda level: wrong[level])
    if wrong[document.level] - wrong[best] > _MUCH * desk.sight().lack(goal).pixels:
        document.set_level(best)
        effort.drawn += SLIDER_PX
        effort.clicks += 1
        effort.count("threshold")


def _wrong(desk: Desk, level: int) -> int:
    return int((mask_of(desk.document.evidence.levels[0], level) ^ desk.truth).sum())


def cleanups(sight: Sight) -> Iterator[Gesture]:
    """Give the clean-ups of the whole mask: a click, after its number was set by its preview."""
    whole = tiles_of(Box(0, 0, sight.shape[1], sight.shape[0]))
    for name, correction, find in _cleanups(sight):

        def changes(now: Sight, correction: Correction = correction, find: Find = find) -> list[Change]:
            return [(correction, pixels) for pixels in find(now.evidence, now.level)]

        # Its panel is on no place of the picture: the way there and back is counted as such.
        yield Gesture(name, (changes,), (Movement((0.0, 0.0), (0.0, 0.0), PREVIEW_PX),), tiles=whole)


def _cleanups(sight: Sight) -> Iterator[tuple[str, Correction, Find]]:
    for px in (15, 40):
        yield "specks", Correction.BACKGROUND, partial(_with_size, regions.specks, px)
    for px in (15, 60):
        yield "holes", Correction.FOREGROUND, partial(_with_size, regions.small_holes, px)
    for px in (5, 10):
        yield "spurs", Correction.BACKGROUND, partial(_with_size, spurs, px)
    for px in (8, 20):
        yield "bridges", Correction.FOREGROUND, partial(_bridges, sight.pixels, px)
    yield "one more", Correction.FOREGROUND, regions.one_more
    yield "one less", Correction.BACKGROUND, regions.one_less


def _with_size(
    find: Callable[[Plane, int, int], list[Pixels]], px: int, evidence: Plane, level: int
) -> list[Pixels]:
    return find(evidence, level, px)


def _bridges(pixels: Plane, longest: int, evidence: Plane, level: int) -> list[Pixels]:
    tracer = Tracer(pixels, evidence, level)
    return [part for bridge in bridges(tracer, evidence, level, longest) for part in bridge]
