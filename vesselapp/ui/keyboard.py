"""Who gets the keys: the canvas, unless a person is typing; what they do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCursor, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QScrollArea,
    QTextEdit,
    QWidget,
)

if TYPE_CHECKING:
    from vesselapp.ui.canvas import Canvas

_ARROWS = {
    Qt.Key.Key_Left: (1, 0),
    Qt.Key.Key_Right: (-1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
_PAN_SHARE = 0.15
_FIELDS = (QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox)
_GIVEN_AT = "keyboard_given_at"
_OF_NUMBERS = "0123456789.,+-%"
_MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Meta, Qt.Key.Key_Alt, Qt.Key.Key_CapsLock)
_LEAVING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


def take_keyboard(widget: QWidget) -> None:
    """Give a widget the keyboard, unless a person is typing in a field or is in another window.

    Nor does it get it while the pointer rests where it was when a command led to a control.
    """
    window = widget.window()
    given_at = window.property(_GIVEN_AT)
    if given_at is not None:
        if (QCursor.pos() - given_at).manhattanLength() < QApplication.startDragDistance():
            return
        window.setProperty(_GIVEN_AT, None)
    if not widget.hasFocus() and window.isActiveWindow() and not isinstance(window.focusWidget(), _FIELDS):
        widget.setFocus(Qt.FocusReason.MouseFocusReason)


def give_keyboard(control: QWidget) -> None:
    """Give a control the keyboard until the pointer is moved: a command led to it."""
    control.window().setProperty(_GIVEN_AT, QCursor.pos())
    control.setFocus(Qt.FocusReason.OtherFocusReason)


def goes_on(event: QEvent, window: QMainWindow) -> bool:
    """Tell whether a Tab goes on from control to control: everywhere but on the canvas in the middle."""
    return (
        event.type() == QEvent.Type.ShortcutOverride
        and isinstance(event, QKeyEvent)
        and event.key() == Qt.Key.Key_Tab
        and window.focusWidget() not in (None, window.centralWidget())
    )


def reveal_focus(window: QWidget, area: QScrollArea) -> None:
    """Scroll to what Tab led to: by itself, Qt does so only where Tab was pressed inside the area."""
    control = window.focusWidget()
    if control is not None and area.isAncestorOf(control):
        area.ensureWidgetVisible(control)


class HeldKeys:
    """Tells the presses that the system makes while a key is held from a person's own.

    Some systems don't say so. Some X servers send a release and a press of one time. On macOS the menus take
    their keys before Qt does: there a key does a thing once, until it is let go, another one is pressed, or
    the person turns to another window. Keys with Command are let through: macOS may not tell their release.

    Attributes
    ----------
    repeats : bool
        Whether the key that is heard of just now is being held since before.
    """

    def __init__(self) -> None:
        self.repeats = False
        self._released = (0, 0)
        self._down = self._done = 0
        self._by_time = QGuiApplication.platformName() == "xcb"
        self._by_menu = QGuiApplication.platformName() == "cocoa"

    def heed(self, event: QEvent) -> None:
        """Take note of what a window hears."""
        if event.type() == QEvent.Type.WindowDeactivate:
            self._down = self._done = 0
        if not isinstance(event, QKeyEvent) or event.key() in _MODIFIERS:
            return
        this = (event.key(), event.timestamp())
        if event.type() == QEvent.Type.KeyRelease:
            self._released = this
            self._down = self._done = 0
        elif event.type() == QEvent.Type.ShortcutOverride:
            command = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            self._down = 0 if command else event.key()
            again = self._down != 0 and self._down == self._done
            self._done = self._done if again else 0
            self.repeats = again or event.isAutoRepeat() or (self._by_time and this == self._released)
            if self.repeats:
                QTimer.singleShot(0, self._forget)  # a click that comes later is the person's

    def act(self) -> None:
        """Take note that something is done, by the key that is down if any is."""
        if self._by_menu:
            self._done = self._down

    def _forget(self) -> None:
        self.repeats = False


class Keys:
    """The keys of a canvas that are no shortcuts: held ones, arrows, and a gesture's own.

    Parameters
    ----------
    canvas : Canvas

    Attributes
    ----------
    space : bool
        Whether Space is held.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.space = False

    def press(self, event: QKeyEvent) -> bool:
        """Do what a key means; False where it means nothing."""
        canvas, key = self._canvas, event.key()
        if key in _ARROWS:
            dx, dy = _ARROWS[Qt.Key(key)]
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if not canvas.tool.arrow(-dx, -dy, shift=shift):
                canvas.pan_by(dx * _PAN_SHARE, dy * _PAN_SHARE)
        elif key == Qt.Key.Key_Backspace:
            canvas.tool.step_back()
        elif event.isAutoRepeat():
            event.accept()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            canvas.tool.finish()
        else:
            return self._hold(key, held=True)
        return True

    def release(self, event: QKeyEvent) -> bool:
        """End what a held key did; False where it did nothing."""
        if event.isAutoRepeat():
            event.accept()
            return True
        return self._hold(event.key(), held=False)

    def let_go(self) -> None:
        """Let go of all held keys."""
        self._canvas.bare = False
        self._hold(Qt.Key.Key_Space, held=False)

    def _hold(self, key: int, *, held: bool) -> bool:
        if key == Qt.Key.Key_Space:
            self.space = held
            self._canvas.show_cursor()
        elif key == Qt.Key.Key_H:
            self._canvas.bare = held
            self._canvas.update()
        else:
            return False
        return True


class NumberKeys(QObject):
    """Leaves every key that is none of a number's to the canvas: Space, H and the tools' letters.

    A field of numbers keeps the keyboard while the pointer is elsewhere, so that a digit meant for it isn't
    taken for a command. Enter and Escape give the keyboard back.

    Parameters
    ----------
    canvas : QWidget
    panel : QWidget
        All its fields of numbers are meant.
    """

    def __init__(self, canvas: QWidget, panel: QWidget) -> None:
        super().__init__(panel)
        self._canvas = canvas
        for field in panel.findChildren(QAbstractSpinBox):
            field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hand on a key that the field has no use for."""
        if not isinstance(event, QKeyEvent):
            return False
        kind, leaves = event.type(), event.key() in _LEAVING
        if kind == QEvent.Type.ShortcutOverride and leaves:
            event.accept()  # Escape would take back a gesture
            return True
        foreign = event.text().isprintable() and event.text() not in _OF_NUMBERS
        if kind not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) or not (leaves or foreign):
            return False
        self._canvas.setFocus()
        if kind == QEvent.Type.ShortcutOverride:
            event.ignore()
        elif foreign:
            QApplication.sendEvent(self._canvas, event)
        return True
