"""What a press begins, and what points besides a mouse's buttons: fingers, a pen, a wheel or touchpad."""

from __future__ import annotations

import math
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QInputDevice,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)

from vesselapp.ui.scene import Split

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_MOVED_PX = 8
_KEPT_PX = 40
_KEPT_S = 0.3
_LEAST_PRESSURE = 0.02
_WIPE_REACH = 6
_WHEEL_NOTCH = 120
_ZOOM_PER_NOTCH = 1.25


class Drag(Enum):
    """What the pressed pointer, or a finger, is doing."""

    NONE = 0
    TOOL = 1
    PAN = 2
    SIZE = 3
    WIPE = 4
    MINIMAP = 5


def drag_for(canvas: Canvas, at: QPointF, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> Drag:
    """Decide what a press begins."""
    left = button == Qt.MouseButton.LeftButton
    if button == Qt.MouseButton.MiddleButton or (canvas.keys.space and left):
        return Drag.PAN
    if not left and button != Qt.MouseButton.RightButton:
        return Drag.NONE
    if modifiers & Qt.KeyboardModifier.AltModifier:
        return Drag.SIZE
    if not canvas.in_masked_pane(at) or not canvas.tool.covers(canvas.to_picture(at)):
        if canvas.on_minimap(at):
            return Drag.MINIMAP
        if canvas.split is Split.WIPE and abs(at.x() - canvas.wipe_x()) <= _WIPE_REACH:
            return Drag.WIPE
    return Drag.TOOL


class Touch:
    """Turns fingers on a touch screen into a tool's gestures, pans and zooms.

    A tool hears of a press only when the finger moved or is lifted: until then it may be the first of two.

    Parameters
    ----------
    canvas : Canvas
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._ours = False
        self._held: QPointF | None = None
        self._began: tuple[QPointF, float] = QPointF(), 0.0
        self._far = False
        self._leads = False
        self._before: tuple[QPointF, float] | None = None

    def follow(self, event: QTouchEvent) -> None:
        """Go on as the fingers do; a second finger takes back what the first has only just begun."""
        if event.device().type() != QInputDevice.DeviceType.TouchScreen:
            return  # a trackpad, of which macOS tells each finger that only moves the pointer
        canvas, kind, points = self._canvas, event.type(), event.points()
        if kind == QEvent.Type.TouchBegin:
            if self._ours:  # the end of the one before never came
                self._take_back(Drag.NONE)
            self._ours = canvas.drag is Drag.NONE
            if self._ours:
                self._begin(points[0].position(), event.modifiers())
        if not self._ours:  # a pen or a mouse is at work, and this is a palm
            return
        if kind in (QEvent.Type.TouchEnd, QEvent.Type.TouchCancel):
            self._ours = False
        if kind == QEvent.Type.TouchEnd and canvas.drag is Drag.TOOL:
            self._press()
            canvas.lift(points[0].position())
        elif kind in (QEvent.Type.TouchEnd, QEvent.Type.TouchCancel):  # a cancel comes without points
            self._take_back(Drag.NONE)
        elif len(points) >= 2:
            self._leads = False
            if self._has_drawn():
                canvas.lift()
            self._take_back(Drag.PAN)
            self._follow_two(points[0].position(), points[1].position())
        else:
            self._before = None
            self._follow_one(points[0].position())

    def give_way(self) -> None:
        """Let a pen go before: what a finger, or a palm, began is taken back."""
        if self._ours:
            self._ours = False
            self._take_back(Drag.NONE)

    def forget(self) -> bool:
        """Let go of a press that the tool has not heard of; False where there is none."""
        held, self._held = self._held, None
        return held is not None

    def _begin(self, at: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """Begin what a left button's press would."""
        drag = drag_for(self._canvas, at, Qt.MouseButton.LeftButton, modifiers)
        self._began, self._far = (at, monotonic()), False
        self._held, self._leads = at if drag is Drag.TOOL else None, True
        self._canvas.begin(drag, at)

    def _press(self) -> None:
        at = self._held
        if at is not None and self.forget():
            self._canvas.press_tool(at)

    def _has_drawn(self) -> bool:
        """Tell whether one finger drew for so long, or so far, that it was not the first of a pinch."""
        heard = self._canvas.drag is Drag.TOOL and self._held is None
        return heard and (self._far or monotonic() - self._began[1] > _KEPT_S)

    def _take_back(self, then: Drag) -> None:
        """Take back what one finger began; of a gesture of several clicks, the newest one."""
        canvas = self._canvas
        began = canvas.drag is Drag.TOOL and not self.forget()
        if began and not canvas.tool.step_back():
            canvas.cancel_gesture()
        canvas.drag = then
        if then is Drag.NONE:
            canvas.rest()

    def _follow_one(self, at: QPointF) -> None:
        self._far = self._far or (at - self._began[0]).manhattanLength() > _KEPT_PX
        still = self._held is not None and (at - self._held).manhattanLength() < _MOVED_PX
        if self._leads and not still:
            self._press()
            self._canvas.go_on(at)

    def _follow_two(self, first: QPointF, second: QPointF) -> None:
        canvas, middle = self._canvas, (first + second) / 2
        apart = math.hypot(first.x() - second.x(), first.y() - second.y())
        if self._before is not None and apart > 0 and self._before[1] > 0:
            was, was_apart = self._before
            (x1, y1), (x0, y0) = canvas.to_device(middle), canvas.to_device(was)
            moved = canvas.view.moved(round(x1 - x0), round(y1 - y0))
            canvas.show_view(moved.zoomed(apart / was_apart, x1, y1))
        self._before = (middle, apart)


class Pen:
    """Uses a pen on a canvas as a mouse; its pressure is the brush's size, its eraser end does the opposite.

    Parameters
    ----------
    canvas : Canvas
    touch : Touch
        Gives way to the pen.
    """

    def __init__(self, canvas: Canvas, touch: Touch) -> None:
        self._canvas, self._touch = canvas, touch

    def follow(self, event: QTabletEvent) -> None:
        """Go on as the pen does."""
        canvas, kind, at, button = self._canvas, event.type(), event.position(), event.button()
        presses = kind == QEvent.Type.TabletPress
        if presses:
            self._touch.give_way()
        if presses or canvas.drag is Drag.TOOL:
            canvas.pressure = max(event.pressure(), _LEAST_PRESSURE)
        if presses:
            eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
            canvas.press(at, button, event.modifiers(), eraser=eraser)
        elif kind == QEvent.Type.TabletMove:
            canvas.move_to(at)
        elif button == Qt.MouseButton.LeftButton:
            canvas.lift(at)
        else:  # a barrel button alone ends no stroke
            canvas.release(at, button)
        if canvas.drag is not Drag.TOOL:
            canvas.pressure = 1.0


def use_wheel(canvas: Canvas, event: QWheelEvent) -> None:
    """Zoom at the pointer; Shift: the brush's size; two fingers on a touchpad: pan (Ctrl: zoom).

    A touchpad that the system tells of as a mouse zooms, as each on Windows.
    """
    control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
    notches = (event.angleDelta().y() or event.angleDelta().x()) / _WHEEL_NOTCH
    if _by_two_fingers(event) and not control:
        ratio = canvas.devicePixelRatioF()
        delta = event.pixelDelta()
        canvas.show_view(canvas.view.moved(round(delta.x() * ratio), round(delta.y() * ratio)))
    elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and notches:
        canvas.grow_brush(1 if notches > 0 else -1)
    elif notches:
        canvas.show_view(canvas.view.zoomed(_ZOOM_PER_NOTCH**notches, *canvas.to_device(event.position())))


def _by_two_fingers(event: QWheelEvent) -> bool:
    """Tell two fingers from a wheel: on macOS both are one device's, but only fingers begin and end."""
    device = event.device()
    if device is None or device.type() != QInputDevice.DeviceType.TouchPad or event.pixelDelta().isNull():
        return False
    return event.phase() != Qt.ScrollPhase.NoScrollPhase or QGuiApplication.platformName() == "xcb"
