from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesselapp.core.model_card import ModelCard, OutputSpec, ScaleSpec, TileSpec
from vesselapp.inference.frame import frame_for
from vesselapp.inference.objects import (
    answer_cells,
    find_diameter,
    objects_from,
    search_factors,
    search_parts,
)


class Discs:
    """Stands in for a model that knows bright discs, and only of about its own size."""

    effort, tile_size, batch = ("cpu", 1, 768), 768, 1
    device = SimpleNamespace(fixed_tiles=False)
    card = ModelCard(
        name="discs",
        task="cells",
        scale=ScaleSpec(kind="object_diameter", size=24),
        tile=TileSpec(stride=8),
        output=OutputSpec(channels=("inside", "border", "background"), foreground=(0, 1)),
    )

    def run(self, batch: np.ndarray) -> np.ndarray:
        cell = (batch[0, :, :, 0] > 100).astype(np.uint8)
        inside = cv2.erode(cell, np.ones((3, 3), np.uint8))
        planes = np.stack([inside, cell - inside, 1 - cell], axis=2)
        return planes[None].astype(np.float32)


class Joining(Discs):
    """Sees no gap of less than 3 px."""

    def run(self, batch: np.ndarray) -> np.ndarray:
        closed = cv2.morphologyEx(batch[0], cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        return super().run(closed[None])


def discs(diameter: int) -> np.ndarray:
    side = diameter * 8
    plane = np.zeros((side, side, 3), np.uint8)
    for x in range(diameter, side, 2 * diameter):
        for y in range(diameter, side, 2 * diameter):
            cv2.circle(plane, (x, y), diameter // 2, (200, 200, 200), -1)
    return plane


@pytest.mark.parametrize("diameter", [8, 24, 60, 200])
def test_finds_the_size_of_cells(diameter: int):
    found = find_diameter(Discs(), discs(diameter))
    assert found == pytest.approx(diameter, rel=0.25)
    inside, foreground = answer_cells(Discs(), discs(diameter), found)
    assert inside.shape == foreground.shape == (8 * diameter, 8 * diameter)
    assert objects_from(inside, foreground, 0.5, found).max() == 16


class Tissue(Discs):
    """Takes a few large patches for cells where it sees them made small, as a real net does with tissue."""

    def run(self, batch: np.ndarray) -> np.ndarray:
        if batch.shape[1] < 160:
            patches = np.zeros_like(batch)
            for x in (24, 72):
                cv2.circle(patches[0], (x, 24), 12, (200, 200, 200), -1)
            batch = patches
        return super().run(batch)


def test_many_cells_are_likelier_than_a_few_patches_of_the_right_size():
    assert find_diameter(Tissue(), np.tile(discs(18), (2, 2, 1))) == pytest.approx(18, rel=0.2)


def test_grain_that_passes_for_cells_does_not_grow_a_picture_without_end():
    grain = np.pad(np.full((5, 5, 3), 200, np.uint8), ((2, 2), (2, 2), (0, 0)))
    plane = np.tile(grain, (11, 11, 1))
    found = find_diameter(Discs(), plane)
    assert frame_for(plane, Discs().card, found).magnify == 4


def test_empty_picture():
    blank = np.zeros((64, 64, 3), np.uint8)
    assert find_diameter(Discs(), blank) == 24
    assert objects_from(*answer_cells(Discs(), blank, 24), 0.5, 24).max() == 0


def test_touching_cells_come_apart():
    foreground = np.zeros((20, 40), np.float32)
    foreground[5:15, 5:35] = 1
    inside = foreground.copy()
    inside[:, 19:21] = 0.1
    inside[5] = inside[14] = inside[:, 5] = inside[:, 34] = 0.2
    marks = objects_from(inside, foreground, 0.5, 10)
    assert marks.max() == 2
    assert np.array_equal(marks > 0, foreground > 0.5)
    assert marks[10, 10] != marks[10, 30]


def hill(shape: tuple[int, int], *summits: tuple[int, int, int, float]) -> np.ndarray:
    """Discs (x, y, radius, value), the later ones on the earlier."""
    plane = np.zeros(shape, np.float32)
    for x, y, radius, value in summits:
        cv2.circle(plane, (x, y), radius, value, -1)
    return plane


@pytest.mark.parametrize(
    ("summits", "cells"),
    [
        ([(18, 20, 13, 0.9), (42, 20, 13, 0.9), (18, 20, 9, 0.99), (42, 20, 9, 0.99)], 2),  # a high saddle
        ([(18, 20, 13, 0.9), (42, 20, 13, 0.9), (18, 20, 9, 0.93), (42, 20, 9, 0.93)], 1),  # hardly above it
        ([(30, 20, 16, 0.9), (24, 20, 3, 0.99), (36, 20, 3, 0.99)], 1),  # grain
        ([(30, 20, 16, 0.99), (30, 20, 8, 0.6)], 1),  # a pale middle
        ([(18, 20, 13, 0.9), (42, 20, 13, 0.9), (18, 20, 9, 0.99)], 1),  # one summit
    ],
)
def test_an_object_parts_where_its_inside_has_several_summits(
    summits: list[tuple[int, int, int, float]], cells: int
) -> None:
    inside = hill((40, 60), *summits)
    foreground = np.where(inside > 0, np.float32(1), np.float32(0))
    marks = objects_from(inside, foreground, 0.5, 24)
    assert len(np.unique(marks)) - 1 == cells
    assert np.array_equal(marks > 0, foreground > 0.5)


@pytest.mark.parametrize(
    ("side", "scales"),
    [(256, [1, 0.5]), (1024, [1, 0.5, 0.25, 0.125]), (3072, [1, 0.5, 0.25, 0.125, 0.0625])],
)
def test_large_pictures_are_asked_about_large_cells_too(side: int, scales: list[float]):
    assert search_factors(side, side // 2) == scales


def test_the_same_cells_have_the_same_size_in_a_large_picture():
    one = cv2.circle(np.zeros((16, 16, 3), np.uint8), (8, 8), 6, (200, 200, 200), -1)
    for rows in (20, 170):
        picture = np.tile(one, (rows, rows, 1))
        assert find_diameter(Joining(), picture) == pytest.approx(12, rel=0.15)
    inside, foreground = answer_cells(Joining(), picture, 12)
    assert len(np.unique(objects_from(inside, foreground, 0.5, 12))) - 1 == rows**2


@given(st.integers(8, 9000), st.integers(8, 9000), st.sampled_from([4.0, 1.7, 1.0, 0.5, 0.25, 0.0625]))
def test_parts_of_a_picture_lie_in_it_and_are_small_at_their_scale(height: int, width: int, factor: float):
    parts = search_parts(height, width, factor)
    seen = np.zeros((height, width), np.uint8) if height * width < 10**6 else None
    for rows, columns in parts:
        for part, length in ((rows, height), (columns, width)):
            assert 0 <= part.start < part.stop <= length
            assert (part.stop - part.start) * factor <= 1537
        if seen is not None:
            seen[rows, columns] += 1
    assert seen is None or seen.max() == 1  # no cell is counted twice
