from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.tools.drawn import joined, vessel
from vesselapp.core.evidence import BACKGROUND, HIGHEST, LOWEST
from vesselapp.core.geometry import Box
from vesselapp.core.tools.ridge import Ridges
from vesselapp.core.tools.trace import Tracer, straight_way
from vesselapp.core.tools.width import paint_path, vessel_width

NOTHING = np.full((240, 240), LOWEST, np.uint8)


def distances(path: np.ndarray, line: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    free = np.ones(shape, np.uint8)
    free[line[:, 1], line[:, 0]] = 0
    return cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[path[:, 1], path[:, 0]]


@settings(max_examples=25)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 2**31),
    st.tuples(*[st.integers(-20, 320)] * 4),
)
def test_a_path_is_connected_and_goes_where_asked(
    height: int, width: int, seed: int, ends: tuple[int, int, int, int]
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    evidence = random.integers(0, 256, (height, width)).astype(np.uint8)
    tracer = Tracer(pixels, evidence, 128)
    tracer.set_node((ends[0], ends[1]))
    path = tracer.path((ends[2], ends[3]))
    inside = [(min(max(x, 0), width - 1), min(max(y, 0), height - 1)) for x, y in (ends[:2], ends[2:])]
    assert tuple(path[0]) == inside[0]
    assert tuple(path[-1]) == inside[1]
    assert (path >= 0).all()
    assert (path < [width, height]).all()
    if len(path) > 1:
        assert (np.abs(np.diff(path, axis=0)).max(axis=1) == 1).all()


@pytest.mark.parametrize("width", [2, 4, 9, 16])
def test_follows_a_vessel_without_a_model(width: int) -> None:
    pixels, line = vessel(width)
    tracer = Tracer(pixels, NOTHING, 128)
    tracer.set_node(tuple(line[0]))
    path = tracer.path(tuple(line[-1]))
    assert distances(path, line, (240, 240)).max() <= width / 2 + 1.5
    assert distances(line, path, (240, 240)).max() <= width / 2 + 1.5


def test_follows_the_evidence_where_the_picture_shows_nothing() -> None:
    _, line = vessel(4, bend=60)
    evidence = NOTHING.copy()
    cv2.polylines(evidence, [line.reshape(-1, 1, 2)], False, HIGHEST, 3)
    tracer = Tracer(np.full((240, 240, 3), 120, np.uint8), evidence, 128)
    tracer.set_node(tuple(line[0]))
    assert distances(tracer.path(tuple(line[-1])), line, (240, 240)).max() <= 2.5


def test_new_evidence_counts_after_a_refresh() -> None:
    _, line = vessel(4, bend=60)
    evidence = NOTHING.copy()
    tracer = Tracer(np.full((240, 240, 3), 120, np.uint8), evidence, 128)
    tracer.set_node(tuple(line[0]))
    assert distances(tracer.path(tuple(line[-1])), line, (240, 240)).max() > 20
    cv2.polylines(evidence, [line.reshape(-1, 1, 2)], False, HIGHEST, 3)
    tracer.refresh()
    assert distances(tracer.path(tuple(line[-1])), line, (240, 240)).max() <= 2.5


def drawn_over(line: np.ndarray, width: int) -> np.ndarray:
    evidence = NOTHING.copy()
    cv2.polylines(evidence, [line.reshape(-1, 1, 2)], False, HIGHEST, width)
    return evidence


def disc(centre: np.ndarray, diameter: int) -> np.ndarray:
    ys, xs = np.mgrid[:240, :240]
    return np.hypot(xs - centre[0], ys - centre[1]) <= diameter / 2


@pytest.mark.parametrize("off", [0, 5, -5])
@pytest.mark.parametrize("width", [7, 11, 15])
def test_a_trace_goes_through_what_was_taken_out_of_a_vessel(width: int, off: int) -> None:
    """Also where a sliver of the vessel was left at its rim."""
    pixels, line = vessel(width, bend=0.0)
    evidence = drawn_over(line, width)
    before, middle = evidence == HIGHEST, len(line) // 2
    out = disc(line[middle] + [0, off], width + 8)
    evidence[out] = BACKGROUND
    tracer = Tracer(pixels, evidence, 128)
    tracer.set_node(tuple(line[middle - 30]))
    path = tracer.path(tuple(line[middle + 30]))
    assert distances(path, line, (240, 240)).max() <= 0.2 * width + 0.5
    painted = joined(paint_path(*vessel_width(pixels, evidence, path), 240, 240), (240, 240))
    after = (painted | (evidence == HIGHEST))[out]
    assert 2 * (after & before[out]).sum() / (after.sum() + before[out].sum()) > 0.9


def test_a_vessel_taken_out_as_a_whole_draws_no_trace_to_itself() -> None:
    """Of two vessels that the model missed, one was said to be none."""
    pixels, line = vessel(5, bend=40)
    other, second = vessel(5, bend=0.0)
    pixels = np.minimum(pixels, other)
    evidence = NOTHING.copy()
    paths = []
    for said in (LOWEST, BACKGROUND):
        cv2.polylines(evidence, [second.reshape(-1, 1, 2)], False, said, 11)
        tracer = Tracer(pixels, evidence, 128)
        tracer.set_node(tuple(line[10]))
        paths.append(tracer.path(tuple(line[-10])))
    assert np.array_equal(*paths)


def test_what_was_taken_out_inside_a_bend_is_no_shorter_way() -> None:
    pixels, line = vessel(5, angle=0.0, bend=600.0)
    evidence = drawn_over(line, 5)
    near = line[np.abs(line[:, 0] - 120) <= 27]
    for x, y in near:
        part = evidence[y + 4 : y + 60, x]
        part[part == LOWEST] = BACKGROUND
    tracer = Tracer(pixels, evidence, 128)
    tracer.set_node(tuple(near[0]))
    assert distances(near, tracer.path(tuple(near[-1])), (240, 240)).max() <= 5


@pytest.mark.parametrize("scale", [1, 4, 12])
def test_a_long_way_round_is_not_taken_over_a_faint_gap(scale: int) -> None:
    """Known vessels lead from one end of the gap to the other, four times as far as straight over it."""
    side, row, gap, round_ = 240 * scale, 40 * scale, (98 * scale, 143 * scale), 122 * scale
    evidence = np.full((side, side), LOWEST, np.uint8)
    known = [(0, row), (gap[0], row), (gap[0], round_), (gap[1], round_), (gap[1], row), (side, row)]
    cv2.polylines(evidence, [np.array(known, np.int32).reshape(-1, 1, 2)], False, HIGHEST, 4)
    tracer = Tracer(np.full((side, side, 3), 120, np.uint8), evidence, 128)
    tracer.set_node((gap[0] - 5, row))
    path = tracer.path((gap[1] + 5, row))
    assert np.abs(path[:, 1] - row).max() <= 0.4 * (gap[1] - gap[0]) + 16
    assert tuple(path[0]) == (gap[0] - 5, row)
    assert tuple(path[-1]) == (gap[1] + 5, row)
    assert (np.abs(np.diff(path, axis=0)).max(axis=1) == 1).all()


@given(st.tuples(*[st.integers(-50, 50)] * 4))
def test_a_straight_way_is_connected_and_straight(ends: tuple[int, int, int, int]) -> None:
    start, end = ends[:2], ends[2:]
    way = straight_way(start, end)
    assert tuple(way[0]) == start
    assert tuple(way[-1]) == end
    assert (np.abs(np.diff(way, axis=0)).max(axis=1) == 1).all()
    along, (x, y) = np.subtract(end, start), (way - start).T
    assert (np.abs(along[0] * y - along[1] * x) <= 0.71 * np.hypot(*along)).all()


def test_a_gap_is_as_wide_as_the_vessel_on_both_sides() -> None:
    """The picture shows half of the vessel only, as it does beside a light stripe in the middle of one."""
    pixels, line = vessel(4, angle=0.0, bend=0.0)
    evidence = drawn_over(line, 11)
    width = (evidence == HIGHEST)[:, line[0, 0] + 20].sum()
    middle = len(line) // 2
    evidence[disc(line[middle], 30)] = BACKGROUND
    _, widths = vessel_width(pixels, evidence, line)
    assert np.abs(widths[middle - 12 : middle + 13] - width).max() <= 1.5


def test_in_a_long_gap_the_picture_gives_the_width() -> None:
    pixels, line = vessel(9, angle=0.0, bend=0.0)
    evidence = drawn_over(line, 15)
    first, last = line[len(line) // 2 - 60, 0], line[len(line) // 2 + 60, 0]
    evidence[:, first:last] = BACKGROUND
    _, widths = vessel_width(pixels, evidence, line)
    inside = (line[:, 0] > first + 15) & (line[:, 0] < last - 15)
    assert np.abs(widths[inside] - 9).max() <= 1.5


def test_snaps_to_the_vessel_nearby() -> None:
    pixels, line = vessel(3, angle=0.0, bend=0.0)
    x, y = line[len(line) // 2].tolist()
    snapped = Tracer(pixels, NOTHING, 128).snapped((x, y + 4), 6)
    assert abs(snapped[1] - y) <= 1
    assert np.hypot(snapped[0] - x, snapped[1] - (y + 4)) <= 6


def test_the_black_around_a_fundus_is_no_vessel() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    cv2.circle(pixels, (200, 200), 150, (120, 120, 120), -1)
    assert int(Ridges(pixels).plane(Box(0, 0, 400, 400)).max()) < 128


@pytest.mark.parametrize("angle", [0.0, 0.5, 0.785])
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 14, 22])
def test_a_drawn_width_is_measured_to_a_pixel(width: int, angle: float) -> None:
    pixels, line = vessel(width, angle=angle)
    _, widths = vessel_width(pixels, NOTHING, line)
    assert np.abs(widths - width).max() <= 1.0


def test_the_middle_is_found_from_a_path_off_it() -> None:
    pixels, line = vessel(9, angle=0.0, bend=0.0)
    centres, widths = vessel_width(pixels, NOTHING, line + np.array([0, 3], np.int32))
    middle = slice(20, -20)
    assert np.abs(centres[middle, 1] - (line[middle, 1] + 0.5)).max() <= 1.0
    assert np.abs(widths[middle] - 9).max() <= 1.0


def test_evidence_gives_the_width_where_the_picture_shows_nothing() -> None:
    _, line = vessel(6, angle=0.0, bend=0.0)
    evidence = NOTHING.copy()
    evidence[line[0, 1] - 3 : line[0, 1] + 4] = HIGHEST
    _, widths = vessel_width(np.full((240, 240, 3), 120, np.uint8), evidence, line)
    assert abs(float(np.median(widths)) - 7) <= 1.0


def test_without_anything_to_see_the_width_is_3_px() -> None:
    _, line = vessel(6)
    _, widths = vessel_width(np.full((240, 240, 3), 120, np.uint8), NOTHING, line)
    assert (widths == 3.0).all()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-30, 130), st.integers(-30, 130)), min_size=1, max_size=5),
    st.floats(0.1, 30),
)
def test_painting_a_path_covers_its_pixels_and_nothing_far(
    corners: list[tuple[int, int]], width: float
) -> None:
    spots = np.array(corners, np.float64)
    steps = [np.linspace(a, b, int(np.abs(b - a).max()) + 1) for a, b in pairwise(spots)]
    path = np.round(np.vstack([spots[:1], *steps])).astype(np.int32)
    painted = joined(paint_path(path, np.full(len(path), width, np.float32), 100, 90), (100, 90))
    inside = (path >= 0).all(axis=1) & (path < [90, 100]).all(axis=1)
    assert painted[path[inside, 1], path[inside, 0]].all()
    ys, xs = np.nonzero(painted)
    for y, x in zip(ys, xs, strict=True):
        assert np.hypot(path[:, 0] - x, path[:, 1] - y).min() <= max(width / 2, 0.5) + 1e-3


def test_one_pixel_wide_stays_one_pixel() -> None:
    path = np.stack([np.arange(5, 60), np.full(55, 20)], axis=1).astype(np.int32)
    painted = joined(paint_path(path, np.ones(55, np.float32), 100, 90), (100, 90))
    assert painted.sum() == 55
