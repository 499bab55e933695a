"""How much pointer travel and how many clicks it takes to correct a model's mask to an observer's.

A simulated person corrects crops of real pictures, starting from the shipped model's own answer, until Dice
and clDice against the observer are both 0.95: once with brush and eraser alone, once with all tools.

How the person decides
----------------------
- Sees the picture, the mask on screen and the observer's mask; knows neither the probabilities nor what a
  tool will give before its preview is on screen. A gesture is judged by its preview alone: how many pixels
  it makes right, less those it makes wrong.
- Before another tool than brush and eraser is used, its preview must spare more work by hand than it costs.
  The work left is guessed as for strokes along every wrong and missed part, one click each, but no more than
  10 px of travel for each pixel, since small faults may be left.
- Of all gestures at hand, takes the one that rights most pixels for its effort: its travel plus 50 px for
  each click. One that rights fewer than it wrongs is never made. What was decided in one go over the picture
  is done in a tour, always the nearest next.
- Travel is counted on the screen. The hand is right to 2 screen px, so a stroke that has to hit the very
  pixel (half a px to each side) is made at zoom 4: every stroke of brush and eraser near an edge that the
  observer drew. What may be off by 2 px or more is done at zoom 1: nodes of the trace, which snap to the
  vessel, clicks on a piece, and strokes far from all vessels. Ways between gestures are counted at zoom 1.
  Keys and the wheel (tool, brush size, the trace's width, zoom) are free, for both persons. The hand then
  makes no mistakes, which is kind to brush and eraser.
- Brush: follows the middle of a branch that the observer drew, or of a missed part, in the whole px diameter
  whose preview is best. Eraser: follows the middle of a wrong part, kept off the observer's vessels.
- All tools: the same, and the threshold (its slider moved once, to where the two masks agree best), one px
  more or less, specks, holes, spurs and bridges by their preview, a click on a piece or a hole, grow dragged
  to a reach (the right button takes away), and the trace between the two ends of a branch, of a missed or of
  a wrong part, with nodes between where that is better and the width moved by whole px.

What this can and can't show
----------------------------
Two observers of one CHASE picture agree to a Dice of about 0.78. What lies between that and 0.95 is one
observer's own hand, which no tool can find in the picture: any person has to copy it, pixel for pixel. This
floor is in both sums.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from tests.bench.measure import Row, row, wanted
from vesselapp.core.evidence import BACKGROUND, FOREGROUND, level_of, mask_of, quantise
from vesselapp.core.geometry import Box
from vesselapp.core.image import read_image
from vesselapp.core.strokes import stroke_pixels
from vesselapp.core.tools import regions
from vesselapp.core.tools.grow import Grower
from vesselapp.core.tools.pieces import Mask, Pixels, Plane
from vesselapp.core.tools.skeleton import half_widths, loose_ends, middle_line, walk_back
from vesselapp.core.tools.trace import Tracer
from vesselapp.core.tools.vessels import bridges, spurs
from vesselapp.core.tools.width import paint_path, vessel_width

DATA = Path(__file__).parents[3] / "shared" / "data" / "fundus"
CROPS = (
    ("chase_db1/images/Image_01L.jpg", "chase_db1/masks/Image_01L_1stHO.png", Box(520, 120, 920, 520)),
    ("chase_db1/images/Image_05R.jpg", "chase_db1/masks/Image_05R_1stHO.png", Box(150, 450, 550, 850)),
    ("hrf/images/01_h.jpg", "hrf/masks/01_h.tif", Box(2000, 500, 2500, 1000)),
)
GOAL = (0.95, 0.95)
CLICK_PX = 50.0
SLIDER_PX = 150.0
PREVIEW_PX = 80.0
EDGE_ZOOM = 4.0
LEFT_PX = 10.0
ROUNDS = 30
TOOL_ROUNDS = 3
WIDER = range(-4, 5)
NODES_APART = (10_000, 60, 25)
FIRST_REACH, REACH_PX = 0.15, 400.0
_SHORTEST_TRACE = 8

Way = NDArray[np.int32]


@dataclass
class Effort:
    """Pointer travel in screen px, button presses, and how far that led."""

    travel: float = 0.0
    clicks: int = 0
    dice: float = 0.0
    cldice: float = 0.0
    gestures: dict[str, int] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        return self.travel + CLICK_PX * self.clicks


@dataclass(frozen=True, eq=False)
class Gesture:
    """One thing a hand can do: what it changes, where it begins and ends, what it takes."""

    name: str
    value: int
    pixels: list[Pixels]
    start: tuple[float, float]
    end: tuple[float, float]
    travel: float
    clicks: int

    @property
    def cost(self) -> float:
        return self.travel + CLICK_PX * self.clicks


class Desk:
    """A picture, the mask on screen, and the observer's mask."""

    def __init__(self, pixels: Plane, evidence: Plane, level: int, observer: Mask) -> None:
        self.pixels, self.evidence, self.level, self.observer = pixels, evidence.copy(), level, observer
        self.line = middle_line(observer)
        self.branches = list(_branches(self.line))
        self.tracer = Tracer(pixels, self.evidence, level)
        self.off_observer = half_widths(~observer)

    @property
    def mask(self) -> Mask:
        return mask_of(self.evidence, self.level)

    def scores(self) -> tuple[float, float]:
        """Give Dice and clDice of the mask on screen against the observer."""
        mask, truth = self.mask, self.observer
        thin = middle_line(mask)
        precision = float((thin & truth).sum()) / max(1, int(thin.sum()))
        recall = float((self.line & mask).sum()) / max(1, int(self.line.sum()))
        return _dice(mask, truth), 2 * precision * recall / max(1e-9, precision + recall)

    def righted(self, gesture: Gesture) -> int:
        """Tell how many pixels a gesture rights, less those it wrongs, as its preview shows."""
        return sum(self.righted_by(part, gesture.value) for part in gesture.pixels)

    def spared(self, gesture: Gesture) -> float:
        """Guess how much work by hand a gesture spares, beyond what it costs."""
        if not gesture.pixels:
            return 0.0
        whole = gesture.pixels[0][0]
        for box, _ in gesture.pixels[1:]:
            whole = whole.united(box)
        near = whole.grown(4).clipped(*self.evidence.shape)
        before = mask_of(self.evidence[near.slices], self.level)
        after = np.pad(before, 0)
        for box, chosen in gesture.pixels:
            part = after[
                box.top - near.top : box.bottom - near.top, box.left - near.left : box.right - near.left
            ]
            part[chosen] = gesture.value == FOREGROUND
        truth = self.observer[near.slices]
        return work_left(before, truth) - work_left(after, truth) - gesture.cost

    def righted_by(self, part: Pixels, value: int) -> int:
        box, chosen = part
        paints = value == FOREGROUND
        changed = chosen & (mask_of(self.evidence[box.slices], self.level) != paints)
        right = self.observer[box.slices] == paints
        return int((changed & right).sum()) - int((changed & ~right).sum())

    def do(self, gesture: Gesture) -> None:
        for box, chosen in gesture.pixels:
            self.evidence[box.slices][chosen] = gesture.value


