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
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas
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
