"""Grow: press on a place, drag to the right for more: the connected region that is like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter

from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Pixels
from vesselapp.core.strokes import Point
from vesselapp.core.tools.grow import Grower
from vesselapp.ui.ornaments import paint_region
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_FIRST_REACH = 0.15
_SCREEN_PX_FOR_ALL = 400


class GrowTool(Tool):
    """Region growing; the left button adds the region, the right one takes it away."""

    name = "Grow"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._grower: Grower | None = None
        self._from: Point = (0.0, 0.0)
        self._region: Pixels | None = None
        self._opposite = False

    @property
    def busy(self) -> bool:
        """Whether a region is being shown."""
        return self._grower is not None

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Begin with what is most like the place."""
        document = self.canvas.document
        if document is None or not (0 <= at[0] < document.width and 0 <= at[1] < document.height):
            return
        seed = int(at[0]), int(at[1])
        self._grower = Grower(document.evidence.levels[0], document.image.pixels, seed)
        self._from, self._opposite = at, opposite
        self._show(_FIRST_REACH)

    def drag(self, at: Point) -> None:
        """Reach further to the right of the press, less far to its left."""
        here, pressed = (self.canvas.view.to_canvas(*point)[0] for point in (at, self._from))
        across = (here - pressed) / self.canvas.devicePixelRatioF()  # on screen, however the view is turned
        self._show(_FIRST_REACH + across / _SCREEN_PX_FOR_ALL)

    def release(self, at: Point) -> None:
        """Take the region: one edit."""
        document, region = self.canvas.document, self._region
        if document is not None and region is not None:
            correction = Correction.BACKGROUND if self._opposite else Correction.FOREGROUND
            document.change("Shrink" if self._opposite else "Grow", [region], correction)
        self.cancel()

    def cancel(self) -> bool:
        """Let go of the region."""
        shown = self._grower is not None
        self._grower = self._region = None
        self.canvas.update()
        return shown

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Show the region before it is taken."""
        if self._region is not None:
            paint_region(painter, [self._region], self.canvas.view, self.canvas.devicePixelRatioF())

    def _show(self, reach: float) -> None:
        if self._grower is not None:
            self._region = self._grower.region(min(max(reach, 0.02), 1.0))
            self.canvas.update()
