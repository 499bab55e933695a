import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.core.tools.drawn import LEVEL, evidence_of, joined
from vesselapp.core.evidence import UNSURE, mask_of
from vesselapp.core.geometry import Box
from vesselapp.core.tools import regions
from vesselapp.core.tools.pieces import Mask, disjoint

EIGHT = np.ones((3, 3), np.bool_)
places = st.tuples(st.integers(0, 59), st.integers(0, 49))


def blobs(seed: int, share: float = 0.45) -> np.ndarray:
    """Give evidence of all kinds, (50, 60): blobs, specks, lines of one pixel, unsure."""
    random = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(random.random((50, 60)), 1.2) > np.quantile(
        ndimage.gaussian_filter(random.random((50, 60)), 1.2), 1 - share
    )
    evidence = np.where(mask, random.integers(LEVEL, 254, mask.shape), random.integers(1, LEVEL, mask.shape))
    evidence[random.integers(0, 50, 30), random.integers(0, 60, 30)] = UNSURE
    evidence[random.integers(0, 50)] = 255
    return evidence.astype(np.uint8)


@settings(max_examples=60)
@example([(0.0, 0.0), (17.274415039622873, 17.274415039622873)])
@given(st.lists(st.tuples(st.floats(-10, 70), st.floats(-10, 60)), min_size=1, max_size=12))
def test_a_polygon_fills_the_pixels_whose_middles_are_inside(corners: list[tuple[float, float]]) -> None:
    found = regions.polygon_pixels(np.array(corners), 50, 60)
    filled = joined([found] if found else [], (50, 60))
    for y in range(0, 50, 7):
        for x in range(60):
            inside = _inside(corners, x + 0.5, y + 0.5)
            assert inside is None or filled[y, x] == inside


def _inside(corners: list[tuple[float, float]], x: float, y: float) -> bool | None:
    """Tell whether a point is inside; None where it is on an edge, but for rounding."""
    inside = False
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y0 <= y) != (y1 <= y):
            at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            if abs(at - x) < 1e-9:
                return None
            if at <= x:
                inside = not inside
    return inside


def test_a_square_outline_fills_exactly_its_pixels() -> None:
    found = regions.polygon_pixels(np.array([(10, 20), (14, 20), (14, 23), (10, 23)]), 50, 60)
    assert found is not None
    assert found[0] == (10, 20, 14, 23)
    assert found[1].all()
    assert regions.polygon_pixels(np.array([(10.1, 20.1), (10.4, 20.1), (10.4, 20.4)]), 50, 60) is None


@settings(max_examples=60)
@given(st.integers(0, 2**31), places)
def test_keeping_and_removing_a_piece_part_the_mask(seed: int, place: tuple[int, int]) -> None:
    evidence = blobs(seed)
    mask = mask_of(evidence, LEVEL)
    piece = regions.piece_at(evidence, LEVEL, place)
    others = joined(regions.other_pieces(evidence, LEVEL, place), mask.shape)
    if piece is None:
        assert not mask[place[1], place[0]]
        assert not others.any()
        return
    own = joined([piece], mask.shape)
    numbers, _ = ndimage.label(mask, EIGHT)
    assert (own == (numbers == numbers[place[1], place[0]])).all()
    assert (own ^ others == mask).all()


@settings(max_examples=60)
@given(st.integers(0, 2**31), places)
def test_a_hole_is_what_the_mask_surrounds(seed: int, place: tuple[int, int]) -> None:
    evidence = blobs(seed, 0.6)
    mask = mask_of(evidence, LEVEL)
    numbers, _ = ndimage.label(~mask)
    number = numbers[place[1], place[0]]
    rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    found = regions.hole_at(evidence, LEVEL, place)
    if number == 0 or number in rim:
        assert found is None
    else:
        wanted = (numbers == number) & (evidence != UNSURE)
        assert (joined([found] if found else [], mask.shape) == wanted).all()


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.integers(0, 80))
def test_specks_and_holes_below_a_size(seed: int, below: int) -> None:
    evidence = blobs(seed)
    mask = mask_of(evidence, LEVEL)
    specks = joined(regions.specks(evidence, LEVEL, below), mask.shape)
    assert (specks == _small(mask, below, EIGHT)).all()
    holes = joined(regions.small_holes(evidence, LEVEL, below), mask.shape)
    surrounded = ndimage.binary_fill_holes(mask) & ~mask
    assert (holes == _small(surrounded, below, None) & (evidence != UNSURE)).all()


def _small(mask: Mask, below: int, structure: Mask | None) -> Mask:
    numbers, count = ndimage.label(mask, structure)
    sizes = ndimage.sum_labels(mask, numbers, np.arange(count + 1))
    return mask & (sizes[numbers] < below)


