"""Keeps the keyboard on a control that a command led to."""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QCursor, QFocusEvent
from PySide6.QtWidgets import QApplication, QWidget


class HeldFocus(QObject):
    """Gives a control the keyboard, and keeps it there while the pointer only rests over the canvas.

    The canvas takes the keyboard when the pointer comes over it, which also happens when a list of commands
    closes above it. Who moves the pointer or presses a button means the canvas.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._control: QWidget | None = None
        self._at = QPoint()

    def give(self, control: QWidget) -> None:
        """Give a control the keyboard."""
        self._end()
        self._control, self._at = control, QCursor.pos()
        control.installEventFilter(self)
        control.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keyboard back from a canvas that was not asked for."""
        control = self._control
        if control is None or not isinstance(event, QFocusEvent) or event.type() != QEvent.Type.FocusOut:
            return False
        moved = (QCursor.pos() - self._at).manhattanLength() >= QApplication.startDragDistance()
        if event.reason() == Qt.FocusReason.MouseFocusReason and not moved and not _pressed():
            QTimer.singleShot(0, control, control.setFocus)
        elif event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._end()
        return False

    def _end(self) -> None:
        if self._control is not None:
            self._control.removeEventFilter(self)
            self._control = None


def _pressed() -> bool:
    return QApplication.mouseButtons() != Qt.MouseButton.NoButton
