"""The list of edits; a click jumps to the state after one."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from vesselapp.state.document import Document


class HistoryPanel(QListWidget):
    """Edits done and undone, oldest first; the state in sight is the chosen row."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("History of edits")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setMaximumHeight(150)
        self._document: Document | None = None
        self.itemClicked.connect(lambda item: self._jump(self.row(item)))

    def set_document(self, document: Document | None) -> None:
        """Follow another document."""
        self._document = document
        self.refresh()

    def refresh(self) -> None:
        """Show the edits as they are now."""
        self.clear()
        if self._document is None:
            return
        done, undone = self._document.history.names
        self.addItem("As opened" if not self._document.history.forgotten else "Oldest kept")
        for name in [*done, *undone]:
            self.addItem(QListWidgetItem(name))
        for row in range(len(done) + 1, self.count()):
            self.item(row).setForeground(self.palette().placeholderText())
        self.setCurrentRow(len(done))
        self.scrollToItem(self.currentItem())

    def _jump(self, row: int) -> None:
        document = self._document
        if document is not None:
            document.jump(row)
