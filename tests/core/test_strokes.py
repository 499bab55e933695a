import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label

from vesselapp.core.strokes import snapped, stroke_pixels

SIZE = (120, 150)
places = st.tuples(st.floats(-40, 190), st.floats(-40, 160))


def painted(start: tuple[float, float], end: tuple[float, float], diameter: int) -> np.ndarray:
    plane = np.zeros(SIZE, bool)
    for box, pixels in stroke_pixels(start, end, diameter, *SIZE):
        assert not box.empty
        plane[box.slices] |= pixels
    return plane


def test_one_px_paints_the_pixel_under_the_pointer_and_no_other() -> None:
    plane = painted((10.9, 20.1), (10.9, 20.1), 1)
    assert plane[20, 10]
    assert plane.sum() == 1


@given(places, places)
def test_one_px_lines_are_one_px_thin(start: tuple[float, float], end: tuple[float, float]) -> None:
    plane = painted(start, end, 1)
    steep = abs(int(end[1] // 1) - int(start[1] // 1)) > abs(int(end[0] // 1) - int(start[0] // 1))
    assert plane.sum(axis=1 if steep else 0).max() <= 1


@given(places, places, st.integers(1, 60))
def test_a_stroke_has_no_gap(start: tuple[float, float], end: tuple[float, float], diameter: int) -> None:
    assert label(painted(start, end, diameter), connectivity=2).max() <= 1


@given(places, places, st.integers(2, 60))
def test_a_stroke_is_what_lies_within_the_radius(
    start: tuple[float, float], end: tuple[float, float], diameter: int
) -> None:
    """Against the definition, written down without boxes and pieces."""
    a, b = np.array(snapped(start, diameter)), np.array(snapped(end, diameter))
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    way = b - a
    along = ((x - a[0]) * way[0] + (y - a[1]) * way[1]) / max(way @ way, 1e-12)
    along = np.clip(along, 0, 1)
    distance = np.hypot(x - a[0] - along * way[0], y - a[1] - along * way[1])
    plane = painted(start, end, diameter)
    assert plane[distance < diameter / 2 - 0.01].all()
    assert not plane[distance > diameter / 2 + 0.01].any()


@pytest.mark.parametrize("diameter", [2, 3, 4, 9, 10])
def test_a_dab_is_symmetric_and_as_wide_as_said(diameter: int) -> None:
    plane = painted((60.2, 60.2), (60.2, 60.2), diameter)
    rows, columns = np.nonzero(plane)
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == diameter
    dab = plane[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert np.array_equal(dab, dab[::-1])
    assert np.array_equal(dab, dab.T)


def test_nothing_is_given_outside_the_picture() -> None:
    assert list(stroke_pixels((-500, -500), (-300, -400), 50, *SIZE)) == []
