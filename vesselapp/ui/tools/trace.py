"""Trace: click, click along a vessel; each piece between two clicks is painted at the vessel's own width."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPen, QPolygonF

from vesselapp.core.edits import Edit
from vesselapp.core.evidence import Correction
from vesselapp.core.geometry import Pixels
from vesselapp.core.strokes import Point
from vesselapp.core.tools.mask_width import mask_width
from vesselapp.core.tools.pieces import disjoint
from vesselapp.core.tools.trace import Tracer, straight_way
from vesselapp.core.tools.width import Centres, Widths, paint_path, vessel_width
from vesselapp.state.document import Document
from vesselapp.ui.ornaments import paint_region, paint_ring, polygon_of
from vesselapp.ui.tools.base import Tool

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

Place = tuple[int, int]
_AHEAD_PX = 300
_WIDEST_CHANGE = 20


class _Node(NamedTuple):
    """A place clicked, and what the piece that led to it changed: None where nothing had to be."""

    place: Place
    edit: Edit | None


class TraceTool(Tool):
    """Live wire along vessels.

    The left button adds the vessel, the right one takes it away, as wide as the mask is there; Shift makes a
    straight piece. Every piece is one edit; Backspace or undo takes the newest back, Enter, Escape or a
    double click ends the trace.
    """

    name = "Trace"

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._tracer: Tracer | None = None
        self._tracer_for: Document | None = None
        self._nodes: list[_Node] = []
        self._opposite = False
        self._centres: NDArray[np.float32] | None = None
        self._parts: list[Pixels] = []
        self._place: Place | None = None
        self._wider = 0
        self._edits = 0
        self._known_as: tuple[object, int] | None = None

    def widen(self, steps: int) -> bool:
        """Paint this trace wider or narrower than the vessel was measured, by whole px."""
        self._wider = min(max(self._wider + steps, -_WIDEST_CHANGE), _WIDEST_CHANGE)
        self.canvas.told.emit(f"Trace: {self.width_told}")
        self.canvas.tool_changed.emit()
        if self._nodes and self._place is not None:
            self._find(self._place, straight=_shift_is_held())
        return True

    @property
    def width_told(self) -> str:
        """How wide the trace is painted."""
        return "the vessel's own width" + (f" {self._wider:+d} px" if self._wider else "")

    @property
    def preview(self) -> list[Pixels]:
        """What a click would change."""
        return self._parts

    @property
    def takes_undo(self) -> bool:
        """Whether a node is what was done last."""
        return self.busy and self.edits_so_far() <= self._edits

    @property
    def busy(self) -> bool:
        """Whether a node is set."""
        return bool(self._nodes)

    def press(self, at: Point, *, opposite: bool, shift: bool) -> None:
        """Set a node; from the second on, paint the piece that was shown. A double click ends the trace."""
        tracer, document = self._ready(), self.canvas.document
        if tracer is None or document is None:
            return
        place, edit = tracer.snapped(_pixel(at), self.snap_reach()), None
        if self._nodes and (self.doubles(at) or place == self._nodes[-1].place):
            if len(self._nodes) > 1 and self.doubles(at):
                self.finish()
            return
        if self._nodes:
            self._opposite = opposite
            self._find(place, straight=shift)
            correction = Correction.BACKGROUND if opposite else Correction.FOREGROUND
            edit = document.change("Untrace" if opposite else "Trace", self._parts, correction)
            if edit is None and document.locked:
                return
        self._opposite = opposite
        self._set_nodes([*self._nodes, _Node(place, edit)])
        self.note_click(at)

    def hover(self, at: Point) -> None:
        """Show the way to the pointer."""
        tracer = self._ready()
        if tracer is not None and self._nodes:
            self._find(tracer.snapped(_pixel(at), self.snap_reach()), straight=_shift_is_held())

    def drag(self, at: Point) -> None:
        """Show the way, with the button still down, too."""
        self.hover(at)

    def finish(self) -> bool:
        """End the trace; what was painted stays."""
        return self.cancel()

    def cancel(self) -> bool:
        """End the trace; only the piece not yet clicked goes, and the next one has the vessel's own width."""
        ended = bool(self._nodes)
        self._wider = 0
        self._set_nodes([])
        return ended

    def step_back(self) -> bool:
        """Take the newest node back, with the piece that led to it unless something was done since."""
        document, nodes = self.canvas.document, self._nodes
        if not nodes:
            return False
        edit = nodes[-1].edit
        newest = document is not None and edit is not None and document.history.state is edit
        if newest and document is not None and not document.undo():
            return True
        if self._nodes is nodes:  # else it went with its piece
            self._set_nodes(nodes[:-1])
        return True

    def mask_changed(self) -> None:
        """Let go of nodes whose piece has been undone, and of those after it."""
        document, standing = self.canvas.document, self._nodes
        if document is None:
            return
        for index, node in reversed(list(enumerate(self._nodes))):
            if node.edit is not None:
                if document.history.leads_on_from(node.edit):
                    break
                standing = self._nodes[:index]
        if standing is not self._nodes:
            self._set_nodes(standing)

    def paint(self, painter: QPainter, dirty: QRect) -> None:
        """Show what a click would paint, with its middle, and the newest node."""
        view, ratio = self.canvas.view, self.canvas.devicePixelRatioF()
        paint_region(painter, self._parts, view, ratio)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._centres is not None and len(self._centres) > 1:
            painter.setPen(QPen(QColor(255, 255, 255, 230), 1))
            painter.drawPolyline(QPolygonF(polygon_of(self._centres, view, ratio)))
        if self._nodes:
            x, y = self._nodes[-1].place
            paint_ring(painter, polygon_of([(x + 0.5, y + 0.5)], view, ratio)[0], 5)

    def _ready(self) -> Tracer | None:
        """Give the tracer of the document in sight, made when it is first needed."""
        document = self.canvas.document
        if document is None:
            return None
        if self._tracer is None or self._tracer_for is not document:
            self._tracer = Tracer(document.image.pixels, document.evidence.levels[0], document.level)
            self._tracer_for = document
            self._nodes = []
        return self._tracer

    def _set_nodes(self, nodes: list[_Node]) -> None:
        self._nodes, self._clicked = nodes, None
        self._centres, self._parts = None, []
        if self._tracer is not None and self.canvas.document is not None:
            self._tracer.level = self.canvas.document.level
            self._tracer.set_node(nodes[-1].place if nodes else None)
            self._known_as = (self.canvas.document.history.state, self.canvas.document.level)
            if nodes:
                self._tracer.prepare(_AHEAD_PX)
        self._edits = self.edits_so_far()
        self.canvas.tool_changed.emit()
        self.canvas.update()

    def _find(self, place: Place, *, straight: bool) -> None:
        document = self.canvas.document
        if self._tracer is None or document is None:
            return
        self._place = place
        if self._known_as != (document.history.state, document.level):
            self._tracer.level = document.level
            self._tracer.refresh()
            self._known_as = (document.history.state, document.level)
        start = self._nodes[-1].place
        way = straight_way(start, place) if straight else self._tracer.path(place)
        evidence = document.evidence.levels[0]
        self._centres, widths = vessel_width(document.image.pixels, evidence, way)
        if straight:
            self._centres = way.astype(np.float32) + np.float32(0.5)
        parts = self._painted(self._centres, widths, document)
        if self._opposite:
            parts += self._painted(*mask_width(evidence, document.level, way), document)
        self._parts = disjoint(parts)
        self.canvas.update()

    def _painted(self, centres: Centres, widths: Widths, document: Document) -> list[Pixels]:
        """Give the pixels of a way of so many px, made wider or narrower as chosen."""
        if not len(centres):
            return []
        return paint_path(
            centres, np.maximum(widths + np.float32(self._wider), 1), document.height, document.width
        )


def _shift_is_held() -> bool:
    return bool(QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)


def _pixel(at: Point) -> Place:
    return int(at[0] // 1), int(at[1] // 1)
