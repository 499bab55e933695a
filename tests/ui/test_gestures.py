"""Gestures of several clicks, and what undo, a double click and Shift mean in them."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from tests.ui.conftest import ROW, vessel_document, wait_for_answer
from tests.ui.test_interrupted import LEFT, document_of
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.toolbox import Toolbox
from vesselapp.ui.window import MainWindow

SHIFT, NO_KEY = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def toolbox(canvas: Canvas) -> Toolbox:
    """The tools of the canvas, the brush in hand."""
    return Toolbox(canvas, {})


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, pictures: Path) -> Document:
    """The document of a picture that is open in the window."""
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    document = window.workspace.document
    assert document is not None
    return document


def click(canvas: Canvas, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    QTest.mouseClick(canvas, LEFT, keys, canvas.place_of(x, y))


def double_click(canvas: Canvas, x: float, y: float) -> None:
    QTest.mouseClick(canvas, LEFT, NO_KEY, canvas.place_of(x, y))
    QTest.mouseDClick(canvas, LEFT, NO_KEY, canvas.place_of(x, y))


def on_screen(canvas: Canvas, px: float) -> float:
    """How many px of the picture so many of the screen are."""
    return px * canvas.devicePixelRatioF() / canvas.view.zoom


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


# -- undo in the middle of a gesture -----------------------------------------------------------------------


def test_undo_takes_back_the_corner_and_not_what_was_done_before(
    qtbot: QtBot, window: MainWindow, opened: Document
) -> None:
    canvas, undo = window.canvas, window.action("undo")
    window.choose_tool("OUTLINE")
    for corner in ((60, 60), (120, 60), (120, 120), (20, 200)):
        click(canvas, *corner)
    assert undo.isEnabled()  # also where nothing was done before
    assert undo.text() == "&Undo click"
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    canvas.tool.finish()
    assert opened.history.names == (["Fill"], [])
    assert opened.corrections[62:80, 102:118].all()
    assert not opened.corrections[140:].any()
    assert undo.text() == "&Undo fill"
    click(canvas, 60, 200)
    undo.trigger()
    assert opened.history.names == (["Fill"], [])
    undo.trigger()
    assert opened.history.names == ([], ["Fill"])
    assert not undo.isEnabled()


def test_undo_takes_back_first_what_was_done_after_the_corner(window: MainWindow, opened: Document) -> None:
    window.choose_tool("OUTLINE")
    click(window.canvas, 60, 60)
    opened.begin_stroke()
    opened.paint((100, 100), (120, 100), 9, Brush.PAINT)
    opened.end_stroke("Brush")
    assert window.action("undo").text() == "&Undo brush"
    window.action("undo").trigger()
    assert opened.history.names == ([], ["Brush"])
    assert window.canvas.tool.busy
    window.action("undo").trigger()
    assert not window.canvas.tool.busy


def test_undo_goes_back_in_a_trace_with_its_node(window: MainWindow, opened: Document) -> None:
    window.choose_tool("TRACE")
    for x in (60, 120, 180):
        click(window.canvas, x, 60, SHIFT)
    corrected = opened.corrections.copy()
    click(window.canvas, 240, 60, SHIFT)
    window.action("undo").trigger()
    assert np.array_equal(opened.corrections, corrected)
    click(window.canvas, 180, 200, SHIFT)
    assert opened.corrections[70:190, 180].all()  # no hole beside the node before
    for _ in range(4):
        window.action("undo").trigger()
    assert opened.history.names[0] == []
    assert not window.canvas.tool.busy


def test_a_jump_in_the_history_takes_the_nodes_along(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("TRACE")
    for x in (40, 90, 140, 190):
        click(canvas, x, ROW)
    document.jump(1)
    click(canvas, 190, ROW)
    assert document.corrections[ROW, 45:185].all()
    document.jump(0)
    click(canvas, 90, ROW)
    assert document.corrections[ROW, 45:85].all()


# -- Fill --------------------------------------------------------------------------------------------------


def test_a_trembling_hand_closes_no_polygon(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("OUTLINE")
    by = on_screen(canvas, 4)
    for x, y in ((40, 20), (100, 20), (100, 60), (70, 80), (40, 60)):
        drag(canvas, (x, y), (x + by, y), (x, y), (x - by, y), (x, y), (x, y + by), (x, y))
        assert canvas.tool.busy
    assert not document.corrections.any()
    canvas.tool.step_back()
    canvas.tool.finish()
    assert document.history.names[0] == ["Fill"]
    assert document.corrections[22:58, 72:98].all()
    assert not document.corrections[52:58, 40:44].any()


def test_a_small_lasso_is_a_lasso(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("OUTLINE")
    side = on_screen(canvas, 12)
    drag(canvas, (50, 30), (50 + side, 30), (50 + side, 30 + side), (50, 30 + side), (50, 30 + side / 2))
    assert document.history.names[0] == ["Fill"]


def test_what_is_undone_while_it_is_drawn_stays_away(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("OUTLINE")
    for corner in ((40, 20), (100, 20), (100, 60)):
        click(canvas, *corner)
    QTest.mousePress(canvas, LEFT, NO_KEY, canvas.place_of(60, 80))
    for x in (80, 100, 120):
        QTest.mouseMove(canvas, canvas.place_of(x, 80))
    canvas.tool.step_back()
    QTest.mouseMove(canvas, canvas.place_of(200, 80))
    QTest.mouseRelease(canvas, LEFT, NO_KEY, canvas.place_of(200, 80))
    assert canvas.tool.busy
    canvas.tool.finish()
    assert document.corrections[22:50, 96].all()
    assert not document.corrections[64:].any()


# -- a double click ----------------------------------------------------------------------------------------


def test_a_double_click_closes_a_polygon(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("OUTLINE")
    for corner in ((40, 20), (100, 20)):
        click(canvas, *corner)
    double_click(canvas, 100, 60)
    assert document.history.names[0] == ["Fill"]
    assert not canvas.tool.busy


def test_a_double_click_ends_a_trace(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("TRACE")
    click(canvas, 40, ROW)
    double_click(canvas, 140, ROW)
    assert document.history.names[0] == ["Trace"]
    assert not canvas.tool.busy


@pytest.mark.parametrize("key", ["TRACE", "OUTLINE"])
def test_a_gesture_may_begin_with_a_double_click(canvas: Canvas, toolbox: Toolbox, key: str) -> None:
    toolbox.choose(key)
    double_click(canvas, 40, ROW)
    assert canvas.tool.busy
    canvas.tool.step_back()
    assert not canvas.tool.busy


# -- Trace -------------------------------------------------------------------------------------------------


def test_shift_traces_straight(canvas: Canvas, toolbox: Toolbox) -> None:
    document = document_of(canvas)
    toolbox.choose("TRACE")
    click(canvas, 60, ROW)
    click(canvas, 160, 20, SHIFT)
    for x in (80, 110, 140):
        rows = np.flatnonzero(document.corrections[:, x])
        assert abs(rows.mean() - (ROW + (x - 60) * (20 - ROW) / 100)) < 6


def test_the_width_of_a_trace_is_told_and_ends_with_it(window: MainWindow, opened: Document) -> None:
    told = window.controls.brush._width
    window.choose_tool("TRACE")
    assert told.isVisible()
    assert told.text() == "Draws the vessel's own width"
    window.action("larger").trigger()
    window.action("larger").trigger()
    assert told.text() == "Draws the vessel's own width +2 px"
    click(window.canvas, 60, 60)
    assert told.text() == "Draws the vessel's own width +2 px"
    window.action("cancel").trigger()
    assert told.text() == "Draws the vessel's own width"
    for leave in (lambda: window.choose_tool("PAINT"), lambda: window.canvas.set_document(vessel_document())):
        window.choose_tool("TRACE")
        window.action("smaller").trigger()
        assert told.text() == "Draws the vessel's own width -1 px"
        leave()
        window.choose_tool("TRACE")
        assert told.text() == "Draws the vessel's own width"


def test_a_size_is_shown_of_tools_that_have_one(window: MainWindow, opened: Document) -> None:
    panel = window.controls.brush
    height = panel.sizeHint().height()
    for key, sized in (("GROW", False), ("PAINT", True)):
        window.choose_tool(key)
        assert panel._slider.isVisible() == sized
        assert panel._width.text() == ""
    assert panel.sizeHint().height() == height
