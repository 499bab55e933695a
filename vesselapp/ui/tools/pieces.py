"""Piece: one click on a connected piece or a hole. Split: a line that parts what it crosses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QPainter, QPen

from vesselapp.core.evidence import Correction
from vesselapp.core.strokes import Point
from vesselapp.core.tools.regions import hole_at, join_pixels, other_pieces, piece_at, split_pixels
from vesselapp.ui.ornaments import polygon_of
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_PARTS_NOTHING = "This line parts nothing: begin and end it outside of the mask."
_JOINS_NOTHING = "This line joins nothing: begin and end it in the mask."


class PieceTool(Tool):
    """A click on the mask removes that connected piece (right button: keeps it, whatever the threshold).

    With Shift, all other pieces are removed. A click in a hole fills it (right button: keeps it open).
    """

    name = "Piece"

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Remove, keep or fill what is under the click: one edit."""
        document = self.canvas.document
        if document is None or not (0 <= at[0] < document.width and 0 <= at[1] < document.height):
            return
        place, evidence = (int(at[0]), int(at[1])), document.evidence.levels[0]
        piece = piece_at(evidence, document.level, place)
        if piece is not None and shift:
            others = other_pieces(evidence, document.level, place)
            document.change("Keep only piece", others, Correction.BACKGROUND)
            return
        if piece is not None:
            correction = Correction.FOREGROUND if opposite else Correction.BACKGROUND
            document.change("Keep piece" if opposite else "Remove piece", [piece], correction)
            return
        hole = hole_at(evidence, document.level, place)
        if hole is not None:
            correction = Correction.BACKGROUND if opposite else Correction.FOREGROUND
            document.change("Keep hole" if opposite else "Fill hole", [hole], correction)
            return
        self.canvas.told.emit("Nothing to take here: click a piece of the mask, or a hole in it.")


class SplitTool(Tool):
    """Drag a line across touching cells: a line of background, one px wide, parts them.

    With the right button, a line of foreground joins what it begins and ends in.
    """

    name = "Split"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._ends: tuple[Point, Point] | None = None
        self._opposite = False

    @property
    def busy(self) -> bool:
        """Whether a line is being drawn."""
        return self._ends is not None

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Begin the line."""
        self._ends, self._opposite = (at, at), opposite

    def drag(self, at: Point) -> None:
        """Follow the pointer."""
        if self._ends is not None:
            self._ends = (self._ends[0], at)
            self.canvas.update()

    def release(self, at: Point) -> None:
        """Part what the line crosses, or join what it meets: one edit."""
        document = self.canvas.document
        if document is not None and self._ends is not None:
            line, find = np.array(self._ends, np.float64), join_pixels if self._opposite else split_pixels
            parts = find(document.evidence.levels[0], document.level, line)
            correction = Correction.FOREGROUND if self._opposite else Correction.BACKGROUND
            document.change("Join" if self._opposite else "Split", parts, correction)
            if not parts:
                self.canvas.told.emit(_JOINS_NOTHING if self._opposite else _PARTS_NOTHING)
        self.cancel()

    def cancel(self) -> bool:
        """Forget the line."""
        begun, self._ends = self._ends is not None, None
        self.canvas.update()
        return begun

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Draw the line."""
        if self._ends is None:
            return
        start, end = polygon_of(self._ends, self.canvas.view, self.canvas.devicePixelRatioF())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(255, 255, 255, 230), 1.5))
        painter.drawLine(start, end)
