"""Lines over the canvas: of a problem, at its upper edge; of why a picture is locked, at its lower edge."""

import logging
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

_log = logging.getLogger(__name__)
_GAP = 12
_WIDEST = 720


class _Line(QWidget):
    """Words that lie over an edge of their parent, so that nothing moves when they come or go."""

    def __init__(self, parent: QWidget, name: str, *, at_top: bool) -> None:
        super().__init__(parent)
        self._over, self._at_top = parent, at_top
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(_GAP, 6, 6, 6)
        self.row.addWidget(self.label, 1)
        parent.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the parent's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _say(self, text: str) -> None:
        self.label.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))
        self._place()
        self.raise_()

    def _place(self) -> None:
        width = max(120, min(self._over.width() - 2 * _GAP, _WIDEST))
        height = max(self.row.heightForWidth(width), self.row.minimumSize().height())
        top = _GAP if self._at_top else self._over.height() - height - _GAP
        self.setGeometry((self._over.width() - width) // 2, top, width, height)


class NoticeBar(_Line):
    """Tells of a problem without stopping the work, until the person closes it or something else is told."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "notice", at_top=True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setText("✕")
        close.setAccessibleName("Close the notice")
        close.clicked.connect(self.hide)
        self.row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def show_text(self, text: str) -> None:
        """Show one or two sentences."""
        self._say(text)

    def show_error(self, error: Exception) -> None:
        """Show a problem, and keep it with its cause in the log."""
        _log.info("told the user: %s", error, exc_info=error.__cause__)
        self._say(str(error))


class Banner(_Line):
    """Says why a picture can only be looked at, as long as that is so.

    Parameters
    ----------
    parent : QWidget
        What it lies over.
    words : str
        On the button.
    act : callable
        What the button does.
    """

    def __init__(self, parent: QWidget, words: str, act: Callable[[], None]) -> None:
        super().__init__(parent, "banner", at_top=False)
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
