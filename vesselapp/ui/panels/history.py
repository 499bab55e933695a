"""The list of edits; a click or an arrow key jumps to the state after one."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from vesselapp.state.document import Document

_KEYS_OF_ROWS = (
    *(Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
    *(Qt.Key.Key_Home, Qt.Key.Key_End),
)


class HistoryPanel(QListWidget):
    """Edits done and undone, oldest first; the state in sight is the chosen row."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("History of edits")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMaximumHeight(150)
        self.setUniformItemSizes(True)
        self._document: Document | None = None
        self._shown: list[str] = []
        self._done = 0
        self.itemClicked.connect(lambda item: self._jump(self.row(item)))

    def set_document(self, document: Document | None) -> None:
        """Follow another document."""
        self._document = document
        self.refresh()

    def refresh(self) -> None:
        """Show the edits as they are now; only rows that say something else than before are touched."""
        if self._document is None:
            self._shown, self._done = [], 0
            self.clear()
            return
        done, undone = self._document.history.names
        first = "Oldest kept" if self._document.history.forgotten else "As opened"
        names, before = [first, *done, *undone], self._shown
        same = next((n for n, (a, b) in enumerate(zip(names, before, strict=False)) if a != b), None)
        same = min(len(names), len(before)) if same is None else same
        while self.count() > same:
            self.takeItem(self.count() - 1)
        for name in names[same:]:
            self.addItem(QListWidgetItem(name))
        palette = self.palette()
        for row in range(min(self._done, len(done), same), len(names)):
            self.item(row).setForeground(palette.text() if row <= len(done) else palette.placeholderText())
        self._shown, self._done = names, len(done)
        self.setCurrentRow(len(done))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Jump with the row that is chosen by a key."""
        if event.key() in _KEYS_OF_ROWS:
            super().keyPressEvent(event)
            self._jump(self.currentRow())
        else:
            event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show the state in sight again, where the pointer was let go on another row than it pressed."""
        super().mouseReleaseEvent(event)
        self.refresh()

    def _jump(self, row: int) -> None:
        document = self._document
        if document is not None:
            document.jump(row)
        self.refresh()  # where the document refuses, the state in sight is still the one before
