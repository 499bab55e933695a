"""Gestures that something comes between: a lock, another picture, a second finger, a pen's other button."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPointingDevice, QTabletEvent, QTouchEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import ROW, vessel_document
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Box
from vesselapp.state.brush import Brush
from vesselapp.state.document import Document
from vesselapp.ui.canvas import Canvas
from vesselapp.ui.pointing import Drag
from vesselapp.ui.scene import Split
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.tools.brush import BrushTool
from vesselapp.ui.tools.grow import GrowTool
from vesselapp.ui.tools.outline import OutlineTool
from vesselapp.ui.tools.pieces import PieceTool, SplitTool
from vesselapp.ui.tools.straighten import StraightenTool
from vesselapp.ui.tools.trace import TraceTool

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


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
    document.undo()  # the node goes with its piece
    for left in (["Before"], ["Before"]):
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
    begin = (80, ROW - 8) if name == "Split" else (80, ROW)  # a split goes across

    def gesture(lock: str) -> None:
        if acts_on_press:
            document.lock(lock)
        places = [canvas.place_of(x, y) for x, y in (begin, (130, ROW - 8), (150, ROW + 8), (90, ROW + 8))]
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


def move_mouse(canvas: Canvas, x: float, y: float, held: Qt.MouseButton) -> None:
    """Send what Qt sends where the mouse moves with a button held, or none."""
    at = QPointF(canvas.place_of(x, y))
    kind, none = QEvent.Type.MouseMove, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(
        canvas, QMouseEvent(kind, at, canvas.mapToGlobal(at), Qt.MouseButton.NoButton, held, none)
    )


@pytest.mark.parametrize("button", [LEFT, RIGHT])
def test_a_stroke_whose_release_another_window_heard_ends_where_it_was(
    canvas: Canvas, button: Qt.MouseButton
) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    QTest.mousePress(canvas, button, pos=canvas.place_of(60, 40))
    move_mouse(canvas, 90, 40, button)
    drawn = document.corrections.copy()
    move_mouse(canvas, 200, 60, Qt.MouseButton.NoButton)
    assert canvas.drag is Drag.NONE
    assert np.array_equal(document.corrections, drawn)
    assert len(document.history.names[0]) == 1


def test_a_pan_whose_release_another_window_heard_ends_there(canvas: Canvas) -> None:
    QTest.mousePress(canvas, Qt.MouseButton.MiddleButton, pos=canvas.place_of(60, 40))
    move_mouse(canvas, 90, 40, Qt.MouseButton.MiddleButton)
    view = canvas.view
    move_mouse(canvas, 120, 60, LEFT)
    assert canvas.view == view
    assert canvas.drag is Drag.NONE


class Fingers:
    """Touches a canvas as a touch screen does; places in px of the picture."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self.screen = canvas, QTest.createTouchDevice()
        self.now = 0.0

    def press(self, x: float, y: float) -> QPoint:
        at = self.canvas.place_of(x, y)
        self.press_at(at)
        return at

    def press_at(self, at: QPoint) -> None:
        QTest.touchEvent(self.canvas, self.screen).press(0, at, self.canvas).commit()

    def move(self, at: QPoint) -> None:
        QTest.touchEvent(self.canvas, self.screen).move(0, at, self.canvas).commit()

    def release(self, at: QPoint) -> None:
        QTest.touchEvent(self.canvas, self.screen).release(0, at, self.canvas).commit()

    def tap(self, x: float, y: float) -> None:
        self.release(self.press(x, y))

    def cancel(self) -> None:
        """Send what Qt sends where the system takes the touch over: it has no points."""
        QApplication.sendEvent(self.canvas, QTouchEvent(QEvent.Type.TouchCancel, self.screen))

    def pinch(self, x: float, y: float, slid: int = 0) -> None:
        """Press, slide so many px of the screen, then put a second finger down and spread the two."""
        first = self.press(x, y) + QPoint(slid, 0)
        if slid:
            self.move(first)
        second = first + QPoint(60, -60)
        screen, canvas = self.screen, self.canvas
        QTest.touchEvent(canvas, screen).move(0, first, canvas).press(1, second, canvas).commit()
        for by in (QPoint(15, -15), QPoint(30, -30)):
            QTest.touchEvent(canvas, screen).move(0, first - by, canvas).move(1, second + by, canvas).commit()
        QTest.touchEvent(canvas, screen).release(0, first, canvas).release(1, second, canvas).commit()


@pytest.fixture
def fingers(canvas: Canvas, monkeypatch: pytest.MonkeyPatch) -> Fingers:
    """Fingers on the canvas, with a clock of their own."""
    fingers = Fingers(canvas)
    monkeypatch.setattr("vesselapp.ui.pointing.monotonic", lambda: fingers.now)
    return fingers


