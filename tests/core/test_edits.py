"""Edits toggled one by one and all at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesselapp.core.edits import Edit, EditRecorder, toggle_all
from vesselapp.core.errors import VesselError
from vesselapp.core.geometry import Box

HEIGHT, WIDTH = 300, 530
PLACE = st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1))
STROKE = st.tuples(PLACE, PLACE, st.integers(0, 3))


def drawn(strokes: list[tuple[tuple[int, int], tuple[int, int], int]]) -> tuple[list[Edit], np.ndarray]:
    corrections, edits = np.zeros((HEIGHT, WIDTH), np.uint8), list[Edit]()
    for one, other, value in strokes:
        (top, bottom), (left, right) = (sorted(pair) for pair in zip(one, other, strict=True))
        box, recorder = Box(left, top, right + 1, bottom + 1), EditRecorder(corrections)
        recorder.about_to_change(box)
        corrections[box.slices] = value
        edits += [edit] if (edit := recorder.finish("Fill")) else []
    return edits, corrections


@given(st.lists(STROKE, max_size=6))
def test_all_at_once_is_one_by_one(strokes: list[tuple[tuple[int, int], tuple[int, int], int]]) -> None:
    edits, corrections = drawn(strokes)
    toggle_all(edits[1:], corrections)
    alone = np.zeros_like(corrections)
    for edit in edits[:1]:
        edit.apply(alone)
    assert np.array_equal(corrections, alone)


def test_a_damaged_one_is_told() -> None:
    edits, corrections = drawn([((0, 0), (200, 400), 2)])
    (row, column, data), *others = edits[0].tiles
    damaged = Edit("Fill", edits[0].box, ((row, column, data[:-9]), *others))
    with pytest.raises(VesselError, match="damaged"):
        toggle_all([damaged], corrections)
