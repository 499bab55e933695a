"""Painting the card of a straightened vessel over the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPolygonF

from vesselapp.core.evidence import BACKGROUND, FOREGROUND
from vesselapp.core.geometry import Box, Pixels
from vesselapp.state.document import Document
from vesselapp.ui.looks import PREVIEW_COLOUR, OverlayLook, contour_of
from vesselapp.ui.qimages import coloured, view_of
from vesselapp.ui.tools.card import CardPicture, Layout

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_CONTOUR_PX = 1.5
_STRETCH_PX = 3.0

Changes = tuple[Pixels | None, Pixels | None]
"""What a stroke adds to the mask, and what it takes from it."""


class CardPainter:
    """Paints a card and keeps what of it stays the same from paint to paint.

    Parameters
    ----------
    canvas : Canvas
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._shown: tuple[object, CardPicture, QImage] | None = None

    def paint(
        self, painter: QPainter, layout: Layout, changes: Changes, stretch: tuple[int, int], words: str
    ) -> None:
        """Paint the vessel with its mask as a stroke would leave it, a frame, and what a stroke draws.

        Parameters
        ----------
        painter : QPainter
        layout : Layout
        changes : Changes
            What a stroke under way comes to.
        stretch : (int, int)
            The places along that keys act on; ``last`` is the one after.
        words : str
        """
        canvas, ratio = self._canvas, self._canvas.devicePixelRatioF()
        document, box = canvas.document, layout.box(*canvas.pane_size())
        if document is None or box.empty:
            return
        picture, image = self._picture(layout, box, document)
        corner = QPointF(box.left / ratio, box.top / ratio)
        painter.drawImage(corner, image)
        if canvas.mask_shown:
            overlay = self._overlay(picture, document, layout.straight.box, changes)
            painter.drawImage(corner, overlay)
        self._paint_frame(painter, layout, words)
        self._paint_stretch(painter, layout, stretch)

    def _picture(self, layout: Layout, box: Box, document: Document) -> tuple[CardPicture, QImage]:
        look = self._canvas.picture_look
        key = (id(layout.straight), layout.origin, layout.along, layout.across, box, look)
        if self._shown is None or self._shown[0] != key:
            picture = CardPicture(layout, box)
            shown = picture.pixels(document.pixels, self._canvas.view.zoom, look)
            self._shown = key, picture, self._image(shown)
        return self._shown[1], self._shown[2]

    def _image(self, shown: NDArray[np.uint8]) -> QImage:
        height, width = shown.shape[:2]
        image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
        view_of(image)[...] = shown
        image.setDevicePixelRatio(self._canvas.devicePixelRatioF())
        return image

    def _overlay(self, picture: CardPicture, document: Document, box: Box, changes: Changes) -> QImage:
        plane = document.evidence.levels[0][box.slices]
        added, taken = changes
        if added is not None or taken is not None:
            plane = plane.copy()
            for change, value in ((taken, BACKGROUND), (added, FOREGROUND)):
                if change is not None:
                    part, chosen = change
                    rows = slice(part.top - box.top, part.bottom - box.top)
                    plane[rows, part.left - box.left : part.right - box.left][chosen] = value
        seen, ratio = picture.evidence(plane, box), self._ratio()
        # A fill would hide the very edges that are to be drawn; red lines are not seen in a red fundus.
        edge = contour_of(seen, document.level, max(1, round(_CONTOUR_PX * ratio)))
        image = coloured(edge, OverlayLook(PREVIEW_COLOUR).contour_table())
        image.setDevicePixelRatio(ratio)
        return image

    def _ratio(self) -> float:
        return self._canvas.devicePixelRatioF()

    def _paint_frame(self, painter: QPainter, layout: Layout, words: str) -> None:
        ratio = self._ratio()
        corners = [QPointF(x / ratio, y / ratio) for x, y in layout.corners()]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 170), 3.5), (QColor(255, 255, 255, 230), 1.2)):
            painter.setPen(QPen(colour, width))
            painter.drawPolygon(QPolygonF(corners))
        ends = [layout.to_device(place, 0) for place in (0.0, len(layout.straight) - 1.0)]
        painter.setPen(QPen(QColor(255, 255, 255, 90), 1, Qt.PenStyle.DotLine))
        painter.drawLine(*(QPointF(x / ratio, y / ratio) for x, y in ends))
        self._paint_words(painter, corners, words)

    def _paint_stretch(self, painter: QPainter, layout: Layout, stretch: tuple[int, int]) -> None:
        """Mark a stretch by a bar along either side of the card."""
        ratio, reach = self._ratio(), layout.straight.reach
        for side in (-reach, reach):
            ends = [layout.to_device(place, side) for place in (stretch[0], stretch[1] - 1)]
            painter.setPen(QPen(QColor(*PREVIEW_COLOUR), _STRETCH_PX))
            painter.drawLine(*(QPointF(x / ratio, y / ratio) for x, y in ends))

    def _paint_words(self, painter: QPainter, corners: list[QPointF], words: str) -> None:
        metrics, canvas = painter.fontMetrics(), self._canvas
        wide, high = metrics.horizontalAdvance(words), metrics.height()
        pane = QSize(canvas.pane_width(), canvas.height())
        place = words_place(corners, QSize(wide, high), pane, canvas.minimap_place())
        for colour, shift in ((QColor(0, 0, 0, 200), 1.0), (QColor(255, 255, 255), 0.0)):
            painter.setPen(colour)
            painter.drawText(place + QPointF(shift, shift), words)


def words_place(corners: list[QPointF], size: QSize, pane: QSize, minimap: QRect | None) -> QPointF:
    """Give where a card's words begin (left end of their base line): below it, in the pane, off the minimap.

    Below, because a notice may lie over the canvas's upper edge.
    """
    place = max(corners, key=lambda corner: (corner.y(), -corner.x())) + QPointF(6, size.height())
    x = min(max(place.x(), 4.0), pane.width() - size.width() - 4.0)
    y = min(max(place.y(), size.height() + 4.0), pane.height() - 4.0)
    words = QRectF(x, y - size.height(), size.width(), size.height() + 4)
    if minimap is not None and words.intersects(QRectF(minimap)):
        beside = minimap.left() - size.width() - 6.0
        x, y = (beside, y) if beside >= 4 else (x, minimap.top() - 6.0)
    return QPointF(x, y)
