"""The signs of how far a picture is: each has a shape of its own, so that no one needs to tell colours."""

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap, QPolygonF

from vesselapp.state.pictures import Mark

_GREEN, _GREEN_ON_LIGHT = QColor("#57b894"), QColor("#0f7a56")
_ORANGE, _ORANGE_ON_LIGHT = QColor("#e39a4a"), QColor("#b25f0a")
_ICON_SIDE = 20


def mark_colour(mark: Mark, palette: QPalette) -> QColor:
    """Give the colour of a sign on the ground of a list."""
    light = palette.color(QPalette.ColorRole.Base).lightness() > 128
    if mark is Mark.NEW:
        return palette.color(QPalette.ColorRole.PlaceholderText)
    if mark is Mark.IN_PROGRESS:
        return palette.color(QPalette.ColorRole.Link)
    if mark is Mark.FLAGGED:
        return _ORANGE_ON_LIGHT if light else _ORANGE
    return _GREEN_ON_LIGHT if light else _GREEN


def paint_mark(painter: QPainter, rect: QRectF, mark: Mark, colour: QColor, ground: QColor) -> None:
    """Draw a sign: ring, half-filled ring, disc with a tick, crossed ring, flag.

    Parameters
    ----------
    painter : QPainter
    rect : QRectF
        A square, logical px.
    mark : Mark
    colour, ground : QColor
        Of the sign, and of what is behind it.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    unit = rect.width() / 12
    disc = rect.adjusted(unit, unit, -unit, -unit)
    painter.setPen(QPen(colour, 1.5 * unit))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if mark is Mark.FLAGGED:
        _paint_flag(painter, rect, unit, colour)
    else:
        if mark is Mark.REVIEWED:
            painter.setBrush(colour)
        painter.drawEllipse(disc)
        if mark is Mark.IN_PROGRESS:
            painter.setBrush(colour)
            painter.drawPie(disc, 90 * 16, 180 * 16)
        elif mark is Mark.REVIEWED:
            tick = [QPointF(3.6, 6.2), QPointF(5.4, 8.0), QPointF(8.6, 4.4)]
            painter.setPen(QPen(ground, 1.5 * unit))
            painter.drawPolyline(QPolygonF([rect.topLeft() + point * unit for point in tick]))
        elif mark is Mark.NOTHING_THERE:
            corner = rect.topLeft()
            painter.drawLine(QLineF(corner + QPointF(1.8, 10.2) * unit, corner + QPointF(10.2, 1.8) * unit))
    painter.restore()


def _paint_flag(painter: QPainter, rect: QRectF, unit: float, colour: QColor) -> None:
    corner = rect.topLeft()
    painter.drawLine(QLineF(corner + QPointF(2.5, 1) * unit, corner + QPointF(2.5, 11.5) * unit))
    cloth = QPainterPath(corner + QPointF(2.5, 1.2) * unit)
    for x, y in ((10.5, 4.0), (2.5, 6.8)):
        cloth.lineTo(corner + QPointF(x, y) * unit)
    cloth.closeSubpath()
    painter.fillPath(cloth, colour)


def mark_icon(mark: Mark, palette: QPalette) -> QIcon:
    """Give a sign as an icon."""
    made = QIcon()
    for scale in (1, 2):
        pixmap = QPixmap(_ICON_SIDE * scale, _ICON_SIDE * scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        inside = QRectF(0, 0, _ICON_SIDE * scale, _ICON_SIDE * scale).adjusted(
            2 * scale, 2 * scale, -2 * scale, -2 * scale
        )
        ground = palette.color(QPalette.ColorRole.Window)
        paint_mark(painter, inside, mark, mark_colour(mark, palette), ground)
        painter.end()
        made.addPixmap(pixmap)
    return made
