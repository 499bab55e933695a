"""A touch screen: one finger uses the tool, two pan and zoom."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF
from PySide6.QtGui import QTouchEvent

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas


class Drag(Enum):
    """What the pressed pointer, or a finger, is doing."""

    NONE = 0
    TOOL = 1
    PAN = 2
    SIZE = 3
    WIPE = 4
    MINIMAP = 5


class Touch:
    """Turns fingers on a canvas into a tool's gestures, pans and zooms.

    Parameters
    ----------
    canvas : Canvas
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._before: tuple[QPointF, float] | None = None

    def follow(self, event: QTouchEvent) -> None:
        """Go on as the fingers do; a second finger takes back what the first began."""
        canvas, points = self._canvas, event.points()
        ended = event.type() in (QEvent.Type.TouchEnd, QEvent.Type.TouchCancel)
        if len(points) >= 2 and not ended:
            if canvas.drag is Drag.TOOL:  # the first finger began a gesture that was none
                canvas.cancel_gesture()
            canvas.drag = Drag.PAN
            self._follow_two(points[0].position(), points[1].position())
            return
        place = canvas.to_picture(points[0].position())
        if event.type() == QEvent.Type.TouchBegin and canvas.drag is Drag.NONE:
            canvas.drag, canvas.marked = Drag.TOOL, None
            canvas.tool.press(place, opposite=False, shift=False)
        elif event.type() == QEvent.Type.TouchUpdate and canvas.drag is Drag.TOOL:
            canvas.tool.drag(place)
        elif ended:
            drag, canvas.drag, self._before = canvas.drag, Drag.NONE, None
            if drag is Drag.TOOL and event.type() == QEvent.Type.TouchEnd:
                canvas.tool.release(place)
            elif drag is Drag.TOOL:
                canvas.tool.cancel()

    def _follow_two(self, first: QPointF, second: QPointF) -> None:
        canvas, middle = self._canvas, (first + second) / 2
        apart = math.hypot(first.x() - second.x(), first.y() - second.y())
        if self._before is not None and apart > 0 and self._before[1] > 0:
            was, was_apart = self._before
            (x1, y1), (x0, y0) = canvas.to_device(middle), canvas.to_device(was)
            moved = canvas.view.moved(round(x1 - x0), round(y1 - y0))
            canvas.show_view(moved.zoomed(apart / was_apart, x1, y1))
        self._before = (middle, apart)
