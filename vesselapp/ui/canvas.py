"""The canvas: shows the picture with its mask, and turns pointer gestures into strokes, pans and zooms."""

import math
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QEnterEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from vesselapp.core.geometry import Box
from vesselapp.core.strokes import LARGEST, SMALLEST
from vesselapp.state.document import Brush, Document
from vesselapp.ui.qimages import indexed_image, view_of
from vesselapp.ui.render import (
    Colour,
    contour_of,
    contour_table,
    device_box,
    overlay_table,
    sample_evidence,
    sample_pixels,
)
from vesselapp.ui.view import View, centred, fitting

_WHEEL_NOTCH = 120
_ZOOM_PER_NOTCH = 1.25
_FIT_MARGIN = 12


class Drag(Enum):
    """What the pressed pointer is doing."""

    NONE = 0
    PAINT = 1
    PAN = 2
    SIZE = 3


class Canvas(QWidget):
    """Paints the open document and lets a person correct it.

    Signals
    -------
    hovered : (float, float) or None
        The pointer's place in px of the picture.
    diameter_changed : int
        The brush's diameter (px) was changed by a gesture.
    zoom_changed : float
        Device px per px of the picture.
    """

    hovered = Signal(object)
    diameter_changed = Signal(int)
    zoom_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Picture with its mask")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.brush = Brush.PAINT
        self.diameter = 12
        self.colour: Colour = (255, 40, 40)
        self.opacity = 0.45
        self.contour_only = False
        self.overlay_shown = True
        self.surround: Colour = (24, 25, 28)
        self.view = View()
        self._document: Document | None = None
        self._fitted = True
        self._bare = False
        self._space = False
        self._drag = Drag.NONE
        self._drag_button = Qt.MouseButton.NoButton
        self._drag_from = QPointF()
        self._stroke_brush = Brush.PAINT
        self._stroke_at: tuple[float, float] = (0.0, 0.0)
        self._size_from = 0
        self._pointer: QPointF | None = None
        self._base: QImage | None = None
        self._seen: NDArray[np.uint8] | None = None
        self._fill = QImage()
        self._overlay: QImage | None = None

    # -- document -------------------------------------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The document in sight."""
        return self._document

    def set_document(self, document: Document | None) -> None:
        """Show another document; the view is fitted unless it has the size of the one before."""
        before = self._document
        if before is not None:
            before.evidence_changed.disconnect(self._on_evidence_changed)
            before.threshold_changed.disconnect(self._on_threshold_changed)
        same_size = (
            before is not None
            and document is not None
            and (before.height, before.width) == (document.height, document.width)
        )
        self._document = document
        self._drag = Drag.NONE
        if document is not None:
            document.evidence_changed.connect(self._on_evidence_changed)
            document.threshold_changed.connect(self._on_threshold_changed)
            if not same_size:
                self._fitted = True
        self._fit_if_fitted()
        self.resample()
        self.repaint()  # at once: the picture is seen before anything else is begun

    def _on_evidence_changed(self, box: Box) -> None:
        if self._document is None or self._seen is None:
            return
        dirty = device_box(box, self.view, *self._seen.shape)
        if dirty.empty:
            return
        self._seen[dirty.slices] = sample_evidence(self._document.evidence, self.view, dirty)
        if self.contour_only:
            self._refresh_overlay()
            dirty = dirty.grown(3)
        self._update_device(dirty)

    def _on_threshold_changed(self) -> None:
        self._refresh_overlay()
        self.update()

    def refresh_look(self) -> None:
        """Show a changed colour, opacity or overlay kind."""
        self._refresh_overlay()
        self.update()

    # -- view -----------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show all of the picture."""
        self._fitted = True
        self._fit_if_fitted()
        self.resample()

    def actual_size(self) -> None:
        """Show one px of the picture on one device px, about what is in the middle now."""
        if self._document is not None:
            height, width = self._device_size()
            self._set_view(self.view.zoomed(1 / self.view.zoom, width / 2, height / 2))

    def zoom_by(self, factor: float) -> None:
        """Zoom about the pointer, or about the middle when the pointer is elsewhere."""
        height, width = self._device_size()
        at = self._to_device(self._pointer) if self._pointer else (width / 2, height / 2)
        self._set_view(self.view.zoomed(factor, *at))

    def show_view(self, view: View) -> None:
        """Show a given view."""
        self._set_view(view)

    def _set_view(self, view: View) -> None:
        if self._document is None:
            return
        picture = (self._document.height, self._document.width)
        self._fitted = False
        self.view = view.kept_in_sight(picture, self._device_size())
        self.resample()

    def _fit_if_fitted(self) -> None:
        if self._document is None or not self._fitted:
            return
        picture, canvas = (self._document.height, self._document.width), self._device_size()
        margin = round(_FIT_MARGIN * self.devicePixelRatioF())
        self.view = fitting(picture, canvas, margin)
        if self.view.zoom > 4:
            self.view = centred(picture, canvas, 4.0)

    def _device_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.height() * ratio)), max(1, round(self.width() * ratio))

    def _to_device(self, point: QPointF) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return point.x() * ratio, point.y() * ratio

    def _to_picture(self, point: QPointF) -> tuple[float, float]:
        return self.view.to_picture(*self._to_device(point))

    # -- what is in sight -----------------------------------------------------------------------------------

    def resample(self) -> None:
        """Resample all that is in sight."""
        document = self._document
        self.zoom_changed.emit(self.view.zoom)
        if document is None:
            self._base = self._seen = self._overlay = None
            self.update()
            return
        height, width = self._device_size()
        box = Box(0, 0, width, height)
        if self._base is None or self._seen is None or self._seen.shape != (height, width):
            self._base = QImage(width, height, QImage.Format.Format_RGB32)
            self._fill, self._seen = indexed_image(height, width)
        self._base.setDevicePixelRatio(self.devicePixelRatioF())
        view_of(self._base)[...] = sample_pixels(document.pixels, self.view, box, self.surround)
        self._seen[...] = sample_evidence(document.evidence, self.view, box)
        self._refresh_overlay()
        self.update()

    def _refresh_overlay(self) -> None:
        """Make the overlay of the evidence in sight: a colour table, or the contour where that is wanted."""
        if self._document is None or self._seen is None:
            return
        if self.contour_only:
            self._overlay, edge = indexed_image(*self._seen.shape)
            edge[...] = contour_of(self._seen, self._document.level, max(1, round(self.devicePixelRatioF())))
            self._overlay.setColorTable(contour_table(self.colour))
        else:
            self._overlay = self._fill
            self._overlay.setColorTable(overlay_table(self._document.level, self.colour, self.opacity))
        self._overlay.setDevicePixelRatio(self.devicePixelRatioF())

    def _update_device(self, box: Box) -> None:
        ratio = self.devicePixelRatioF()
        left, top = math.floor(box.left / ratio), math.floor(box.top / ratio)
        right, bottom = math.ceil(box.right / ratio), math.ceil(box.bottom / ratio)
        self.update(QRect(left, top, right - left, bottom - top))

    # -- painting -------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the part of the canvas that Qt asks for."""
        painter = QPainter(self)
        dirty = event.rect()
        if self._base is None:
            painter.fillRect(dirty, QColor(*self.surround))
            return
        self._blit(painter, self._base, dirty)
        if self.overlay_shown and not self._bare and self._overlay is not None:
            self._blit(painter, self._overlay, dirty)
        self._paint_brush(painter)

    def _blit(self, painter: QPainter, image: QImage, dirty: QRect) -> None:
        ratio = image.devicePixelRatio()
        source = QRectF(dirty.x() * ratio, dirty.y() * ratio, dirty.width() * ratio, dirty.height() * ratio)
        painter.drawImage(QRectF(dirty), image, source)

    def _paint_brush(self, painter: QPainter) -> None:
        """Draw the brush's outline under the pointer: dark on light and light on dark."""
        if self._pointer is None or self._space or self._drag is Drag.PAN or self._bare:
            return
        radius = self._brush_radius()
        if radius < 2:
            return
        centre = self._drag_from if self._drag is Drag.SIZE else self._pointer
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((QColor(0, 0, 0, 150), 2.5), (QColor(255, 255, 255, 220), 1.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(centre, radius, radius)

    def _brush_radius(self) -> float:
        """Give the brush's radius in logical px."""
        return self.diameter * self.view.zoom / self.devicePixelRatioF() / 2

    def _update_brush(self, at: QPointF | None) -> None:
        if at is not None:
            side = math.ceil(self._brush_radius()) + 4
            self.update(
                QRect(math.floor(at.x()) - side, math.floor(at.y()) - side, 2 * side + 1, 2 * side + 1)
            )

    # -- pointer --------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke, a pan or a change of brush size."""
        if self._document is None or self._drag is not Drag.NONE:
            return
        button, alt = event.button(), bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        left_or_right = button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton)
        if button == Qt.MouseButton.MiddleButton or (self._space and button == Qt.MouseButton.LeftButton):
            self._start_drag(Drag.PAN, event)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif alt and left_or_right:
            self._start_drag(Drag.SIZE, event)
            self._size_from = self.diameter
        elif left_or_right:
            self._start_drag(Drag.PAINT, event)
            opposite = button == Qt.MouseButton.RightButton
            self._stroke_brush = self.brush.opposite if opposite else self.brush
            self._stroke_at = self._to_picture(event.position())
            self._document.begin_stroke()
            self._document.paint(self._stroke_at, self._stroke_at, self.diameter, self._stroke_brush)

    def _start_drag(self, drag: Drag, event: QMouseEvent) -> None:
        self._drag, self._drag_button, self._drag_from = drag, event.button(), event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the pressed pointer does, and tell where it is."""
        before, now = self._pointer, event.position()
        self._pointer = now
        if self._document is None:
            return
        if self._drag is Drag.PAN:
            (x1, y1), (x0, y0) = self._to_device(now), self._to_device(self._drag_from)
            self._drag_from = now
            self._set_view(self.view.moved(round(x1 - x0), round(y1 - y0)))
        elif self._drag is Drag.SIZE:
            scale = self.devicePixelRatioF() / self.view.zoom
            self.set_diameter(self._size_from + round(2 * (now.x() - self._drag_from.x()) * scale))
            self.update()
        elif self._drag is Drag.PAINT:
            place = self._to_picture(now)
            self._document.paint(self._stroke_at, place, self.diameter, self._stroke_brush)
            self._stroke_at = place
        self._update_brush(before)
        self._update_brush(now)
        self.hovered.emit(self._to_picture(now))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the pressed pointer did."""
        if event.button() != self._drag_button or self._drag is Drag.NONE:
            return
        drag, self._drag = self._drag, Drag.NONE
        if drag is Drag.PAINT and self._document is not None:
            self._document.end_stroke(self._stroke_brush.value)
        self._show_cursor()
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; with Shift, change the brush's size."""
        notches = (event.angleDelta().y() or event.angleDelta().x()) / _WHEEL_NOTCH
        if not notches or self._document is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.grow_brush(1 if notches > 0 else -1)
        else:
            factor = _ZOOM_PER_NOTCH**notches
            self._set_view(self.view.zoomed(factor, *self._to_device(event.position())))
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the brush again."""
        self._pointer = event.position()
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        self._pointer = None
        self.hovered.emit(None)
        self.update()

    def abandon_stroke(self) -> bool:
        """Take back the stroke under way; False where there is none."""
        if self._drag is not Drag.PAINT or self._document is None:
            return False
        self._document.abandon_stroke()
        self._drag = Drag.NONE
        return True

    # -- keys that are held ---------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Hold Space to pan, H to see the bare image."""
        if event.isAutoRepeat():
            event.accept()
        elif event.key() == Qt.Key.Key_Space:
            self._space = True
            self._show_cursor()
        elif event.key() == Qt.Key.Key_H:
            self._bare = True
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
            self._bare = False
            self.update()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Let go of held keys, whose release another window will get."""
        self._space = self._bare = False
        self._show_cursor()
        super().focusOutEvent(event)

    def _show_cursor(self) -> None:
        if self._drag is Drag.PAN:
            return
        shape = Qt.CursorShape.OpenHandCursor if self._space else Qt.CursorShape.CrossCursor
        self.setCursor(QCursor(shape))
        self.update()

    def set_diameter(self, diameter: int) -> None:
        """Choose the brush's diameter (px of the picture, held within 1-400)."""
        diameter = min(max(diameter, SMALLEST), LARGEST)
        if diameter != self.diameter:
            self.diameter = diameter
            self.diameter_changed.emit(diameter)
            self.update()

    def grow_brush(self, steps: int) -> None:
        """Make the brush larger or smaller by about a tenth, at least by 1 px."""
        self.set_diameter(self.diameter + steps * max(1, round(self.diameter * 0.12)))

    # -- window ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted picture fitted, and what was in the middle in the middle."""
        if self._fitted:
            self._fit_if_fitted()
        elif event.oldSize().isValid():
            ratio = self.devicePixelRatioF()
            grown = event.size() - event.oldSize()
            self.view = self.view.moved(round(grown.width() * ratio / 2), round(grown.height() * ratio / 2))
        self.resample()

    def box_in_sight(self) -> Box | None:
        """Give the box of the picture (px) that is on the canvas, or None where nothing is."""
        if self._document is None:
            return None
        height, width = self._device_size()
        left, top = self.view.to_picture(0, 0)
        right, bottom = self.view.to_picture(width, height)
        box = Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
        box = box.clipped(self._document.height, self._document.width)
        return None if box.empty else box

    def place_of(self, x: float, y: float) -> QPoint:
        """Give the logical place on the canvas that shows a point of the picture (px)."""
        dx, dy = self.view.to_canvas(x, y)
        ratio = self.devicePixelRatioF()
        return QPoint(math.floor(dx / ratio), math.floor(dy / ratio))
