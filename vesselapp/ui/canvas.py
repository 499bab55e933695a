"""The canvas: turns pointer, pen, touch and held keys into pans, zooms and a tool's gestures."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QCursor,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)

from vesselapp.core.geometry import Box
from vesselapp.core.strokes import LARGEST, SMALLEST, Point
from vesselapp.state.document import Document
from vesselapp.ui.keyboard import Keys, take_keyboard
from vesselapp.ui.ornaments import loupe_rect, paint_loupe, paint_ring
from vesselapp.ui.picture_view import PictureView
from vesselapp.ui.pointing import Drag, Pen, Touch, drag_for, use_wheel
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.view import Look

_HIDDEN = "The overlay is hidden, and seen only while you draw; S shows it."

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

    def __init__(self) -> None:
        super().__init__()
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
        self.keys = Keys(self)
        self.pressure = 1.0
        self.drag = Drag.NONE
        self.drag_button = Qt.MouseButton.NoButton
        self._middle_held = self._by_mouse = False
        self._drag_from = QPointF()
        self._size_from = 0
        self._pointer: QPointF | None = None
        self._touch = Touch(self)
        self._pen = Pen(self, self._touch)

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
        return max(1, round(self.diameter * self.pressure))

    def paint_tool(self, painter: QPainter, dirty: QRect, *, masked: bool) -> None:
        """Draw the tool's preview, and the loupe or the brush's outline under the pointer."""
        if self._scene is None:
            return
        if masked:
            self.tool.paint(painter, dirty)
        if self._pointer is None or self.pans:
            return
        pointer, ratio = self.in_pane(self._pointer), self.devicePixelRatioF()
        if self.loupe:
            pixels = self._scene.document.pixels
            paint_loupe(painter, pixels, self.view, pointer, ratio, self.surround, self.picture_look)
        elif self.tool.sized and not self.keys.space and self._brush_radius() >= 2:
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
        before = self.drag
        self.press(event.position(), event.button(), event.modifiers())
        if before is Drag.NONE:
            self._by_mouse = self.drag is not Drag.NONE

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the pressed pointer does, and tell where it is."""
        if self._by_mouse and self.drag_button not in event.buttons():  # another window heard of the release
            self.lift()
        if self._by_mouse or self.drag is Drag.NONE:  # a pen that only comes near is told as a mouse too
            self.move_to(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the pressed pointer did."""
        self.release(event.position(), event.button())

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Use a pen as a mouse: its pressure is the brush's size, its eraser end does the opposite."""
        self._pen.follow(event)
        event.accept()

    def press(
        self, at: QPointF, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier, *, eraser: bool = False
    ) -> None:
        """Begin what a press at a place of the canvas means."""
        # In the middle of a stroke, the middle button pans, as Space does; other buttons mean nothing.
        if self.drag is Drag.TOOL and button == Qt.MouseButton.MiddleButton:
            self._middle_held = True
            self.show_cursor()
        if self.document is None or self.drag is not Drag.NONE:
            return
        self.drag_button = button
        drag = drag_for(self, at, button, modifiers)
        self.begin(drag, at)
        if drag is Drag.TOOL:
            shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
            self.press_tool(at, opposite=eraser or button == Qt.MouseButton.RightButton, shift=shift)
        self.show_cursor()

    def release(self, at: QPointF, button: Qt.MouseButton) -> None:
        """End what a button did; a stroke goes on after a pan in the middle of it."""
        if button == self.drag_button:
            self.lift(at)
        elif button == Qt.MouseButton.MiddleButton:
            self._middle_held = False
            self.show_cursor()

    def move_to(self, now: QPointF) -> None:
        """Go on with what the pressed pointer does, and tell where it is."""
        before, self._pointer = self._pointer, now
        if self.document is None:
            return
        take_keyboard(self)
        if self.drag is Drag.NONE:
            self.tool.hover(self.to_picture(now))
        else:
            self.go_on(now)
        self._update_pointer(before)
        self._update_pointer(now)
        self.tell_place()

    def go_on(self, now: QPointF) -> None:
        """Go on with what the pressed pointer, or a finger, does."""
        if self.pans:
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
            self.follow_minimap(now)
        elif self.drag is Drag.TOOL:
            self._drag_from = now
            self.tool.drag(self.to_picture(now))

    def tell_place(self) -> None:
        """Tell what is under the pointer, also when it came there without a movement of the pointer."""
        at = None
        if self._pointer is not None and self.document is not None:
            at = self.to_picture(self._pointer)
            at = self.tool.seen_at(at) if self.in_masked_pane(self._pointer) else at
        self.hovered.emit(at)

    def resample(self) -> None:
        """Resample all that is in sight and paint it; another place may be under the pointer now."""
        super().resample()
        at = self.place_pointed()
        if at is not None and self.drag is Drag.NONE and self.tool.busy:
            self.tool.hover(at)
        self.tell_place()

    # -- gestures, of whatever points --------------------------------------------------------------------

    @property
    def mask_shown(self) -> bool:
        """Whether the mask is in sight: where it is hidden, as long as a tool is at work."""
        return self.overlay_shown or self.drag is Drag.TOOL

    @property
    def pans(self) -> bool:
        """Whether the pressed pointer pans: all the time, or for a while in the middle of a stroke."""
        held = self.keys.space or self._middle_held
        return self.drag is Drag.PAN or (self.drag is Drag.TOOL and held)

    def begin(self, drag: Drag, at: QPointF) -> None:
        """Begin what a press does; it stays in its pane, wherever the pointer goes."""
        if drag is not Drag.NONE:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.held_pane = self.pane_at(at)
        self.drag, self._drag_from, self._size_from = drag, at, self.diameter
        self.marked = None
        if drag is Drag.MINIMAP:
            self.follow_minimap(at)

    def press_tool(self, at: QPointF, *, opposite: bool = False, shift: bool = False) -> None:
        """Let the tool hear of a press."""
        if not self.overlay_shown:
            self.told.emit(_HIDDEN)
        self.tool.press(self.to_picture(at), opposite=opposite, shift=shift)

    def lift(self, at: QPointF | None = None) -> None:
        """End what the pressed pointer does, there or where it is; what a tool was drawing is kept."""
        if self.drag is Drag.NONE:
            return
        place = self.to_picture(self._drag_from if at is None else at)
        heard = self.drag is Drag.TOOL and not self._touch.forget()
        self.rest()
        if heard:
            self.tool.release(place)
        self.tell_place()

    def rest(self) -> None:
        """Have nothing pressed."""
        self.drag, self.held_pane = Drag.NONE, None
        self._middle_held = self._by_mouse = False
        self.show_cursor()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; Shift: the brush's size; two fingers on a touchpad: pan (Ctrl: zoom)."""
        if self.document is not None:
            use_wheel(self, event)
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
        """Show the brush again, and take the keyboard."""
        self._pointer = event.position()
        take_keyboard(self)
        self.tell_place()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        self._pointer = None
        self.tell_place()
        self.update()

    # -- keys ---------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold Space to pan, H to see the bare picture; arrows pan."""
        if not self.keys.press(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """End what a held key did."""
        if not self.keys.release(event):
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Let go of held keys, whose release another window will get."""
        self.keys.let_go()
        super().focusOutEvent(event)

    def show_cursor(self) -> None:
        """Show what a press would do now."""
        if self.pans:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.keys.space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.setCursor(self.tool_cursor)
        self.update()

    # -- tools -------------------------------------------------------------------------------------------

    def set_tool(self, tool: Tool, cursor: QCursor | None = None) -> None:
        """Take another tool in hand; what was drawn with the one before is kept."""
        if self.drag is Drag.TOOL:
            self.lift()
        at = self.place_pointed()
        if tool is not self.tool or at is None or not tool.again(at):
            self.end_gesture()
            self.tool = tool
            self.tool_cursor = cursor or QCursor(Qt.CursorShape.CrossCursor)
            self.show_cursor()
            if at is not None:
                tool.taken_up(at)
        self.tell_place()

    def place_pointed(self) -> Point | None:
        """Give the place of the picture (px) under the pointer; None where that is off the canvas."""
        return None if self._pointer is None else self.to_picture(self._pointer)

    def at_mask(self) -> bool:
        """Tell whether the pane pressed, or pointed at, is the one with the mask and what is a tool's own."""
        return self.in_masked_pane(self._pointer or QPointF())

    def end_gesture(self) -> None:
        """End the gesture under way and keep what was drawn, an outline that is still open too."""
        self.lift()
        document = self.document
        before = None if document is None else document.history.state
        if self.tool.finish() and document is not None and document.history.state is not before:
            self.told.emit(f"{document.history.undo_name}: what was begun is ended and kept.")

    def cancel_gesture(self) -> bool:
        """Take back the gesture under way; False where there is none."""
        held = self._touch.forget()
        taken_back = self.tool.cancel() or held
        if taken_back:
            self.rest()
            self.tell_place()
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