@pytest.mark.parametrize("rows", [1, 7, 16])
def test_specks_do_not_depend_on_the_bands_they_are_found_in(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = blobs(3)
    whole = joined(regions.specks(evidence, LEVEL, 25), (50, 60))
    holes = joined(regions.small_holes(evidence, LEVEL, 25), (50, 60))
    monkeypatch.setattr(regions, "_BAND_ROWS", rows)
    assert (joined(regions.specks(evidence, LEVEL, 25), (50, 60)) == whole).all()
    assert (joined(regions.small_holes(evidence, LEVEL, 25), (50, 60)) == holes).all()


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_one_pixel_more_and_less(seed: int) -> None:
    evidence = blobs(seed)
    mask = mask_of(evidence, LEVEL)
    more = joined(regions.one_more(evidence, LEVEL), mask.shape)
    assert (more == ndimage.binary_dilation(mask) & ~mask & (evidence != UNSURE)).all()
    less = joined(regions.one_less(evidence, LEVEL), mask.shape)
    assert (less == mask & ~ndimage.binary_erosion(mask, border_value=1)).all()


def test_a_piece_larger_than_the_first_window_is_followed_to_its_end() -> None:
    mask = np.zeros((40, 2000), np.bool_)
    mask[20, 5:1995] = True
    mask[5, 5:1995] = True
    piece = regions.piece_at(evidence_of(mask), LEVEL, (30, 20))
    assert piece is not None
    assert piece[0] == (5, 20, 1995, 21)


@settings(max_examples=60)
@given(
    st.floats(0, 2 * np.pi),
    st.floats(-0.9, 0.9),
    st.integers(3, 24),
)
def test_a_line_across_a_blob_splits_it(angle: float, offset: float, radius: int) -> None:
    mask = cv2.circle(np.zeros((60, 60), np.uint8), (30, 30), radius, 1, -1) > 0
    evidence = evidence_of(mask)
    along, off = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = 30.5 + off * offset * (radius - 2) / 2
    points = np.stack([middle - along * 30, middle + along * 30])
    cut = joined(regions.split_pixels(evidence, LEVEL, points), mask.shape)
    assert (cut <= mask).all()
    assert ndimage.label(mask & ~cut, EIGHT)[1] == 2
    # One px wide: each of its pixels keeps the two sides apart where it stands.
    assert cut.sum() <= 2 * (2 * radius + 1)


def test_a_line_beside_the_picture_cuts_nothing() -> None:
    evidence = evidence_of(np.ones((20, 30), np.bool_))
    assert regions.split_pixels(evidence, LEVEL, np.array([(-9.0, -5.0), (-3.0, 40.0)])) == []


@pytest.mark.parametrize(("start", "end"), [((30.5, 30.5), (60.5, 30.5)), ((22.5, 30.5), (38.5, 30.5))])
def test_a_line_that_begins_in_the_mask_leaves_no_slit(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    mask = cv2.circle(np.zeros((60, 70), np.uint8), (30, 30), 12, 1, -1) > 0
    assert regions.split_pixels(evidence_of(mask), LEVEL, np.array([start, end])) == []


def test_a_line_to_the_edge_of_the_picture_parts_what_reaches_it() -> None:
    evidence = evidence_of(np.ones((20, 30), np.bool_))
    cut = joined(regions.split_pixels(evidence, LEVEL, np.array([(12.5, -4.0), (12.5, 25.0)])), (20, 30))
    assert cut[:, 12].all()
    assert cut.sum() == 20


def test_a_line_joins_what_it_meets() -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[10:30, 5:25] = mask[10:30, 28:50] = True
    added = joined(
        regions.join_pixels(evidence_of(mask), LEVEL, np.array([(15.5, 20.5), (40.5, 20.5)])), mask.shape
    )
    assert added.sum() == 3
    assert ndimage.label(mask | added)[1] == 1
    assert regions.join_pixels(evidence_of(mask), LEVEL, np.array([(26.5, 20.5), (40.5, 20.5)])) == []


def test_disjoint_parts_hold_the_same_pixels_each_once() -> None:
    random = np.random.default_rng(3)
    parts = [
        (Box(left, top, left + 12, top + 9), random.random((9, 12)) > 0.4)
        for left, top in ((2, 3), (8, 6), (8, 6), (30, 1), (12, 10))
    ]
    counts = np.zeros((30, 50), int)
    for box, chosen in disjoint(parts):
        counts[box.slices] += chosen
    assert np.array_equal(counts, joined(parts, counts.shape).astype(int))


def test_all_tools_bear_an_empty_and_a_full_mask() -> None:
    for full in (False, True):
        evidence = evidence_of(np.full((20, 30), full))
        assert regions.specks(evidence, LEVEL, 10) == []
        assert regions.small_holes(evidence, LEVEL, 10) == []
        assert regions.one_more(evidence, LEVEL) == []
        assert regions.one_less(evidence, LEVEL) == []
        assert regions.other_pieces(evidence, LEVEL, (3, 4)) == []
        assert (regions.piece_at(evidence, LEVEL, (3, 4)) is not None) == full
        assert regions.hole_at(evidence, LEVEL, (3, 4)) is None
        assert regions.piece_at(evidence, LEVEL, (-1, 50)) is None
