import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesselapp.core.evidence import HIGHEST, LOWEST
from vesselapp.core.tools.mask_width import mask_width
from vesselapp.core.tools.width import paint_path

SIDE, MIDDLE = 160, 80


def band(width: int) -> np.ndarray:
    evidence = np.full((SIDE, SIDE), LOWEST, np.uint8)
    evidence[MIDDLE - width // 2 : MIDDLE - width // 2 + width, 10:150] = HIGHEST
    return evidence


def along(first: int, last: int, row: int) -> np.ndarray:
    columns = np.arange(first, last)
    return np.stack([columns, np.full(len(columns), row)], axis=1).astype(np.int32)


def covered(evidence: np.ndarray, path: np.ndarray) -> np.ndarray:
    out = np.zeros(evidence.shape, np.bool_)
    centres, widths = mask_width(evidence, 128, path)
    for box, chosen in paint_path(centres, widths, *evidence.shape) if len(centres) else ():
        out[box.slices] |= chosen
    return out


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(-12, 12))
def test_all_of_a_vessel_is_covered_and_little_beside_it(width: int, off: int) -> None:
    evidence = band(width)
    row = min(max(MIDDLE + off, MIDDLE - width // 2), MIDDLE - width // 2 + width - 1)
    taken = covered(evidence, along(30, 130, row))
    inner = np.s_[:, 40:120]
    assert taken[inner][evidence[inner] == HIGHEST].all()
    beside = taken[inner] & (evidence[inner] != HIGHEST)
    assert beside.sum(axis=0).max() <= 2


@pytest.mark.parametrize("widest", [12, 40])
def test_no_side_branch_is_taken_with_it(widest: int) -> None:
    evidence = band(7)
    evidence[MIDDLE : MIDDLE + 60, 78 : 78 + widest // 4] = HIGHEST
    taken = covered(evidence, along(30, 130, MIDDLE))
    assert not taken[MIDDLE + 9 :].any()
    assert taken[MIDDLE - 3 : MIDDLE + 4, 40:120].all()


def test_a_path_that_swings_from_wall_to_wall_leaves_nothing() -> None:
    evidence, columns = band(21), np.arange(30, 130)
    rows = MIDDLE + np.round(7 * np.sin(columns / 9)).astype(int)
    taken = covered(evidence, np.stack([columns, rows], axis=1).astype(np.int32))
    missed = (evidence == HIGHEST) & ~taken
    assert missed[:, 45:115].sum() <= 0.02 * (evidence[:, 45:115] == HIGHEST).sum()


def test_where_the_path_meets_no_mask_nothing_is_covered() -> None:
    evidence = band(5)
    assert not covered(evidence, along(30, 130, 20)).any()
    assert covered(evidence, along(0, 60, MIDDLE))[:, 9:].any()


def test_a_single_place_is_measured_too() -> None:
    assert covered(band(5), along(60, 61, MIDDLE))[MIDDLE, 60]
