"""Brush, eraser, restore and unsure: a round stroke that leaves one kind of correction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vesselapp.core.strokes import Point
from vesselapp.state.brush import Brush
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas


class BrushTool(Tool):
    """Paints while the pointer is pressed; Shift draws a straight line from where the last stroke ended."""

    sized = True

    def __init__(self, canvas: Canvas, brush: Brush) -> None:
        super().__init__(canvas)
        self.name = brush.value
        self.brush = brush
        self._now = brush
        self._at: Point | None = None
        self._last: Point | None = None

    @property
    def busy(self) -> bool:
        """Whether a stroke is under way."""
        return self._at is not None

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Begin a stroke."""
        document = self.canvas.document
        if document is None:
            return
        self._now = self.brush.opposite if opposite else self.brush
        document.begin_stroke()
        start = self._last if shift and self._last is not None else at
        document.paint(start, at, self.canvas.brush_px, self._now)
        self._at = at

    def drag(self, at: Point) -> None:
        """Go on with the stroke."""
        if self._at is not None and self.canvas.document is not None:
            self.canvas.document.paint(self._at, at, self.canvas.brush_px, self._now)
            self._at = at

    def release(self, at: Point) -> None:
        """End the stroke: one edit."""
        if self._at is not None and self.canvas.document is not None:
            self.canvas.document.end_stroke(self._now.value)
            self._last, self._at = self._at, None

    def cancel(self) -> bool:
        """Take the stroke under way back."""
        if self._at is None or self.canvas.document is None:
            return False
        self.canvas.document.abandon_stroke()
        self._at = None
        return True
