"""Gestures that something comes between: a lock, another picture, a second finger, a pen's other button."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box
from vesselapp.core.image import Image
from vesselapp.core.pyramid import Pyramid, halve_pixels
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.tools.brush import BrushTool
from vesselapp.ui.tools.grow import GrowTool
from vesselapp.ui.tools.outline import OutlineTool
from vesselapp.ui.tools.pieces import PieceTool, SplitTool
from vesselapp.ui.tools.straighten import StraightenTool
from vesselapp.ui.tools.trace import TraceTool

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
ROW = 100


def vessel_document(height: int = 200, width: int = 300, row: int = ROW) -> Document:
    """Give a picture with one dark vessel along a row, 9 px wide, that the model finds."""
    pixels, probability = np.full((height, width, 3), 190, np.uint8), np.full((height, width), 20, np.uint8)
    pixels[row - 4 : row + 5], probability[row - 4 : row + 5] = 120, 230
    return Document(
        Image(pixels, None, "0" * 64), Pyramid(pixels, halve_pixels), 0.5, probability=probability
    )


@pytest.fixture
def canvas(qtbot: QtBot) -> Canvas:
    """A canvas with a document."""
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_document(vessel_document())
    return canvas


def document_of(canvas: Canvas) -> Document:
    assert canvas.document is not None
    return canvas.document


def click(canvas: Canvas, x: float, y: float, button: Qt.MouseButton = LEFT) -> None:
    QTest.mouseClick(canvas, button, pos=canvas.place_of(x, y))


def correct_the_vessel(document: Document, name: str) -> None:
    rows = np.ones((20, document.width), bool)
    document.change(name, [(Box(0, ROW - 10, document.width, ROW + 10), rows)], Correction.FOREGROUND)


def test_backspace_in_a_trace_undoes_nothing_but_the_trace(canvas: Canvas) -> None:
    document = document_of(canvas)
    correct_the_vessel(document, "An hour of work")
    canvas.set_tool(TraceTool(canvas))
    click(canvas, 30, ROW)
    click(canvas, 120, ROW)  # all of this is corrected already: no edit
    assert document.history.names[0] == ["An hour of work"]
    for _ in range(3):
        QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    assert document.history.names[0] == ["An hour of work"]
    assert not canvas.tool.busy


def test_backspace_takes_back_each_piece_of_a_trace_once(canvas: Canvas) -> None:
    document = document_of(canvas)
    correct_the_vessel(document, "Before")
    canvas.set_tool(TraceTool(canvas))
    for x in (40, 90, 140):
        click(canvas, x, ROW, RIGHT)
    assert document.history.names[0] == ["Before", "Untrace", "Untrace"]
    document.undo()  # by its own key; the piece is gone, its node is still there
    for left in (["Before", "Untrace"], ["Before"], ["Before"]):
        QTest.keyClick(canvas, Qt.Key.Key_Backspace)
        assert document.history.names[0] == left
    assert not canvas.tool.busy


def test_a_brush_pressed_before_the_lock_is_gone_paints_at_its_next_press(canvas: Canvas) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    document.lock("Still asking.")
    QTest.mousePress(canvas, LEFT, pos=canvas.place_of(50, 40))
    document.lock("")
    QTest.mouseMove(canvas, canvas.place_of(90, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(90, 40))
    assert not document.corrections.any()
    click(canvas, 50, 40)
    assert document.history.names[0] == ["Brush"]


def test_a_lock_in_the_middle_of_a_stroke_keeps_what_was_painted(canvas: Canvas) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    QTest.mousePress(canvas, LEFT, pos=canvas.place_of(50, 40))
    QTest.mouseMove(canvas, canvas.place_of(90, 40))
    painted = document.corrections.copy()
    document.lock("Somebody else has it.")
    QTest.mouseMove(canvas, canvas.place_of(120, 40))
    document.lock("")
    QTest.mouseMove(canvas, canvas.place_of(150, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(150, 40))
    assert painted[40, 55:85].all()
    assert np.array_equal(document.corrections, painted)
    assert document.undo()
    assert not document.corrections.any()


TOOLS: dict[str, type[Tool]] = {
    tool.name: tool for tool in (StraightenTool, GrowTool, OutlineTool, TraceTool, PieceTool, SplitTool)
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_lock_in_the_middle_of_a_gesture_leaves_all_as_it_was(canvas: Canvas, name: str) -> None:
    document, refused = document_of(canvas), list[str]()
    document.refused.connect(refused.append)
    canvas.set_tool(TOOLS[name](canvas))
    if name in ("Straighten", "Trace"):
        click(canvas, 100, ROW)  # opens the card; sets a first node
    level, acts_on_press = document.level, name in ("Trace", "Piece")

    def gesture(lock: str) -> None:
        if acts_on_press:
            document.lock(lock)
        places = [
            canvas.place_of(x, y) for x, y in ((80, ROW), (130, ROW - 8), (150, ROW + 8), (90, ROW + 8))
        ]
        QTest.mousePress(canvas, LEFT, pos=places[0])
        document.lock(lock)
        for place in places[1:]:
            QTest.mouseMove(canvas, place)
        QTest.mouseRelease(canvas, LEFT, pos=places[-1])

    before = document.evidence.levels[0].copy()
    gesture("Somebody else has it.")
    assert refused == ["Somebody else has it."]
    assert not document.corrections.any()
    assert np.array_equal(document.evidence.levels[0], before)
    assert document.history.names == ([], [])
    gesture("")
    assert len(document.history.names[0]) == 1
    assert document.corrections.any()
    assert document.level == level


def test_straighten_finds_its_ways_in_the_picture_in_sight(canvas: Canvas) -> None:
    canvas.set_tool(StraightenTool(canvas))

    def drag_along(row: int) -> None:
        QTest.mousePress(canvas, LEFT, pos=canvas.place_of(30, row))
        for x in (60, 140):
            QTest.mouseMove(canvas, canvas.place_of(x, row))
        QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(140, row))

    def way() -> np.ndarray:
        tool = canvas.tool
        assert isinstance(tool, StraightenTool)
        layout = tool._layout()
        assert layout is not None
        return layout.straight.centres

    drag_along(ROW)
    assert abs(float(np.median(way()[:, 1])) - ROW) < 3
    canvas.set_document(vessel_document(120, 160, 50))
    click(canvas, 60, 50)  # opens a card of this picture
    canvas.cancel_gesture()
    drag_along(50)
    assert np.abs(way()[:, 1] - 50).max() < 3