def correct(desk: Desk, *, all_tools: bool, goal: tuple[float, float] = GOAL) -> Effort:
    """Let the person work until Dice and clDice reach a goal or no gesture helps."""
    effort = Effort()
    if all_tools:
        _everywhere(desk, effort)
        for _ in range(TOOL_ROUNDS):
            done = _spare_work(desk, [*_clicked(desk), *_traced(desk)], effort)
            _tour(done, effort)
            if not done:
                break
    for _ in range(ROUNDS):
        done = _work_through(desk, list(_hand(desk)), effort, goal)
        _tour(done, effort)
        effort.dice, effort.cldice = desk.scores()
        if not done or _reached((effort.dice, effort.cldice), goal):
            break
    return effort


def _spare_work(desk: Desk, gestures: list[Gesture], effort: Effort) -> list[Gesture]:
    """Use tools where they spare work by hand, the most sparing first, each judged anew before it is used."""
    rated = sorted(((desk.spared(g), i, g) for i, g in enumerate(gestures)), reverse=True)
    done: list[Gesture] = []
    for spared, _, gesture in rated:
        if spared <= 0:
            break
        if desk.spared(gesture) > 0.7 * spared:
            desk.do(gesture)
            done.append(gesture)
            effort.gestures[gesture.name] = effort.gestures.get(gesture.name, 0) + 1
    return done


def _work_through(
    desk: Desk, gestures: list[Gesture], effort: Effort, goal: tuple[float, float]
) -> list[Gesture]:
    """Take gestures by what they right for their effort, each judged anew before it is made."""
    rated = sorted(((desk.righted(g) / g.cost, i, g) for i, g in enumerate(gestures)), reverse=True)
    done: list[Gesture] = []
    for number, (rate, _, gesture) in enumerate(rated):
        if rate <= 0:
            break
        now = desk.righted(gesture)
        # Where another gesture has righted most of it meanwhile, it waits for the next look.
        if now <= 0 or now / gesture.cost < 0.7 * rate:
            continue
        desk.do(gesture)
        done.append(gesture)
        effort.gestures[gesture.name] = effort.gestures.get(gesture.name, 0) + 1
        if number % 5 == 0 and _reached(desk.scores(), goal):
            break
    return done


