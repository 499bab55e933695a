import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vesselapp.core.geometry import Box
from vesselapp.core.pyramid import Pyramid, halve_evidence, halve_pixels


@given(arrays(np.uint8, (6, 8), elements=st.integers(0, 253)), st.integers(2, 253))
def test_a_halved_mask_is_where_two_of_four_pixels_are_foreground(plane: np.ndarray, level: int) -> None:
    blocks = (plane >= level).reshape(3, 2, 4, 2).sum(axis=(1, 3))
    assert np.array_equal(halve_evidence(plane) >= level, blocks >= 2)


@pytest.mark.parametrize("shape", [(1301, 1777), (1024, 2048), (3, 1900)])
def test_a_line_of_one_px_stays_in_sight_on_every_level(shape: tuple[int, int]) -> None:
    plane = np.ones(shape, np.uint8)
    plane[shape[0] // 2] = 255
    pyramid = Pyramid(plane, halve_evidence)
    assert len(pyramid.levels) > 1
    for level in pyramid.levels:
        assert (level == 255).any(axis=0).all()


@given(st.integers(0, 1300), st.integers(0, 1500), st.integers(1, 300), st.integers(1, 300))
def test_an_update_of_a_box_equals_building_anew(left: int, top: int, width: int, height: int) -> None:
    plane = np.random.default_rng(1).integers(0, 255, (1501, 1303), np.uint8)
    pyramid = Pyramid(plane, halve_evidence)
    box = Box(left, top, left + width, top + height).clipped(*plane.shape)
    plane[box.slices] = 255 - plane[box.slices]
    pyramid.update(box)
    for kept, anew in zip(pyramid.levels, Pyramid(plane, halve_evidence).levels, strict=True):
        assert np.array_equal(kept, anew)


def test_pixels_are_halved_by_their_mean() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (40, 60, 3), np.uint8)
    means = pixels.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    assert np.abs(halve_pixels(pixels) - means).max() <= 0.5


@pytest.mark.parametrize("shape", [(1301, 1777), (400, 300), (3, 1900)])
def test_a_plane_of_one_value_is_the_same_without_computing(shape: tuple[int, int]) -> None:
    expected = Pyramid(np.full(shape, 7, np.uint8), halve_evidence)
    made = Pyramid.uniform(*shape, 7, halve_evidence)
    assert len(made.levels) == len(expected.levels)
    for level, other in zip(made.levels, expected.levels, strict=True):
        assert np.array_equal(level, other)
    made.levels[0][:] = 200
    made.update(Box(0, 0, shape[1], shape[0]))
    assert (made.levels[-1] == 200).all()
