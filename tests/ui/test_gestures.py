"""Gestures of several clicks, and what undo, a double click and Shift mean in them."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.ui.test_interrupted import LEFT, document_of, vessel_document
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.toolbox import Toolbox

SHIFT, NO_KEY = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def canvas(qtbot: QtBot) -> Canvas:
    """A canvas with a picture of one vessel along a row."""
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_document(vessel_document())
    return canvas


@pytest.fixture
def toolbox(canvas: Canvas) -> Toolbox:
    """The tools of the canvas, the brush in hand."""
    return Toolbox(canvas, {})


def click(canvas: Canvas, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    QTest.mouseClick(canvas, LEFT, keys, canvas.place_of(x, y))


def drag(canvas: Canvas, *places: tuple[float, float]) -> None:
    QTest.mousePress(canvas, LEFT, NO_KEY, canvas.place_of(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(canvas, canvas.place_of(*place))
    QTest.mouseRelease(canvas, LEFT, NO_KEY, canvas.place_of(*places[-1]))


# -- Shift+click with a brush ------------------------------------------------------------------------------


def test_a_straight_line_begins_where_the_last_stroke_of_any_brush_ended(
    canvas: Canvas, toolbox: Toolbox
) -> None:
    document = document_of(canvas)
    click(canvas, 50, 30)
    toolbox.choose("UNSURE")
    click(canvas, 50, 60)
    toolbox.choose("PAINT")
    click(canvas, 200, 60, SHIFT)
    assert document.corrections[60, 70:195].all()
    assert not document.corrections[40:50].any()


def test_no_straight_line_comes_from_another_picture(canvas: Canvas, toolbox: Toolbox) -> None:
    click(canvas, 50, 30)
    other = vessel_document()
    canvas.set_document(other)
    click(canvas, 200, 60, SHIFT)
    assert other.corrections[60, 200]
    assert not other.corrections[:, :190].any()


def test_a_straight_line_begins_at_a_stroke_that_stands(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    click(canvas, 50, 30)
    click(canvas, 50, 60)
    document.undo()
    click(canvas, 200, 30, SHIFT)
    assert document.corrections[30, 60:195].all()
    document.undo()
    document.undo()
    click(canvas, 200, 60, SHIFT)
    assert document.corrections[60, 200]
    assert not document.corrections[:, :190].any()
