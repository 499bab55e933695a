"""Incumbent, candidate and the map of their disagreement, side by side under one view."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from vesselapp.core.geometry import Box
from vesselapp.state.comparing import Compared, Side
from vesselapp.ui.looks import OverlayLook, argb, contour_of
from vesselapp.ui.qimages import coloured, rgb_image
from vesselapp.ui.render import sample_evidence, sample_pixels
from vesselapp.ui.retrain.disagreement import codes_of, colour_table, dimmed, mask_seen
from vesselapp.ui.view import View

TITLES = ("Incumbent", "Candidate", "Where they differ")
_GAP = 3
_NOTCH = 120


class ComparisonPanes(QWidget):
    """Three panes of one picture; zoom and pan are the same in all.

    Wheel (until all is seen), + and -: zoom. Drag and arrows: pan. F: fit. 0: 100 %. H held: bare picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("comparison")
        self.setAccessibleName("Incumbent, candidate and where they differ")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(360, 140)
        self.overlay_look = OverlayLook()
        self.surround = (20, 21, 23)
        self.view = View()
        self.reviewed_shown = False  # over all fine vessels it would hide what is compared
        self.words = ""
        self._bare = False
        self._fitted = True
        self._compared: Compared | None = None
        self._bases: list[QImage] = []
        self._masks: list[QImage] = []
        self._outline: QImage | None = None
        self._dragged: QPointF | None = None

    # -- what is shown -----------------------------------------------------------------------------------

    @property
    def compared(self) -> Compared | None:
        """What is in sight."""
        return self._compared

    def show_compared(self, compared: Compared | None, words: str = "") -> None:
        """Show another picture, fitted unless it is as large as the one before; words where there is none."""
        self._compared, self.words = compared, words
        if compared is not None:
            height, width = compared.pixels.levels[0].shape[:2]
            if (height, width) != (self.view.height, self.view.width):
                self._fitted = True
                self.view = View(height=height, width=width)
        self.resample()

    def show_reviewed(self, shown: bool) -> None:
        """Show or hide the outline of the mask that a person reviewed."""
        self.reviewed_shown = shown
        self.update()

    def resample(self) -> None:
        """Sample all that is in sight, and paint it."""
        compared = self._compared
        if compared is not None:
            size, ratio = self.pane_size(), self.devicePixelRatioF()
            if self._fitted:
                self.view = self._whole()
            box = Box(0, 0, size[1], size[0])
            base = sample_pixels(compared.pixels, self.view, box, self.surround)
            self._bases = [rgb_image(base), rgb_image(dimmed(base))]
            old, new = (
                mask_seen(sample_evidence(side.evidence, self.view, box), side.level)
                for side in (compared.incumbent, compared.candidate)
            )
            plain = [0, argb(self.overlay_look.colour, self.overlay_look.opacity)] + [0] * 254
            stripe = max(2, round(2 * ratio))
            codes = codes_of(old, new, stripe, self.view.x, self.view.y)
            self._masks = [
                coloured(old.view(np.uint8), plain),
                coloured(new.view(np.uint8), plain),
                coloured(codes, colour_table()),
            ]
            self._outline = self._outlined(compared.reviewed, box, ratio)
        self.update()

    def _outlined(self, side: Side | None, box: Box, ratio: float) -> QImage | None:
        if side is None:
            return None
        seen, thin = sample_evidence(side.evidence, self.view, box), max(1, round(ratio))
        edge = 2 * (contour_of(seen, side.level, 2 * thin) == 1).astype(np.uint8)
        edge[contour_of(seen, side.level, thin) == 1] = 1
        # Light with a dark line inside, so that it is seen on any ground.
        return coloured(edge, [0, argb((255, 255, 255), 1.0), argb((0, 0, 0), 0.8)] + [0] * 253)

    # -- view --------------------------------------------------------------------------------------------

    def pane_width(self) -> int:
        """Give the width of a pane in logical px."""
        return max(1, (self.width() - 2 * _GAP) // 3)

    def pane_left(self, number: int) -> int:
        """Give where a pane begins, in logical px."""
        return number * (self.pane_width() + _GAP)

    def header(self) -> int:
        """Give the height (logical px) of the titles."""
        return self.fontMetrics().height() + 6

    def pane_size(self) -> tuple[int, int]:
        """Give height and width in device px of a pane."""
        ratio = self.devicePixelRatioF()
        return max(1, round((self.height() - self.header()) * ratio)), max(
            1, round(self.pane_width() * ratio)
        )

    def _whole(self) -> View:
        """Give the view that shows all of the picture."""
        ratio = self.devicePixelRatioF()
        return self.view.fitted(self.pane_size(), round(6 * ratio), 4 * ratio)

    def fit(self) -> None:
        """Show all of the picture."""
        self._fitted = True
        self.resample()

    def zoom_by(self, factor: float, at: tuple[float, float] | None = None) -> None:
        """Zoom about a place (device px of a pane; the middle where None)."""
        height, width = self.pane_size()
        x, y = at or (width / 2, height / 2)
        self._show_view(self.view.zoomed(factor, x, y))

    def pan_by(self, dx: float, dy: float) -> None:
        """Shift what is in sight by shares of a pane."""
        height, width = self.pane_size()
        self._show_view(self.view.moved(round(dx * width), round(dy * height)))

    def _show_view(self, view: View) -> None:
        if self._compared is not None:
            self._fitted = False
            self.view = view.kept_in_sight(self.pane_size())
            self.resample()

    def _in_pane(self, point: QPointF) -> tuple[float, float]:
        """Give a place (logical px) in device px of the pane it is in."""
        ratio = self.devicePixelRatioF()
        step = self.pane_width() + _GAP
        number = min(max(int(point.x() // step), 0), 2)
        return (point.x() - number * step) * ratio, (point.y() - self.header()) * ratio

    # -- painting ----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the panes with their titles."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(*self.surround))
        if self._compared is None:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.words)
            return
        top, wide, high = self.header(), self.pane_width(), self.height() - self.header()
        painter.fillRect(0, 0, self.width(), top, self.palette().color(QPalette.ColorRole.Window))
        for number, title in enumerate(TITLES):
            pane = QRect(self.pane_left(number), top, wide, high)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(pane.left() + 4, top - 6, title)
            painter.drawImage(pane, self._bases[number == 2])
            if not self._bare:
                painter.drawImage(pane, self._masks[number])
                if self._outline is not None and self.reviewed_shown:
                    painter.drawImage(pane, self._outline)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep a fitted picture fitted."""
        self.resample()

    # -- pointer and keys --------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer, out until all is seen; from there on the page scrolls."""
        if self._compared is None:
            event.ignore()
            return
        factor, least = 1.25 ** (event.angleDelta().y() / _NOTCH), self._whole().zoom
        if factor < 1 and self.view.zoom <= least:
            event.ignore()
        elif factor < 1 and self.view.zoom * factor <= least:
            self.fit()
        elif factor != 1:
            self.zoom_by(factor, self._in_pane(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to pan."""
        self._dragged = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan."""
        if self._dragged is not None:
            moved, ratio = event.position() - self._dragged, self.devicePixelRatioF()
            self._dragged = event.position()
            self._show_view(self.view.moved(round(moved.x() * ratio), round(moved.y() * ratio)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the pan."""
        self._dragged = None
        self.unsetCursor()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom, pan, fit; H held shows the bare picture."""
        key = Qt.Key(event.key())
        if key in _PANS:
            self.pan_by(*_PANS[key])
        elif key in _ZOOMS:
            self.zoom_by(_ZOOMS[key])
        elif key == Qt.Key.Key_F:
            self.fit()
        elif key == Qt.Key.Key_0:
            self.zoom_by(1 / self.view.zoom)
        elif key == Qt.Key.Key_H:
            self._show_bare(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Show the masks again."""
        if event.key() == Qt.Key.Key_H and not event.isAutoRepeat():
            self._show_bare(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Let go of H, whose release another window will get."""
        self._show_bare(False)
        super().focusOutEvent(event)

    def _show_bare(self, bare: bool) -> None:
        self._bare = bare
        self.update()


_PANS = {
    Qt.Key.Key_Left: (0.15, 0.0),
    Qt.Key.Key_Right: (-0.15, 0.0),
    Qt.Key.Key_Up: (0.0, 0.15),
    Qt.Key.Key_Down: (0.0, -0.15),
}
_ZOOMS = {Qt.Key.Key_Plus: 1.25, Qt.Key.Key_Equal: 1.25, Qt.Key.Key_Minus: 0.8}
