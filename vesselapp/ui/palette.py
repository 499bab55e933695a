"""The command palette: type a few letters of any action, press Enter."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget


class CommandPalette(QDialog):
    """Lists the actions that hold every typed word, best match first; last, what can't be done now."""

    def __init__(self, actions: list[QAction], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = actions
        self.field = QLineEdit()
        self.field.setPlaceholderText("What do you want to do?")
        self.field.setAccessibleName("Command")
        self.list = QListWidget()
        self.list.setAccessibleName("Matching commands")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.resize(QSize(460, 380).boundedTo(parent.size() * 0.8))
        self.field.textChanged.connect(self._search)
        self.field.returnPressed.connect(self._run)
        self.list.itemClicked.connect(lambda _item: self._run())
        self.field.installEventFilter(self)
        self._search("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys move in the list while the field has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step:
                self.list.setCurrentRow((self.list.currentRow() + step) % max(1, self.list.count()))
                return True
        return False

    def _search(self, text: str) -> None:
        words = text.lower().split()
        found = [action for action in self._actions if all(word in _words(action) for word in words)]
        found.sort(key=lambda action: (not action.isEnabled(), _rank(action, words)))
        self.list.clear()
        for action in found:
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            told = (plain(action.text()), keys, action.whatsThis())
            item = QListWidgetItem("    ".join(words for words in told if words))
            item.setData(Qt.ItemDataRole.UserRole, action)
            item.setToolTip(action.toolTip())
            if not action.isEnabled():
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        if not found:
            nothing = QListWidgetItem("No such command")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(nothing)
        self.list.setCurrentRow(0)

    def _run(self) -> None:
        item = self.list.currentItem()
        if item is None or item.data(Qt.ItemDataRole.UserRole) is None:
            return
        action = item.data(Qt.ItemDataRole.UserRole)
        if action.isEnabled():
            self.close()
            action.trigger()


def plain(text: str) -> str:
    """Give an action's text without the mark of its menu key."""
    return text.replace("&", "")


def _words(action: QAction) -> str:
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.PortableText)
    return f"{plain(action.text())} {action.statusTip()} {keys} {action.data() or ''}".lower()


def _rank(action: QAction, words: list[str]) -> int:
    """Tell how well an action matches: its name begins with the first word, holds all of them, or neither."""
    name = plain(action.text()).lower()
    if words and name.startswith(words[0]):
        return 0
    return 1 if all(word in name for word in words) else 2