@pytest.mark.parametrize("slid", [3, 40])
def test_a_touch_that_the_system_takes_over_leaves_nothing_behind(
    canvas: Canvas, fingers: Fingers, slid: int
) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    fingers.move(fingers.press(50, 30) + QPoint(slid, 0))
    fingers.cancel()
    assert not canvas.tool.busy
    assert not document.corrections.any()
    fingers.tap(120, 60)
    assert document.history.names[0] == ["Brush"]
    assert document.corrections[60, 120]
    assert not document.corrections[:, :100].any()


def test_a_touch_whose_end_never_comes_doesnt_block_the_next(canvas: Canvas, fingers: Fingers) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    fingers.move(fingers.press(50, 30) + QPoint(40, 0))
    Fingers(canvas).tap(120, 60)
    assert document.history.names[0] == ["Brush"]
    click(canvas, 200, 60)
    assert document.history.names[0] == ["Brush", "Brush"]


@pytest.mark.parametrize("name", TOOLS)
def test_a_pinch_zooms_and_no_tool_acts(canvas: Canvas, fingers: Fingers, name: str) -> None:
    document = document_of(canvas)
    canvas.set_tool(TOOLS[name](canvas))
    zoom = canvas.view.zoom
    fingers.pinch(50, ROW)
    assert canvas.view.zoom > 1.2 * zoom
    assert document.history.names == ([], [])
    assert not canvas.tool.busy


@pytest.mark.parametrize("slid", [0, 30])
def test_a_pinch_in_the_midst_of_a_polygon_keeps_its_corners(
    canvas: Canvas, fingers: Fingers, slid: int
) -> None:
    document = document_of(canvas)
    canvas.set_tool(OutlineTool(canvas))
    for corner in ((20, 20), (80, 20), (80, 60)):
        fingers.tap(*corner)
    fingers.pinch(150, 50, slid)
    fingers.tap(20, 60)
    canvas.tool.finish()
    assert document.history.names[0] == ["Fill"]
    assert document.mask()[22:58, 22:78].all()
    assert not document.mask()[:80, 84:].any()


def test_a_pinch_in_the_midst_of_a_trace_keeps_the_trace(canvas: Canvas, fingers: Fingers) -> None:
    document = document_of(canvas)
    canvas.set_tool(TraceTool(canvas))
    for x in (40, 90):
        fingers.tap(x, ROW)
    corrected = document.corrections.copy()
    for slid in (0, 30):
        fingers.pinch(150, ROW, slid)
        assert np.array_equal(document.corrections, corrected)
        assert canvas.tool.busy
    fingers.tap(100, ROW)
    assert document.history.names[0] == ["Trace", "Trace"]


def test_a_finger_on_the_minimap_moves_the_view_and_paints_nothing(canvas: Canvas, fingers: Fingers) -> None:
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    canvas.show_view(canvas.view.centred_on(150, 100, canvas.pane_size(), 8.0))
    place = canvas.minimap_place()
    assert place is not None
    views = [canvas.view]
    fingers.press_at(place.topLeft() + QPoint(20, 20))
    views.append(canvas.view)
    fingers.move(place.center())
    views.append(canvas.view)
    fingers.release(place.center())
    assert len(set(views)) == 3
    assert canvas.drag is Drag.NONE
    assert not document_of(canvas).corrections.any()


def test_a_finger_moves_the_wipe_line_and_paints_nothing(canvas: Canvas, fingers: Fingers) -> None:
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    canvas.set_split(Split.WIPE)
    at = QPoint(canvas.wipe_x(), 100)
    fingers.press_at(at)
    fingers.move(at - QPoint(90, 0))
    fingers.release(at - QPoint(90, 0))
    assert canvas.wipe_x() == pytest.approx(at.x() - 90, abs=1)
    assert not document_of(canvas).corrections.any()
    fingers.pinch(50, ROW)
    assert canvas.wipe_x() == pytest.approx(at.x() - 90, abs=1)


def test_with_space_held_a_finger_pans(canvas: Canvas, fingers: Fingers) -> None:
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    canvas.show_view(canvas.view.zoomed(2.0, 100, 100))
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    before, at = canvas.view, QPoint(200, 200)
    fingers.press_at(at)
    fingers.move(at + QPoint(30, 10))
    fingers.release(at + QPoint(30, 10))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    ratio = canvas.devicePixelRatioF()
    assert (canvas.view.x - before.x, canvas.view.y - before.y) == (30 * ratio, 10 * ratio)
    assert not document_of(canvas).corrections.any()


@pytest.mark.parametrize("long", [True, False])
def test_a_second_finger_leaves_what_one_finger_has_drawn(
    canvas: Canvas, fingers: Fingers, long: bool
) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    at = fingers.press(60, 40)
    end = at + QPoint(20 if long else 200, 0)
    fingers.move(end)
    fingers.now += 1.0 if long else 0.1
    other, zoom = end + QPoint(60, 60), canvas.view.zoom
    touches = QTest.touchEvent(canvas, fingers.screen)
    touches.stationary(0).press(1, other, canvas).commit()
    drawn = document.corrections.copy()
    assert drawn[40, 62:65].all()
    assert document.history.names[0] == ["Brush"]
    QTest.touchEvent(canvas, fingers.screen).move(0, at, canvas).move(1, other, canvas).commit()
    QTest.touchEvent(canvas, fingers.screen).release(0, at, canvas).release(1, other, canvas).commit()
    assert canvas.view.zoom != zoom
    assert np.array_equal(document.corrections, drawn)
    assert document.undo()
    assert not document.corrections.any()