def _reached(scores: tuple[float, float], goal: tuple[float, float]) -> bool:
    return scores[0] >= goal[0] and scores[1] >= goal[1]


def _tour(gestures: list[Gesture], effort: Effort) -> None:
    """Count travel and clicks of gestures made in a tour, always the nearest next."""
    left, place = list(gestures), gestures[0].start if gestures else (0.0, 0.0)
    while left:
        ways = [np.hypot(g.start[0] - place[0], g.start[1] - place[1]) for g in left]
        gesture = left.pop(int(np.argmin(ways)))
        effort.travel += float(min(ways)) + gesture.travel
        effort.clicks += gesture.clicks
        place = gesture.end


def work_left(mask: Mask, truth: Mask) -> float:
    """Guess the effort by hand that a mask still takes (see above)."""
    work = 0.0
    for part in (mask & ~truth, truth & ~mask):
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
        area = stats[:, cv2.CC_STAT_AREA].astype(float)
        depth = np.bincount(numbers.ravel(), half_widths(part).ravel() + 0.25, minlength=len(stats))
        # The mean depth of a strip is a quarter of its width.
        length = area / np.maximum(4 * depth / np.maximum(area, 1), 1.0)
        work += float(np.minimum(CLICK_PX + EDGE_ZOOM * length, LEFT_PX * area)[1:].sum())
    return work


# -- brush and eraser ------------------------------------------------------------


def _hand(desk: Desk) -> Iterator[Gesture]:
    """Give strokes of brush and eraser that come to mind."""
    wrong, missed = desk.mask & ~desk.observer, desk.observer & ~desk.mask
    inside = half_widths(desk.observer)
    for way in [*desk.branches, *_branches(middle_line(missed))]:
        for part in _parts_with(way, missed, 2 + int(inside[way[:, 1], way[:, 0]].max())):
            widths = 2 * inside[part[:, 1], part[:, 0]]
            yield _best_stroke(desk, part, FOREGROUND, _diameters(widths))
    thick = half_widths(wrong)
    for way in _branches(middle_line(wrong)):
        widths = 2 * thick[way[:, 1], way[:, 0]]
        for push in (False, True):
            part = _pushed(way, desk.off_observer, float(widths.max()) / 2) if push else way
            yield _best_stroke(desk, part, BACKGROUND, _diameters(widths))


def _diameters(widths: NDArray[np.float32]) -> list[int]:
    low, middle, high = (max(1, round(float(v))) for v in np.quantile(widths, [0.1, 0.5, 0.9]))
    return sorted({low, middle, middle + 1, high, high + 1})


def _best_stroke(desk: Desk, way: Way, value: int, diameters: list[int]) -> Gesture:
    height, width = desk.evidence.shape
    points = _thinned(way).astype(float) + 0.5
    zoom = EDGE_ZOOM if float(desk.off_observer[way[:, 1], way[:, 0]].min()) < 4 else 1.0
    travel = zoom * float(np.hypot(*np.diff(points, axis=0).T).sum())

    def stroke(diameter: int) -> Gesture:
        pairs = list(pairwise(points)) or [(points[0], points[0])]
        pixels = [p for a, b in pairs for p in stroke_pixels(tuple(a), tuple(b), diameter, height, width)]
        start, end = tuple(points[0].tolist()), tuple(points[-1].tolist())
        name = "brush" if value == FOREGROUND else "eraser"
        # One set of pixels, or overlaps of the stroke's pieces would count twice.
        return Gesture(name, value, _merged(pixels), start, end, travel, 1)

    return max((stroke(diameter) for diameter in diameters), key=desk.righted)


def _pushed(way: Way, off: NDArray[np.float32], radius: float) -> Way:
    """Move a way off the observer's vessels, so that an eraser's rim runs along their edge."""
    down, across = np.gradient(off)
    x, y = way[:, 0], way[:, 1]
    short = np.maximum(radius - off[y, x], 0)
    slope = np.stack([across[y, x], down[y, x]], axis=1)
    slope /= np.maximum(np.hypot(slope[:, :1], slope[:, 1:]), 1e-6)
    moved = np.round(way + slope * short[:, None]).astype(np.int32)
    return np.clip(moved, 0, np.array([off.shape[1] - 1, off.shape[0] - 1], np.int32))


