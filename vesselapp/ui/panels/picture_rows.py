"""The list of pictures as Qt sees it: a model over the pictures at hand, and how a row is painted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPalette, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from vesselapp.state.pictures import Entry, Order, PictureList
from vesselapp.state.thumbnails import Thumbnails
from vesselapp.ui.marks import mark_colour, paint_mark
from vesselapp.ui.plain import tip

_Index = QModelIndex | QPersistentModelIndex
_GAP, _PICTURE_SIDE, _MARK_SIDE = 6, 44, 12
ENTRY_ROLE = int(Qt.ItemDataRole.UserRole)


class PictureModel(QAbstractListModel):
    """Rows are what `PictureList` shows."""

    def __init__(self, pictures: PictureList, parent: QObject) -> None:
        super().__init__(parent)
        self.pictures = pictures
        self._rows: dict[Path | None, int] = {}
        self._shown: list[Entry] = []
        self.refresh()
        pictures.changed.connect(self.refresh)
        pictures.touched.connect(lambda entry: self.touch(entry.path))

    def refresh(self) -> None:
        """Take the rows as they are now."""
        self.beginResetModel()
        self._shown = list(self.pictures.shown)
        self._rows = {entry.path: row for row, entry in enumerate(self._shown)}
        self.endResetModel()

    def touch(self, path: Path | None) -> None:
        """Paint the row of a picture anew."""
        if path in self._rows:
            index = self.index(self._rows[path])
            self.dataChanged.emit(index, index)

    def row_of(self, entry: Entry | None) -> int:
        """Give the row of an entry, or -1."""
        return -1 if entry is None else self._rows.get(entry.path, -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - as in Qt
        """Count the rows."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: _Index, role: int = 0) -> Any:
        """Give what a row says."""
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        entry = self._shown[index.row()]
        if role == ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.name}, {entry.words}" + (f", note: {entry.note}" if entry.note else "")
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(str(entry.path or entry.name), entry.words, entry.note)
        return None


class PictureRow(QStyledItemDelegate):
    """Paints a row: small copy, name, sign and words of the state, a marker where there is a note.

    Parameters
    ----------
    thumbnails : Thumbnails
        Where the small copies come from, once they are made.
    """

    def __init__(self, thumbnails: Thumbnails, parent: QObject) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.order = Order.NAME

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """All rows are of one height."""
        return QSize(120, max(_PICTURE_SIDE, 2 * option.fontMetrics.height() + 4) + _GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Paint a row."""
        entry: Entry = index.data(ENTRY_ROLE)
        palette, rect = option.palette, option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        ground = palette.color(QPalette.ColorRole.Base)
        if chosen:
            ground = palette.color(QPalette.ColorRole.Midlight)
        elif hovered:
            ground = palette.color(QPalette.ColorRole.AlternateBase)
        painter.fillRect(rect, ground)
        if chosen:
            painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), palette.highlight())
        left = rect.left() + _GAP
        frame = QRect(left, rect.center().y() - _PICTURE_SIDE // 2, _PICTURE_SIDE, _PICTURE_SIDE)
        self._paint_picture(painter, frame, entry, palette)
        left = frame.right() + 1 + _GAP
        room = QRect(left, rect.top(), rect.right() - left - _GAP, rect.height())
        self._paint_words(painter, room, option, entry, ground)

    def _paint_picture(self, painter: QPainter, frame: QRect, entry: Entry, palette: QPalette) -> None:
        known, small = self._thumbnails.get(entry.path) if entry.path is not None else (False, None)
        if small is None:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Midlight)))
            painter.drawRect(frame.adjusted(0, 0, -1, -1))
            if known:
                painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
                painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "?")
            return
        height, width = small.shape[:2]
        scale = min(_PICTURE_SIDE / width, _PICTURE_SIDE / height)
        target = QRectF(0, 0, width * scale, height * scale)
        target.moveCenter(QRectF(frame).center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, _image(small))

    def _paint_words(
        self, painter: QPainter, room: QRect, option: QStyleOptionViewItem, entry: Entry, ground: QColor
    ) -> None:
        palette, metrics = option.palette, option.fontMetrics
        line = metrics.height()
        top = room.center().y() - line - 1
        painter.setFont(option.font)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        name = metrics.elidedText(entry.name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room.left(), top + metrics.ascent(), name)
        under = QRect(room.left(), top + line + 2, room.width(), line)
        colour = mark_colour(entry.mark, palette)
        square = QRectF(under.left(), under.center().y() - _MARK_SIDE / 2 + 1, _MARK_SIDE, _MARK_SIDE)
        paint_mark(painter, square, entry.mark, colour, ground)
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        words = entry.words.rpartition(", ")[2]
        if self.order is Order.DOUBT and entry.doubt is not None:
            words = f"doubt {entry.doubt:.3g}"
        free = under.width() - _MARK_SIDE - 5 - (_MARK_SIDE + 4 if entry.note else 0)
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, free)
        painter.drawText(under.left() + _MARK_SIDE + 5, under.top() + metrics.ascent(), shown)
        if entry.note:
            corner = QRect(under.right() - _MARK_SIDE, int(square.top()), _MARK_SIDE, _MARK_SIDE)
            _paint_note(painter, corner, palette.color(QPalette.ColorRole.Text))


def _paint_note(painter: QPainter, rect: QRect, colour: QColor) -> None:
    """Draw a sheet with lines."""
    painter.setPen(QPen(colour, 1))
    painter.drawRect(rect.adjusted(1, 0, -2, -1))
    for y in (3, 6, 8):
        painter.drawLine(rect.left() + 3, rect.top() + y, rect.right() - 4, rect.top() + y)


def _image(pixels: NDArray[np.uint8]) -> QImage:
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
