"""Icons drawn in the colour of the text around them, so that they are seen on dark and light alike."""

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from vesselapp.core.resources import resource_path

_SIDES = (24, 48)


def icon(name: str, palette: QPalette) -> QIcon:
    """Make the icon of a name in resources/icons, in the palette's text colours."""
    source = resource_path(f"icons/{name}.svg").read_text("utf-8")
    made = QIcon()
    for mode, group in (
        (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
        (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
    ):
        colour = palette.color(group, QPalette.ColorRole.WindowText)
        for side in _SIDES:
            made.addPixmap(_drawn(source, colour, side), mode)
    return made


def _drawn(source: str, colour: QColor, side: int) -> QPixmap:
    drawing = QSvgRenderer(QByteArray(source.replace("currentColor", colour.name()).encode()))
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    drawing.render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap
