"""What the canvas draws over the picture: pixel grid, minimap, loupe, brush outline, wipe line."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from vesselapp.core.geometry import Box, Pixels
from vesselapp.core.pyramid import Pyramid
from vesselapp.ui.looks import PREVIEW_COLOUR, Colour, PictureLook, argb
from vesselapp.ui.qimages import coloured, rgb_image
from vesselapp.ui.render import sample_pixels
from vesselapp.ui.view import View

GRID_FROM_ZOOM = 16.0
_MINIMAP_SIDE = 170
_MINIMAP_SHARE = 0.35
_LOUPE_RADIUS = 80
_LOUPE_ZOOM = 2.5


def paint_ring(painter: QPainter, centre: QPointF, radius: float) -> None:
    """Draw a brush's outline: dark under light, so that it is seen on any ground."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((QColor(0, 0, 0, 150), 2.5), (QColor(255, 255, 255, 220), 1.0)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(centre, radius, radius)


def paint_grid(painter: QPainter, view: View, ratio: float, dirty: QRect) -> None:
    """Draw the borders between the picture's pixels, when they are large enough."""
    if view.zoom < GRID_FROM_ZOOM:
        return
    # Filled strips of one device px: Qt draws those ten times as fast as lines.
    colour, thin = QColor(128, 128, 128, 110), 1 / ratio
    height, width = view.shown_size
    step, left, top = view.zoom / ratio, view.x / ratio, view.y / ratio
    seen = QRectF(dirty).intersected(QRectF(left, top, width * step, height * step))
    for column in range(math.ceil((seen.left() - left) / step), math.floor((seen.right() - left) / step) + 1):
        painter.fillRect(
            QRectF(_on_device(left + column * step, ratio), seen.top(), thin, seen.height()), colour
        )
    for row in range(math.ceil((seen.top() - top) / step), math.floor((seen.bottom() - top) / step) + 1):
        painter.fillRect(QRectF(seen.left(), _on_device(top + row * step, ratio), seen.width(), thin), colour)


def _on_device(place: float, ratio: float) -> float:
    """Give the nearest logical place that is a whole device px."""
    return round(place * ratio) / ratio


def sampled_image(
    pixels: Pyramid, view: View, size: tuple[int, int], surround: Colour, look: PictureLook | None = None
) -> QImage:
    """Give a picture as a QImage of (height, width) device px under a view."""
    return rgb_image(sample_pixels(pixels, view, Box(0, 0, size[1], size[0]), surround, look))