# -- the other tools ------------------------------------------------------------


def _everywhere(desk: Desk, effort: Effort) -> None:
    """Use what acts on the whole picture while its preview shows that it helps."""
    level = max(range(10, 250, 4), key=lambda v: _dice(mask_of(desk.evidence, v), desk.observer))
    if _dice(mask_of(desk.evidence, level), desk.observer) > _dice(desk.mask, desk.observer) + 0.002:
        desk.level = desk.tracer.level = level
        effort.travel, effort.clicks = effort.travel + SLIDER_PX, effort.clicks + 1
        effort.gestures["threshold"] = 1
    tools: list[tuple[str, int, Callable[[], list[Pixels]]]] = [
        *[("specks", BACKGROUND, lambda n=n: regions.specks(desk.evidence, desk.level, n)) for n in (15, 40)],
        *[
            ("holes", FOREGROUND, lambda n=n: regions.small_holes(desk.evidence, desk.level, n))
            for n in (15, 60)
        ],
        *[("spurs", BACKGROUND, lambda n=n: spurs(desk.evidence, desk.level, n)) for n in (5, 10)],
        *[("bridges", FOREGROUND, lambda n=n: _bridges(desk, n)) for n in (8, 20)],
        ("one more", FOREGROUND, lambda: regions.one_more(desk.evidence, desk.level)),
        ("one less", BACKGROUND, lambda: regions.one_less(desk.evidence, desk.level)),
    ]
    for name, value, find in tools:
        gesture = Gesture(name, value, find(), (0, 0), (0, 0), PREVIEW_PX, 1)
        if desk.spared(gesture) > 0:
            desk.do(gesture)
            effort.travel, effort.clicks = effort.travel + gesture.travel, effort.clicks + 1
            effort.gestures[name] = effort.gestures.get(name, 0) + 1


def _bridges(desk: Desk, longest: int) -> list[Pixels]:
    found = bridges(desk.tracer, desk.evidence, desk.level, longest)
    return [part for bridge in found for part in bridge.pixels]


def _traced(desk: Desk) -> Iterator[Gesture]:
    """Give traces along branches, missed and wrong parts, in the way and width whose preview is best."""
    missed, wrong = desk.observer & ~desk.mask, desk.mask & ~desk.observer
    for way in desk.branches:
        if len(way) >= _SHORTEST_TRACE and _parts_with(way, missed, 4):
            yield _trace(desk, way, FOREGROUND)
    for plane, value in ((missed, FOREGROUND), (wrong, BACKGROUND)):
        for way in _branches(middle_line(plane)):
            if len(way) >= _SHORTEST_TRACE:
                yield _trace(desk, way, value)


def _trace(desk: Desk, way: Way, value: int) -> Gesture:
    return max(
        (gesture for apart in NODES_APART for gesture in _traces(desk, way, value, apart)),
        key=desk.spared,
    )


def _traces(desk: Desk, way: Way, value: int, apart: int) -> Iterator[Gesture]:
    """Trace along a way with a node every so many px, in each width."""
    count = max(1, round(len(way) / apart))
    nodes = [tuple(way[i].tolist()) for i in np.linspace(0, len(way) - 1, count + 1).astype(int)]
    measured = []
    for start, end in pairwise(nodes):
        desk.tracer.set_node(start)
        measured.append(vessel_width(desk.pixels, desk.evidence, desk.tracer.path(end)))
    travel = sum(float(np.hypot(b[0] - a[0], b[1] - a[1])) for a, b in pairwise(nodes))
    for more in WIDER:
        parts = [
            part
            for centres, widths in measured
            for part in paint_path(centres, np.maximum(widths + more, 1), *desk.evidence.shape)
        ]
        name = "trace" if value == FOREGROUND else "untrace"
        yield Gesture(name, value, _merged(parts), nodes[0], nodes[-1], travel, len(nodes))


def _clicked(desk: Desk) -> Iterator[Gesture]:
    """Give clicks on wrong pieces and holes, and grow on missed parts."""
    mask = desk.mask
    for wanted_, value in ((mask & ~desk.observer, BACKGROUND), (desk.observer & ~mask, FOREGROUND)):
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(wanted_.astype(np.uint8), connectivity=8)
        for number in range(1, len(stats)):
            left, top, w, h, area = stats[number].tolist()
            if area < 12:
                continue
            inside = numbers[top : top + h, left : left + w] == number
            middle = half_widths(np.pad(inside, 1))[1:-1, 1:-1]
            y, x = (int(v) for v in np.unravel_index(int(np.argmax(middle)), middle.shape))
            yield from _click(desk, (x + left, y + top), value)


