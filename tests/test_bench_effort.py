"""The parts of the effort benchmark that could lie without anybody seeing it."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.effort.cards import Card, Drawing, slips_along
from tests.bench.effort.desk import Change, Desk, Goal, Sight, dice, worth_of
from tests.bench.effort.hand import (
    Effort,
    Gesture,
    Opening,
    Tiles,
    apart,
    either_way,
    tiles_near,
    tiles_of,
    tour,
)
from tests.bench.effort.person import correct
from tests.bench.effort.plan import Planner, stretches
from tests.bench.effort.pushes import Pushes
from tests.bench.effort.strokes import Stroke, gains, gesture
from tests.bench.effort.vessels import vessel_round
from tests.bench.effort.ways import vessel_lanes
from vesselapp.core.evidence import LOWEST, Correction
from vesselapp.core.geometry import Box
from vesselapp.core.tools.skeleton import middle_line
from vesselapp.core.tools.vessel_way import FaintWays
from vesselapp.ui.tools.card import ACROSS, ALONG
from vesselapp.ui.tools.straighten import StraightenTool
from vesselapp.ui.view import View

HEIGHT, WIDTH, ROW, LEVEL = 120, 300, 60, 128


def vessel_desk(top: int = ROW - 3, bottom: int = ROW + 4) -> Desk:
    """A model's vessel of 7 px on row 60, and an observer's between two rows."""
    evidence = np.full((HEIGHT, WIDTH), LOWEST, np.uint8)
    evidence[ROW - 3 : ROW + 4, 10:290] = 250
    truth = np.zeros((HEIGHT, WIDTH), np.bool_)
    truth[top:bottom, 10:290] = True
    return Desk(np.full((HEIGHT, WIDTH, 3), 128, np.uint8), evidence, LEVEL, truth)


def looked_at(desk: Desk) -> Sight:
    sight = desk.sight()
    sight.lack(Goal())
    return sight


def card_of(sight: Sight) -> Card:
    found = FaintWays(sight.evidence, sight.level).through((150, ROW))
    assert found is not None
    return Card(*found, sight)


def drawing_of(card: Card, name: str) -> Drawing:
    return next(drawing for drawing in card.drawings if drawing.name == name)


def gesture_at(x: float, tiles: Tiles = frozenset(), opening: Opening | None = None) -> Gesture:
    movements = either_way((x, 0.0), (x + 10.0, 0.0), 10.0)
    return Gesture(str(x), (lambda _: [],), movements, opening=opening, tiles=tiles)


# -- what is right and what is wrong -----------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_what_changes_are_worth_is_how_many_pixels_they_right(seed: int) -> None:
    random = np.random.default_rng(seed)
    evidence = random.integers(1, 254, (30, 40)).astype(np.uint8)
    truth = random.random((30, 40)) > 0.5
    sight = Sight(np.zeros((30, 40, 3), np.uint8), evidence, LEVEL, truth, middle_line(truth))
    before = int((sight.mask ^ truth).sum())
    chosen = random.random((10, 15)) > 0.5
    changes: list[Change] = [
        (Correction.FOREGROUND, (Box(5, 3, 20, 13), chosen)),
        (Correction.BACKGROUND, (Box(5, 3, 20, 13), ~chosen)),
        (Correction.BACKGROUND, None),
    ]
    worth = worth_of(changes, *sight.pixel_worth((1.0, 0.0)))
    sight.do(changes)
    assert worth == before - int((sight.mask ^ truth).sum())


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.floats(0.0, 0.2))
def test_nothing_is_lacking_just_where_dice_is_reached(seed: int, noise: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.random((30, 40)) > 0.5
    evidence = np.where(truth ^ (random.random((30, 40)) < noise), np.uint8(250), np.uint8(LOWEST))
    sight = Sight(np.zeros((30, 40, 3), np.uint8), evidence, LEVEL, truth, middle_line(truth))
    assert (sight.lack(Goal()).pixels <= 1e-6) == (dice(sight.mask, truth) >= 0.95 - 1e-9)


def test_what_is_done_in_the_mind_leaves_the_document_alone() -> None:
    desk = vessel_desk()
    sight = desk.sight()
    sight.do([(Correction.BACKGROUND, (Box(0, 0, WIDTH, HEIGHT), np.ones((HEIGHT, WIDTH), np.bool_)))])
    assert not sight.mask.any()
    assert desk.document.mask().any()
    assert desk.scores() == (1.0, 1.0)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(-5, 5), min_size=6, max_size=6), min_size=1, max_size=3))
def test_the_best_stretch_is_the_best(rows: list[list[int]]) -> None:
    found = stretches(np.array(rows, np.float64), 2.0)
    best = max(sum(row[a:b]) - 2 for row in rows for a in range(6) for b in range(a + 1, 7))
    assert (found[0][3] if found else 0.0) == max(best, 0)
    for number, first, last, worth in found:
        assert sum(rows[number][first:last]) - 2 == worth


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(-5, 5), min_size=6, max_size=6), min_size=2, max_size=3),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_the_best_stretch_around_another_is_the_best(rows: list[list[int]], start: int, count: int) -> None:
    found = stretches(np.array(rows, np.float64), 2.0, [1], (start, start + count))
    best = max(sum(rows[1][a:b]) - 2 for a in range(start + 1) for b in range(start + count, 7))
    assert [(row, worth) for row, _, _, worth in found] == ([(1, best)] if best > 0 else [])
    for _, first, last, worth in found:
        assert first <= start
        assert last >= start + count
        assert sum(rows[1][first:last]) - 2 == worth


def test_a_stroke_on_a_card_leaves_nothing_of_what_it_covers() -> None:
    card = card_of(looked_at(vessel_desk(ROW - 1, ROW + 6)))
    line, edge, away = (drawing_of(card, name) for name in ("line", "edge", "away"))
    before = card.gesture(line, 50, 100)
    assert card.gesture(away, 50, 100).covers(before)
    assert card.gesture(line, 40, 110).covers(card.gesture(edge, 50, 100))
    assert not card.gesture(line, 60, 110).covers(before)
    assert not card.gesture(edge, 40, 110).covers(before)


def test_a_brush_covers_narrower_strokes_of_its_side_where_the_hand_is_exact() -> None:
    lane = vessel_lanes(vessel_desk().truth, middle_line(vessel_desk().truth))[0]

    def stroke(
        zoom: int, diameter: int, correction: Correction = Correction.FOREGROUND, first: int = 10
    ) -> Gesture:
        brush = Stroke(correction, zoom, np.full(len(lane), diameter))
        return gesture(lane, brush, first, 50, (HEIGHT, WIDTH))

    assert stroke(4, 7).covers(stroke(4, 5))
    assert stroke(4, 7).covers(stroke(2, 7))
    assert not stroke(4, 5).covers(stroke(4, 7))
    assert not stroke(2, 7).covers(stroke(4, 5))
    assert not stroke(4, 7).covers(stroke(4, 5, Correction.BACKGROUND))
    assert not stroke(4, 7, first=20).covers(stroke(4, 5))


@pytest.mark.parametrize("all_tools", [True, False])
def test_nothing_is_drawn_that_a_later_stroke_covers(all_tools: bool) -> None:
    plan = Planner(
        vessel_desk(ROW - 1, ROW + 6).sight(), 0.5, Goal(0.99, 0.99), Random(0), all_tools=all_tools
    )
    decided = plan.decide()
    assert decided
    assert not any(later.covers(one) for i, one in enumerate(decided) for later in decided[i + 1 :])


# -- travel and clicks -------------------------------------------------------------------------------------


def test_a_tour_counts_strokes_ways_and_clicks() -> None:
    effort = Effort()
    order, place = tour([gesture_at(100.0), gesture_at(0.0)], (0.0, 0.0), effort)
    assert [g.name for g in order] == ["0.0", "100.0"]
    assert (effort.drawn, effort.ways, effort.clicks) == (20.0, 90.0, 2)
    assert place == (110.0, 0.0)
    assert effort.cost == 110.0 + 2 * 50.0


def test_a_tour_keeps_the_order_of_what_meets_and_takes_strokes_from_the_nearer_end() -> None:
    near, far = gesture_at(0.0, tiles_of(Box(0, 0, 5, 5))), gesture_at(100.0, tiles_of(Box(4, 4, 9, 9)))
    effort = Effort()
    order, place = tour([far, near], (200.0, 0.0), effort)
    assert order == [far, near]
    assert effort.ways == 90.0 + 90.0
    assert place == (0.0, 0.0)


def test_a_card_that_is_left_is_opened_and_counted_again() -> None:
    card = Opening((0.0, 0.0), (50.0, 0.0))
    together = Effort()
    tour([gesture_at(0.0, opening=card), gesture_at(20.0, opening=card)], (0.0, 0.0), together)
    assert together.clicks == 3
    assert together.drawn == 50.0 + 20.0
    apart_ = Effort()
    everywhere = tiles_of(Box(0, 0, 1, 1))
    on_card = [gesture_at(0.0, everywhere, card) for _ in range(2)]
    tour([on_card[0], gesture_at(20.0, everywhere), on_card[1]], (0.0, 0.0), apart_)
    assert apart_.clicks == 5
    assert apart_.drawn == 100.0 + 30.0


@settings(max_examples=40)
@given(st.floats(0, 200), st.floats(0, 200), st.floats(0, 30))
def test_no_pixel_of_a_disc_lies_outside_its_tiles(x: float, y: float, reach: float) -> None:
    for turn in np.linspace(0, 2 * np.pi, 8):
        near = np.array([[x + reach * np.cos(turn), y + reach * np.sin(turn)]])
        assert tiles_near(near, 0.0) <= tiles_near(np.array([[x, y]]), reach + 1e-6)


@pytest.mark.parametrize("zoom", [1, 2, 4])
def test_a_stroke_of_the_brush_is_as_long_as_it_is_on_screen(zoom: int) -> None:
    sight = looked_at(vessel_desk())
    (lane,) = vessel_lanes(sight.truth, sight.line)
    stroke = Stroke(Correction.FOREGROUND, zoom, np.full(len(lane), 7))
    made = gesture(lane, stroke, 20, 121, sight.shape)
    assert made.movements[0].travel == pytest.approx(100 * zoom, rel=0.02)
    assert len(made.outcomes) == (1 if zoom == 4 else 4)
    assert made.clicks == 1


def test_what_a_stroke_gains_along_its_way_is_what_it_paints() -> None:
    sight = looked_at(vessel_desk(ROW - 5, ROW + 6))
    (lane,) = vessel_lanes(sight.truth, sight.line)
    stroke = Stroke(Correction.FOREGROUND, 4, np.full(len(lane), 11))
    paint, erase = sight.pixel_worth((1.0, 0.0))
    (outcome,) = gesture(lane, stroke, 0, len(lane), sight.shape).outcomes
    promised = gains(lane, [stroke], paint, erase).sum()
    assert promised == pytest.approx(worth_of(outcome(sight), paint, erase), rel=0.05)


# -- straighten --------------------------------------------------------------------------------------------


def test_travel_on_a_card_is_that_of_the_card_on_screen() -> None:
    card = card_of(looked_at(vessel_desk()))
    line = card.gesture(drawing_of(card, "line"), 20, 221)
    assert min(m.travel for m in line.movements) == pytest.approx(200 * ALONG, rel=0.02)
    both = card.gesture(drawing_of(card, "edges"), 20, 221)
    # There on one edge and back on the other: 3.5 px out, 7 px over.
    expected = 2 * 200 * ALONG + (3.5 + 7) * ACROSS
    assert min(m.travel for m in both.movements) == pytest.approx(expected, rel=0.03)
    for movement in (*line.movements, *both.movements):
        assert movement.travel >= apart(movement.start, movement.end) - 1e-6
    assert line.clicks == both.clicks == 1


@pytest.mark.parametrize("name", ["line", "edges"])
def test_twice_as_large_a_card_takes_twice_the_travel_and_ends_where_it_did(name: str) -> None:
    card = card_of(looked_at(vessel_desk()))
    at_one, at_two = (
        card.gesture(next(d for d in card.drawings if d.name == name and d.zoom == zoom), 20, 221)
        for zoom in (1, 2)
    )
    for one, two in zip(at_one.movements, at_two.movements, strict=True):
        assert two.travel == pytest.approx(2 * one.travel, rel=0.02)
        assert two.start == pytest.approx(one.start, abs=0.1)
        assert two.end == pytest.approx(one.end, abs=1.0)


class Screen:
    """As much of a canvas as the tool needs."""

    def __init__(self, desk: Desk) -> None:
        self.document = desk.document
        self.view = View(zoom=1.0, height=HEIGHT, width=WIDTH)
        self.told = self

    def emit(self, _words: str) -> None:
        """Hear what the tool says."""

    def update(self) -> None:
        """Paint nothing."""

    def at_mask(self) -> bool:
        return True

    def pane_size(self) -> tuple[int, int]:
        return HEIGHT, WIDTH

    def devicePixelRatioF(self) -> float:
        return 1.0

    def place_pointed(self) -> None:
        """The pointer is not on the canvas: keys act at the card's own place."""


