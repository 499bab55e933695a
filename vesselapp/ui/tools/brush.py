"""Brush, eraser, restore and unsure: a round stroke that leaves one kind of correction."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING

from vesselapp.core.strokes import Point
from vesselapp.state.brush import Brush
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.state.document import Document
    from vesselapp.ui.canvas import Canvas

_ENDS_KEPT = 64


class StrokeEnds:
    """Where the newest strokes of all brushes ended in one picture; those undone don't count."""

    def __init__(self) -> None:
        self._document: weakref.ref[Document] | None = None
        self._ends: deque[tuple[object, Point]] = deque(maxlen=_ENDS_KEPT)

    def add(self, document: Document, at: Point) -> None:
        """Hear that a stroke has ended; where it changed something, its edit is the newest one."""
        if not self._are_of(document):
            self._document = weakref.ref(document)
            self._ends.clear()
        self._ends.append((document.history.state, at))

    def newest(self, document: Document) -> Point | None:
        """Give where the last stroke that stands ended; None where there is none in this picture."""
        if not self._are_of(document):
            return None
        stands = document.history.leads_on_from
        return next((at for state, at in reversed(self._ends) if stands(state)), None)

    def _are_of(self, document: Document) -> bool:
        return self._document is not None and self._document() is document


class BrushTool(Tool):
    """Paints while the pointer is pressed; Shift draws a straight line from where the last stroke ended.

    Parameters
    ----------
    canvas : Canvas
    brush : Brush
    ends : StrokeEnds, optional
        Shared by all brushes of the canvas.
    """

    sized = True

    def __init__(self, canvas: Canvas, brush: Brush, ends: StrokeEnds | None = None) -> None:
        super().__init__(canvas)
        self.name = brush.value
        self.brush = brush
        self._now = brush
        self._at: Point | None = None
        self._ends = ends or StrokeEnds()

    @property
    def busy(self) -> bool:
        """Whether a stroke is under way."""
        return self._painted() is not None

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Begin a stroke."""
        document = self.canvas.document
        self._at = None
        if document is None or not document.begin_stroke():
            return
        self._now = self.brush.opposite if opposite else self.brush
        start = self._ends.newest(document) if shift else None
        document.paint(start or at, at, self.canvas.brush_px, self._now)
        self._at = at

    def drag(self, at: Point) -> None:
        """Go on with the stroke."""
        document = self._painted()
        if document is not None and self._at is not None:
            document.paint(self._at, at, self.canvas.brush_px, self._now)
            self._at = at

    def release(self, at: Point) -> None:
        """End the stroke: one edit."""
        document = self._painted()
        if document is not None and self._at is not None:
            document.end_stroke(self._now.value)
            self._ends.add(document, self._at)
        self._at = None

    def cancel(self) -> bool:
        """Take the stroke under way back."""
        document, self._at = self._painted(), None
        if document is not None:
            document.abandon_stroke()
        return document is not None

    def _painted(self) -> Document | None:
        """Give the document whose stroke is under way; a lock may have ended it, the pointer still down."""
        document = self.canvas.document
        under_way = self._at is not None and document is not None and document.in_stroke
        return document if under_way else None
