"""The canvas: turns pointer, pen, touch and held keys into pans, zooms and a tool's gestures."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QCursor,
    QEnterEvent,
    QFocusEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from vesselapp.core.geometry import Box
from vesselapp.core.strokes import LARGEST, SMALLEST
from vesselapp.state.document import Document
from vesselapp.ui.ornaments import loupe_rect, paint_loupe, paint_ring
from vesselapp.ui.picture_view import PictureView
from vesselapp.ui.scene import Split
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.touch import Drag, Touch
from vesselapp.ui.view import Look

_WHEEL_NOTCH = 120
_ZOOM_PER_NOTCH = 1.25
_WIPE_REACH = 6


_SIGNS_OF_USE = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.Wheel,
    QEvent.Type.KeyPress,
    QEvent.Type.TabletMove,
    QEvent.Type.TouchUpdate,
}


class Canvas(PictureView):
    """Lets a person look at the open document and correct it.

    Signals
    -------
    hovered : (float, float) or None
        The pointer's place in px of the picture.
    diameter_changed : int
        The brush's diameter (px) was changed by a gesture.
    told : str
        What a tool has to say, in passing.
    tool_changed : none
        What undo would take back of the tool's gesture, or the width that the tool draws, is another.
    used : none
        A person does something on the canvas.
    """

    hovered = Signal(object)
    diameter_changed = Signal(int)
    told = Signal(str)
    tool_changed = Signal()
    used = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Picture with its mask")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.tool_cursor = QCursor(Qt.CursorShape.CrossCursor)
        self.setCursor(self.tool_cursor)
        self.tool = Tool(self)
        self.diameter = 12
        self.loupe = False
        self._space = False
        self._pressure = 1.0
        self.drag = Drag.NONE
        self._drag_button = Qt.MouseButton.NoButton
        self._drag_from = QPointF()
        self._size_from = 0
        self._pointer: QPointF | None = None
        self._touch = Touch(self)

    def set_document(self, document: Document | None, look: Look | None = None) -> None:
        """Show another document; a gesture under way on the one before is taken back."""
        self.cancel_gesture()
        super().set_document(document, look)

    def _on_evidence_changed(self, box: Box) -> None:
        super()._on_evidence_changed(box)
        self.tool.mask_changed()

    def zoom_by(self, factor: float) -> None:
        """Zoom about the pointer, or about the middle when the pointer is elsewhere."""
        if self._pointer is None:
            super().zoom_by(factor)
        else:
            self.show_view(self.view.zoomed(factor, *self.to_device(self._pointer)))

    # -- what follows the pointer ------------------------------------------------------------------------

    @property
    def brush_px(self) -> int:
        """Diameter in px of the picture at the pen's pressure."""
        return max(1, round(self.diameter * self._pressure))

    def paint_tool(self, painter: QPainter, dirty: QRect, *, masked: bool) -> None:
        """Draw the tool's preview, and the loupe or the brush's outline under the pointer."""
        if self._scene is None:
            return
        if masked:
            self.tool.paint(painter, dirty)
        if self._pointer is None or self.drag is Drag.PAN:
            return
        pointer, ratio = self.in_pane(self._pointer), self.devicePixelRatioF()
        if self.loupe:
            pixels = self._scene.document.pixels
            paint_loupe(painter, pixels, self.view, pointer, ratio, self.surround, self.picture_look)
        elif self.tool.sized and not self._space and self._brush_radius() >= 2:
            centre = self.in_pane(self._drag_from) if self.drag is Drag.SIZE else pointer
            paint_ring(painter, centre, self._brush_radius())

    def _brush_radius(self) -> float:
        """Give the brush's radius in logical px."""
        return self.brush_px * self.view.zoom / self.devicePixelRatioF() / 2

    def _update_pointer(self, at: QPointF | None) -> None:
        """Ask for a paint of what follows the pointer, in both panes."""
        if at is None:
            return
        side = math.ceil(self._brush_radius()) + 4
        rect = QRect(math.floor(at.x()) - side, math.floor(at.y()) - side, 2 * side + 1, 2 * side + 1)
        rect = loupe_rect(at).united(rect) if self.loupe else rect
        self.update(rect)
        if left := self.second_pane():
            self.update(rect.translated(left, 0))
            self.update(rect.translated(-left, 0))

    # -- pointer -----------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a tool's gesture, a pan, a change of brush size, or a drag of wipe line or minimap."""
        if self.document is None:
            return
        button = event.button()
        main = button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)
        pans = button == Qt.MouseButton.MiddleButton or (self._space and button == Qt.MouseButton.LeftButton)
        if self.drag is Drag.TOOL and pans:
            return  # the wheel zooms and arrow keys pan in the middle of a stroke
        if self.drag is not Drag.NONE:
            return
        self._drag_button, self._drag_from = button, event.position()
        self.marked = None
        free = main and not self.tool.covers(self.to_picture(event.position()))
        if pans:
            self.drag = Drag.PAN
        elif main and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.drag, self._size_from = Drag.SIZE, self.diameter
        elif free and self._on_minimap(event.position()):
            self.drag = Drag.MINIMAP
            self._follow_minimap(event.position())
        elif self.split is Split.WIPE and abs(event.position().x() - self.wipe_x()) <= _WIPE_REACH and free:
            self.drag = Drag.WIPE
        elif main:
            self.drag = Drag.TOOL
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            opposite = button == Qt.MouseButton.RightButton
            self.tool.press(self.to_picture(event.position()), opposite=opposite, shift=shift)
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the pressed pointer does, and tell where it is."""
        before, now = self._pointer, event.position()
        self._pointer = now
        if self.document is None:
            return
        if self.drag is Drag.PAN:
            (x1, y1), (x0, y0) = self.to_device(now), self.to_device(self._drag_from)
            self._drag_from = now
            self.show_view(self.view.moved(round(x1 - x0), round(y1 - y0)))
        elif self.drag is Drag.SIZE:
            scale = self.devicePixelRatioF() / self.view.zoom
            self.set_diameter(self._size_from + round(2 * (now.x() - self._drag_from.x()) * scale))
            self.update()
        elif self.drag is Drag.WIPE:
            self.wipe_share = min(max(now.x() / max(1, self.width()), 0.0), 1.0)
            self.update()
        elif self.drag is Drag.MINIMAP:
            self._follow_minimap(now)
        elif self.drag is Drag.TOOL:
            self.tool.drag(self.to_picture(now))
        else:
            self.tool.hover(self.to_picture(now))
        self._update_pointer(before)
        self._update_pointer(now)
        self.hovered.emit(self.to_picture(now))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the pressed pointer did."""
        if event.button() != self._drag_button or self.drag is Drag.NONE:
            return
        drag, self.drag = self.drag, Drag.NONE
        if drag is Drag.TOOL:
            self.tool.release(self.to_picture(event.position()))
        self._show_cursor()

    def _on_minimap(self, at: QPointF) -> bool:
        size = self.pane_size()
        if not self.minimap_shown or self.view.shows_all(size) or at.x() < self.second_pane():
            return False
        pane = QRect(0, 0, self.pane_width(), self.height())
        return self.minimap.place(self.view, pane).contains(self.in_pane(at).toPoint())

    def _follow_minimap(self, at: QPointF) -> None:
        pane = QRect(0, 0, self.pane_width(), self.height())
        middle = self.minimap.picture_place(self.in_pane(at), self.view, pane)
        self.show_view(self.view.centred_on(*middle, self.pane_size()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; Shift: the brush's size; two fingers on a touchpad: pan (Ctrl: zoom)."""
        if self.document is None:
            return
        touchpad = event.device() is not None and event.device().type() == QInputDevice.DeviceType.TouchPad
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        notches = (event.angleDelta().y() or event.angleDelta().x()) / _WHEEL_NOTCH
        if touchpad and not control and not event.pixelDelta().isNull():
            ratio = self.devicePixelRatioF()
            delta = event.pixelDelta()
            self.show_view(self.view.moved(round(delta.x() * ratio), round(delta.y() * ratio)))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and notches:
            self.grow_brush(1 if notches > 0 else -1)
        elif notches:
            self.show_view(self.view.zoomed(_ZOOM_PER_NOTCH**notches, *self.to_device(event.position())))
        event.accept()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Paint with a pen: pressure is size, the eraser end does the opposite."""
        tip_or_drags = event.button() in (Qt.MouseButton.LeftButton, self._drag_button)
        ends = event.type() == QEvent.Type.TabletRelease and tip_or_drags  # a barrel button alone doesn't
        self._pressure = 1.0 if ends else max(event.pressure(), 0.02)
        eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
        at = self.to_picture(event.position())
        if event.type() == QEvent.Type.TabletPress and self.drag is Drag.NONE:
            self.drag, self._drag_button = Drag.TOOL, event.button()
            opposite = eraser or event.button() == Qt.MouseButton.RightButton
            self.tool.press(at, opposite=opposite, shift=False)
        elif event.type() == QEvent.Type.TabletMove and self.drag is Drag.TOOL:
            self.tool.drag(at)
        elif ends and self.drag is Drag.TOOL:
            self.drag = Drag.NONE
            self.tool.release(at)
        before, self._pointer = self._pointer, event.position()
        self._update_pointer(before)
        self._update_pointer(self._pointer)
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Zoom by a touchpad's pinch; on a touch screen, one finger uses the tool, two pan and zoom."""
        if event.type() in _SIGNS_OF_USE:
            self.used.emit()
        if self.document is not None and isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.show_view(self.view.zoomed(1 + event.value(), *self.to_device(event.position())))
                return True
        elif self.document is not None and isinstance(event, QTouchEvent):
            self._touch.follow(event)
            event.accept()
            return True
        return super().event(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the brush again."""
        self._pointer = event.position()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        self._pointer = None
        self.hovered.emit(None)
        self.update()

    # -- keys that are held ------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold Space to pan, H to see the bare picture; arrows pan."""
        arrows = {
            Qt.Key.Key_Left: (1, 0),
            Qt.Key.Key_Right: (-1, 0),
            Qt.Key.Key_Up: (0, 1),
            Qt.Key.Key_Down: (0, -1),
        }
        if event.key() in arrows:
            dx, dy = arrows[Qt.Key(event.key())]
            self.pan_by(dx * 0.15, dy * 0.15)
        elif event.key() == Qt.Key.Key_Backspace:
            self.tool.step_back()
        elif event.isAutoRepeat():
            event.accept()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.tool.finish()
        elif event.key() == Qt.Key.Key_Space:
            self._space = True
            self._show_cursor()
        elif event.key() == Qt.Key.Key_H:
            self.bare = True
            self.update()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End what a held key did."""
        if event.isAutoRepeat():
            event.accept()
        elif event.key() == Qt.Key.Key_Space:
            self._space = False
            self._show_cursor()
        elif event.key() == Qt.Key.Key_H:
            self.bare = False
            self.update()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Let go of held keys, whose release another window will get."""
        self._space = self.bare = False
        self._show_cursor()
        super().focusOutEvent(event)

    def _show_cursor(self) -> None:
        if self.drag is Drag.PAN:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.setCursor(self.tool_cursor)
        self.update()

    # -- tools -------------------------------------------------------------------------------------------

    def set_tool(self, tool: Tool, cursor: QCursor | None = None) -> None:
        """Take another tool in hand; a gesture under way is taken back."""
        at = None if self._pointer is None else self.to_picture(self._pointer)
        if tool is self.tool and at is not None and tool.again(at):
            return
        self.cancel_gesture()
        self.tool = tool
        self.tool_cursor = cursor or QCursor(Qt.CursorShape.CrossCursor)
        self._show_cursor()
        if at is not None:
            tool.taken_up(at)

    def cancel_gesture(self) -> bool:
        """Take back the gesture under way; False where there is none."""
        held = self._touch.forget()
        taken_back = self.tool.cancel() or held
        if taken_back:
            self.drag = Drag.NONE
            self.update()
        return taken_back

    def set_diameter(self, diameter: int) -> None:
        """Choose the brush's diameter (px of the picture, held within 1-400)."""
        diameter = min(max(diameter, SMALLEST), LARGEST)
        if diameter != self.diameter:
            self.diameter = diameter
            self.diameter_changed.emit(diameter)
            self.update()

    def grow_brush(self, steps: int) -> None:
        """Make the brush larger or smaller by about a tenth, at least by 1 px."""
        if not self.tool.widen(steps):
            self.set_diameter(self.diameter + steps * max(1, round(self.diameter * 0.12)))