@pytest.mark.parametrize("name", ["line", "edge", "edges", "away"])
def test_a_stroke_on_a_card_paints_what_the_real_tool_paints(name: str) -> None:
    desk, real = vessel_desk(ROW - 5, ROW + 3), vessel_desk(ROW - 5, ROW + 3)
    card = card_of(looked_at(desk))
    drawing = drawing_of(card, name)
    made = card.gesture(drawing, 30, 200)
    desk.do(name, made.outcomes[0](desk.sight()))

    tool = StraightenTool(Screen(real))  # type: ignore[arg-type]
    tool.taken_up((150.5, ROW + 0.5))
    layout = tool._layout()
    assert layout is not None
    assert np.array_equal(layout.straight.centres, card.straight.centres)
    points = card._points(drawing, 30, 200, 0 if name == "away" else slips_along(drawing)[0])
    widths = [0 if drawing.widths is None else int(drawing.widths[int(along)]) for along, _ in points]
    places = [tool.canvas.view.to_picture(*layout.to_device(*point)) for point in points]
    tool.widen(widths[0])
    tool.press(places[0], opposite=name == "away", shift=False)
    for place, (before, now) in zip(places[1:], pairwise(widths), strict=True):
        if now != before:
            tool.widen(now - before)
        tool.drag(place)
    tool.release(places[-1])
    assert real.document.corrections.any()
    assert (desk.document.mask() ^ real.document.mask()).sum() <= 2
    # All but one stroke of the eraser bring the mask nearer to the observer's.
    assert (desk.scores()[0] > vessel_desk(ROW - 5, ROW + 3).scores()[0]) == (name != "away")


