"""Icons drawn in the colour of the text around them, and cursors made of them."""

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QCursor, QIcon, QPainter, QPalette, QPen, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QToolBar, QToolButton

from vesselapp.core.resources import resource_path

_SIDES = (24, 48)
_CURSOR_SIDE, _CURSOR_HOT = 36, 10


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


def draw_overflow(bar: QToolBar, palette: QPalette) -> None:
    """Give a toolbar's button for what finds no room an icon in the palette's colours, and a name.

    The style leaves it 12 px and draws nothing where a style sheet is in use.
    """
    button = bar.findChild(QToolButton, "qt_toolbar_ext_button")
    assert isinstance(button, QToolButton)
    button.setIcon(icon("more", palette))
    button.setIconSize(QSize(12, 12))
    button.setAccessibleName("More tools")
    button.setToolTip("More tools")


def tool_cursor(name: str, ratio: float) -> QCursor:
    """Make a tool's cursor: a fine cross with the tool's icon beside it, seen on dark and light alike.

    Parameters
    ----------
    name : str
        Of the icon in resources/icons.
    ratio : float
        Device px per logical px of the screen.
    """
    source = resource_path(f"icons/{name}.svg").read_text("utf-8")
    side = round(_CURSOR_SIDE * ratio)
    pixmap = QPixmap(side, side)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    centre = _CURSOR_HOT + 0.5
    for colour, width in ((QColor(0, 0, 0, 170), 3.0), (QColor(255, 255, 255), 1.0)):
        painter.setPen(QPen(colour, width))
        for start, end in ((-9.0, -3.0), (3.0, 9.0)):
            painter.drawLine(QPointF(centre + start, centre), QPointF(centre + end, centre))
            painter.drawLine(QPointF(centre, centre + start), QPointF(centre, centre + end))
    glyph = round(16 * ratio)
    for colour, shift in ((QColor(0, 0, 0), 1.0), (QColor(255, 255, 255), 0.0)):
        drawn = _drawn(source, colour, glyph)
        drawn.setDevicePixelRatio(ratio)
        painter.drawPixmap(QPointF(centre + 7 + shift, centre + 7 + shift), drawn)
    painter.end()
    return QCursor(pixmap, _CURSOR_HOT, _CURSOR_HOT)