def _click(desk: Desk, place: tuple[int, int], value: int) -> Iterator[Gesture]:
    if value == BACKGROUND:
        piece = regions.piece_at(desk.evidence, desk.level, place)
        if piece is not None:
            yield Gesture("piece", value, [piece], place, place, 0.0, 1)
        yield _grow(desk, place, value)
        return
    hole = regions.hole_at(desk.evidence, desk.level, place)
    if hole is not None:
        yield Gesture("hole", value, [hole], place, place, 0.0, 1)
    yield _grow(desk, place, value)


def _grow(desk: Desk, place: tuple[int, int], value: int) -> Gesture:
    grower = Grower(desk.evidence, desk.pixels, place)
    name = "grow" if value == FOREGROUND else "shrink"
    reaches = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    grown = [
        Gesture(name, value, [grower.region(r)], place, place, abs(r - FIRST_REACH) * REACH_PX, 1)
        for r in reaches
    ]
    return max(grown, key=desk.spared)


# -- ways ------------------------------------------------------------


def _branches(line: Mask) -> Iterator[Way]:
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


def _parts_with(way: Way, missed: Mask, reach: int) -> list[Way]:
    """Give the stretches of a way that have missed pixels within a reach beside them."""
    reach = min(reach, 8)
    near = cv2.dilate(missed.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    close = near[way[:, 1], way[:, 0]] > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], close.astype(np.int8), [0]])))
    return [way[first:last] for first, last in edges.reshape(-1, 2)]


def _thinned(way: Way) -> Way:
    """Keep every fourth pixel and the last: the hand's places."""
    return way if len(way) < 3 else np.vstack([way[:-1:4], way[-1:]])


def _merged(parts: Sequence[Pixels]) -> list[Pixels]:
    if not parts:
        return []
    whole = parts[0][0]
    for box, _ in parts[1:]:
        whole = whole.united(box)
    chosen = np.zeros((whole.bottom - whole.top, whole.right - whole.left), np.bool_)
    for box, part in parts:
        chosen[
            box.top - whole.top : box.bottom - whole.top, box.left - whole.left : box.right - whole.left
        ] |= part
    return [(whole, chosen)]


def _dice(mask: Mask, truth: Mask) -> float:
    return 2 * float((mask & truth).sum()) / max(1.0, float(mask.sum() + truth.sum()))


# -- the benchmark ------------------------------------------------------------


def desks() -> Iterator[tuple[str, Callable[[], Desk]]]:
    """Give each crop with the shipped model's answer; the model sees the whole picture."""
    from vesselapp.inference.catalog import find_model
    from vesselapp.inference.model import load_model
    from vesselapp.inference.predict import predict

    model = load_model(find_model(None), "cpu")
    for picture, truth, box in CROPS:
        if not (DATA / picture).exists():
            continue
        pixels = read_image(DATA / picture).pixels
        evidence = quantise(predict(model, pixels).probability)
        observer = np.asarray(Pictures.open(DATA / truth).convert("L")) > 127
        parts = [np.ascontiguousarray(plane[box.slices]) for plane in (pixels, evidence, observer)]
        level = level_of(model.card.threshold)
        yield Path(picture).stem, lambda parts=parts, level=level: Desk(parts[0], parts[1], level, parts[2])


def run(names: Sequence[str]) -> Iterator[Row]:
    """Measure what was asked for."""
    if not wanted("effort", names):
        return
    plain, tools, reached = Effort(), Effort(), []
    for _, desk in desks():
        for total, all_tools in ((plain, False), (tools, True)):
            effort = correct(desk(), all_tools=all_tools)
            total.travel, total.clicks = total.travel + effort.travel, total.clicks + effort.clicks
            reached.append(_reached((effort.dice, effort.cldice), GOAL))
    if plain.clicks:
        yield row("effort_goals_reached", sum(reached) / len(reached), "share", 1, higher_is_better=True)
        yield row("effort_travel_ratio", tools.travel / plain.travel, "ratio", 1 / 3)
        yield row("effort_clicks_ratio", tools.clicks / plain.clicks, "ratio", 1 / 3)
        yield row("effort_ratio", tools.cost / plain.cost, "ratio", 1 / 3)
