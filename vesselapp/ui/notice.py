"""Lines over the canvas: of a problem, at its upper edge; of why a picture is locked, at its lower edge.

In a small window they leave most of the canvas free: see `_Line`.
"""

import logging
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from vesselapp.core.errors import VesselError
from vesselapp.ui.elided import ElidedLabel
from vesselapp.ui.plain import unmarked

_log = logging.getLogger(__name__)
_GAP = 12
_WIDEST = 720
_SHARE = 4
"""Covers at most one part in so many of the height of what it lies over."""


class _Line(QWidget):
    """Words that lie over an edge of a widget, so that nothing moves when they come or go.

    Where they would cover more than a quarter of its height, they reach over what lies beside it in the
    window; where that is not enough, they are cut, and a tooltip says all of them.
    """

    def __init__(self, over: QWidget, name: str, *, at_top: bool) -> None:
        super().__init__(over.window())
        self._over, self._at_top = over, at_top
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.label = ElidedLabel()
        self.label.setWordWrap(True)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(_GAP, 6, 6, 6)
        self.row.addWidget(self.label, 1)
        over.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what it lies over."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move) and self.isVisible():
            self._place()
        return False

    def _say(self, text: str) -> None:
        self.label.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self._place()
        self.raise_()

    def _place(self) -> None:
        window = self._over.window()
        over = QRect(self._over.mapTo(window, QPoint(0, 0)), self._over.size())
        most = over.height() // _SHARE
        width, height = self._size_in(over.width())
        if height > most:
            width, height = self._size_in(window.width())
        height = min(height, max(most, self.row.minimumSize().height()))
        left = over.center().x() - width // 2
        left = max(_GAP, min(left, window.width() - _GAP - width))
        top = over.top() + _GAP if self._at_top else over.bottom() + 1 - height - _GAP
        self.setGeometry(left, top, width, height)

    def _size_in(self, room: int) -> tuple[int, int]:
        """Give the width it takes of so much room, and how high it is then (px)."""
        width = max(120, min(room - 2 * _GAP, _WIDEST))
        return width, max(self.row.heightForWidth(width), self.row.minimumSize().height())


class NoticeBar(_Line):
    """Tells of a problem without stopping the work, until the person closes it or something else is told.

    Attributes
    ----------
    button : QPushButton
        What can be done about it, where something can.
    first : str
        What was told before anything was added to it.
    """

    def __init__(self, over: QWidget) -> None:
        super().__init__(over, "notice", at_top=True)
        self.first = ""
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._act: Callable[[], object] = lambda: None
        self._acts_on = ""
        self.button = QPushButton()
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(lambda: self._act())
        self.row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        close = QToolButton()
        close.setText("✕")
        close.setAccessibleName("Close the notice")
        close.clicked.connect(self.hide)
        self.row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def show_text(self, text: str, words: str = "", act: Callable[[], object] = lambda: None) -> None:
        """Show one or two sentences; with ``words`` a button that does something about it."""
        self._act, self._acts_on, self.first = act, text, text
        self.button.setText(unmarked(words))
        self.button.setVisible(bool(words))
        self._say(text)

    def add_text(self, text: str, words: str = "", act: Callable[[], object] = lambda: None) -> None:
        """Show sentences, if any, after what is told already; ``words`` and ``act`` as in `show_text`."""
        before, first = ("", text) if self.isHidden() else (self.label.text(), self.first)
        if text:
            self.show_text(text, words, act)
            self.first = first
            self._say(f"{before} {text}".strip())

    def take_back(self, text: str) -> None:
        """Tell this no longer, with its button; close where nothing else is told."""
        before, found, after = self.label.text().partition(text) if text else ("", "", "")
        if not found or self.isHidden():
            return
        if text == self._acts_on:
            self.button.hide()
        rest = " ".join(part for part in (before.strip(), after.strip()) if part)
        if rest:
            self._say(rest)
        else:
            self.hide()

    def show_error(self, error: VesselError) -> None:
        """Show a problem, and keep it with its cause in the log."""
        _log.info("told the user: %s", error, exc_info=error.__cause__)
        self.show_text(str(error))


class Banner(_Line):
    """Says why a picture can only be looked at, as long as that is so.

    Parameters
    ----------
    over : QWidget
        What it lies over.
    words : str
        On the button.
    act : callable
        What the button does.
    """

    def __init__(self, over: QWidget, words: str, act: Callable[[], None]) -> None:
        super().__init__(over, "banner", at_top=False)
        self.button = QPushButton(words)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(act)
        self.row.addWidget(self.button)

    def show_text(self, text: str, *, with_button: bool) -> None:
        """Say something; nothing, where empty."""
        if text == self.label.text() and with_button == self.button.isVisibleTo(self):
            return
        self.button.setVisible(with_button)
        self._say(text)