def test_what_a_drawing_gains_along_a_card_is_what_its_stroke_changes() -> None:
    sight = looked_at(vessel_desk(ROW - 5, ROW + 3))
    card = card_of(sight)
    worths = sight.pixel_worth((1.0, 0.0))
    promised = card.gains(sight, *worths)
    for row, drawing in enumerate(card.drawings):
        made = card.gesture(drawing, 10, len(card) - 10)
        kept = np.mean([worth_of(outcome(sight), *worths) for outcome in made.outcomes])
        assert promised[row, 10:-10].sum() == pytest.approx(kept, rel=0.1, abs=20)


@pytest.mark.parametrize(("top", "bottom"), [(ROW - 5, ROW + 3), (ROW - 2, ROW + 6)])
def test_keys_push_what_the_real_tool_pushes_and_bring_it_nearer(top: int, bottom: int) -> None:
    desk, real = vessel_desk(top, bottom), vessel_desk(top, bottom)
    sight = looked_at(desk)
    card, worths = card_of(sight), sight.pixel_worth((1.0, 0.0))
    found = list(Pushes(card).best(sight, *worths, key=1.0))
    assert len(found) > 5
    tool = StraightenTool(Screen(real))  # type: ignore[arg-type]
    tool.taken_up((150.5, ROW + 0.5))
    layout = tool._layout()
    assert layout is not None
    for promised, made in found:
        changes = made.outcomes[0](desk.sight())
        assert worth_of(changes, *worths) - made.keys == pytest.approx(promised, abs=8)
        desk.do("push", changes)
        spot = made.movements[0].end
        tool._anchor = layout.straight.from_picture(*spot)[0]
        edges = {True: bottom - (ROW + 4), False: (ROW - 3) - top}  # how far down, and up, each must go
        for below, px in edges.items():
            for _ in range(abs(px)):
                # Outwards by the arrow of its own side, inwards by that of the other with Shift.
                tool.arrow(0, 1 if below == (px > 0) else -1, shift=px < 0)
    assert (desk.document.mask() ^ real.document.mask()).sum() <= 4
    assert desk.scores()[0] > 0.97


