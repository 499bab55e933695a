"""What every tool answers to; the canvas hands it the pointer in px of the picture."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication, QPainter

from vesselapp.core.strokes import Point

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_DOUBLE_SCREEN_PX = 8


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
        self._clicked: tuple[Point, float] | None = None

    @property
    def busy(self) -> bool:
        """Whether a gesture is under way that Escape would take back."""
        return False

    @property
    def takes_undo(self) -> bool:
        """Whether undo means the newest click of the gesture under way (`step_back`)."""
        return False

    @property
    def width_told(self) -> str:
        """How wide the tool draws, where that is its own; the brush's size is told by the canvas."""
        return ""

    def covers(self, at: Point) -> bool:
        """Whether something of the tool's own lies there, so that a press is for it alone."""
        return False

    def seen_at(self, at: Point) -> Point:
        """Give the place of the picture that is seen there, which something of the tool's own may hide."""
        return at

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

    def onward(self, *, forward: bool) -> bool:
        """Take the keys of the next doubtful place and the one before; False where they mean those."""
        return False

    def arrow(self, right: int, down: int, *, shift: bool) -> bool:
        """Take an arrow key, 1 or -1 to one of the sides; False where it pans."""
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

    # -- for tools ---------------------------------------------------------------------------------------

    def near(self, one: Point, other: Point, screen_px: float) -> bool:
        """Tell whether two places of the picture lie so near on screen (logical px)."""
        reach = screen_px * self.canvas.devicePixelRatioF() / self.canvas.view.zoom
        return abs(one[0] - other[0]) <= reach and abs(one[1] - other[1]) <= reach

    def snap_reach(self) -> int:
        """Give how far (px of the picture) a click snaps to a vessel: about four px of the screen."""
        return min(max(1, round(4 * self.canvas.devicePixelRatioF() / self.canvas.view.zoom)), 12)

    def note_click(self, at: Point) -> None:
        """Keep where and when a click of a gesture was, for `doubles`."""
        self._clicked = at, monotonic()

    def doubles(self, at: Point) -> bool:
        """Tell whether a press makes a double click, of mouse, pen or finger, of the click noted last."""
        if self._clicked is None:
            return False
        place, when = self._clicked
        soon = (monotonic() - when) * 1000 <= QGuiApplication.styleHints().mouseDoubleClickInterval()
        return soon and self.near(at, place, _DOUBLE_SCREEN_PX)

    def edits_so_far(self) -> int:
        """Count the edits done in the document, for telling whether something was done since a click."""
        document = self.canvas.document
        return 0 if document is None else document.history.edits_so_far
