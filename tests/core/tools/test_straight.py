"""A vessel laid out straight: its frame, its edges, and what strokes along it change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesselapp.core.evidence import FOREGROUND, LOWEST, UNSURE
from vesselapp.core.tools.straight import AwayStroke, Edges, EdgeStroke, Straight, reach_of

HEIGHT, WIDTH, ROW = 120, 300, 60
LEVEL = 128
WAY = np.stack([np.arange(20, 280), np.full(260, ROW)], axis=1).astype(np.int32)


@pytest.fixture
def evidence() -> np.ndarray:
    """A vessel of 7 px along row 60, with a branch that leaves it upwards at column 150."""
    plane = np.full((HEIGHT, WIDTH), LOWEST, np.uint8)
    plane[ROW - 3 : ROW + 4, 10:290] = 250
    plane[10:ROW, 148:153] = 250
    return plane


@pytest.fixture
def straight() -> Straight:
    return Straight(WAY, 12.0, HEIGHT, WIDTH)


def applied(evidence: np.ndarray, straight: Straight, before: Edges, after: Edges) -> np.ndarray:
    """Give the mask after a change, as a document would make it."""
    mask = evidence >= LEVEL
    added, taken = straight.change(evidence, LEVEL, before, after)
    for change, value in ((taken, False), (added, True)):
        if change is not None:
            mask[change[0].slices][change[1]] = value
    return mask


def test_a_straight_way_keeps_its_places(straight: Straight) -> None:
    assert len(straight) == 260
    x, y = straight.to_picture(100.0, 5.0)
    assert (x, y) == pytest.approx((120.5, ROW + 0.5 + 5.0), abs=0.1)
    assert straight.from_picture(x, y) == pytest.approx((100.0, 5.0), abs=0.6)


@settings(max_examples=30)
@given(st.floats(0.002, 0.02), st.floats(2, 20), st.integers(3, 9))
def test_places_come_back_on_curved_ways(bend: float, height: float, across: int) -> None:
    x = np.arange(20, 280)
    way = np.stack([x, 60 + np.round(height * np.sin(bend * x))], axis=1).astype(np.int32)
    straight = Straight(way, 12.0, HEIGHT, WIDTH)
    for along in (10.0, len(straight) / 2, len(straight) - 10.0):
        there = straight.from_picture(*straight.to_picture(along, float(across)))
        assert there == pytest.approx((along, across), abs=1.0)


def test_edges_are_read_and_the_branch_leads_on(evidence: np.ndarray, straight: Straight) -> None:
    edges = straight.edges(evidence, LEVEL)
    assert edges.there.all()
    assert np.abs((edges.high - edges.low)[10:100] - 7).max() <= 0.5
    # Column 150 is place 130; up is the low side.
    assert edges.low_leads_on[129:132].all()
    assert not edges.low_leads_on[20:120].any()
    assert not edges.high_leads_on.any()


def test_a_stroke_along_an_edge_moves_that_edge_alone(evidence: np.ndarray, straight: Straight) -> None:
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before)
    for along in range(40, 101, 3):
        after = stroke.to(along, 6.0)
    mask = applied(evidence, straight, before, after)
    assert mask[ROW : ROW + 6, 62:118].all()
    assert not mask[ROW + 7 :, 60:120].any()
    changed = mask != (evidence >= LEVEL)
    assert not changed[: ROW + 3].any()
    assert not changed[:, :58].any()
    assert not changed[:, 123:].any()


def test_an_edge_drawn_inside_takes_away_what_lies_beyond(evidence: np.ndarray, straight: Straight) -> None:
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before)
    stroke.to(40, 1.0, room=0.2)
    mask = applied(evidence, straight, before, stroke.to(100, 1.0, room=0.2))
    assert not mask[ROW + 2 : ROW + 5, 62:118].any()
    assert mask[ROW - 3 : ROW + 1, 62:118].all()


def test_out_and_back_draws_both_edges(evidence: np.ndarray, straight: Straight) -> None:
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before)
    for along, across in ((40, 5.0), (100, 5.0), (100, -5.0), (40, -5.0)):
        after = stroke.to(along, across)
    mask = applied(evidence, straight, before, after)
    assert mask[ROW - 4 : ROW + 5, 65:115].all()
    assert mask[:, 65:115].sum(axis=0).max() <= 11


def test_a_line_sets_a_vessel_of_its_width_and_spares_the_branch(
    evidence: np.ndarray, straight: Straight
) -> None:
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before, width=3.0)
    stroke.to(20, 2.0)
    mask = applied(evidence, straight, before, stroke.to(200, 2.0))
    assert mask[ROW + 1 : ROW + 4, 45:145].all()
    assert (mask[:, 45:145].sum(axis=0) == 3).all()
    assert mask[10 : ROW - 3, 148:153].all()


def test_away_takes_the_vessel_and_leaves_the_branch(evidence: np.ndarray, straight: Straight) -> None:
    before = straight.edges(evidence, LEVEL)
    stroke = AwayStroke(straight, before)
    stroke.to(30, 0.0)
    mask = applied(evidence, straight, before, stroke.to(200, 9.0))
    assert not mask[ROW - 3 : ROW + 4, 55:140].any()
    assert mask[15 : ROW - 12, 148:153].all()
    assert mask[ROW, 10:45].all()


def test_a_missed_vessel_is_drawn_from_its_way(straight: Straight) -> None:
    nothing = np.full((HEIGHT, WIDTH), LOWEST, np.uint8)
    before = straight.edges(nothing, LEVEL)
    assert not before.there.any()
    stroke = EdgeStroke(straight, before)
    stroke.to(50, 3.0)
    stroke.to(150, 3.0)
    stroke.to(150, -2.0)
    mask = applied(nothing, straight, before, stroke.to(50, -2.0))
    assert mask[ROW - 1 : ROW + 3, 75:165].all()
    assert mask[:, 75:165].sum(axis=0).max() <= 6


def test_unsure_and_said_background_are_honoured(evidence: np.ndarray, straight: Straight) -> None:
    evidence[ROW + 5, 60:120] = UNSURE
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before)
    stroke.to(30, 7.0)
    added, _ = straight.change(evidence, LEVEL, before, stroke.to(110, 7.0))
    assert added is not None
    box, chosen = added
    assert not (chosen & (evidence[box.slices] == UNSURE)).any()


def test_a_stroke_that_moves_nothing_changes_nothing(evidence: np.ndarray, straight: Straight) -> None:
    edges = straight.edges(evidence, LEVEL)
    assert straight.change(evidence, LEVEL, edges, edges) == (None, None)
    outside = EdgeStroke(straight, edges).to(-50, 3.0)
    assert straight.change(evidence, LEVEL, edges, outside) == (None, None)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-20, 280), st.floats(-30, 30)), min_size=1, max_size=8),
    st.integers(0, 9),
)
def test_no_stroke_reaches_out_of_the_band(points: list[tuple[float, float]], width: int) -> None:
    random = np.random.default_rng(1)
    evidence = random.integers(1, 254, (HEIGHT, WIDTH)).astype(np.uint8)
    evidence[ROW - 2 : ROW + 3] = FOREGROUND
    straight = Straight(WAY, 12.0, HEIGHT, WIDTH)
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before, float(width))
    for along, across in points:
        after = stroke.to(along, across)
    assert (after.low[after.there] <= after.high[after.there]).all()
    changed = applied(evidence, straight, before, after) != (evidence >= LEVEL)
    assert not changed[: ROW - 13].any()
    assert not changed[ROW + 14 :].any()


def test_a_way_at_the_pictures_corner_stays_inside() -> None:
    way = np.stack([np.arange(30), np.zeros(30, int)], axis=1).astype(np.int32)
    evidence = np.full((20, 30), LOWEST, np.uint8)
    straight = Straight(way, reach_of(2.0), 20, 30)
    before = straight.edges(evidence, LEVEL)
    stroke = EdgeStroke(straight, before, 5.0)
    stroke.to(0, 0.0)
    added, taken = straight.change(evidence, LEVEL, before, stroke.to(29, 0.0))
    assert taken is None
    assert added is not None
    assert added[0].top == 0
    assert added[0].right <= 30


@pytest.mark.parametrize(("high", "outwards"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_push_moves_one_edge_by_a_pixel_over_its_stretch_alone(
    evidence: np.ndarray, straight: Straight, high: bool, outwards: bool
) -> None:
    before = straight.edges(evidence, LEVEL)
    mask = applied(evidence, straight, before, before.pushed(50, 80, high=high, outwards=outwards))
    expected = evidence >= LEVEL
    # The way runs to the right, so that high is below: columns 70 to 99 are the stretch.
    row = (ROW + 4 if outwards else ROW + 3) if high else (ROW - 4 if outwards else ROW - 3)
    expected[row, 70:100] = outwards
    assert (mask == expected).all()


def test_pushes_inwards_take_a_vessel_away_and_outwards_begin_it_again(
    evidence: np.ndarray, straight: Straight
) -> None:
    for push in range(7):
        before = straight.edges(evidence, LEVEL)
        after = before.pushed(50, 80, high=push % 2 == 0, outwards=False)
        evidence[~applied(evidence, straight, before, after)] = LOWEST
    assert not (evidence[ROW - 3 : ROW + 4, 70:100] >= LEVEL).any()
    before = straight.edges(evidence, LEVEL)
    mask = applied(evidence, straight, before, before.pushed(50, 80, high=False, outwards=True))
    assert mask[ROW, 70:100].all()
    assert mask[:, 70:100].sum() == 30


def test_a_push_inwards_where_no_vessel_is_changes_nothing(straight: Straight) -> None:
    nothing = np.full((HEIGHT, WIDTH), LEVEL - 50, np.uint8)
    before = straight.edges(nothing, LEVEL)
    after = before.pushed(50, 80, high=True, outwards=False)
    assert straight.change(nothing, LEVEL, before, after) == (None, None)
    assert not after.begins(400, 420)