def test_a_push_takes_keys_and_no_click() -> None:
    sight = looked_at(vessel_desk(ROW - 5, ROW + 3))
    card = card_of(sight)
    (_, made), *_ = Pushes(card).best(sight, *sight.pixel_worth((1.0, 0.0)), key=1.0)
    effort = Effort()
    tour([made], made.movements[0].end, effort)
    assert (effort.clicks, effort.keys, effort.cost) == (0, 3, 0.0)


# -- the whole ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("all_tools", [False, True])
def test_a_person_reaches_the_goal_and_what_it_takes_is_counted(all_tools: bool) -> None:
    desk = vessel_desk(ROW - 5, ROW + 3)
    assert not Goal().reached(*desk.scores())
    effort = correct(desk, 0.2, all_tools=all_tools)
    assert Goal().reached(effort.dice, effort.cldice)
    assert (effort.dice, effort.cldice) == desk.scores()
    assert effort.clicks >= sum(effort.gestures.values()) > 0
    assert effort.drawn > 0


def test_brush_and_eraser_alone_use_nothing_else() -> None:
    effort = correct(vessel_desk(ROW - 5, ROW + 3), 0.2, all_tools=False)
    assert set(effort.gestures) <= {"brush", "eraser"}


def test_a_vessel_of_the_round_comes_to_the_pointer_where_the_stroke_begins() -> None:
    sight = looked_at(vessel_desk(top=ROW - 5))
    (way, half), *others = vessel_round(sight)
    assert not others
    card = Card(way, half, sight, in_round=True)
    first, last = 100, 200
    made = card.gesture(drawing_of(card, "edge"), first, last)
    free = [movement for movement in made.movements if movement.start is None]
    assert len(free) == 2
    assert all(movement.way_from((5000.0, 5000.0)) == 0 for movement in free)
    # From the vessel's middle to its edge, then the stroke.
    edge = ACROSS * 7
    assert all(abs(one.travel - (ALONG * (last - first) + edge)) < 25 for one in free)
    alone = Card(way, half, sight).gesture(drawing_of(card, "edge"), first, last)
    assert all(movement.start is not None for movement in alone.movements)
    assert made.cost_with_ways(1000.0) < alone.cost_with_ways(1000.0) - 900
