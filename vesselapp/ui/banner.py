"""A line along the lower edge of the canvas that says why a picture can only be looked at."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget


class Banner(QWidget):
    """Stays as long as what it says is so.

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
        super().__init__(parent)
        self._over = parent
        self.setObjectName("banner")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.button = QPushButton(words)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(act)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 6, 6, 6)
        self._row.addWidget(self.label, 1)
        self._row.addWidget(self.button)
        parent.installEventFilter(self)
        self.hide()

    def show_text(self, text: str, *, with_button: bool) -> None:
        """Say something; nothing, where empty."""
        if text == self.label.text() and with_button == self.button.isVisibleTo(self):
            return
        self.label.setText(text)
        self.setAccessibleName(text)
        self.button.setVisible(with_button)
        self.setVisible(bool(text))
        self._place()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the parent's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _place(self) -> None:
        width = max(120, min(self._over.width() - 24, 720))
        height = max(self._row.heightForWidth(width), self._row.minimumSize().height())
        self.setGeometry((self._over.width() - width) // 2, self._over.height() - height - 12, width, height)
