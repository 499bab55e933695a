"""Straighten: a vessel is laid out straight and widened, so that its edges are drawn with one easy stroke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from vesselapp.core.evidence import Correction
from vesselapp.core.strokes import Point
from vesselapp.core.tools.straight import AwayStroke, Edges, EdgeStroke, Straight, reach_of
from vesselapp.core.tools.trace import Path, Tracer
from vesselapp.core.tools.width import vessel_width
from vesselapp.state.document import Document
from vesselapp.ui.ornaments import polygon_of
from vesselapp.ui.tools.base import Tool
from vesselapp.ui.tools.card import Layout, lay_out
from vesselapp.ui.tools.card_painter import CardPainter, Changes
from vesselapp.ui.tools.vessel_finder import Vessel, VesselFinder

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_CLICK_SCREEN_PX = 5.0
_OTHER_EDGE_SCREEN_PX = 3.0
_BEYOND_SCREEN_PX = 40.0
_WIDEST_LINE = 200
_LEAST_LENGTH = 4
_OFF_THE_POINTER_PX = 60
STRETCH_SCREEN_PX = 14.0
_PUSHED = "Push edge"
_PUSHED_BY = "Edge pushed by 1 px; Ctrl+Z takes it back."
_NOTHING_TO_PUSH = "Nothing to move here: the vessel has no edge on that side."
_NO_VESSEL = "No vessel here: point at one, or drag along it."
_ROUND_ENDS = "Every vessel was looked at; N begins again."
_ROUND_BEGINS = "This is the first vessel of the round."


class StraightenTool(Tool):
    """A vessel on a card of its own, straight, somewhat shorter and four times as wide.

    The key with the pointer over a vessel, or a click on it, opens the card, also where the mask has it only
    at a lower threshold; dragging from one end of a vessel to the other opens the way between. On the card,
    a stroke draws the edge that it runs along, and one that comes back along the other side draws both; with
    a width chosen it draws the vessel's middle. The right button takes the vessel away where it passes. Each
    stroke is one edit. The keys of the next doubtful place bring the next vessel to the pointer instead,
    arrows move along it and push its edges.
    """

    name = "Straighten"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._straight: Straight | None = None
        self._anchor = 0.0
        self._document: Document | None = None
        self._width = 0
        self._stroke: EdgeStroke | AwayStroke | None = None
        self._before: Edges | None = None
        self._changes: Changes = (None, None)
        self._pressed: Point | None = None
        self._tracer: Tracer | None = None
        self._tracer_for: Document | None = None
        self._way: Path | None = None
        self._card = CardPainter(canvas)
        self._finder = VesselFinder(canvas)
        self._vessel: Vessel | None = None

    # -- opening and closing -----------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a card is open, or a way is being dragged."""
        return self._straight is not None or self._pressed is not None

    def covers(self, at: Point) -> bool:
        """Whether the card lies there."""
        layout = self._layout()
        room = _BEYOND_SCREEN_PX * self.canvas.devicePixelRatioF()
        return layout is not None and layout.holds(*self.canvas.view.to_canvas(*at), room=room)

    def seen_at(self, at: Point) -> Point:
        """Give the place that the card shows there, where it lies there."""
        layout, (x, y) = self._layout(), self.canvas.view.to_canvas(*at)
        if layout is None or not layout.holds(x, y):
            return at
        return layout.straight.to_picture(*layout.to_frame(x, y))

    def taken_up(self, at: Point) -> None:
        """Open the vessel under the pointer, where there is one."""
        self._open_under(at)

    def again(self, at: Point) -> bool:
        """Close the card by its key; off the card, open the vessel there instead."""
        on_card = self._on_card(at)
        self.cancel()
        if not on_card:
            self._open_under(at)
        return True

    def cancel(self) -> bool:
        """Take back the stroke under way, else close the card."""
        open_ = self.busy
        self._pressed = self._way = None
        if self._stroke is not None:
            self._drop_stroke()
            return True
        self._straight = None
        self.canvas.update()
        return open_

    def finish(self) -> bool:
        """Close the card; what was drawn stays."""
        return self.cancel()

    def widen(self, steps: int) -> bool:
        """Draw a line of so many px, one more or less; none draws edges."""
        self._width = min(max(self._width + steps, 0), _WIDEST_LINE)
        if isinstance(self._stroke, EdgeStroke):
            self._stroke.width = float(self._width)
        self.canvas.told.emit(f"Straighten draws {self._draws()}")
        self.canvas.update()
        return True

    def _draws(self) -> str:
        return f"a line of {self._width} px" if self._width else "edges"

    def _open_under(self, at: Point) -> None:
        document = self.canvas.document
        found = None if document is None else self._finder.under(document, at)
        if document is None or found is None:
            self.canvas.told.emit(_NO_VESSEL)
            return
        self.canvas.told.emit("")
        self._open(document, *found, at)

    def _open(self, document: Document, way: Path, half: float, at: Point) -> None:
        self._document, self._vessel = document, (way, half)
        self._straight = Straight(way, reach_of(half), document.height, document.width)
        self._anchor = self._straight.from_picture(*at)[0]
        self.canvas.update()

    def onward(self, *, forward: bool) -> bool:
        """Bring the next vessel of the round to the pointer, or the one before; there must be a card open."""
        document, straight = self.canvas.document, self._straight
        if document is None or straight is None or self._vessel is None or document is not self._document:
            return False
        if self._stroke is not None:
            return True
        at = straight.to_picture(self._anchor, 0.0)
        found = self._finder.after(document, self._vessel, at) if forward else self._finder.before(document)
        if found is None:
            self.canvas.told.emit(_ROUND_ENDS if forward else _ROUND_BEGINS)
        else:
            self._bring(document, found)
        return True

    def _bring(self, document: Document, vessel: Vessel) -> None:
        """Move the picture so that a vessel begins under the pointer.

        It begins at its end nearer to the vessel before, unless the other leaves its card clearly more room.
        """
        canvas = self.canvas
        x, y = canvas.view.to_canvas(*(canvas.place_pointed() or self._middle_in_sight()))
        ends = []
        for way in (vessel[0], np.ascontiguousarray(vessel[0][::-1])):
            straight = Straight(way, reach_of(vessel[1]), document.height, document.width)
            begins = canvas.view.to_canvas(*straight.to_picture(0.0, 0.0))
            moved = canvas.view.moved(round(x - begins[0]), round(y - begins[1]))
            view = moved.kept_in_sight(canvas.pane_size())
            shown = lay_out(straight, 0.0, view, canvas.pane_size()).to_device(0.0, 0.0)
            off = np.hypot(shown[0] - x, shown[1] - y)
            jump = np.hypot(view.x - canvas.view.x, view.y - canvas.view.y)
            ends.append((round(off / _OFF_THE_POINTER_PX), float(jump), way, view))
        _, _, way, view = min(ends, key=lambda end: end[:2])
        canvas.show_view(view)
        self._open(document, way, vessel[1], (float(way[0, 0]) + 0.5, float(way[0, 1]) + 0.5))

    def arrow(self, right: int, down: int, *, shift: bool) -> bool:
        """Move along the vessel, or push an edge across it, over the stretch where the pointer is.

        An arrow across the card pushes the edge on its own side outwards; with Shift, the other edge inwards.
        """
        layout = self._layout()
        if layout is None or self._stroke is not None:
            return False
        lies = abs(layout.along[0]) >= abs(layout.along[1])
        if lies == (right != 0):
            self._slide(layout, right * layout.along[0] + down * layout.along[1])
        else:
            beside = right * layout.across[0] + down * layout.across[1]
            self._push(layout, high=(beside > 0) != shift, outwards=not shift)
        return True

    def _slide(self, layout: Layout, ahead: float) -> None:
        """Move along the vessel, under a pointer that stays."""
        at = self._at_keys(layout)
        along, across = layout.to_frame(*at)
        step = np.copysign(self._stretch(layout), ahead)
        self._anchor = min(max(along + step, 0.0), len(layout.straight) - 1.0)
        middle = at[0] - across * layout.across[0], at[1] - across * layout.across[1]
        now = self.canvas.view.to_canvas(*layout.straight.to_picture(self._anchor, 0.0))
        self.canvas.show_view(self.canvas.view.moved(round(middle[0] - now[0]), round(middle[1] - now[1])))

    def _push(self, layout: Layout, *, high: bool, outwards: bool) -> None:
        document, straight = self.canvas.document, layout.straight
        if document is None:
            return
        evidence, level = document.evidence.levels[0], document.level
        before = straight.edges(evidence, level)
        first, last = self._stretch_at_keys(layout)
        changes = straight.change(
            evidence, level, before, before.pushed(first, last, high=high, outwards=outwards)
        )
        if changes == (None, None):
            self.canvas.told.emit(_NOTHING_TO_PUSH)
        elif self._change(document, _PUSHED, changes):
            self.canvas.told.emit(_PUSHED_BY)

    def _change(self, document: Document, name: str, changes: Changes) -> bool:
        """Make an edit of what was found; False where nothing could be changed."""
        added, taken = changes
        parts = ((Correction.BACKGROUND, taken), (Correction.FOREGROUND, added))
        made = document.change_all(name, [(c, [pixels]) for c, pixels in parts if pixels is not None])
        return made is not None

    def _at_keys(self, layout: Layout) -> tuple[float, float]:
        """Give where on the canvas arrow keys act: at the pointer, or at the card's own place."""
        pointed = self.canvas.place_pointed()
        if pointed is not None and self._on_card(pointed):
            return self.canvas.view.to_canvas(*pointed)
        return layout.to_device(self._anchor, 0.0)

    def _stretch(self, layout: Layout) -> float:
        """Give how many px along a key acts on, and moves by."""
        return STRETCH_SCREEN_PX * self.canvas.devicePixelRatioF() / float(np.hypot(*layout.along))

    def _stretch_at_keys(self, layout: Layout) -> tuple[int, int]:
        """Give the places along, ``last`` being the one after, that a push acts on."""
        along, last = layout.to_frame(*self._at_keys(layout))[0], len(layout.straight) - 1
        size = max(1, round(self._stretch(layout)))
        first = round(min(max(along, 0.0), last)) - size // 2
        return max(first, 0), min(first + size, last + 1)

    def _middle_in_sight(self) -> Point:
        height, width = self.canvas.pane_size()
        return self.canvas.view.to_picture(width / 2, height / 2)

    # -- pointer -----------------------------------------------------------------------------------------

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Begin a stroke on the card; off it, begin a click or a way."""
        document = self.canvas.document
        if document is None:
            return
        layout = self._layout()
        if layout is not None and self._on_card(at):
            evidence, straight = document.evidence.levels[0], layout.straight
            self._before = straight.edges(evidence, document.level)
            self._stroke = (
                AwayStroke(straight, self._before)
                if opposite
                else EdgeStroke(straight, self._before, float(self._width))
            )
            self._go_on(at)
            return
        if not opposite:
            self._straight = None
            self._pressed = at
            self.canvas.update()

    def drag(self, at: Point) -> None:
        """Go on with the stroke, or with the way."""
        if self._stroke is not None:
            self._go_on(at)
        elif self._pressed is not None and self._far(self._pressed, at):
            self._way = self._way_to(at)
            self.canvas.update()

    def release(self, at: Point) -> None:
        """End the stroke: one edit; or open what was clicked or dragged along."""
        document, pressed, way = self.canvas.document, self._pressed, self._way
        self._pressed = self._way = None
        if document is None:
            return
        if self._stroke is not None:
            changes = self._changes
            away = isinstance(self._stroke, AwayStroke)
            name = "Take vessel away" if away else ("Draw line" if self._width else "Draw edges")
            self._drop_stroke()
            self._change(document, name, changes)
        elif way is not None and len(way) >= _LEAST_LENGTH:
            _, widths = vessel_width(document.image.pixels, document.evidence.levels[0], way)
            self._open(document, way, float(np.median(widths)) / 2, at)
        elif pressed is not None:
            self._open_under(at)

    def hover(self, at: Point) -> None:
        """Keep the card in sight up to date."""
        if self._straight is not None:
            self.canvas.update()

    def mask_changed(self) -> None:
        """Show the card anew."""
        if self._straight is not None:
            self.canvas.update()

    def _go_on(self, at: Point) -> None:
        layout, document = self._layout(), self.canvas.document
        if layout is None or document is None or self._stroke is None or self._before is None:
            return
        along, across = layout.to_frame(*self.canvas.view.to_canvas(*at))
        px = float(np.hypot(*layout.across)) / self.canvas.devicePixelRatioF()
        after = self._stroke.to(along, across, _OTHER_EDGE_SCREEN_PX / px)
        evidence = document.evidence.levels[0]
        self._changes = layout.straight.change(evidence, document.level, self._before, after)
        self.canvas.update()

    def _drop_stroke(self) -> None:
        self._stroke = self._before = None
        self._changes = (None, None)
        self.canvas.update()

    def _far(self, one: Point, other: Point) -> bool:
        reach = _CLICK_SCREEN_PX * self.canvas.devicePixelRatioF() / self.canvas.view.zoom
        return float(np.hypot(one[0] - other[0], one[1] - other[1])) > reach

    def _way_to(self, at: Point) -> Path | None:
        document, pressed = self.canvas.document, self._pressed
        if document is None or pressed is None:
            return None
        if self._tracer is None or self._tracer_for is not document:
            self._tracer = Tracer(document.image.pixels, document.evidence.levels[0], document.level)
            self._tracer_for = document
        start, end = (
            self._tracer.snapped((int(place[0] // 1), int(place[1] // 1)), self.snap_reach())
            for place in (pressed, at)
        )
        if self._tracer.node != start or self._tracer.level != document.level:
            self._tracer.level = document.level
            self._tracer.set_node(start)
        return self._tracer.path(end)

    # -- the card ----------------------------------------------------------------------------------------

    def _layout(self) -> Layout | None:
        if self._straight is None or self._document is not self.canvas.document:
            return None
        return lay_out(self._straight, self._anchor, self.canvas.view, self.canvas.pane_size())

    def _on_card(self, at: Point) -> bool:
        """Tell whether a place pressed, or pointed at, is on the card; in the bare pane there is none."""
        return self.canvas.at_mask() and self.covers(at)

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Draw the card, or the way that is being dragged."""
        view, ratio = self.canvas.view, self.canvas.devicePixelRatioF()
        if self._way is not None and len(self._way) > 1:
            points = self._way.astype(np.float32) + np.float32(0.5)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for colour, width in ((QColor(0, 0, 0, 150), 3.0), (QColor(0, 200, 255), 1.5)):
                painter.setPen(QPen(colour, width))
                painter.drawPolyline(QPolygonF(polygon_of(points, view, ratio)))
        layout = self._layout()
        if layout is not None:
            words = f"A stroke draws {self._draws()}; arrows push edges"
            self._card.paint(painter, layout, self._changes, self._stretch_at_keys(layout), words)