def test_a_finger_that_hardly_moves_is_a_tap_where_it_came_down(canvas: Canvas, fingers: Fingers) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    canvas.set_diameter(1)
    at = fingers.press(50.5, 30.5)
    fingers.move(at + QPoint(3, 2))
    assert not document.corrections.any()
    fingers.release(at + QPoint(3, 2))
    assert np.argwhere(document.corrections).tolist() == [[30, 50]]


def test_a_finger_held_while_the_picture_changes_does_nothing_to_the_next(
    canvas: Canvas, fingers: Fingers
) -> None:
    canvas.set_tool(PieceTool(canvas))
    at = fingers.press(50, ROW)
    other = vessel_document()
    canvas.set_document(other)
    fingers.release(at)
    assert not other.corrections.any()
    fingers.tap(50, ROW)
    assert other.history.names[0] == ["Remove piece"]


def test_a_palm_doesnt_disturb_a_pens_stroke(canvas: Canvas, fingers: Fingers) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    pen(canvas, QEvent.Type.TabletPress, 40)
    palm = fingers.press(200, 150)
    fingers.move(palm + QPoint(20, 0))
    pen(canvas, QEvent.Type.TabletMove, 80)
    fingers.release(palm)
    pen(canvas, QEvent.Type.TabletMove, 120)
    pen(canvas, QEvent.Type.TabletRelease, 120)
    assert document.history.names[0] == ["Brush"]
    assert document.corrections[PEN_ROW, 45:115].all()
    assert not document.corrections[PEN_ROW + 20 :].any()


def test_a_mouse_or_a_pen_that_comes_near_doesnt_lead_a_fingers_stroke(
    canvas: Canvas, fingers: Fingers
) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    at = fingers.press(100, 150)
    fingers.move(at + QPoint(20, 0))
    move_mouse(canvas, 40, 40, Qt.MouseButton.NoButton)
    fingers.move(at + QPoint(60, 0))
    fingers.release(at + QPoint(60, 0))
    assert document.history.names[0] == ["Brush"]
    assert document.corrections.any(axis=1).sum() == canvas.diameter


@pytest.mark.parametrize("slid", [0, 12, 60])
def test_a_pen_goes_before_a_palm_that_rests_already(canvas: Canvas, fingers: Fingers, slid: int) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    palm = fingers.press(200, 150)
    if slid:
        fingers.move(palm + QPoint(slid, 0))
    pen(canvas, QEvent.Type.TabletPress, 40)
    fingers.move(palm + QPoint(slid + 3, 0))
    pen(canvas, QEvent.Type.TabletMove, 120)
    pen(canvas, QEvent.Type.TabletRelease, 120)
    fingers.release(palm)
    assert document.history.names[0] == ["Brush"]
    assert document.corrections[PEN_ROW, 45:115].all()
    assert not document.corrections[PEN_ROW + 20 :].any()
    fingers.tap(200, 150)
    assert document.history.names[0] == ["Brush", "Brush"]


PEN_ROW = 40


def pen(canvas: Canvas, kind: QEvent.Type, x: float, button: Qt.MouseButton = LEFT) -> None:
    """Use a pen's tip, or its barrel button (the right one), on a row of the picture."""
    tip, at = QPointingDevice.PointerType.Pen, QPointF(canvas.place_of(x, PEN_ROW))
    device = QPointingDevice(
        "pen", 1, QPointingDevice.DeviceType.Stylus, tip, QPointingDevice.Capability.Pressure, 1, 2
    )
    event = QTabletEvent(
        kind, device, at, canvas.mapToGlobal(at), 0.5, 0, 0, 0, 0, 0,
        Qt.KeyboardModifier.NoModifier, button, button,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def test_a_pens_barrel_button_doesnt_end_the_tips_stroke(canvas: Canvas) -> None:
    document = document_of(canvas)
    canvas.set_tool(BrushTool(canvas, Brush.PAINT))
    pen(canvas, QEvent.Type.TabletPress, 40)
    pen(canvas, QEvent.Type.TabletMove, 80)
    pen(canvas, QEvent.Type.TabletPress, 80, RIGHT)
    pen(canvas, QEvent.Type.TabletRelease, 80, RIGHT)
    pen(canvas, QEvent.Type.TabletMove, 160)
    pen(canvas, QEvent.Type.TabletRelease, 160)
    assert (document.corrections[PEN_ROW, 45:155] == Correction.FOREGROUND).all()
    assert document.history.names[0] == ["Brush"]
    height = document.corrections.any(axis=1).sum()
    assert height == round(canvas.diameter / 2)  # at half the pressure all along
    pen(canvas, QEvent.Type.TabletMove, 200)
    assert not document.corrections[PEN_ROW, 180:].any()
