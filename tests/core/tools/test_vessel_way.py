"""The way of the vessel under a place."""

import numpy as np
import pytest
from skimage.draw import line

from vesselapp.core.evidence import LOWEST
from vesselapp.core.tools.skeleton import half_widths
from vesselapp.core.tools.vessel_way import FaintWays, VesselWays


def drawn(*lines: tuple[int, int, int, int], wide: int = 2) -> np.ndarray:
    """Draw vessels (x, y to x, y) of twice a half width and one px."""
    mask = np.zeros((200, 300), np.bool_)
    for x0, y0, x1, y1 in lines:
        for row, column in zip(*line(y0, x0, y1, x1), strict=True):
            mask[max(0, row - wide) : row + wide + 1, max(0, column - wide) : column + wide + 1] = True
    return mask


def test_a_vessel_is_followed_to_both_ends() -> None:
    found = VesselWays(drawn((20, 100, 280, 100))).through((150, 101))
    assert found is not None
    way, half = found
    assert {int(way[0, 0]) <= 24, int(way[-1, 0]) <= 24} == {True, False}
    assert abs(int(way[-1, 0]) - int(way[0, 0])) > 240
    assert np.abs(way[:, 1] - 100).max() <= 2
    assert half == pytest.approx(2.5, abs=0.6)
    assert np.abs(np.diff(way, axis=0)).max() == 1


def test_it_goes_straight_on_where_vessels_branch_and_cross() -> None:
    mask = drawn((20, 100, 280, 100), (150, 100, 150, 20), (100, 30, 220, 180))
    found = VesselWays(mask).through((60, 100))
    assert found is not None
    assert sorted((int(found[0][0, 0]), int(found[0][-1, 0])))[1] > 270
    assert np.abs(found[0][:, 1] - 100).max() <= 5


def test_it_ends_where_the_vessel_turns_off_at_a_branch() -> None:
    mask = drawn((20, 100, 150, 100), (150, 20, 150, 180))
    found = VesselWays(mask).through((40, 100))
    assert found is not None
    assert int(found[0][:, 0].max()) <= 152
    assert np.abs(found[0][:, 1] - 100).max() <= 12


def test_beside_a_vessel_counts_and_far_away_does_not() -> None:
    ways = VesselWays(drawn((20, 100, 280, 100), wide=8))
    assert ways.through((150, 110)) is not None
    assert ways.through((150, 130)) is None
    assert ways.through((-5, 100)) is None
    assert ways.through((150, 400)) is None


def test_dots_and_rings_neither_crash_nor_hang() -> None:
    mask = np.zeros((60, 60), np.bool_)
    mask[30, 30] = True
    assert VesselWays(mask).through((30, 30)) is None
    rows, columns = np.ogrid[:60, :60]
    far = np.hypot(rows - 30, columns - 30)
    found = VesselWays((far > 18) & (far < 23)).through((50, 30))
    assert found is not None
    assert len(found[0]) > 40
    filled = VesselWays(np.ones((40, 40), np.bool_)).through((20, 20))
    assert filled is None or len(filled[0]) >= 2


def test_a_vessel_below_the_threshold_is_followed_where_the_mask_has_none() -> None:
    evidence = np.full((200, 300), LOWEST, np.uint8)
    evidence[drawn((20, 40, 280, 40))] = 200
    evidence[drawn((20, 100, 280, 100))] = 50
    evidence[drawn((20, 160, 280, 160))] = 6
    ways = FaintWays(evidence, 128)
    for row in (40, 100):
        found = ways.through((150, row))
        assert found is not None
        assert np.abs(found[0][:, 1] - row).max() <= 2
        assert len(found[0]) > 240
    assert ways.through((150, 160)) is None


def test_a_vessel_that_the_threshold_cuts_is_followed_whole() -> None:
    evidence = np.full((200, 300), LOWEST, np.uint8)
    evidence[drawn((20, 40, 280, 40))] = 40
    evidence[:, 20:60] = np.where(evidence[:, 20:60] > LOWEST, 200, evidence[:, 20:60])
    found = FaintWays(evidence, 128).through((40, 40))
    assert found is not None
    assert len(found[0]) > 240


@pytest.mark.parametrize("size", [(60, 80), (1, 300)])
def test_where_all_is_marked_no_vessel_is_seen(size: tuple[int, int]) -> None:
    ways = VesselWays(np.ones(size, np.bool_))
    found = ways.through((size[1] // 2, size[0] // 2))
    assert found is None or found[1] <= min(size) / 2
    assert half_widths(np.ones(size, np.bool_)).max() <= max(size)
