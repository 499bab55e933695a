"""What every tool answers to; the canvas hands it the pointer in px of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from vesselapp.core.strokes import Point

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas


class Tool:
    """Does nothing; tools override what they need.

    Parameters
    ----------
    canvas : Canvas
        Where the tool is used; its document is the one to change.
    """

    name = ""
    sized = False

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    @property
    def busy(self) -> bool:
        """Whether a gesture is under way that Escape would take back."""
        return False

    def covers(self, at: Point) -> bool:
        """Whether something of the tool's own lies there, so that a press is for it alone."""
        return False

    def taken_up(self, at: Point) -> None:
        """Hear that the tool was taken in hand with the pointer at a place of the canvas."""

    def again(self, at: Point) -> bool:
        """Hear that the tool in hand was asked for once more; False begins it anew."""
        return False

    def mask_changed(self) -> None:
        """Hear that the mask is another one."""

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Take a pressed pointer; ``opposite`` for the other button."""

    def drag(self, at: Point) -> None:
        """Follow the pressed pointer."""

    def release(self, at: Point) -> None:
        """Let go."""

    def hover(self, at: Point) -> None:
        """Follow the pointer while nothing is pressed."""

    def widen(self, steps: int) -> bool:
        """Take the keys of the brush's size; False where they mean the brush."""
        return False

    def finish(self) -> bool:
        """End a gesture of several clicks (Enter); False where there is none."""
        return False

    def step_back(self) -> bool:
        """Take back one click of it (Backspace); False where there is none."""
        return False

    def cancel(self) -> bool:
        """Take back the gesture under way; False where there is none."""
        return False

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Draw what is not in the document yet (logical px of the pane)."""
