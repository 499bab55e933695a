"""Fill: drag round an area (lasso), or click its corners; a double click, Enter or the first corner ends."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from vesselapp.core.evidence import Correction
from vesselapp.core.strokes import Point
from vesselapp.core.tools.regions import polygon_pixels
from vesselapp.ui.ornaments import paint_ring, polygon_of
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_CLOSE_SCREEN_PX = 9
_POINTS_SCREEN_PX = 3
_LASSO_SCREEN_PX = 24


class OutlineTool(Tool):
    """Polygon and lasso; begun with the right button, the area is taken away instead of added."""

    name = "Fill"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._corners: list[Point] = []
        self._before: list[int] = []  # how many corners there were at each press
        self._pointer: Point | None = None
        self._opposite = False
        self._drawing = False  # whether the press that set the newest corner goes on
        self._edits = 0

    @property
    def busy(self) -> bool:
        """Whether corners are set."""
        return bool(self._corners)

    @property
    def takes_undo(self) -> bool:
        """Whether a corner is what was done last."""
        return self.busy and self.edits_so_far() <= self._edits

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Set a corner, or close the area by its first one."""
        if not self._corners:
            self._opposite = opposite
        elif self.doubles(at) or (
            len(self._corners) > 2 and self.near(at, self._corners[0], _CLOSE_SCREEN_PX)
        ):
            if len(self._corners) > 2:
                self.finish()
            return
        self._before.append(len(self._corners))
        self._drawing, self._edits = True, self.edits_so_far()
        self._set_corners([*self._corners, at])
        self.note_click(at)

    def drag(self, at: Point) -> None:
        """Draw freely."""
        if self._drawing and not self.near(at, self._corners[-1], _POINTS_SCREEN_PX):
            self._corners.append(at)
        self._pointer = at
        self.canvas.update()

    def release(self, at: Point) -> None:
        """End a lasso; a polygon goes on, and of a click with a hand that trembles its corner stays."""
        if not self._drawing:
            return
        self._drawing = False
        if not self._is_lasso():
            del self._corners[self._before[-1] + 1 :]
            self.canvas.update()
        elif len(self._corners) > 3:
            self.finish()

    def _is_lasso(self) -> bool:
        """Tell whether something was really drawn since the press: a line with some length and reach."""
        drawn = self._corners[self._before[-1] :]
        px = self.canvas.view.zoom / self.canvas.devicePixelRatioF()
        length = sum(float(np.hypot(x1 - x0, y1 - y0)) for (x0, y0), (x1, y1) in pairwise(drawn)) * px
        far = any(not self.near(drawn[0], place, _CLOSE_SCREEN_PX / 2) for place in drawn)
        return far and length >= _LASSO_SCREEN_PX

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
        self._drawing = False
        self._set_corners(self._corners[: self._before.pop()])
        return True

    def cancel(self) -> bool:
        """Forget the corners."""
        begun = bool(self._corners)
        self._before, self._drawing = [], False
        self._set_corners([])
        return begun

    def _set_corners(self, corners: list[Point]) -> None:
        self._corners, self._clicked = corners, None
        self.canvas.tool_changed.emit()
        self.canvas.update()

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Draw the outline so far, and tint the area that Enter would take: without the pointer's corner."""
        if not self._corners:
            return
        corners = [*self._corners, *([self._pointer] if self._pointer is not None else [])]
        places = polygon_of(corners, self.canvas.view, self.canvas.devicePixelRatioF())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 200, 255, 50))
        painter.drawPolygon(QPolygonF(places[: len(self._corners)]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(255, 255, 255, 220), 1.2, Qt.PenStyle.DashLine))
        painter.drawPolygon(QPolygonF(places))
        paint_ring(painter, places[0], 5)