class Minimap:
    """The whole picture in a corner, with a frame round what is in sight; shown while something isn't."""

    def __init__(self) -> None:
        self._image: QImage | None = None
        self._made_for: tuple[object, ...] = ()

    def place(self, view: View, pane: QRect) -> QRect:
        """Give where it lies (logical px) in a pane."""
        height, width = view.shown_size
        side = min(_MINIMAP_SIDE, _MINIMAP_SHARE * min(pane.height(), pane.width()))
        scale = side / max(height, width, 1)
        high, wide = max(8, round(height * scale)), max(8, round(width * scale))
        return QRect(pane.right() - wide - 10, pane.bottom() - high - 10, wide, high)

    def paint(
        self, painter: QPainter, pixels: Pyramid, view: View, size: tuple[int, int], ratio: float
    ) -> None:
        """Draw it into the pane's corner; ``size`` is the pane's (height, width) in device px."""
        pane = QRect(0, 0, round(size[1] / ratio), round(size[0] / ratio))
        place = self.place(view, pane)
        shape = (round(place.height() * ratio), round(place.width() * ratio))
        key = (id(pixels), shape, view.turns, view.mirrored)
        if self._image is None or self._made_for != key:
            self._image = sampled_image(pixels, replace(view).fitted(shape), shape, (0, 0, 0))
            self._image.setDevicePixelRatio(ratio)
            self._made_for = key
        painter.setOpacity(0.9)
        painter.drawImage(place.topLeft(), self._image)
        painter.setOpacity(1.0)
        scale = place.width() / view.shown_size[1]
        left, top = -view.x / view.zoom * scale, -view.y / view.zoom * scale
        seen = QRectF(left, top, size[1] / view.zoom * scale, size[0] / view.zoom * scale)
        seen = seen.intersected(QRectF(0, 0, place.width(), place.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
        painter.drawRect(place)
        painter.drawRect(seen.translated(place.topLeft()))
        painter.setPen(QPen(QColor(255, 255, 255, 230), 1))
        painter.drawRect(place)
        painter.drawRect(seen.translated(place.topLeft()))

    def picture_place(self, at: QPointF, view: View, pane: QRect) -> tuple[float, float]:
        """Give the place of the picture (px, as in `View.to_picture`) under a point of the minimap."""
        place = self.place(view, pane)
        scale = max(view.shown_size) / max(place.width(), place.height())
        u, v = (at.x() - place.x()) * scale, (at.y() - place.y()) * scale
        return replace(view, zoom=1.0, x=0, y=0).to_picture(u, v)


def paint_loupe(
    painter: QPainter,
    pixels: Pyramid,
    view: View,
    at: QPointF,
    ratio: float,
    surround: Colour,
    look: PictureLook,
) -> None:
    """Show the bare picture round the pointer, larger, in a circle."""
    side = round(2 * _LOUPE_RADIUS * ratio)
    centre = view.to_picture(at.x() * ratio, at.y() * ratio)
    zoom = min(max(view.zoom * _LOUPE_ZOOM, 1.0 * ratio), 64.0)
    near = view.centred_on(*centre, (side, side), zoom)
    image = sampled_image(pixels, near, (side, side), surround, look)
    image.setDevicePixelRatio(ratio)
    corner = QPointF(at.x() - _LOUPE_RADIUS, at.y() - _LOUPE_RADIUS)
    circle = QPainterPath()
    circle.addEllipse(at, _LOUPE_RADIUS, _LOUPE_RADIUS)
    painter.save()
    painter.setClipPath(circle)
    painter.drawImage(corner, image)
    painter.restore()
    paint_ring(painter, at, _LOUPE_RADIUS)
    paint_ring(painter, at, 2)


def loupe_rect(at: QPointF) -> QRect:
    """Give the logical px that a loupe at a point covers."""
    side = _LOUPE_RADIUS + 4
    return QRect(math.floor(at.x()) - side, math.floor(at.y()) - side, 2 * side, 2 * side)


def paint_wipe(painter: QPainter, x: int, height: int) -> None:
    """Draw the line between the bare picture and the masked one, with a handle."""
    painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
    painter.drawLine(x, 0, x, height)
    painter.setPen(QPen(QColor(255, 255, 255, 230), 1))
    painter.drawLine(x, 0, x, height)
    paint_ring(painter, QPointF(x, height / 2), 7)


def polygon_of(path: Iterable[Iterable[float]], view: View, ratio: float) -> list[QPointF]:
    """Give the logical places of picture places (x, y in px), also where they are an (N, 2) array."""
    return [QPointF(*(side / ratio for side in view.to_canvas(float(x), float(y)))) for x, y in path]


def paint_region(painter: QPainter, parts: list[Pixels], view: View, ratio: float) -> None:
    """Tint sets of pixels that are not in the document yet."""
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    for box, chosen in parts:
        shown = view.turned_plane(chosen.view(np.uint8))
        image = coloured(shown, [0, argb(PREVIEW_COLOUR, 0.55)] + [0] * 254)
        (x0, y0), (x1, y1) = view.to_canvas(box.left, box.top), view.to_canvas(box.right, box.bottom)
        left, top = min(x0, x1) / ratio, min(y0, y1) / ratio
        painter.drawImage(QRectF(left, top, abs(x1 - x0) / ratio, abs(y1 - y0) / ratio), image)


def paint_mark(painter: QPainter, box: Box, ratio: float) -> None:
    """Mark a box (device px) by its corners, with a little room round it."""
    rect = QRectF(box.left / ratio - 8, box.top / ratio - 8, 0, 0)
    rect.setSize(QSizeF((box.right - box.left) / ratio + 16, (box.bottom - box.top) / ratio + 16))
    arm = min(14.0, rect.width() / 3, rect.height() / 3)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((QColor(0, 0, 0, 170), 4.0), (QColor(255, 255, 255, 235), 1.8)):
        painter.setPen(QPen(colour, width))
        for x, dx in ((rect.left(), arm), (rect.right(), -arm)):
            for y, dy in ((rect.top(), arm), (rect.bottom(), -arm)):
                painter.drawPolyline([QPointF(x + dx, y), QPointF(x, y), QPointF(x, y + dy)])
