"""Fill: drag round an area (lasso), or click its corners (polygon); Enter or the first corner ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from vesselapp.core.evidence import Correction
from vesselapp.core.strokes import Point
from vesselapp.core.tools.regions import polygon_pixels
from vesselapp.ui.ornaments import paint_ring
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_CLOSE_SCREEN_PX = 9


class OutlineTool(Tool):
    """Polygon and lasso; begun with the right button, the area is taken away instead of added."""

    name = "Fill"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._corners: list[Point] = []
        self._before: list[int] = []  # how many corners there were at each press
        self._pointer: Point | None = None
        self._opposite = False
        self._dragged = False

    @property
    def busy(self) -> bool:
        """Whether corners are set."""
        return bool(self._corners)

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Set a corner, or close the area by its first one."""
        if not self._corners:
            self._opposite = opposite
        elif len(self._corners) > 2 and self._near(at, self._corners[0]):
            self.finish()
            return
        self._before.append(len(self._corners))
        self._corners.append(at)
        self._dragged = False
        self.canvas.update()

    def drag(self, at: Point) -> None:
        """Draw freely."""
        if self._corners and not self._near(at, self._corners[-1], 3):
            self._corners.append(at)
            self._dragged = True
        self._pointer = at
        self.canvas.update()

    def release(self, at: Point) -> None:
        """End a lasso; a polygon goes on."""
        if self._dragged and len(self._corners) > 3:
            self.finish()

    def hover(self, at: Point) -> None:
        """Show the side to the pointer."""
        self._pointer = at
        if self._corners:
            self.canvas.update()

    def finish(self) -> bool:
        """Take the area: one edit."""
        document, corners = self.canvas.document, self._corners
        if document is not None and len(corners) > 2:
            area = polygon_pixels(np.array(corners, np.float64), document.height, document.width)
            correction = Correction.BACKGROUND if self._opposite else Correction.FOREGROUND
            if area is not None:
                document.change("Cut out" if self._opposite else "Fill", [area], correction)
        return self.cancel()

    def step_back(self) -> bool:
        """Take the newest click back: its corner, and what was drawn from there."""
        if not self._corners:
            return False
        del self._corners[self._before.pop() :]
        self.canvas.update()
        return True

    def cancel(self) -> bool:
        """Forget the corners."""
        begun = bool(self._corners)
        self._corners, self._before, self._dragged = [], [], False
        self.canvas.update()
        return begun

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Draw the outline so far."""
        if not self._corners:
            return
        ratio = self.canvas.devicePixelRatioF()
        corners = [*self._corners, *([self._pointer] if self._pointer is not None else [])]
        places = [QPointF(*(side / ratio for side in self.canvas.view.to_canvas(*at))) for at in corners]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(0, 200, 255, 50))
        painter.setPen(QPen(QColor(255, 255, 255, 220), 1.2, Qt.PenStyle.DashLine))
        painter.drawPolygon(QPolygonF(places))
        paint_ring(painter, places[0], 5)

    def _near(self, one: Point, other: Point, screen_px: float = _CLOSE_SCREEN_PX) -> bool:
        reach = screen_px * self.canvas.devicePixelRatioF() / self.canvas.view.zoom
        return abs(one[0] - other[0]) <= reach and abs(one[1] - other[1]) <= reach
