"""Pointer and keyboard on the canvas: whose keys they are, which pane, and that nothing drawn is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QPointingDevice, QResizeEvent, QTabletEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractSpinBox, QApplication
from pytestqt.qtbot import QtBot

from tests.ui.conftest import ROW, wait_for_answer
from tests.ui.test_interrupted import document_of
from vesselapp.state.brush import Brush
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.pointing import Drag
from vesselapp.ui.scene import Split
from vesselapp.ui.tools.brush import BrushTool
from vesselapp.ui.tools.grow import GrowTool
from vesselapp.ui.tools.outline import OutlineTool
from vesselapp.ui.tools.straighten import StraightenTool
from vesselapp.ui.window import MainWindow

LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton


@pytest.fixture
def canvas(canvas: Canvas) -> Canvas:
    """The canvas with a brush in hand."""
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    return canvas


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, pictures: Path) -> MainWindow:
    """The window with three pictures, the first one open."""
    window.open_paths([pictures])
    wait_for_answer(qtbot, window)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    return window


def come_over(canvas: Canvas) -> None:
    """Bring the pointer over the middle of the canvas."""
    at = QPointF(canvas.rect().center())
    QApplication.sendEvent(canvas, QEnterEvent(at, at, canvas.mapToGlobal(at)))


def press(window: MainWindow, key: Qt.Key) -> None:
    """Press a key wherever the keyboard is."""
    widget = window.focusWidget()
    assert widget is not None
    QTest.keyClick(widget, key)


def begin_stroke(canvas: Canvas) -> None:
    QTest.mousePress(canvas, LEFT, pos=canvas.place_of(60, 40))
    QTest.mouseMove(canvas, canvas.place_of(120, 40))


# -- whose keys they are -------------------------------------------------------------------------------------


def test_keys_are_the_canvass_as_soon_as_the_pointer_is_over_it(opened: MainWindow) -> None:
    canvas, panel = opened.canvas, opened.controls
    for control in (panel.cleanup.preview, panel.cleanup.kind, panel.history, panel.threshold.slider):
        control.setFocus()
        assert not canvas.hasFocus()
        come_over(canvas)
        assert canvas.hasFocus()
    QTest.keyPress(opened.focusWidget(), Qt.Key.Key_Space)
    QTest.mousePress(canvas, LEFT, pos=canvas.place_of(100, 100))
    assert canvas.drag is Drag.PAN
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(100, 100))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert not document_of(canvas).corrections.any()


def test_apply_is_not_pressed_again_by_space(opened: MainWindow) -> None:
    button = opened.controls.cleanup.apply_button
    QTest.mouseClick(button, LEFT)
    assert not button.hasFocus()


def test_who_is_writing_goes_on_writing(opened: MainWindow) -> None:
    fields = (opened.pictures.text_field, opened.pictures.note, opened.controls.cleanup.size_field)
    for field in fields:
        field.setFocus()
        come_over(opened.canvas)
        assert field.hasFocus()
    QTest.mousePress(opened.canvas, LEFT, pos=opened.canvas.place_of(100, 100))
    QTest.mouseRelease(opened.canvas, LEFT, pos=opened.canvas.place_of(100, 100))
    assert opened.canvas.hasFocus()


def test_a_field_of_numbers_takes_numbers_alone(opened: MainWindow) -> None:
    field, canvas = opened.controls.cleanup.size_field, opened.canvas
    assert isinstance(field, QAbstractSpinBox)
    field.setFocus()
    field.selectAll()
    press(opened, Qt.Key.Key_2)
    press(opened, Qt.Key.Key_3)
    assert field.value() == 23
    assert field.hasFocus()
    QTest.keyPress(opened.focusWidget(), Qt.Key.Key_H)
    assert canvas.hasFocus()
    assert canvas.bare
    QTest.keyRelease(opened.focusWidget(), Qt.Key.Key_H)
    assert not canvas.bare
    field.setFocus()
    press(opened, Qt.Key.Key_E)
    assert opened.toolbox.key == "ERASE"
    field.setFocus()
    press(opened, Qt.Key.Key_Return)
    assert canvas.hasFocus()


def test_tab_goes_on_to_the_next_control_and_folds_the_panels_on_the_canvas_alone(opened: MainWindow) -> None:
    cleanup, canvas = opened.controls.cleanup, opened.canvas
    cleanup.size_field.setFocus()
    cleanup.size_field.selectAll()
    press(opened, Qt.Key.Key_7)
    for control in (cleanup.preview, cleanup.apply_button, opened.controls.history):
        press(opened, Qt.Key.Key_Tab)
        assert control.hasFocus()
    assert cleanup.size_field.value() == 7
    opened.pictures.note.setFocus()
    press(opened, Qt.Key.Key_Tab)
    assert not opened.pictures.note.hasFocus()
    assert opened.pictures.isVisible()
    assert opened.controls.isVisible()
    canvas.setFocus()
    for shown in (False, True):
        press(opened, Qt.Key.Key_Tab)
        assert canvas.hasFocus()
        assert opened.pictures.isVisible() == opened.controls.isVisible() == shown


def test_folding_the_panels_gives_the_keyboard_to_the_canvas(opened: MainWindow) -> None:
    cleanup, pictures = opened.controls.cleanup, opened.pictures
    for control in (pictures.text_field, pictures.note, cleanup.size_field, opened.controls.history):
        control.setFocus()
        opened.action("panels").trigger()
        assert opened.canvas.hasFocus()
        opened.action("panels").trigger()
        assert opened.canvas.hasFocus()


# -- panes ---------------------------------------------------------------------------------------------------


def test_a_stroke_over_the_line_between_the_panes_stays_in_its_pane(canvas: Canvas) -> None:
    canvas.set_split(Split.SIDE)
    canvas.actual_size()
    canvas.set_diameter(5)
    document, line = document_of(canvas), canvas.second_pane()
    row = canvas.place_of(0, 40).y()
    ends = [QPoint(line + step, row) for step in (60, 20, -10, -20)]
    QTest.mousePress(canvas, LEFT, pos=ends[0])
    for end in ends[1:]:
        QTest.mouseMove(canvas, end)
    QTest.mouseRelease(canvas, LEFT, pos=ends[-1])
    painted = np.flatnonzero(document.corrections.any(axis=0))
    assert painted.size
    assert painted.max() - painted.min() <= (60 + 20 + 6) / canvas.view.zoom * canvas.devicePixelRatioF()


def test_panning_over_the_line_between_the_panes_goes_on_evenly(canvas: Canvas) -> None:
    canvas.set_split(Split.SIDE)
    canvas.show_view(canvas.view.zoomed(4.0, 100, 100))
    line, before = canvas.second_pane(), canvas.view.x
    QTest.mousePress(canvas, MIDDLE, pos=QPoint(line - 5, 100))
    for x in (line - 2, line + 2, line + 10):
        QTest.mouseMove(canvas, QPoint(x, 100))
    QTest.mouseRelease(canvas, MIDDLE, pos=QPoint(line + 10, 100))
    assert canvas.view.x - before == 15 * canvas.devicePixelRatioF()


def hold(canvas: Canvas, by: str, *, held: bool) -> None:
    """Hold, or let go of, what pans in the middle of a stroke."""
    if by == "space":
        (QTest.keyPress if held else QTest.keyRelease)(canvas, Qt.Key.Key_Space)
    elif by == "middle":
        (QTest.mousePress if held else QTest.mouseRelease)(canvas, MIDDLE)
    else:
        kind = QEvent.Type.TabletPress if held else QEvent.Type.TabletRelease
        pen(canvas, kind, canvas.place_of(120, 40), button=MIDDLE)


@pytest.mark.parametrize("by", ["space", "middle", "barrel"])
def test_a_pan_in_the_middle_of_a_stroke_paints_nothing_and_the_stroke_goes_on(
    canvas: Canvas, by: str
) -> None:
    document = document_of(canvas)
    canvas.show_view(canvas.view.zoomed(2.0, 100, 100))
    begin_stroke(canvas)
    painted, before, at = document.corrections.copy(), canvas.view, canvas.place_of(120, 40)
    hold(canvas, by, held=True)
    assert canvas.cursor().shape() is Qt.CursorShape.ClosedHandCursor
    for step in (QPoint(10, 5), QPoint(40, 30)):
        QTest.mouseMove(canvas, at + step)
    ratio = canvas.devicePixelRatioF()
    assert (canvas.view.x - before.x, canvas.view.y - before.y) == (40 * ratio, 30 * ratio)
    hold(canvas, by, held=False)
    assert canvas.drag is Drag.TOOL
    assert canvas.cursor().shape() is Qt.CursorShape.CrossCursor
    assert np.array_equal(document.corrections, painted)
    still = canvas.view
    QTest.mouseMove(canvas, canvas.place_of(180, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(180, 40))
    assert canvas.view == still
    assert document.corrections[40, 65:175].all()
    assert not document.corrections[60:].any()
    assert document.history.names[0] == ["Brush"]


def test_a_stroke_that_ends_in_the_middle_of_a_pan_leaves_nothing_held(canvas: Canvas) -> None:
    document = document_of(canvas)
    begin_stroke(canvas)
    painted = document.corrections.copy()
    QTest.mousePress(canvas, MIDDLE, pos=canvas.place_of(120, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(120, 90))
    QTest.mouseRelease(canvas, MIDDLE, pos=canvas.place_of(120, 90))
    assert np.array_equal(document.corrections, painted)
    begin_stroke(canvas)
    QTest.mouseMove(canvas, canvas.place_of(180, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(180, 40))
    assert document.corrections[40, 65:175].all()
    assert document.history.names[0] == ["Brush", "Brush"]


@pytest.mark.parametrize("turns", [0, 1])
def test_a_drag_off_the_minimap_keeps_the_canvas_full_of_the_picture(canvas: Canvas, turns: int) -> None:
    canvas.turn(turns)
    canvas.show_view(canvas.view.centred_on(150, 100, canvas.pane_size(), 8.0))
    place, (height, width) = canvas.minimap.place(canvas.view, canvas.rect()), canvas.pane_size()
    QTest.mousePress(canvas, LEFT, pos=place.center())
    for off in (QPoint(1, 1), QPoint(2000, 1), QPoint(2000, 2000), QPoint(1, -2000)):
        QTest.mouseMove(canvas, off)
        high, wide = (8 * side for side in canvas.view.shown_size)
        assert canvas.view.x in ({0} if off.x() == 1 else {width - wide})
        assert canvas.view.y in ({height - high} if off.y() == 2000 else {0})
    QTest.mouseRelease(canvas, LEFT, pos=place.center())
    assert not document_of(canvas).corrections.any()


@pytest.mark.parametrize("jump", ["split", "turn", "fit"])
def test_a_jump_of_the_picture_ends_a_stroke_where_it_was(canvas: Canvas, jump: str) -> None:
    document = document_of(canvas)
    canvas.show_view(canvas.view.zoomed(2.0, 100, 100))
    begin_stroke(canvas)
    painted = document.corrections.copy()
    {"split": lambda: canvas.set_split(Split.SIDE), "turn": lambda: canvas.turn(1), "fit": canvas.fit}[jump]()
    QTest.mouseMove(canvas, QPoint(20, 300))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(20, 300))
    assert np.array_equal(document.corrections, painted)
    assert document.history.names[0] == ["Brush"]


# -- nothing drawn is lost -----------------------------------------------------------------------------------


def test_a_tools_key_in_the_midst_of_a_stroke_keeps_it(canvas: Canvas) -> None:
    document = document_of(canvas)
    begin_stroke(canvas)
    canvas.set_tool(GrowTool(canvas))
    assert document.corrections[40, 65:115].all()
    assert document.history.names[0] == ["Brush"]
    QTest.mouseMove(canvas, canvas.place_of(200, 40))
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(200, 40))
    assert document.history.names[0] == ["Brush"]
    QTest.mousePress(canvas, LEFT, pos=canvas.place_of(100, ROW))
    canvas.set_tool(BrushTool(canvas, Brush.ERASE))
    assert document.history.names[0] == ["Brush", "Grow"]


def test_a_stroke_under_way_is_kept_when_the_window_closes(opened: MainWindow) -> None:
    document = document_of(opened.canvas)
    begin_stroke(opened.canvas)
    assert opened.close()
    assert document.history.names[0] == ["Brush"]


@pytest.mark.parametrize("how", ["tool", "next", "reviewed", "close"])
def test_an_open_outline_is_kept_and_that_is_said(opened: MainWindow, how: str) -> None:
    canvas, said = opened.canvas, list[str]()
    document = document_of(canvas)
    canvas.told.connect(said.append)
    opened.choose_tool("OUTLINE")
    for corner in ((100, 100), (160, 100), (160, 150)):
        QTest.mouseClick(canvas, LEFT, pos=canvas.place_of(*corner))
    if how == "tool":
        press(opened, Qt.Key.Key_E)
    elif how == "next":
        press(opened, Qt.Key.Key_D)
    elif how == "reviewed":
        press(opened, Qt.Key.Key_2)
    else:
        assert opened.close()
    assert document.history.names[0] == ["Fill"]
    assert document.corrections[115, 145]
    assert any("Fill" in words and "kept" in words for words in said)


def test_two_corners_are_let_go(canvas: Canvas) -> None:
    canvas.set_tool(OutlineTool(canvas))
    for corner in ((20, 20), (80, 20)):
        QTest.mouseClick(canvas, LEFT, pos=canvas.place_of(*corner))
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    assert document_of(canvas).history.names[0] == []


# -- what is under the pointer -------------------------------------------------------------------------------


def test_the_place_under_the_pointer_follows_the_view(canvas: Canvas) -> None:
    places = list[object]()
    canvas.hovered.connect(places.append)
    QTest.mouseMove(canvas, canvas.place_of(100, 60))
    at = QPointF(canvas.place_of(100, 60))
    for change in (lambda: canvas.pan_by(0.1, 0.0), lambda: canvas.turn(1), canvas.fit):
        places.clear()
        change()
        assert places[-1] == pytest.approx(canvas.to_picture(at))


def test_the_place_is_told_of_the_next_picture_too(qtbot: QtBot, opened: MainWindow) -> None:
    canvas = opened.canvas
    QTest.mouseMove(canvas, canvas.place_of(100, 60))
    before = opened.status.place.text().partition("  p")[0]
    opened.action("next").trigger()
    qtbot.waitUntil(lambda: opened.windowTitle().startswith("b.png"), timeout=20000)
    assert before.startswith("x ")
    assert opened.status.place.text().partition("  p")[0] == before


def test_over_the_card_the_place_is_the_one_that_the_card_shows(canvas: Canvas) -> None:
    places = list[tuple[float, float]]()
    tool = StraightenTool(canvas)
    canvas.set_tool(tool)
    QTest.mouseClick(canvas, LEFT, pos=canvas.place_of(100, ROW))
    layout = tool._layout()
    assert layout is not None
    canvas.hovered.connect(places.append)
    ratio = canvas.devicePixelRatioF()
    for across in (0.0, 6.0):
        x, y = (side / ratio for side in layout.to_device(layout.straight.from_picture(100, ROW)[0], across))
        QTest.mouseMove(canvas, QPoint(round(x), round(y)))
        expected = layout.straight.to_picture(layout.straight.from_picture(100, ROW)[0], across)
        assert places[-1] == pytest.approx(expected, abs=1.0)
    canvas.cancel_gesture()
    assert places[-1] == pytest.approx(canvas.to_picture(QPointF(round(x), round(y))))


# -- pens ----------------------------------------------------------------------------------------------------


def pen(
    canvas: Canvas,
    kind: QEvent.Type,
    at: QPoint,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    button: Qt.MouseButton = LEFT,
) -> None:
    device = QPointingDevice(
        "pen", 1, QPointingDevice.DeviceType.Stylus, QPointingDevice.PointerType.Pen,
        QPointingDevice.Capability.Pressure, 1, 2,
    )  # fmt: skip
    place = QPointF(at)
    event = QTabletEvent(
        kind, device, place, canvas.mapToGlobal(place), 1.0, 0, 0, 0, 0, 0, modifiers, button, button
    )
    QApplication.sendEvent(canvas, event)


def stroke_of_pen(canvas: Canvas, start: QPoint, end: QPoint, modifiers: Qt.KeyboardModifier) -> None:
    pen(canvas, QEvent.Type.TabletPress, start, modifiers)
    pen(canvas, QEvent.Type.TabletMove, end, modifiers)
    pen(canvas, QEvent.Type.TabletRelease, end, modifiers)


def test_a_pen_pans_with_space_sizes_with_alt_and_uses_the_minimap(canvas: Canvas) -> None:
    document, none = document_of(canvas), Qt.KeyboardModifier.NoModifier
    canvas.show_view(canvas.view.zoomed(4.0, 300, 200))
    at, before = QPoint(300, 200), canvas.view
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    stroke_of_pen(canvas, at, at + QPoint(30, 10), none)
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    ratio = canvas.devicePixelRatioF()
    assert (canvas.view.x - before.x, canvas.view.y - before.y) == (30 * ratio, 10 * ratio)
    size = canvas.diameter
    stroke_of_pen(canvas, at, at + QPoint(40, 0), Qt.KeyboardModifier.AltModifier)
    assert canvas.diameter > size
    middle, place = canvas.view, canvas.minimap.place(canvas.view, canvas.rect())
    stroke_of_pen(canvas, place.topLeft() + QPoint(9, 9), place.topLeft() + QPoint(12, 12), none)
    assert canvas.view != middle
    assert not document.corrections.any()


def test_a_pen_draws_a_straight_line_with_shift(canvas: Canvas) -> None:
    document, none = document_of(canvas), Qt.KeyboardModifier.NoModifier
    stroke_of_pen(canvas, canvas.place_of(40, 40), canvas.place_of(42, 40), none)
    far = canvas.place_of(200, 40)
    stroke_of_pen(canvas, far, far, Qt.KeyboardModifier.ShiftModifier)
    assert document.corrections[40, 40:200].all()


# -- screens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [QEvent.Type.DevicePixelRatioChange, QEvent.Type.Resize])
@pytest.mark.parametrize("fitted", [True, False])
def test_on_a_screen_of_another_scale_all_stays_where_it_was(
    canvas: Canvas, monkeypatch: pytest.MonkeyPatch, fitted: bool, first: QEvent.Type
) -> None:
    document = document_of(canvas)
    canvas.set_diameter(1)
    if not fitted:
        canvas.show_view(canvas.view.zoomed(3.0, 200, 150))
    at = canvas.place_of(120, 70)
    before, scale = canvas.to_picture(QPointF(at)), 2 * canvas.devicePixelRatioF()
    monkeypatch.setattr(canvas, "devicePixelRatioF", lambda: scale)
    if first is QEvent.Type.Resize:
        QApplication.sendEvent(canvas, QResizeEvent(canvas.size(), canvas.size()))
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.DevicePixelRatioChange))
    assert canvas.to_picture(QPointF(at)) == pytest.approx(before, abs=1.0)
    scene = canvas._scene
    assert scene is not None
    assert (scene.view, scene.size, scene.ratio) == (canvas.view, canvas.pane_size(), scale)
    QTest.mouseClick(canvas, LEFT, pos=at)
    x, y = canvas.to_picture(QPointF(at))
    assert np.argwhere(document.corrections).tolist() == [[int(y), int(x)]]


# -- what is hidden ------------------------------------------------------------------------------------------


def colour_at(canvas: Canvas, x: float, y: float) -> tuple[int, int, int]:
    ratio, at = canvas.devicePixelRatioF(), canvas.place_of(x, y)
    colour = canvas.grab().toImage().pixelColor(round(at.x() * ratio), round(at.y() * ratio))
    return colour.red(), colour.green(), colour.blue()


def test_who_paints_with_the_overlay_hidden_sees_it_meanwhile_and_is_told(canvas: Canvas) -> None:
    said = list[str]()
    canvas.told.connect(said.append)
    canvas.overlay_shown = False
    bare = colour_at(canvas, 90, 40)
    begin_stroke(canvas)
    assert colour_at(canvas, 90, 40) != bare
    assert "hidden" in said[-1]
    QTest.mouseRelease(canvas, LEFT, pos=canvas.place_of(120, 40))
    assert colour_at(canvas, 90, 40) == bare


# -- the history list ----------------------------------------------------------------------------------------


def test_the_history_list_always_shows_the_state_in_sight(opened: MainWindow) -> None:
    document, panel = document_of(opened.canvas), opened.controls.history
    for x in (50, 100, 150):
        QTest.mouseClick(opened.canvas, LEFT, pos=opened.canvas.place_of(x, 60))

    def row_place(row: int) -> QPoint:
        return panel.visualItemRect(panel.item(row)).center()

    opened.controls.ensureWidgetVisible(panel)
    panel.scrollToTop()
    QTest.mouseClick(panel.viewport(), LEFT, pos=row_place(2))
    assert document.history.edits_done == 2
    for key, done in ((Qt.Key.Key_Up, 1), (Qt.Key.Key_Up, 0), (Qt.Key.Key_End, 3), (Qt.Key.Key_B, 3)):
        QTest.keyClick(panel, key)
        assert panel.currentRow() == document.history.edits_done == done
    QTest.mousePress(panel.viewport(), LEFT, pos=row_place(1))
    QTest.mouseMove(panel.viewport(), row_place(2))
    QTest.mouseRelease(panel.viewport(), LEFT, pos=row_place(2))
    assert panel.currentRow() == document.history.edits_done
    document.lock("Somebody else has it.")
    QTest.mouseClick(panel.viewport(), LEFT, pos=row_place(1))
    assert panel.currentRow() == document.history.edits_done
