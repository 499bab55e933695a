import numpy as np
import pytest

from tests.state.test_document import make_document, stroke
from vesselapp.state import doubt
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.state.doubt import DoubtWalk


def doubtful() -> Document:
    """Three places near the threshold on a sure ground, of three sizes."""
    document = make_document()
    plane = np.full((document.height, document.width), 5, np.uint8)
    plane[100:108, 50:130] = 130
    plane[300:306, 100:160] = 130
    plane[450:454, 400:440] = 130
    document.set_probability(plane)
    return document


def middle_row(box: object) -> int:
    return (box.top + box.bottom) // 2  # type: ignore[attr-defined]


def test_the_walk_goes_from_what_matters_most_to_the_end_and_back() -> None:
    walk = DoubtWalk(doubtful())
    boxes = [walk.next() for _ in range(3)]
    assert all(box is not None for box in boxes)
    assert middle_row(boxes[0]) in range(95, 115)
    assert {middle_row(box) // 100 for box in boxes} == {1, 3, 4}
    assert walk.left == 0
    assert walk.next() is None
    assert walk.previous() == boxes[1]
    assert walk.previous() == boxes[0]
    assert walk.previous() is None
    assert walk.next() == boxes[1]
    walk.again()
    assert walk.next() == boxes[0]


def test_a_corrected_place_is_doubtful_no_more() -> None:
    document = doubtful()
    stroke(document, Brush.PAINT, 40, (40, 104), (140, 104))
    walk = DoubtWalk(document)
    rows = set()
    while (box := walk.next()) is not None:
        rows.add(middle_row(box) // 100)
    assert rows == {3, 4}


def test_the_walk_counts_every_place() -> None:
    document = make_document()
    plane = np.full((document.height, document.width), 5, np.uint8)
    rows, columns = range(10, document.height - 20, 24), range(10, document.width - 20, 24)
    for top in rows:
        for left in columns:
            plane[top : top + 6, left : left + 6] = 130
    document.set_probability(plane)
    walk = DoubtWalk(document)
    walk.next()
    assert walk.left == len(rows) * len(columns) - 1 > 250


def test_places_are_found_anew_only_where_they_may_be_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found, find = [], doubt.doubtful_places

    def counted(evidence: np.ndarray, level: int) -> list[doubt.Place]:
        found.append(level)
        return find(evidence, level)

    monkeypatch.setattr(doubt, "doubtful_places", counted)
    document = doubtful()
    walk = DoubtWalk(document)
    while walk.next() is not None:
        pass
    assert len(found) == 1
    walk.again()
    stroke(document, Brush.PAINT, 40, (40, 104), (140, 104))
    assert middle_row(walk.next()) // 100 != 1
    assert walk.left == 1
    document.undo()
    walk.again()
    assert middle_row(walk.next()) // 100 == 1
    document.set_level(document.level + 9)
    walk.next()
    assert found[-1] == document.level
    document.set_probability(np.full((document.height, document.width), 5, np.uint8))
    assert walk.next() is None
    assert len(found) == 5
